import KMSAccess
import KMSCrypto
import KMSModel

// What the cryptographic operations ask of a key.

extension KeySnapshot {
    /// The algorithm that a request means, which must be one of this key's.
    ///
    /// - Throws: ``KMSError`` with `InvalidKeyUsageException`.
    func algorithm(_ name: String?) throws(KMSError) -> EncryptionAlgorithm {
        let algorithm = name.flatMap(EncryptionAlgorithm.init) ?? .symmetricDefault
        guard record.spec.encryptionAlgorithms.contains(algorithm) else {
            throw KMSError(
                .invalidKeyUsage,
                "Algorithm \(algorithm.rawValue) is incompatible with key spec \(record.spec.rawValue)."
            )
        }
        return algorithm
    }

    /// The material that encrypts.
    ///
    /// - Throws: ``KMSError`` with `KMSInternalException`: a key that may be used has material.
    var encryptingMaterial: MaterialRecord {
        get throws(KMSError) {
            guard let material = currentMaterial else {
                throw KMSError(.kmsInternal, "The key material of \(arnText) is missing.")
            }
            return material
        }
    }

    /// The generation of this key's material that `ciphertext` was made with.
    ///
    /// - Throws: ``KMSError``: `IncorrectKeyException` for a ciphertext of another key, `InvalidCiphertextException` for
    ///   what no key of this server made.
    func material(openingCiphertext ciphertext: [UInt8]) throws(KMSError) -> MaterialRecord {
        guard let header = try? SymmetricCiphertext.header(of: ciphertext) else { throw KMSError(.invalidCiphertext) }
        guard header.keyID == arn.keyID else {
            throw .incorrectKey
        }
        guard let material = material(header.materialID) else { throw KMSError(.invalidCiphertext) }
        return material
    }
}

extension MaterialRecord {
    /// What the audit record of a cryptographic operation shows of the material.
    var eventData: JSONObject { JSONObject(["keyMaterialId": .string(id.description)]) }
}

extension EncryptionContext {
    /// The pairs of a request; none when it gave none.
    init(_ pairs: [(String, String)]?) {
        self = pairs.map { EncryptionContext($0) } ?? .empty
    }
}

extension Keyring {
    /// Does `work` and turns what the cryptography module refuses into what a caller may learn of it.
    func answering<Result>(_ work: (Keyring) throws(CryptoFailure) -> Result) throws(KMSError) -> Result {
        do {
            return try work(self)
        } catch {
            throw KMSError(error)
        }
    }
}

extension KMSError {
    /// What AWS answers when the key that a request names is not the one that the ciphertext was made under.
    static var incorrectKey: KMSError {
        KMSError(.incorrectKey, "The key ID in the request does not identify a CMK that can perform this operation.")
    }
}
