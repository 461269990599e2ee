import KMSAccess
import KMSCrypto
import KMSModel

// Encryption by a key wherever it is: here, or in a custom key store.

extension RequestContext {
    /// Encrypts under a key of `cipher`.
    ///
    /// - Throws: ``KMSError``; `KMSInvalidStateException` when the key's store does not do it.
    func encrypt(
        _ plaintext: SecretBytes, by cipher: Cipher, under key: KeySnapshot, for operation: OperationName
    ) async throws(KMSError) -> [UInt8] {
        guard let place = try place(of: key) else {
            return try await compute(at: key.record.spec.publicUseCost, for: operation, on: [key]) {
                keyring throws(CryptoFailure) in
                try keyring.encrypt(plaintext, by: cipher)
            }
        }
        return try await encrypt(plaintext, by: cipher, under: key, in: place, for: operation)
    }

    /// Decrypts what ``encrypt(_:by:under:for:)`` made.
    ///
    /// - Throws: As that; `InvalidCiphertextException`.
    func decrypt(
        _ ciphertext: [UInt8], by cipher: Cipher, under key: KeySnapshot, for operation: OperationName
    ) async throws(KMSError) -> SecretBytes {
        guard let place = try place(of: key) else {
            return try await compute(at: key.record.spec.privateUseCost, for: operation, on: [key]) {
                keyring throws(CryptoFailure) in
                try keyring.decrypt(ciphertext, by: cipher)
            }
        }
        switch place {
        case .token(let store):
            return try await useTokens(of: store, key, for: operation) { keyring, tokens throws(TokenUseFailure) in
                try keyring.decrypt(ciphertext, with: cipher.material, context: cipher.context, in: tokens)
            }
        case .external(let external):
            return try await external.decrypt(ciphertext, by: cipher, for: operation, in: self)
        case .imagined: return SecretBytes(copying: [])
        }
    }

    /// A random data key, in plaintext and encrypted.
    ///
    /// - Throws: As ``encrypt(_:by:under:for:)``.
    func makeDataKey(
        byteCount: Int, by cipher: Cipher, under key: KeySnapshot, for operation: OperationName
    ) async throws(KMSError) -> (plaintext: SecretBytes, ciphertext: [UInt8]) {
        guard let place = try place(of: key) else {
            return try keyring.answering { keyring throws(CryptoFailure) in
                try keyring.makeDataKey(byteCount: byteCount, by: cipher)
            }
        }
        let plaintext = try keyring.answering { keyring throws(CryptoFailure) in try keyring.randomBytes(byteCount) }
        return (plaintext, try await encrypt(plaintext, by: cipher, under: key, in: place, for: operation))
    }

    /// Decrypts and encrypts again; between two keys that are here, the plaintext does not leave the cryptography module.
    ///
    /// - Returns: Nil when the destination's algorithm cannot take as much.
    /// - Throws: As ``encrypt(_:by:under:for:)`` and ``decrypt(_:by:under:for:)``.
    func reencrypt(
        _ ciphertext: [UInt8], from source: (key: KeySnapshot, cipher: Cipher),
        to destination: (key: KeySnapshot, cipher: Cipher), for operation: OperationName
    ) async throws(KMSError) -> [UInt8]? {
        let specs = (source.key.record.spec, destination.key.record.spec)
        if source.key.record.customKeyStore != nil || destination.key.record.customKeyStore != nil {
            let plaintext = try await decrypt(ciphertext, by: source.cipher, under: source.key, for: operation)
            guard plaintext.count <= specs.1.longestPlaintext(for: destination.cipher.algorithm) ?? .max else {
                return nil
            }
            return try await encrypt(plaintext, by: destination.cipher, under: destination.key, for: operation)
        }
        let cost = max(specs.0.privateUseCost, specs.1.publicUseCost)
        let (opening, closing) = (source.cipher, destination.cipher)
        return try await compute(at: cost, for: operation, on: [source.key, destination.key]) {
            keyring throws(CryptoFailure) -> [UInt8]? in
            do throws(CryptoFailure) {
                return try keyring.reencrypt(ciphertext, from: opening, to: closing)
            } catch {
                if error == .tooLong { return nil }
                throw error
            }
        }
    }

    private func encrypt(
        _ plaintext: SecretBytes, by cipher: Cipher, under key: KeySnapshot, in place: Elsewhere,
        for operation: OperationName
    ) async throws(KMSError) -> [UInt8] {
        switch place {
        case .token(let store):
            return try await useTokens(of: store, key, for: operation) { keyring, tokens throws(TokenUseFailure) in
                try keyring.encrypt(plaintext, with: cipher.material, context: cipher.context, in: tokens)
            }
        case .external(let external): return try await external.encrypt(plaintext, by: cipher, for: operation, in: self)
        case .imagined: return []
        }
    }

    /// Where a key is, which its store then has admitted to be used once; nil when it is here.
    ///
    /// - Throws: ``KMSError``: `KMSInvalidStateException` when the store is not connected; `ThrottlingException`.
    private func place(of key: KeySnapshot) throws(KMSError) -> Elsewhere? {
        guard let id = key.record.customKeyStore else { return nil }
        guard let store = keyStores.store(id, in: key.arn.realm), store.isConnected else { throw .unavailable(key) }
        // Nothing elsewhere is asked for the sake of a question.
        if isDryRun { return .imagined }
        if quotas.throttle.refuses(store.admission, in: key.arn.realm) { throw .throttled }
        let record = store.record
        switch record.backing {
        case .cluster: return .token(store)
        case .proxy(let proxy):
            guard let id = key.record.externalKeyID else { throw .unavailable(key) }
            return .external(ExternalKey(id: id, key: key, store: record, record: proxy))
        }
    }
}

/// Where a key is that is not here.
private enum Elsewhere {
    case token(KeyStore)
    case external(ExternalKey)
    /// Wherever it is, it is not used.
    case imagined
}

extension KMSError {
    /// What AWS answers when the store of a key does not do what was asked, whatever the reason is.
    ///
    /// Source: KMS API Reference, `KMSInvalidStateException`.
    static func unavailable(_ key: KeySnapshot) -> KMSError {
        KMSError(.kmsInvalidState, "The custom key store of \(key.arnText) cannot use the key at present.")
    }
}
