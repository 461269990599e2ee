import KMSAccess
import KMSCrypto
import KMSModel
import KMSPKCS11
import Logging

// Custom key stores that have a token.

extension RequestContext {
    /// Does `work` with the sessions of a store, which has to be connected, on a thread that may wait.
    ///
    /// - Parameter undo: Called for work that was done when nobody waited for it any more, because the token hung meanwhile.
    /// - Throws: ``KMSError`` with `CustomKeyStoreInvalidStateException` when the store is not connected, or the token fails.
    func useTokens<Value: Sendable>(
        of store: KeyStore, undoing undo: @escaping @Sendable (Value) -> Void = { _ in },
        _ work: @escaping @Sendable (TokenKeyStore) throws(TokenFailure) -> Value
    ) async throws(KMSError) -> Value {
        guard let connection = store.tokens else { throw .invalidState(of: store) }
        let failed = KMSError(
            .customKeyStoreInvalidState, "The cluster of the custom key store cannot do it at present.")
        let result = try await connection.line.result(
            for: realm.account, orAfterAbandonment: failed, undoing: undo
        ) { () throws(TokenFailure) in
            try work(connection.tokens)
        }
        do throws(TokenFailure) {
            return try result.get()
        } catch {
            note(error, of: store, connection)
            throw failed
        }
    }

    /// Uses a key that is in the token of a store, on a thread that may wait.
    ///
    /// - Throws: ``KMSError``; `KMSInvalidStateException` when the token does not do it.
    func useTokens<Value: Sendable>(
        of store: KeyStore, _ key: KeySnapshot, for operation: OperationName,
        _ work: @escaping @Sendable (Keyring, TokenKeyStore) throws(TokenUseFailure) -> Value
    ) async throws(KMSError) -> Value {
        guard let connection = store.tokens else { throw .unavailable(key) }
        let result = try await connection.line.result(
            for: realm.account, orAfterAbandonment: .unavailable(key)
        ) { [self] () throws(KMSError) in
            try checkAgain(key, for: operation)
            do throws(TokenUseFailure) {
                return try work(keyring, connection.tokens)
            } catch {
                switch error {
                case .crypto(let failure): throw KMSError(failure)
                case .token(let failure):
                    note(failure, of: store, connection, key: key)
                    throw .unavailable(key)
                }
            }
        }
        return try result.get()
    }

    /// Tells the log, and gives up the connection if the token does not let anybody in any more.
    private func note(
        _ failure: TokenFailure, of store: KeyStore, _ connection: TokenConnection, key: KeySnapshot? = nil
    ) {
        var metadata: Logger.Metadata = [
            "key-store": "\(store.record.id)", "request-id": "\(requestID ?? "")", "reason": "\(failure)",
        ]
        if let key { metadata["key"] = "\(key.arnText)" }
        logger.warning("A token does not do what was asked", metadata: metadata)
        guard failure.refusesLogin else { return }
        store.lose(connection, code: failure.connectionErrorCode, isLasting: true)
    }
}
