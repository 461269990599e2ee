package import Foundation
package import KMSCrypto
package import KMSModel

/// Finds out who signed a request (AWS Signature Version 4).
package struct Authenticator: Sendable {
    private let credentials: any CredentialSource
    private let keyring: Keyring
    /// The regions that requests are answered for.
    package let regions: HostedRegions
    private let cache = SigningKeyCache()
    private let sessions = SessionCache()

    package init(credentials: any CredentialSource, keyring: Keyring, regions: HostedRegions) {
        self.credentials = credentials
        self.keyring = keyring
        self.regions = regions
    }

    /// Verifies that `request` was signed for `service`, now, by somebody who has the secret of a known access key.
    ///
    /// - Parameters:
    ///   - now: What the signature's time is compared with: the time that clients have.
    ///   - serverTime: What the end of a session is compared with, if not with `now`: a clock that can be moved ends sessions
    ///     too.
    /// - Returns: Whose access key it is, and the region that the request is for.
    /// - Throws: ``AuthenticationFailure``, the first that applies in the order of its cases.
    package func verify(
        _ request: SignedRequest, expecting service: SigningService, at now: Date, serverTime: Date? = nil
    ) throws(AuthenticationFailure) -> Caller {
        let serverTime = serverTime ?? now
        let claim = try SignatureClaim(of: request, knowing: cache)
        let region = try claim.checkScope(for: service, in: regions)
        try claim.checkTime(for: service, at: now)
        let credential = try credential(
            claim.terms.accessKeyID, withToken: claim.securityToken, at: serverTime)
        let caller = claim.known?.caller(of: credential) ?? Caller(credential, in: region)
        // Elsewhere the same names would be other ARNs, and policies that name ARNs would say nothing of them.
        guard credential.partition == caller.partition else { throw .unrecognizedClient }
        try checkSignature(of: claim, on: request, service, credential, caller)
        if credential.session == nil {
            credentials.noteUse(of: credential.accessKeyID, for: service.name, in: region, at: serverTime)
        }
        return caller
    }

    // MARK: Without a signature

    /// Whoever has these credentials, if `secret` is the access key's own.
    ///
    /// Unknown access keys take about as long as known ones with another secret, and are refused in the same way; that one
    /// exists is no secret, as ``verify(_:expecting:at:serverTime:)`` tells it. The secret is proven by deriving a signing key
    /// from it and comparing what both keys sign, in constant time.
    ///
    /// - Parameters:
    ///   - token: What came with temporary credentials.
    ///   - now: What the end of a session is compared with.
    ///   - region: Where the caller will be, for an account of this partition; nil for a partition that has no region here.
    /// - Throws: ``AuthenticationFailure``: `unrecognizedClient`, `expiredToken`, `signatureMismatch`.
    package func caller(
        signingInWith accessKeyID: String, secret: SecretBytes, token: String?, at now: Date,
        in region: (Partition) -> Region?
    ) throws(AuthenticationFailure) -> Caller {
        let scope = (date: "19700101", region: "none", service: "signin")
        let given = SigningKey(secret: secret, date: scope.date, region: scope.region, service: scope.service)
        let credential: Credential
        do throws(AuthenticationFailure) {
            credential = try self.credential(accessKeyID, withToken: token, at: now)
        } catch {
            _ = SigningKey(secret: secret, date: scope.date, region: scope.region, service: scope.service)
            throw error
        }
        let own = try derive(credential, date: scope.date, region: scope.region, service: scope.service)
        let text = Array(accessKeyID.utf8)
        guard own.isValid(given.signature(of: text), for: text) else { throw .signatureMismatch }
        guard let region = region(credential.partition) else { throw .unrecognizedClient }
        if credential.session == nil {
            credentials.noteUse(of: accessKeyID, for: scope.service, in: region, at: now)
        }
        return Caller(credential, in: region)
    }

    /// Whoever has these credentials now, without any proof: for one who has proven them before, in the same partition.
    ///
    /// - Throws: ``AuthenticationFailure``: `unrecognizedClient` when the access key is not active any more or its user is
    ///   gone, `expiredToken`, `wrongRegion` for a region that is not served or not of the account's partition.
    package func caller(
        knownBy accessKeyID: String, token: String?, in region: Region, at now: Date
    ) throws(AuthenticationFailure) -> Caller {
        let credential = try credential(accessKeyID, withToken: token, at: now)
        guard regions.contains(region), credential.partition == region.partition else { throw .wrongRegion }
        return Caller(credential, in: region)
    }

    // MARK: Steps

    private func credential(
        _ accessKeyID: String, withToken token: String?, at now: Date
    ) throws(AuthenticationFailure) -> Credential {
        // Two texts that Swift takes for equal would be one access key with two names in the audit log.
        guard accessKeyID.isASCII else { throw .unrecognizedClient }
        guard let token else {
            guard let credential = credentials.credential(accessKeyID) else { throw .unrecognizedClient }
            return credential
        }
        guard let entry = sessions.session(of: token, with: keyring), entry.accessKeyID == accessKeyID,
            let principal = credentials.principal(of: entry.session.record),
            let partition = credentials.partition(of: principal.account)
        else { throw .unrecognizedClient }
        guard now < entry.session.record.expiry else { throw .expiredToken }
        return Credential(
            accessKeyID: accessKeyID, principal: principal, in: partition, secret: .derived(entry.seed),
            session: entry.session)
    }

    private func checkSignature(
        of claim: SignatureClaim, on request: SignedRequest, _ service: SigningService, _ owner: Credential,
        _ caller: Caller
    ) throws(AuthenticationFailure) {
        let terms = claim.terms
        let payloadHash = try claim.payloadHash(of: request, for: service)
        let known = claim.known?.key(of: owner)
        let key =
            if let known { known } else {
                try derive(owner, date: terms.scopeDate, region: terms.region, service: terms.service)
            }
        guard claim.isMade(by: key, of: request, payloadHash: payloadHash) else { throw .signatureMismatch }
        if known == nil { cache.insert(SigningKeyCache.Entry(terms, key, of: owner, as: caller), for: claim.name) }
    }

    private func derive(
        _ owner: Credential, date: String, region: String, service: String
    ) throws(AuthenticationFailure) -> SigningKey {
        switch owner.secret {
        case .derived(let seed):
            let key = keyring.signingKey(
                ofSessionWith: owner.accessKeyID, seed: seed, date: date, region: region, service: service)
            guard let key else { throw .unrecognizedClient }
            return key
        case .wrapped(let secret):
            do throws(CryptoFailure) {
                return try keyring.signingKey(
                    accessKeyID: owner.accessKeyID, account: owner.principal.account, wrappedSecret: secret,
                    date: date, region: region, service: service
                )
            } catch {
                // A secret that does not open verifies nothing.
                throw .signatureMismatch
            }
        }
    }
}
