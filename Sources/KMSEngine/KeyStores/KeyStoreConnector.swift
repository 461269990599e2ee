import Foundation
import KMSCrypto
import KMSModel
import KMSPKCS11
import KMSStore
import Logging

/// Brings the connections of custom key stores about, in the background: whoever asks for one has its answer by then.
///
/// Source: KMS API Reference, ConnectCustomKeyStore: it answers at once, and a failure shows in DescribeCustomKeyStores.
final class KeyStoreConnector: Sendable {
    private let directory: KeyStoreDirectory
    private let clusters: [String: ClusterSetting]
    private let proxies: ExternalProxies
    private let keyring: Keyring
    private let ledger: Ledger
    private let turns: ChangeTurns
    private let logger: Logger

    init(
        directory: KeyStoreDirectory, clusters: [ClusterSetting], proxies: ExternalProxies, keyring: Keyring,
        ledger: Ledger, turns: ChangeTurns, logger: Logger
    ) {
        self.directory = directory
        self.clusters = Dictionary(clusters.map { ($0.id, $0) }) { first, _ in first }
        self.proxies = proxies
        self.keyring = keyring
        self.ledger = ledger
        self.turns = turns
        self.logger = logger
    }

    /// Connects what is to be connected, now and whenever it becomes so, and gives up what hangs.
    func begin() {
        // Beside everything else, to the very end: nobody else lets go who waits for a token.
        Task { [weak self] in
            while self?.giveUpHanging() != nil { try? await Task.sleep(for: .seconds(1)) }
        }
        directory.whenWanted { [weak self] store in self?.connect(store) }
        for store in directory.all where store.record.connection == .connected {
            connect(store, isAgain: store.record.isEstablished)
        }
    }

    /// Gives up connections to tokens that do not do what they were asked to, and lets nobody wait for them any longer.
    private func giveUpHanging() {
        for store in directory.all {
            guard let connection = store.tokens, connection.hangs(),
                store.lose(connection, code: TokenFailure.hangingCode, isLasting: false)
            else { continue }
            logger.error(
                "A token does not answer, and is not connected any more",
                metadata: ["key-store": "\(store.record.id)"])
        }
    }

    /// Tries those again that are to be connected and are not, for want of what may come back by itself, and what could not be
    /// destroyed in their tokens.
    func retry() {
        for store in directory.all {
            if store.record.connection == .connected { connect(store) }
            store.destroyOrphans(logger)
        }
        for orphans in directory.takeLeftBehind() { orphans.tellAll(logger) }
    }

    /// - Parameter isAgain: Whether it was connected when this process began: then a proxy is not asked anew, for a store stays
    ///   connected however its proxy is.
    private func connect(_ store: KeyStore, isAgain: Bool = false) {
        guard let (record, attempt) = store.beginConnecting() else { return }
        switch record.backing {
        case .cluster(let id, _):
            // A thread of its own: a token may take minutes to answer.
            Thread.detachNewThread { [self] in
                let outcome = Result { () throws(ConnectionFailure) in
                    KeyStore.Way.tokens(TokenConnection(try tokens(of: record, cluster: id), of: record.id))
                }
                Task { await end(store, attempt, record, outcome) }
            }
        case .proxy(let proxy):
            Task {
                let outcome: Result<KeyStore.Way, ConnectionFailure>
                do throws(ConnectionFailure) {
                    try await lookAt(proxy, of: record, isAgain: isAgain)
                    outcome = .success(.proxy)
                } catch {
                    outcome = .failure(error)
                }
                await end(store, attempt, record, outcome)
            }
        }
    }

    private func lookAt(
        _ proxy: XksProxyRecord, of record: CustomKeyStoreRecord, isAgain: Bool
    ) async throws(ConnectionFailure) {
        let occasion = ExternalProxy.Occasion(
            operation: OperationName.connectCustomKeyStore.rawValue, requestID: RequestID.make())
        do throws(ExternalKeyFailure) {
            let proxy = try proxies.proxy(of: record, proxy)
            if !isAgain { try await proxy.checkHealth(for: occasion) }
        } catch {
            throw ConnectionFailure(
                code: error.connectionErrorCode, reason: error.description, isRefusal: error.isLasting)
        }
    }

