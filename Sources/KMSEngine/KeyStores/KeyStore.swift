import Foundation
import KMSCrypto
import KMSModel
import KMSPKCS11
import Synchronization

/// A custom key store as this process knows it: what is stored of it, and the way to it.
final class KeyStore: Sendable {
    /// Where the connection is.
    ///
    /// Source: API model, `ConnectionStateType`; KMS Developer Guide, "Connect and disconnect an AWS CloudHSM key store".
    enum Condition {
        case disconnected
        case connecting
        case connected(Way)
        /// - Parameter isLasting: Whether it stays so until somebody disconnects the store.
        case failed(code: String, isLasting: Bool)

        var name: String {
            switch self {
            case .disconnected: "DISCONNECTED"
            case .connecting: "CONNECTING"
            case .connected: "CONNECTED"
            case .failed: "FAILED"
            }
        }

        fileprivate var tokens: TokenConnection? {
            if case .connected(.tokens(let tokens)) = self { tokens } else { nil }
        }
    }

    /// What a connected store is used by.
    enum Way {
        /// Sessions with a token.
        case tokens(TokenConnection)
        /// Nothing that stays: each request to a proxy is one for itself, by what the record says then.
        case proxy
    }

    fileprivate struct State {
        var record: CustomKeyStoreRecord
        var condition: Condition
        /// Which of the times that it was told to connect the condition is of.
        var connectCount: Int64 = 0
        /// Grows when what is under way is not wanted any more.
        var attempt = 0
        /// Whether a thread is on its way to the token, wanted or not: there is one at the most.
        var isAtWork = false
        /// The lines of connections that are over, where threads may still wait for the token.
        var abandoned: [FairLine] = []
    }

    /// How many threads may wait for a token that hangs, before it is left alone until it has answered some of them.
    private static let mostStuck = 32

    private let state: Mutex<State>
    /// How often its keys were used just now.
    let admission = Admission()
    /// What is to be destroyed in its token.
    let orphans = OrphanedMaterials()

    init(_ record: CustomKeyStoreRecord) {
        let condition: Condition =
            if case .failed(let code) = record.connection {
                .failed(code: code, isLasting: true)
            } else {
                .disconnected
            }
        state = Mutex(State(record: record, condition: condition))
    }

    /// What the store holds of it.
    var record: CustomKeyStoreRecord { state.withLock { $0.record } }

    /// Where the connection is.
    var condition: Condition { state.withLock { $0.condition } }

    /// Whether its keys can be used.
    var isConnected: Bool { if case .connected = condition { true } else { false } }

    /// Sessions with the token; nil while there are none, and for a store that has no token.
    var tokens: TokenConnection? { state.withLock { $0.condition.tokens } }

    /// Takes over what is stored by now, and lets go of a connection that is not wanted.
    ///
    /// - Returns: Whether it is to be connected, and nobody is at it; then whoever calls has to.
    func update(_ record: CustomKeyStoreRecord) -> Bool {
        let (isWanted, old) = state.withLock { state -> (Bool, TokenConnection?) in
            guard record.version >= state.record.version else { return (false, nil) }
            state.record = record
            switch (record.connection, state.condition) {
            case (.connected, .disconnected): return (true, nil)
            // It was disconnected, and perhaps changed, in between.
            case (.connected, _) where record.connectCount != state.connectCount:
                return (true, state.end(as: .disconnected))
            case (.connected, _): return (false, nil)
            case (.disconnected, _): return (false, state.end(as: .disconnected))
            case (.failed(let code), _): return (false, state.end(as: .failed(code: code, isLasting: true)))
            }
        }
        Self.release(old)
        return isWanted
    }

    /// Begins to connect, if that is wanted and was not refused.
    ///
    /// - Returns: The record to connect by, and what the end of it is told by.
    func beginConnecting() -> (record: CustomKeyStoreRecord, attempt: Int)? {
        state.withLock { state in
            guard state.record.connection == .connected else { return nil }
            switch state.condition {
            case .connected, .failed(_, isLasting: true): return nil
            case .connecting where state.isAtWork: return nil
            case .connecting, .disconnected, .failed: break
            }
            state.connectCount = state.record.connectCount
            guard state.stuckCount < Self.mostStuck else {
                state.condition = .failed(code: TokenFailure.hangingCode, isLasting: false)
                return nil
            }
            state.condition = .connecting
            // Somebody is on the way for what was wanted before; who comes back begins anew.
            guard !state.isAtWork else { return nil }
            state.isAtWork = true
            state.attempt += 1
            return (state.record, state.attempt)
        }
    }

    /// Ends what ``beginConnecting()`` began.
    ///
    /// - Returns: Whether it was still wanted.
    func endConnecting(_ attempt: Int, _ condition: Condition) -> Bool {
        let (isWanted, old) = state.withLock { state -> (Bool, TokenConnection?) in
            state.isAtWork = false
            guard state.attempt == attempt else { return (false, condition.tokens) }
            return (true, state.end(as: condition))
        }
        Self.release(old)
        return isWanted
    }

    /// Notes that the token of this connection, if it is still the store's, does not let anybody in any more, or does not answer.
    ///
    /// - Parameter isLasting: Whether it stays so until somebody disconnects the store.
    /// - Returns: Whether it was still the store's.
    @discardableResult
    func lose(_ connection: TokenConnection, code: String, isLasting: Bool) -> Bool {
        let old = state.withLock { state in
            state.condition.tokens === connection ? state.end(as: .failed(code: code, isLasting: isLasting)) : nil
        }
        Self.release(old)
        return old != nil
    }

    /// Lets go of what it has, as it is gone.
    func close() { Self.release(state.withLock { $0.end(as: .disconnected) }) }

    /// Ends sessions on a thread of their own: that waits for the device, and nobody may wait for it under a lock.
    private static func release(_ connection: TokenConnection?) {
        guard let connection else { return }
        connection.tokens.refuseLogins()
        connection.line.abandon()
        Thread.detachNewThread {
            // What is to be destroyed is, in the sessions that there are.
            connection.destructions.sync {}
            connection.tokens.close()
        }
    }
}

extension KeyStore.State {
    /// - Returns: The sessions that there were.
    fileprivate mutating func end(as condition: KeyStore.Condition) -> TokenConnection? {
        let old = self.condition.tokens
        self.condition = condition
        attempt += 1
        if let old { abandoned.append(old.line) }
        return old
    }

    /// How many threads wait for the token that nobody waits for any more.
    fileprivate var stuckCount: Int {
        mutating get {
            abandoned.removeAll { $0.runningCount == 0 }
            return abandoned.reduce(0) { $0 + $1.runningCount }
        }
    }
}
