package import Foundation
import KMSCrypto
package import KMSModel
import Synchronization

/// Finds out whether a request to a key store proxy was signed with one of the proxy's own credentials.
///
/// These belong to nobody of this server: they are what the other side was given.
///
/// Source: AWS KMS External Key Store Proxy API Specification 1.0.2, "Authentication" and appendix A.
package struct KeyStoreProxyAuthenticator: Sendable {
    /// An access key, with the key that was derived from its secret last.
    package final class Credential: Sendable {
        /// What requests name it by; no secret.
        package let accessKeyID: String
        private let secret: SecretBytes
        private let last = Mutex<(scope: String, key: SigningKey)?>(nil)

        package init(accessKeyID: String, secret: SecretBytes) {
            self.accessKeyID = accessKeyID
            self.secret = secret
        }

        /// - Parameter terms: Those of a request whose time and region were checked, so that there are few.
        fileprivate func signingKey(for terms: SignatureTerms) -> SigningKey {
            if let known = last.withLock({ $0 }), known.scope.isSame(as: terms.scope) { return known.key }
            let key = SigningKey(
                secret: secret, date: terms.scopeDate, region: terms.region, service: terms.service)
            last.withLock { $0 = (terms.scope, key) }
            return key
        }
    }

    private let regions: HostedRegions
    private let credentials: [Credential]
    /// Remembers nothing: who signs with other credentials is another matter.
    private let cache = SigningKeyCache(capacity: 0)

    /// - Parameter region: That from which the other side calls, which is in the scope of its signatures.
    package init(region: Region, credentials: [Credential]) {
        regions = .only([region])
        self.credentials = credentials
    }

    /// Verifies that `request` was signed in its header for a key store proxy, now, with one of the credentials.
    ///
    /// - Returns: The access key.
    /// - Throws: ``AuthenticationFailure``, the first that applies in the order of its cases.
    package func verify(_ request: SignedRequest, at now: Date) throws(AuthenticationFailure) -> String {
        let service = SigningService.keyStoreProxy
        let claim = try SignatureClaim(of: request, knowing: cache)
        // Nobody is to make links to such requests.
        guard claim.form == .header else { throw .missingToken }
        _ = try claim.checkScope(for: service, in: regions)
        try claim.checkTime(for: service, at: now)
        let name = claim.terms.accessKeyID
        guard let credential = credentials.first(where: { $0.accessKeyID.isSame(as: name) }) else {
            throw .unrecognizedClient
        }
        let payloadHash = try claim.payloadHash(of: request, for: service)
        guard claim.isMade(by: credential.signingKey(for: claim.terms), of: request, payloadHash: payloadHash) else {
            throw .signatureMismatch
        }
        return credential.accessKeyID
    }
}