    private func end(
        _ store: KeyStore, _ attempt: Int, _ record: CustomKeyStoreRecord,
        _ outcome: Result<KeyStore.Way, ConnectionFailure>
    ) async {
        let condition: KeyStore.Condition =
            switch outcome {
            case .success(let way): .connected(way)
            case .failure(let failure): .failed(code: failure.code, isLasting: failure.isRefusal)
            }
        // What was wanted meanwhile begins now.
        guard store.endConnecting(attempt, condition) else { return connect(store) }
        switch outcome {
        case .success:
            logger.info("A custom key store is connected", metadata: ["key-store": "\(record.id)"])
            store.destroyOrphans(logger)
            if !record.isEstablished { await note(of: record) { $0.lastEstablished = record.connectCount } }
        case .failure(let failure):
            logger.error(
                "A custom key store could not be connected",
                metadata: ["key-store": "\(record.id)", "reason": "\(failure.reason)"])
            // Also after a start, and on other nodes: a PIN that is tried again and again locks the token. What is between one
            // node and a proxy is its own.
            if failure.isRefusal, record.cluster != nil {
                await note(of: record) { $0.connection = .failed(code: failure.code) }
            }
        }
    }

    /// How often the store is told how a connection came out, while others change the same.
    private static let attempts = 5

    /// Tells the store how what it was to be came out, unless it is to be something else by now.
    private func note(
        of record: CustomKeyStoreRecord, _ outcome: @Sendable (inout CustomKeyStoreRecord) -> Void
    ) async {
        for _ in 0..<Self.attempts {
            if await turns.inTurn(at: [record.id.connectionTurn], { await isNoted(of: record, outcome) }) { return }
            // What another node made of it comes with the feed.
            try? await Task.sleep(for: .seconds(1))
        }
        logger.error(
            "The store was not told of a connection, for others changed it again and again",
            metadata: ["key-store": "\(record.id)"])
    }

    /// - Returns: Whether there is nothing left to tell.
    private func isNoted(
        of record: CustomKeyStoreRecord, _ outcome: @Sendable (inout CustomKeyStoreRecord) -> Void
    ) async -> Bool {
        guard let present = directory.store(record.id, in: record.realm)?.record, present.connection == .connected,
            present.connectCount == record.connectCount
        else { return true }
        var noted = present
        outcome(&noted)
        guard noted != present else { return true }
        do throws(StoreError) {
            try await ledger.commit(present.change(outcome))
            return true
        } catch {
            if error.isConflict { return false }
            logger.error(
                "The store was not told of a connection",
                metadata: ["key-store": "\(record.id)", "reason": "\(error)"])
            return true
        }
    }

    // MARK: Tokens

    /// Why there is no connection.
    fileprivate struct ConnectionFailure: Error {
        /// API model, `ConnectionErrorCodeType`.
        let code: String
        let reason: String
        /// Whether the token refused what it was to be opened with: to try that again may lock it.
        let isRefusal: Bool
    }

    private func tokens(
        of record: CustomKeyStoreRecord, cluster id: String
    ) throws(ConnectionFailure) -> TokenKeyStore {
        guard let cluster = clusters[id], cluster.realm == record.realm else {
            throw ConnectionFailure(
                code: "CLUSTER_NOT_FOUND", reason: "the configuration has no cluster \(id)", isRefusal: false)
        }
        let pin: SecretBytes
        do throws(CryptoFailure) {
            pin = try keyring.openSecret(record.wrappedSecret, of: record.id, in: record.realm)
        } catch {
            throw ConnectionFailure(code: "INTERNAL_ERROR", reason: "its password does not open", isRefusal: false)
        }
        do throws(TokenFailure) {
            return try TokenKeyStore(token: cluster.token, module: cluster.module, pin: pin)
        } catch {
            throw ConnectionFailure(error)
        }
    }
}

extension KeyStoreConnector.ConnectionFailure {
    fileprivate init(_ failure: TokenFailure) {
        self.init(code: failure.connectionErrorCode, reason: failure.description, isRefusal: failure.refusesLogin)
    }
}

extension TokenFailure {
    /// What a store is called whose device does not answer (API model, `ConnectionErrorCodeType`).
    static let hangingCode = "NETWORK_ERRORS"

    /// API model, `ConnectionErrorCodeType`.
    var connectionErrorCode: String {
        switch self {
        case .pinLocked: "USER_LOCKED_OUT"
        case _ where refusesLogin: "INVALID_CREDENTIALS"
        case .noToken, .severalTokens: "INSUFFICIENT_CLOUDHSM_HSMS"
        case .notLoadable, .notAModule: "CLUSTER_NOT_FOUND"
        case .refused: Self.hangingCode
        default: "INTERNAL_ERROR"
        }
    }
}

extension Realm {
    /// What is in turn at that makes custom key stores of the realm, or may give one what another has.
    var keyStoreTurn: String { "key stores of \(account) in \(region)" }
}

extension CustomKeyStoreID {
    /// What is in turn at that a key store must not change, or go, meanwhile.
    var turn: String { "key store \(self)" }

    /// What is in turn at that connects a key store or disconnects it: these wait for nothing that a device or a proxy does.
    var connectionTurn: String { "connection of \(self)" }
}
