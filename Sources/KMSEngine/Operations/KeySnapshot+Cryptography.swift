import KMSAccess
import KMSCrypto
import KMSModel

// What the cryptographic operations ask of a key.

extension KeySnapshot {
    /// The encryption algorithm that a request means, which must be one of this key's.
    ///
    /// - Throws: ``KMSError`` with `InvalidKeyUsageException`.
    func encryptionAlgorithm(_ name: String?) throws(KMSError) -> EncryptionAlgorithm {
        let algorithm = name.flatMap(EncryptionAlgorithm.init) ?? .symmetricDefault
        return try admit(algorithm, amongst: record.spec.encryptionAlgorithms)
    }

    /// `algorithm`, if it is one of `offered`.
    ///
    /// - Throws: ``KMSError`` with `InvalidKeyUsageException`.
    func admit<Algorithm: RawRepresentable<String> & Equatable>(
        _ algorithm: Algorithm, amongst offered: [Algorithm]
    ) throws(KMSError) -> Algorithm {
        guard offered.contains(algorithm) else {
            throw KMSError(
                .invalidKeyUsage,
                "Algorithm \(algorithm.rawValue) is incompatible with key spec \(record.spec.rawValue)."
            )
        }
        return algorithm
    }

    /// The material in use, which encrypts, signs and authenticates.
    ///
    /// - Throws: ``KMSError`` with `KMSInternalException`: a key that may be used has material.
    var materialInUse: MaterialRecord {
        get throws(KMSError) {
            guard let material = currentMaterial else {
                throw KMSError(.kmsInternal, "The key material of \(arnText) is missing.")
            }
            return material
        }
    }

    /// What encrypts under this key by `algorithm`.
    func cipher(by algorithm: EncryptionAlgorithm, context: EncryptionContext) throws(KMSError) -> Cipher {
        Cipher(try materialInUse, by: algorithm, context: context)
    }
}

extension EncryptionAlgorithm {
    /// Refuses pairs of an encryption context where there is nothing to bind to them.
    func check(_ context: EncryptionContext) throws(KMSError) {
        guard self == .symmetricDefault || context.isEmpty else {
            throw KMSError(
                .validation, "EncryptionContext is not supported when encrypting/decrypting with asymmetric CMKs."
            )
        }
    }
}

extension KeySnapshot {
    /// The identifier of material as answers carry it, which they do only for symmetric encryption keys that are here.
    func answeredID(of material: MaterialRecord) -> String? {
        material.spec == .symmetricDefault && record.customKeyStore == nil ? material.id.description : nil
    }

    /// What the audit record of a cryptographic operation shows of the material, or of where it is.
    ///
    /// - Parameter id: ``answeredID(of:)``.
    func eventData(of id: String?) -> JSONObject? {
        if let store = record.customKeyStore {
            var data = JSONObject(["customKeyStoreId": .string(store.description)])
            if let id = record.externalKeyID { data.append("xksKeyId", .string(id.description)) }
            return data
        }
        return id.map { JSONObject(["keyMaterialId": .string($0)]) }
    }
}

extension MaterialRecord {
    /// What audit records call the key in the token of a custom key store: an object of JSON, as a text.
    ///
    /// Source: KMS Developer Guide, CloudTrail log entries of CreateKey, "in an AWS CloudHSM key store".
    var backingKey: String { #"{"backingKeyId":"\#(id)"}"# }
}

extension KeySnapshot {
    /// What audit records call the keys in the token of a custom key store: a list of JSON, as a text; nil for other keys.
    var backingKeys: String? {
        record.origin == .awsCloudHSM ? "[\(materials.map(\.backingKey).joined(separator: ","))]" : nil
    }
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

    /// What AWS answers to a plaintext that the algorithm cannot take.
    static func tooLong(for algorithm: EncryptionAlgorithm, _ spec: KeySpec) -> KMSError {
        KMSError(
            .validation,
            "Algorithm \(algorithm.rawValue) and key spec \(spec.rawValue) cannot encrypt data larger than "
                + "\(spec.longestPlaintext(for: algorithm) ?? 0) bytes."
        )
    }
}
