import Dispatch
import KMSCrypto
import KMSModel
import KMSPKCS11
import Logging

/// A key in a token that no KMS key has any more, or that none had ever.
///
/// Source: KMS Developer Guide, "Delete KMS keys from an AWS CloudHSM key store": "orphaned key material".
struct OrphanedMaterial: Sendable {
    let id: KeyMaterialID
    let key: KeyARN
}

extension KeyStore {
    /// Destroys it in the token: now, or, while the store is not connected or the token fails, with its next connection.
    ///
    /// AWS promises no more than to try. Only this process knows of it: what it has not destroyed when it ends stays, which the
    /// log says.
    func destroy(_ orphans: [OrphanedMaterial], _ logger: Logger) {
        for orphan in orphans { destroy(orphan, otherwiseThanBy: nil, logger) }
    }

    /// Destroys what waited for a connection, which there is now.
    func destroyOrphans(_ logger: Logger) { destroy(takeOrphans(), logger) }

    private func destroy(_ orphan: OrphanedMaterial, otherwiseThanBy failed: TokenConnection?, _ logger: Logger) {
        guard let connection = connection(toDestroy: orphan, otherThan: failed) else {
            return logger.warning(
                "A key that no KMS key has may be in its token, until the key store is connected again",
                metadata: [
                    "key-store": "\(record.id)", "key": "\(orphan.key)", "backing-key": "\(orphan.id)",
                ])
        }
        connection.destructions.async { [self] in
            do throws(TokenFailure) {
                try connection.tokens.destroyKey(orphan.id, of: orphan.key)
            } catch {
                logger.warning(
                    "A key could not be destroyed in its token",
                    metadata: ["key": "\(orphan.key)", "reason": "\(error)"])
                destroy(orphan, otherwiseThanBy: connection, logger)
            }
        }
    }
}
