import Foundation
import KMSAccess
import KMSCrypto
import KMSModel
import Testing

struct SessionAuthenticationTests {
    private static let hour: TimeInterval = 3600

    /// How a request carries the token.
    enum Form: String, CaseIterable, CustomTestStringConvertible {
        case header
        case presigned
        /// Some signers add the token to the query when it is signed already.
        case presignedAndTokenAdded

        var testDescription: String { rawValue }
    }

    /// What breaks, and how it is refused; nil where nothing does.
    struct Row: Sendable, CustomTestStringConvertible {
        let name: String
        let failure: AuthenticationFailure?
        var lasts = hour
        var serverTimeOffset: TimeInterval = 0
        var edit: @Sendable (inout TemporaryCredentials) throws -> Void = { _ in }
        var removesRole = false
        var testDescription: String { name }
    }

    static let rows = [
        Row(name: "a session", failure: nil),
        Row(name: "the last second of a session", failure: nil, lasts: 1),
        Row(name: "a session that ends now", failure: .expiredToken, lasts: 0),
        Row(name: "a session that is over", failure: .expiredToken, lasts: -hour),
        Row(name: "a session that ends by the server's clock", failure: .expiredToken, serverTimeOffset: hour),
        Row(name: "a server's clock just before that", failure: nil, serverTimeOffset: hour - 1),
        Row(name: "no token", failure: .unrecognizedClient, edit: { $0.token = nil }),
        Row(name: "an empty token", failure: .unrecognizedClient, edit: { $0.token = "" }),
        Row(name: "a text that is no token", failure: .unrecognizedClient, edit: { $0.token = "token" }),
        Row(
            name: "a token of another root key", failure: .unrecognizedClient,
            edit: { $0.token = try Access().temporaryCredentials(lasting: hour).token }
        ),
        Row(
            name: "a changed token", failure: .unrecognizedClient,
            edit: { credentials in
                var bytes = try #require(credentials.token.flatMap(Base64.decode))
                bytes[bytes.count - 1] ^= 1
                credentials.token = Base64.encode(bytes)
            }
        ),
        Row(
            name: "the token of another access key", failure: .unrecognizedClient,
            edit: { $0.accessKeyID = "ASIAIOSFODNN7EXAMPLF" }
        ),
        Row(
            name: "a long-term access key with a token", failure: .unrecognizedClient,
            edit: { credentials in
                credentials.accessKeyID = Access.accessKeyID
                credentials.secret = SecretBytes(copying: Access.secret.utf8)
            }
        ),
        Row(name: "a role that is gone", failure: .unrecognizedClient, removesRole: true),
        Row(
            name: "a role that is gone, and a session that is over", failure: .unrecognizedClient, lasts: 0,
            removesRole: true
        ),
        Row(
            name: "the secret of another session", failure: .signatureMismatch,
            edit: { $0.secret = SecretBytes(copying: Access.secret.utf8) }
        ),
    ]

    @Test(arguments: rows, Form.allCases)
    func `a session signs while it lasts and its role is there`(row: Row, form: Form) throws {
        let access = try Access()
        var credentials = try access.temporaryCredentials(lasting: row.lasts)
        try row.edit(&credentials)
        if row.removesRole { access.removeIdentities() }
        let request = credentials.signed(form)
        // The second time the token and the key are known already.
        let authenticator = access.authenticator
        for _ in 0..<2 {
            #expect(failure(of: request, by: authenticator, row.serverTimeOffset) == row.failure)
        }
    }

    private func failure(
        of request: SignedRequest, by authenticator: Authenticator, _ serverTimeOffset: TimeInterval = 0
    ) -> AuthenticationFailure? {
        do throws(AuthenticationFailure) {
            _ = try authenticator.verify(
                request, expecting: .kms, at: Access.time,
                serverTime: Access.time.addingTimeInterval(serverTimeOffset))
            return nil
        } catch {
            return error
        }
    }

    @Test(arguments: Form.allCases)
    func `who has a session is its role, under the session's name`(form: Form) throws {
        let access = try Access()
        let credentials = try access.temporaryCredentials(lasting: Self.hour)
        let caller = try access.authenticator.verify(credentials.signed(form), expecting: .kms, at: Access.time)
        #expect(caller.principal.arn(in: .aws) == "arn:aws:sts::111122223333:assumed-role/r/run-1")
        #expect(caller.accessKeyID == credentials.accessKeyID)
        #expect(caller.session?.record == credentials.session)
        #expect(caller.session?.policies == nil)
    }

    @Test func `a root user's session is the root user's`() throws {
        let access = try Access()
        let credentials = try access.temporaryCredentials(lasting: Self.hour, identity: nil)
        access.removeIdentities()
        let caller = try access.authenticator.verify(credentials.signed(.header), expecting: .kms, at: Access.time)
        #expect(caller.principal == .root(credentials.session.account))
        #expect(caller.session?.record.name == nil)
    }

    @Test func `a role that is deleted, and a session that ends, stop a session that signed before`() throws {
        let access = try Access()
        let authenticator = access.authenticator
        let request = try access.temporaryCredentials(lasting: Self.hour).signed(.header)
        #expect(failure(of: request, by: authenticator) == nil)
        #expect(failure(of: request, by: authenticator, Self.hour) == .expiredToken)
        #expect(failure(of: request, by: authenticator) == nil)
        access.removeIdentities()
        #expect(failure(of: request, by: authenticator) == .unrecognizedClient)
    }

