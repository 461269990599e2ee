import Foundation
import KMSAccess
import KMSCrypto
import KMSModel
import Testing

/// What the console's sign-in rests on: a secret that is proven once, and a caller who is known from then on.
struct SignInTests {
    private func signIn(
        _ access: Access, _ id: String = Access.accessKeyID, secret: String = Access.secret, token: String? = nil,
        at now: Date = Access.time, in region: String? = Access.region
    ) -> Result<Caller, AuthenticationFailure> {
        Result { () throws(AuthenticationFailure) in
            try access.authenticator.caller(
                signingInWith: id, secret: SecretBytes(copying: secret.utf8), token: token, at: now,
                in: { _ in region.flatMap(Region.init) })
        }
    }

    @Test func `who has the secret is who has the access key, and the use is noted`() throws {
        let access = try Access()
        let caller = try signIn(access).get()
        #expect(caller.principal == .root(try #require(AccountID("111122223333"))))
        #expect(caller.accessKeyID == Access.accessKeyID && caller.region.description == Access.region)
        #expect(access.usedKeys == [Access.accessKeyID])
    }

    @Test(arguments: ["", " ", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEYY"])
    func `another secret is refused, and no use is noted`(secret: String) throws {
        let access = try Access()
        #expect(signIn(access, secret: secret).failure == .signatureMismatch)
        #expect(access.usedKeys.isEmpty)
    }

    @Test func `an access key that is not known, or not active, is refused`() throws {
        let access = try Access()
        #expect(signIn(access, "AKIAIOSFODNN7EXAMPLF").failure == .unrecognizedClient)
        #expect(signIn(access, "").failure == .unrecognizedClient)
        #expect(signIn(access, token: "x").failure == .unrecognizedClient)
        #expect(signIn(access, in: nil).failure == .unrecognizedClient)
        try access.replace(secret: Access.secret, isActive: false)
        #expect(signIn(access).failure == .unrecognizedClient)
    }

    @Test func `temporary credentials come in until they end`() throws {
        let access = try Access()
        let session = try access.temporaryCredentials(lasting: 3600)
        let secret = session.secret.withBytes { String(decoding: $0, as: UTF8.self) }
        let token = try #require(session.token)
        let caller = try signIn(access, session.accessKeyID, secret: secret, token: token).get()
        #expect(caller.session != nil)
        #expect(signIn(access, session.accessKeyID, secret: Access.secret, token: token).failure == .signatureMismatch)
        #expect(signIn(access, session.accessKeyID, secret: secret).failure == .unrecognizedClient)
        let late = Access.time.addingTimeInterval(3600)
        #expect(signIn(access, session.accessKeyID, secret: secret, token: token, at: late).failure == .expiredToken)
        access.removeIdentities()
        #expect(signIn(access, session.accessKeyID, secret: secret, token: token).failure == .unrecognizedClient)
    }

    @Test func `who is known is known in the account's partition, in regions that are served, while the key is active`()
        throws
    {
        let region = try #require(Region("eu-central-1"))
        let access = try Access(regions: .only([region, try #require(Region("cn-north-1"))]))
        func known(_ region: String) -> Result<Caller, AuthenticationFailure> {
            Result { () throws(AuthenticationFailure) in
                guard let region = Region(region) else { throw .wrongRegion }
                return try access.authenticator.caller(
                    knownBy: Access.accessKeyID, token: nil, in: region, at: Access.time)
            }
        }
        #expect(try known("eu-central-1").get().region == region)
        #expect(known("us-east-1").failure == .wrongRegion)
        #expect(known("cn-north-1").failure == .wrongRegion)
        try access.replace(secret: Access.secret, isActive: false)
        #expect(known("eu-central-1").failure == .unrecognizedClient)
    }
}

extension Result {
    /// Why there is no value.
    fileprivate var failure: Failure? {
        if case .failure(let failure) = self { failure } else { nil }
    }
}
