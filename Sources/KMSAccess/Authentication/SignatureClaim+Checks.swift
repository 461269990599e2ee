import Foundation
import KMSCrypto
import KMSModel

// What is checked of a signature, whoever has the secret.
extension SignatureClaim {
    private static let terminator = "aws4_request"

    /// Whether the signature is for this service, in a region that is answered for, and of the day that it says.
    ///
    /// - Throws: ``AuthenticationFailure``, the first that applies.
    func checkScope(
        for service: SigningService, in regions: HostedRegions
    ) throws(AuthenticationFailure) -> Region {
        guard terms.terminator.isSame(as: Self.terminator) else { throw .wrongTerminator }
        guard terms.service.isSame(as: service.name) else { throw .wrongService(expected: service.name) }
        guard let region = terms.namedRegion,
            regions.contains(region)
                || service.isGlobal && region.description == region.partition.globalRegion
        else { throw .wrongRegion }
        guard terms.scopeDate.utf8.count == SigningTime.dayLength, time.text.hasBytePrefix(terms.scopeDate) else {
            throw .wrongScopeDate(scope: terms.scopeDate, day: String(time.day), date: time.text)
        }
        guard terms.signsHost else { throw .hostNotSigned }
        return region
    }

    /// Whether the signature is of this time.
    ///
    /// - Throws: ``AuthenticationFailure``: `expired`, `notYetCurrent`.
    func checkTime(for service: SigningService, at now: Date) throws(AuthenticationFailure) {
        let now = Int(now.timeIntervalSince1970.rounded(.down))
        let skew = service.skewInMinutes * 60
        var (lifetime, window) = (skew, "\(service.skewInMinutes) min.")
        if case .query(let expires) = form, service.honorsExpires {
            (lifetime, window) = (expires, "\(expires) sec.")
        }
        func text(_ seconds: Int) -> String { SigningTime(seconds: seconds).text }
        if time.seconds < now - lifetime {
            throw .expired(time: time.text, limit: text(now - lifetime), now: text(now), window: window)
        }
        if time.seconds > now + skew {
            throw .notYetCurrent(
                time: time.text, limit: text(now + skew), now: text(now),
                window: "\(service.skewInMinutes) min."
            )
        }
    }

    /// The hash of the body, once it is clear that the signature covers all that changes what the request means.
    ///
    /// - Throws: ``AuthenticationFailure/signatureMismatch``.
    func payloadHash(
        of request: SignedRequest, for service: SigningService
    ) throws(AuthenticationFailure) -> String {
        guard terms.hasOrderlyHeaders, signsWhatMatters(in: request, for: service) else { throw .signatureMismatch }
        let payloadHash = Hex.encode(Digest.sha256(request.body))
        if let declared = request.header("x-amz-content-sha256"), !declared.isSame(as: payloadHash) {
            throw .signatureMismatch
        }
        return payloadHash
    }

    /// Whether the signature is that of the request by this key, compared in constant time.
    func isMade(by key: SigningKey, of request: SignedRequest, payloadHash: String) -> Bool {
        func isMade(excluding parameters: [String]) -> Bool {
            let canonical = CanonicalRequest.bytes(
                of: request, signedHeaders: terms.signedHeaders, payloadHash: payloadHash, excluding: parameters
            )
            return key.isValid(
                signature, for: CanonicalRequest.stringToSign(canonical, time: time.text, scope: terms.scope))
        }
        guard form != .header else { return isMade(excluding: []) }
        if isMade(excluding: ["X-Amz-Signature"]) { return true }
        // Some signers add the token to the query when it is signed already; it proves by itself that it is genuine.
        return securityToken != nil && isMade(excluding: ["X-Amz-Signature", "X-Amz-Security-Token"])
    }

    /// Whether the headers that change what a request means are signed.
    private func signsWhatMatters(in request: SignedRequest, for service: SigningService) -> Bool {
        if service.namesOperationInHeader {
            guard terms.signsTarget, !request.repeats("x-amz-target") else { return false }
        }
        guard form == .header else { return true }
        return terms.signs(request.header("x-amz-date") != nil ? "x-amz-date" : "date")
    }
}
