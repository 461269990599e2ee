import KMSAccess
import KMSModel
import Testing

struct PrincipalDirectoryTests {
    /// Hosts 111122223333, where the user `/team/reader` and the role `/service/deployer` exist.
    private struct Directory: PrincipalDirectory {
        func hosts(_ account: AccountID) -> Bool { account.description == "111122223333" }

        func userID(_ account: AccountID, path: String, name: String) -> UniqueID? {
            hosts(account) && path == "/team/" && name == "reader" ? Self.reader : nil
        }

        func roleID(_ account: AccountID, path: String?, name: String) -> UniqueID? {
            hosts(account) && (path ?? "/service/") == "/service/" && name == "deployer" ? Self.deployer : nil
        }

        func principal(_ id: UniqueID) -> Principal? {
            guard let account = AccountID("111122223333") else { return nil }
            if id == Self.reader { return .user(account, path: "/team/", name: "reader", id: id) }
            guard id == Self.deployer else { return nil }
            return .roleSession(account, path: "/service/", role: "deployer", session: "", id: id)
        }

        private static let reader = UniqueID("AIDAREADERREADERREADE")
        private static let deployer = UniqueID("AROADEPLOYERDEPLOYERD")
    }

    @Test(arguments: [
        #""*""#,
        #"{"AWS": "*"}"#,
        #"{"AWS": "111122223333"}"#,
        #"{"AWS": "arn:aws:iam::111122223333:root"}"#,
        #"{"AWS": "arn:aws:iam::111122223333:user/team/reader"}"#,
        #"{"AWS": "arn:aws:iam::111122223333:role/service/deployer"}"#,
        #"{"AWS": "arn:aws:sts::111122223333:assumed-role/deployer/any-session"}"#,
        #"{"AWS": "arn:aws:sts::111122223333:federated-user/anybody"}"#,
        #"{"Service": "logs.amazonaws.com"}"#,
        #"{"AWS": "444455556666"}"#,
        #"{"AWS": "arn:aws:iam::444455556666:user/anybody"}"#,
        #"{"AWS": "arn:aws:iam::444455556666:role/anything"}"#,
        #"{"AWS": "arn:aws:sts::444455556666:assumed-role/anything/any-session"}"#,
    ])
    func `whoever exists or cannot be asked about can be named`(principal: String) throws {
        try document(principal).checkPrincipals(in: Directory())
    }

    @Test(arguments: [
        #"{"AWS": "arn:aws:iam::111122223333:user/reader"}"#,
        #"{"AWS": "arn:aws:iam::111122223333:user/team/nobody"}"#,
        #"{"AWS": "arn:aws:iam::111122223333:user/service/deployer"}"#,
        #"{"AWS": "arn:aws:iam::111122223333:role/deployer"}"#,
        #"{"AWS": "arn:aws:iam::111122223333:role/service/nothing"}"#,
        #"{"AWS": "arn:aws:iam::111122223333:role/team/reader"}"#,
        #"{"AWS": "arn:aws:sts::111122223333:assumed-role/nothing/any-session"}"#,
        #"{"AWS": "AIDAABCDEFGHIJKLM2345"}"#,
        #"{"AWS": "AROAABCDEFGHIJKLM2345"}"#,
        #"{"AWS": "AIDAREADERREADERREADE"}"#,
        #"{"AWS": "AROADEPLOYERDEPLOYERD:session"}"#,
        #"{"AWS": ["111122223333", "arn:aws:iam::111122223333:user/nobody"]}"#,
    ])
    func `whoever does not exist cannot be named`(principal: String) throws {
        let document = try document(principal)
        #expect(throws: PolicyFailure.invalidPrincipal) { try document.checkPrincipals(in: Directory()) }
    }

    @Test func `whoever is left out by name must exist too`() throws {
        let document = try document(#"{"AWS": "arn:aws:iam::111122223333:user/nobody"}"#, element: "NotPrincipal")
        #expect(throws: PolicyFailure.invalidPrincipal) { try document.checkPrincipals(in: Directory()) }
    }

    @Test func `users, roles and sessions are stored by identifier and shown by name`() throws {
        let written = #"""
            {"Statement":[{"Effect":"Deny","Principal":{"AWS":["arn:aws:iam::111122223333:user/team/reader",\#
            "arn:aws:iam::111122223333:role/service/deployer","arn:aws:sts::111122223333:assumed-role/deployer/s",\#
            "111122223333","arn:aws:iam::444455556666:user/a"]},"Action":"kms:*",\#
            "Resource":"arn:aws:iam::111122223333:user/team/reader"}]}
            """#
        let document = try PolicyDocument.parse(written, in: .aws)
        let stored = PolicyText.compact(document.bound(in: Directory(), partition: .aws))
        #expect(
            stored == #"""
                {"Statement":[{"Effect":"Deny","Principal":{"AWS":["AIDAREADERREADERREADE","AROADEPLOYERDEPLOYERD",\#
                "AROADEPLOYERDEPLOYERD:s","111122223333","arn:aws:iam::444455556666:user/a"]},"Action":"kms:*",\#
                "Resource":"arn:aws:iam::111122223333:user/team/reader"}]}
                """#)
        let read = PolicyDocument.unbound(try JSONParser.parse(stored.utf8), in: Directory(), partition: .aws)
        #expect(PolicyText.compact(read) == written)
        let unknown = stored.replacing("AIDAREADERREADERREADE", with: "AIDAGONEGONEGONEGONEG")
        let still = PolicyDocument.unbound(try JSONParser.parse(unknown.utf8), in: Directory(), partition: .aws)
        #expect(PolicyText.compact(still).contains("AIDAGONEGONEGONEGONEG"))
    }

    private func document(_ principal: String, element: String = "Principal") throws -> PolicyDocument {
        let statement = #"{"Effect": "Deny", "\#(element)": \#(principal), "Action": "kms:*", "Resource": "*"}"#
        return try PolicyDocument.parse(#"{"Statement": \#(statement)}"#, in: .aws)
    }
}
