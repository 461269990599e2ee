import KMSAccess
import KMSModel
import Testing

struct PrincipalFingerprintTests {
    @Test func `a name with the fingerprint of another is not admitted for it`() throws {
        let account = try #require(AccountID("111122223333"))
        let (name, other) = ("reader-of-ledger", "75AMH6Uvz-b7yFAt")
        let fingerprint = PrincipalFingerprint.user(account, path: "/", name: name)
        // Found by search: the fingerprint is no cryptographic hash, so whoever names a user can choose it.
        try #require(fingerprint == .user(account, path: "/", name: other))
        let text = """
            {"Statement": {
                "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111122223333:user/\(name)"},
                "Action": "kms:*", "Resource": "*"
            }}
            """
        let policy = KeyPolicy(try PolicyDocument.parse(text, in: .aws))
        let verdicts = try [name, other].map { name in
            let user = Principal.user(account, path: "/", name: name, id: try PolicyVectors.uniqueID(.user, name))
            return policy.verdict(
                on: .principal(user), doing: "kms:Sign", to: PolicyVectors.keyARN, by: NoConditions())
        }
        #expect(verdicts == [.admits(.byName, statement: 0), .silent])
    }

    @Test func `kinds, accounts, paths and names make different fingerprints`() throws {
        let account = try #require(AccountID("111122223333"))
        let other = try #require(AccountID("444455556666"))
        let prints: Set<PrincipalFingerprint> = [
            .none, .account(account), .account(other), .service("reader"),
            .user(account, path: "/", name: "reader"), .user(other, path: "/", name: "reader"),
            .user(account, path: "/a/", name: "reader"), .user(account, path: "/", name: "reader2"),
            .role(account, path: "/", name: "reader"), .roleSession(account, role: "/", session: "reader"),
            .roleSession(account, role: "reader", session: "/"),
        ]
        #expect(prints.count == 11)
    }
}