    @Test func `a token cannot be put in the place of another of the same access key`() throws {
        let access = try Access()
        let (one, other) = (
            try access.temporaryCredentials(lasting: Self.hour), try access.temporaryCredentials(lasting: Self.hour)
        )
        #expect(one.accessKeyID == other.accessKeyID)
        let authenticator = access.authenticator
        for form in Form.allCases {
            #expect(failure(of: one.signed(form), by: authenticator) == nil)
            var mixed = one
            mixed.token = other.token
            #expect(failure(of: mixed.signed(form), by: authenticator) == .signatureMismatch)
        }
        // Signed with its own token, which somebody replaces on the way.
        let replaced = one.signed(.header).with("x-amz-security-token", other.token)
        #expect(failure(of: replaced, by: authenticator) == .signatureMismatch)
    }

    @Test func `a parameter other than the token cannot be added to a presigned request`() throws {
        let access = try Access()
        let request = try access.temporaryCredentials(lasting: Self.hour).signed(.presignedAndTokenAdded)
        let added = SignedRequest(
            method: request.method, path: request.path, query: request.query + "&Action=Other",
            headers: request.headers, body: request.body)
        #expect(failure(of: request, by: access.authenticator) == nil)
        #expect(failure(of: added, by: access.authenticator) == .signatureMismatch)
    }

    @Test(arguments: ["", "{}", "[]", #"{"account":"1"}"#, "null"])
    func `a sealed text that is no session is refused`(content: String) throws {
        let access = try Access()
        let made = try access.keyring.makeSessionToken(
            sealing: Array(content.utf8), accessKeyID: TemporaryCredentials.id)
        var credentials = try access.temporaryCredentials(lasting: Self.hour)
        (credentials.token, credentials.secret) = (made.token, made.secret)
        #expect(failure(of: credentials.signed(.header), by: access.authenticator) == .unrecognizedClient)
    }

    @Test func `a session whose policy is none is refused, and one with a policy keeps it`() throws {
        let access = try Access()
        let policy = #"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#
        for (policies, expected) in [([policy, policy], 2), ([], 0), ([policy, "{}"], nil)] as [([String], Int?)] {
            let credentials = try access.temporaryCredentials(lasting: Self.hour, policies: policies)
            let caller = try? access.authenticator.verify(
                credentials.signed(.header), expecting: .kms, at: Access.time)
            #expect(caller?.session?.policies?.count == expected)
        }
    }

    @Test func `only long-term access keys are noted as used`() throws {
        let access = try Access()
        _ = try access.authenticator.verify(
            access.temporaryCredentials(lasting: Self.hour).signed(.header), expecting: .kms, at: Access.time)
        #expect(access.usedKeys.isEmpty)
        _ = try access.authenticator.verify(Access.signed(), expecting: .kms, at: Access.time)
        #expect(access.usedKeys == [Access.accessKeyID])
        _ = try? access.authenticator.verify(Access.signed(secret: "another"), expecting: .kms, at: Access.time)
        #expect(access.usedKeys == [Access.accessKeyID])
    }

    @Test func `the query protocol says that a token is expired in its own words`() {
        let failure = AuthenticationFailure.expiredToken
        #expect(failure.code == .expiredToken)
        #expect((failure.queryCode, failure.queryStatus) == ("ExpiredToken", 403))
        #expect(failure.message(for: .sts) == "The security token included in the request is expired")
    }

    /// What version 1 of the session token has sealed in it: docs/formats.md.
    @Test func `a session is written as it was, and reads`() throws {
        let text = """
            {"account":"111122223333","expiry":1767326645,"identity":"AROAABCDEFGHIJKLM2345","issueDate":1767323045,\
            "managedPolicies":["ANPAABCDEFGHIJKLM2345"],"name":"run-1","policies":["{}"],"sourceIdentity":"ana",\
            "tags":[{"key":"team","value":"a/b"}],"transitiveTagKeys":["team"]}
            """
        var record = SessionRecord(
            account: try #require(AccountID("111122223333")), identity: UniqueID("AROAABCDEFGHIJKLM2345"),
            name: "run-1", issueDate: Access.time, expiry: Access.time.addingTimeInterval(Self.hour))
        record.policies = ["{}"]
        record.managedPolicies = [try #require(UniqueID("ANPAABCDEFGHIJKLM2345"))]
        record.tags = [IdentityTag(key: "team", value: "a/b")]
        record.transitiveTagKeys = ["team"]
        record.sourceIdentity = "ana"
        #expect(String(decoding: try record.encoded(), as: UTF8.self) == text)
        let readable = text.replacing(#""policies":["{}"],"#, with: "")
        record.policies = nil
        let access = try Access()
        let made = try access.keyring.makeSessionToken(
            sealing: Array(readable.utf8), accessKeyID: TemporaryCredentials.id)
        let credentials = TemporaryCredentials(session: record, token: made.token, secret: made.secret)
        let caller = try access.authenticator.verify(credentials.signed(.header), expecting: .kms, at: Access.time)
        #expect(caller.session?.record == record)
    }
}
