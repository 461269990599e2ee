package import Foundation
package import KMSCrypto
package import KMSModel

extension MaterialRecord {
    /// Makes a new generation of material for a key, wrapped as it is stored.
    ///
    /// - Throws: ``CryptoFailure``.
    package init(
        generatedBy keyring: Keyring, for key: KeyARN, spec: KeySpec, at now: Date, stage: MaterialStage = .first
    ) throws(CryptoFailure) {
        let made = try keyring.makeMaterial(for: key, spec: spec)
        self.init(key: key, id: made.id, spec: spec, creationDate: now, wrapped: made.wrapped, stage: stage)
    }
}
