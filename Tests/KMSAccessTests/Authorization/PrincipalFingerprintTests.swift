import KMSAccess
import KMSModel
import Testing

struct PrincipalFingerprintTests {
    @Test func `a name with the fingerprint of another is not admitted for it`() throws {
        let account = try #require(AccountID("111122223333"))
        let role = try #require(UniqueID("AROADEPLOYERDEPLOYERD"))
        let (name, other) = ("night-run-0042-a", "b__ihOH0R+VHts-z")
        // Found by search: the fingerprint is no cryptographic hash, so whoever names a session can choose it.
        try #require(PrincipalFingerprint.unique(role, session: name) == .unique(role, session: other))
        let text = """
            {"Statement": {
                "Effect": "Allow", "Principal": {"AWS": "\(role):\(name)"},
                "Action": "kms:*", "Resource": "*"
            }}
            """
        let policy = KeyPolicy(try PolicyDocument.parse(stored: text, as: .key(.aws)))
        let verdicts = [name, other].map { name in
            let session = Principal.roleSession(account, path: "/", role: "deployer", session: name, id: role)
            return policy.verdict(
                on: .principal(session), doing: "kms:Sign", to: PolicyVectors.keyARN, by: NoConditions())
        }
        #expect(verdicts == [.admits(.byName, statement: 0), .silent])
    }

    @Test func `nobody is known by an ARN`() throws {
        let account = try #require(AccountID("111122223333"))
        let names = [
            ("arn:aws:iam::111122223333:user/reader", "arn:aws:iam::111122223333:user/reader"),
            ("arn:aws:iam::111122223333:role/deployer", "arn:aws:sts::111122223333:assumed-role/deployer/run-1"),
            (
                "arn:aws:sts::111122223333:assumed-role/deployer/run-1",
                "arn:aws:sts::111122223333:assumed-role/deployer/run-1"
            ),
        ]
        for (name, caller) in names {
            let text = #"{"Statement":{"Effect":"Allow","Principal":{"AWS":"\#(name)"},"Action":"*","Resource":"*"}}"#
            let asker = try PolicyVectors.caller(caller)
            try #require(asker.account == account)
            func verdict(_ policy: KeyPolicy) -> KeyPolicy.Verdict {
                policy.verdict(on: asker, doing: "kms:Sign", to: PolicyVectors.keyARN, by: NoConditions())
            }
            #expect(verdict(KeyPolicy(try PolicyDocument.parse(text, in: .aws))) == .silent)
            // A denial can give nothing to whoever gets a name later.
            let denial = text.replacing("Allow", with: "Deny")
            #expect(verdict(KeyPolicy(try PolicyDocument.parse(denial, in: .aws))) == .denies(statement: 0))
            let sparing = denial.replacing("Principal", with: "NotPrincipal")
            #expect(verdict(KeyPolicy(try PolicyDocument.parse(sparing, in: .aws))) == .denies(statement: 0))
            #expect(verdict(try PolicyVectors.keyPolicy(text, for: asker)) != .silent)
        }
    }

    @Test func `kinds, identifiers and names make different fingerprints`() throws {
        let account = try #require(AccountID("111122223333"))
        let other = try #require(AccountID("444455556666"))
        let user = PolicyVectors.uniqueID(.user, account, "/", "reader")
        let role = PolicyVectors.uniqueID(.role, account, "/", "reader")
        let prints: Set<PrincipalFingerprint> = [
            .none, .account(account), .account(other), .service("reader"), .unique(user), .unique(role),
            .unique(role, session: "reader"), .unique(role, session: "reader2"), .service(user.description),
        ]
        #expect(prints.count == 9)
    }
}
