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
    private let keyring: Keyring
    private let ledger: Ledger
    private let turns: ChangeTurns
    private let logger: Logger

    init(
        directory: KeyStoreDirectory, clusters: [ClusterSetting], keyring: Keyring, ledger: Ledger, turns: ChangeTurns,
        logger: Logger
    ) {
        self.directory = directory
        self.clusters = Dictionary(clusters.map { ($0.id, $0) }) { first, _ in first }
        self.keyring = keyring
        self.ledger = ledger
        self.turns = turns
        self.logger = logger
    }

    /// Connects what is to be connected, now and whenever it becomes so.
    func begin() {
        directory.whenWanted { [self] store in connect(store) }
    }

    /// Tries those again that are to be connected and are not, for want of what may come back by itself.
    func retry() {
        for store in directory.all where store.record.connection == .connected { connect(store) }
    }

    private func connect(_ store: KeyStore) {
        guard let (record, attempt) = store.beginConnecting() else { return }
        // A thread of its own: a token may take minutes to answer.
        Thread.detachNewThread { [self] in
            let outcome = Result { () throws(ConnectionFailure) in try tokens(of: record) }
            Task { await end(store, attempt, record, outcome) }
        }
    }

    private func end(
        _ store: KeyStore, _ attempt: Int, _ record: CustomKeyStoreRecord,
        _ outcome: Result<TokenKeyStore, ConnectionFailure>
    ) async {
        let condition: KeyStore.Condition =
            switch outcome {
            case .success(let tokens): .connected(tokens)
            case .failure(let failure): .failed(code: failure.code, isLasting: failure.isRefusal)
            }
        // What was wanted meanwhile begins now.
        guard store.endConnecting(attempt, condition) else { return connect(store) }
        switch outcome {
        case .success: logger.info("A custom key store is connected", metadata: ["key-store": "\(record.id)"])
        case .failure(let failure):
            logger.error(
                "A custom key store could not be connected",
                metadata: ["key-store": "\(record.id)", "reason": "\(failure.reason)"])
            // Also after a start: a PIN that is tried again and again locks the token.
            if failure.isRefusal { await note(failure, of: record) }
        }
    }

    private func note(_ failure: ConnectionFailure, of record: CustomKeyStoreRecord) async {
        await turns.inTurn(at: [record.realm.keyStoreTurn]) {
            guard let present = directory.store(record.id, in: record.realm)?.record, present.connection == .connected
            else { return }
            do throws(StoreError) {
                try await ledger.commit(present.change { $0.connection = .failed(code: failure.code) })
            } catch {
                logger.error(
                    "The store was not told of a failed connection",
                    metadata: ["key-store": "\(record.id)", "reason": "\(error)"])
            }
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

    private func tokens(of record: CustomKeyStoreRecord) throws(ConnectionFailure) -> TokenKeyStore {
        guard case .cluster(let id, _) = record.backing else {
            throw ConnectionFailure(code: "INTERNAL_ERROR", reason: "it is of another type", isRefusal: false)
        }
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
    /// API model, `ConnectionErrorCodeType`.
    var connectionErrorCode: String {
        switch self {
        case .pinLocked: "USER_LOCKED_OUT"
        case _ where refusesLogin: "INVALID_CREDENTIALS"
        case .noToken, .severalTokens: "INSUFFICIENT_CLOUDHSM_HSMS"
        case .notLoadable, .notAModule: "CLUSTER_NOT_FOUND"
        case .refused: "NETWORK_ERRORS"
        default: "INTERNAL_ERROR"
        }
    }
}

extension Realm {
    /// What changes of the realm's custom key stores are in turn at.
    var keyStoreTurn: String { "key stores of \(account) in \(region)" }
}
