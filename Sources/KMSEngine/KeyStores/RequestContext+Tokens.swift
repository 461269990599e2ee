import KMSAccess
import KMSCrypto
import KMSModel
import KMSPKCS11
import Logging

// Custom key stores that have a token.

extension RequestContext {
    /// The sessions of a custom key store with a token, which has to be connected.
    ///
    /// - Throws: ``KMSError`` with `CustomKeyStoreInvalidStateException`.
    func tokens(of store: KeyStore) throws(KMSError) -> TokenKeyStore {
        guard let tokens = store.tokens else { throw .invalidState(of: store) }
        return tokens
    }

    /// Does `work` with the sessions of a store, which has to be connected, on a thread that may wait.
    ///
    /// - Throws: ``KMSError`` with `CustomKeyStoreInvalidStateException` when the store is not connected, or the token fails.
    func useTokens<Value: Sendable>(
        of store: KeyStore, _ work: @escaping @Sendable (TokenKeyStore) throws(TokenFailure) -> Value
    ) async throws(KMSError) -> Value {
        let tokens = try tokens(of: store)
        let result = try await store.line.result(for: realm.account) { () throws(TokenFailure) in
            try work(tokens)
        }
        do throws(TokenFailure) {
            return try result.get()
        } catch {
            logger.warning("A token does not do what was asked", metadata: ["reason": "\(error)"])
            throw KMSError(.customKeyStoreInvalidState, "The cluster of the custom key store cannot do it at present.")
        }
    }

    /// Uses a key that is in the token of a store, on a thread that may wait.
    ///
    /// - Throws: ``KMSError``; `KMSInvalidStateException` when the token does not do it.
    func useTokens<Value: Sendable>(
        of store: KeyStore, _ key: KeySnapshot, for operation: OperationName,
        _ work: @escaping @Sendable (Keyring, TokenKeyStore) throws(TokenUseFailure) -> Value
    ) async throws(KMSError) -> Value {
        let result = try await store.line.result(for: realm.account) { [self] () throws(KMSError) in
            try checkAgain(key, for: operation)
            guard let tokens = store.tokens else { throw .unavailable(key) }
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
