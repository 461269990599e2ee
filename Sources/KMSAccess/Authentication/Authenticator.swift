package import Foundation
package import KMSCrypto
import KMSModel

/// Finds out who signed a request (AWS Signature Version 4).
package struct Authenticator: Sendable {
    private static let terminator = "aws4_request"

    private let credentials: any CredentialSource
    private let keyring: Keyring
    private let regions: HostedRegions
    private let cache = SigningKeyCache()

    package init(credentials: any CredentialSource, keyring: Keyring, regions: HostedRegions) {
        self.credentials = credentials
        self.keyring = keyring
        self.regions = regions
    }

    /// Verifies that `request` was signed for `service`, now, by somebody who has the secret of a known access key.
    ///
    /// - Returns: Whose access key it is, and the region that the request is for.
    /// - Throws: ``AuthenticationFailure``, the first that applies in the order of its cases.
    package func verify(
        _ request: SignedRequest, expecting service: SigningService, at now: Date
    ) throws(AuthenticationFailure) -> Caller {
        let claim = try SignatureClaim(of: request)
        let region = try checkScope(of: claim, service)
        try checkTime(of: claim, service, now)
        let record = try accessKey(of: claim)
        try checkSignature(of: claim, on: request, service, record)
        return Caller(principal: record.principal, accessKeyID: record.id, region: region)
    }

    // MARK: Steps

    private func checkScope(
        of claim: SignatureClaim, _ service: SigningService
    ) throws(AuthenticationFailure) -> Region {
        guard claim.terminator == Self.terminator else { throw .wrongTerminator }
        guard claim.service == service.name else { throw .wrongService(expected: service.name) }
        guard let region = Region(String(claim.region)),
            regions.contains(region) || region.description == service.globalRegion
        else { throw .wrongRegion }
        guard claim.scopeDate == claim.time.day else {
            throw .wrongScopeDate(scope: String(claim.scopeDate), day: String(claim.time.day), date: claim.time.text)
        }
        guard claim.signs("host") else { throw .hostNotSigned }
        return region
    }

    private func checkTime(
        of claim: SignatureClaim, _ service: SigningService, _ now: Date
    ) throws(AuthenticationFailure) {
        let now = Int(now.timeIntervalSince1970.rounded(.down))
        let skew = service.skewInMinutes * 60
        var (lifetime, window) = (skew, "\(service.skewInMinutes) min.")
        if case .query(let expires) = claim.form, service.honorsExpires {
            (lifetime, window) = (expires, "\(expires) sec.")
        }
        func text(_ seconds: Int) -> String { SigningTime(seconds: seconds).text }
        if claim.time.seconds < now - lifetime {
            throw .expired(time: claim.time.text, limit: text(now - lifetime), now: text(now), window: window)
        }
        if claim.time.seconds > now + skew {
            throw .notYetCurrent(
                time: claim.time.text, limit: text(now + skew), now: text(now),
                window: "\(service.skewInMinutes) min."
            )
        }
    }

    private func accessKey(of claim: SignatureClaim) throws(AuthenticationFailure) -> AccessKeyRecord {
        // Long-term keys have no session token; whoever sends one means another credential.
        guard let record = credentials.accessKey(String(claim.accessKeyID)), record.isActive, claim.securityToken == nil
        else { throw .unrecognizedClient }
        return record
    }

    private func checkSignature(
        of claim: SignatureClaim, on request: SignedRequest, _ service: SigningService, _ record: AccessKeyRecord
    ) throws(AuthenticationFailure) {
        guard claim.hasOrderlyHeaders, Self.signsWhatMatters(claim, request, service) else { throw .signatureMismatch }
        let payloadHash = Hex.encode(Digest.sha256(request.body))
        if let declared = request.header("x-amz-content-sha256"), declared != payloadHash { throw .signatureMismatch }
        let canonical = CanonicalRequest.bytes(
            of: request, signedHeaders: claim.signedHeaders, payloadHash: payloadHash,
            excluding: claim.form == .header ? [] : ["X-Amz-Signature"]
        )
        let text = CanonicalRequest.stringToSign(canonical, time: claim.time.text, scope: claim.scope)
        let key = String(claim.credential)
        if let known = cache.key(for: key, of: record) {
            guard known.isValid(claim.signature, for: text) else { throw .signatureMismatch }
            return
        }
        let derived = try derive(claim, record)
        guard derived.isValid(claim.signature, for: text) else { throw .signatureMismatch }
        cache.insert(derived, for: key, of: record)
    }

    /// Whether the headers that change what a request means are signed.
    private static func signsWhatMatters(
        _ claim: SignatureClaim, _ request: SignedRequest, _ service: SigningService
    ) -> Bool {
        if service.namesOperationInHeader {
            guard claim.signs("x-amz-target"), !request.repeats("x-amz-target") else { return false }
        }
        guard claim.form == .header else { return true }
        return claim.signs(request.header("x-amz-date") != nil ? "x-amz-date" : "date")
    }

    private func derive(
        _ claim: SignatureClaim, _ record: AccessKeyRecord
    ) throws(AuthenticationFailure) -> SigningKey {
        do throws(CryptoFailure) {
            return try keyring.signingKey(
                accessKeyID: record.id, account: record.principal.account, wrappedSecret: record.wrappedSecret,
                date: String(claim.scopeDate), region: String(claim.region), service: String(claim.service)
            )
        } catch {
            // A secret that does not open verifies nothing.
            throw .signatureMismatch
        }
    }
}
