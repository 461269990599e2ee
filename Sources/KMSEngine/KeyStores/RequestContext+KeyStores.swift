import KMSAccess
import KMSCrypto
import KMSModel
import KMSPKCS11
import Logging

// Encryption by a key wherever it is: here, or in a custom key store.

extension RequestContext {
    /// Encrypts under a key of `cipher`.
    ///
    /// - Throws: ``KMSError``; `KMSInvalidStateException` when the key's store does not do it.
    func encrypt(
        _ plaintext: SecretBytes, by cipher: Cipher, under key: KeySnapshot, for operation: OperationName
    ) async throws(KMSError) -> [UInt8] {
        guard key.record.customKeyStore != nil else {
            return try await compute(at: key.record.spec.publicUseCost, for: operation, on: [key]) {
                keyring throws(CryptoFailure) in
                try keyring.encrypt(plaintext, by: cipher)
            }
        }
        return try await useTokens(of: key, for: operation) { keyring, tokens throws(TokenUseFailure) in
            try keyring.encrypt(plaintext, with: cipher.material, context: cipher.context, in: tokens)
        }
    }

    /// Decrypts what ``encrypt(_:by:under:for:)`` made.
    ///
    /// - Throws: As that; `InvalidCiphertextException`.
    func decrypt(
        _ ciphertext: [UInt8], by cipher: Cipher, under key: KeySnapshot, for operation: OperationName
    ) async throws(KMSError) -> SecretBytes {
        guard key.record.customKeyStore != nil else {
            return try await compute(at: key.record.spec.privateUseCost, for: operation, on: [key]) {
                keyring throws(CryptoFailure) in
                try keyring.decrypt(ciphertext, by: cipher)
            }
        }
        return try await useTokens(of: key, for: operation) { keyring, tokens throws(TokenUseFailure) in
            try keyring.decrypt(ciphertext, with: cipher.material, context: cipher.context, in: tokens)
        }
    }

    /// A random data key, in plaintext and encrypted.
    ///
    /// - Throws: As ``encrypt(_:by:under:for:)``.
    func makeDataKey(
        byteCount: Int, by cipher: Cipher, under key: KeySnapshot, for operation: OperationName
    ) async throws(KMSError) -> (plaintext: SecretBytes, ciphertext: [UInt8]) {
        guard key.record.customKeyStore != nil else {
            return try keyring.answering { keyring throws(CryptoFailure) in
                try keyring.makeDataKey(byteCount: byteCount, by: cipher)
            }
        }
        return try await useTokens(of: key, for: operation) { keyring, tokens throws(TokenUseFailure) in
            try keyring.makeDataKey(byteCount: byteCount, with: cipher.material, context: cipher.context, in: tokens)
        }
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

    // MARK: Tokens

    /// The sessions of a custom key store that has to be connected.
    ///
    /// - Throws: ``KMSError``: `CustomKeyStoreNotFoundException`, `CustomKeyStoreInvalidStateException`.
    func tokens(ofStore id: String) throws(KMSError) -> TokenKeyStore {
        let store = try keyStore(id)
        guard let tokens = store.tokens else { throw .invalidState(of: store) }
        return tokens
    }

    /// Does `work` with the sessions of a store, on a thread that may wait.
    ///
    /// - Throws: ``KMSError`` with `CustomKeyStoreInvalidStateException` when the token fails.
    func use<Value: Sendable>(
        _ tokens: TokenKeyStore, _ work: @escaping @Sendable (TokenKeyStore) throws(TokenFailure) -> Value
    ) async throws(KMSError) -> Value {
        let result = try await slowWork.tokens.result(for: realm.account) { () throws(TokenFailure) in
            try work(tokens)
        }
        do throws(TokenFailure) {
            return try result.get()
        } catch {
            logger.warning("A token does not do what was asked", metadata: ["reason": "\(error)"])
            throw KMSError(.customKeyStoreInvalidState, "The cluster of the custom key store cannot do it at present.")
        }
    }

    private func useTokens<Value: Sendable>(
        of key: KeySnapshot, for operation: OperationName,
        _ work: @escaping @Sendable (Keyring, TokenKeyStore) throws(TokenUseFailure) -> Value
    ) async throws(KMSError) -> Value {
        let result = try await slowWork.tokens.result(for: realm.account) { [self] () throws(KMSError) in
            try checkAgain(key, for: operation)
            guard let id = key.record.customKeyStore, let store = keyStores.store(id, in: key.arn.realm),
                let tokens = store.tokens
            else { throw .unavailable(key) }
            do throws(TokenUseFailure) {
                return try work(keyring, tokens)
            } catch {
                switch error {
                case .crypto(let failure): throw KMSError(failure)
                case .token(let failure):
                    logger.warning(
                        "A token does not do what was asked",
                        metadata: ["key": "\(key.arnText)", "reason": "\(failure)"])
                    if failure.refusesLogin { store.refuse(code: failure.connectionErrorCode) }
                    throw .unavailable(key)
                }
            }
        }
        return try result.get()
    }
}

extension KMSError {
    /// What AWS answers when the store of a key does not do what was asked, whatever the reason is.
    ///
    /// Source: KMS API Reference, `KMSInvalidStateException`.
    fileprivate static func unavailable(_ key: KeySnapshot) -> KMSError {
        KMSError(.kmsInvalidState, "The custom key store of \(key.arnText) cannot use the key at present.")
    }
}
