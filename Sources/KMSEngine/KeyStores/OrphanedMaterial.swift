import Dispatch
import KMSCrypto
import KMSModel
import KMSPKCS11
import Logging
import Synchronization

/// A key in a token that no KMS key has any more, or that none had ever.
///
/// Source: KMS Developer Guide, "Delete KMS keys from an AWS CloudHSM key store": "orphaned key material".
struct OrphanedMaterial: Sendable {
    let id: KeyMaterialID
    let key: KeyARN
    /// Whether it is known to have been made.
    let wasMade: Bool

    /// The same, made.
    var made: OrphanedMaterial { OrphanedMaterial(id: id, key: key, wasMade: true) }

    /// Has the log say where it may be, by what its owner finds it there.
    func tell(_ logger: Logger) {
        logger.warning(
            "A key that no KMS key has may still be in its token",
            metadata: ["key": "\(key)", "backing-key": "\(id)"])
    }
}

/// What is to be destroyed in the token of one key store, until it is.
///
/// Only memory knows of it: what is not destroyed when the process ends stays, which the log says.
final class OrphanedMaterials: Sendable {
    /// How much is remembered.
    private static let most = 10_000

    private struct State {
        /// Beside each whether the log has told of it.
        var orphans: [KeyMaterialID: (orphan: OrphanedMaterial, isTold: Bool)] = [:]
        /// What a token is making: what it is not done with when the process ends may be there too.
        var unfinished: [KeyMaterialID: OrphanedMaterial] = [:]
        /// Who is at it.
        var destroyer: TokenConnection?
    }

    private let state = Mutex(State())

    /// Those that there is no room for are only told of.
    func add(_ new: [OrphanedMaterial], _ logger: Logger) {
        let rest = state.withLock { state in
            let count = max(0, Self.most - state.orphans.count)
            for orphan in new.prefix(count) { state.orphans[orphan.id] = (orphan, false) }
            return new.dropFirst(count)
        }
        for orphan in rest { orphan.tell(logger) }
    }

    /// Notes that a token makes this while `making` is at it.
    func whileMaking<Failure: Error>(
        _ orphan: OrphanedMaterial, _ making: () throws(Failure) -> Void
    ) throws(Failure) {
        state.withLock { $0.unfinished[orphan.id] = orphan }
        defer { state.withLock { $0.unfinished[orphan.id] = nil } }
        try making()
    }

    /// Destroys all that can be, one after the other, in the background.
    func destroy(with connection: TokenConnection, _ logger: Logger) {
        let isAtWork = state.withLock { state in
            if state.destroyer === connection || state.orphans.isEmpty { return true }
            state.destroyer = connection
            return false
        }
        guard !isAtWork else { return }
        connection.destructions.async { [self] in
            var tried: Set<KeyMaterialID> = []
            while true {
                let rest = rest(for: connection, after: tried)
                guard !rest.isEmpty else { return }
                for orphan in rest {
                    tried.insert(orphan.id)
                    guard attempt(orphan, with: connection, logger) else { return leave(connection) }
                }
            }
        }
    }

    /// What was not tried yet; none when the work is over.
    private func rest(for connection: TokenConnection, after tried: Set<KeyMaterialID>) -> [OrphanedMaterial] {
        state.withLock { state in
            let rest = state.orphans.values.map(\.orphan).filter { !tried.contains($0.id) }
            if rest.isEmpty, state.destroyer === connection { state.destroyer = nil }
            return rest
        }
    }

    private func leave(_ connection: TokenConnection) {
        state.withLock { if $0.destroyer === connection { $0.destroyer = nil } }
    }

    /// - Returns: Whether the next may be tried.
    private func attempt(_ orphan: OrphanedMaterial, with connection: TokenConnection, _ logger: Logger) -> Bool {
        var metadata: Logger.Metadata = ["key": "\(orphan.key)", "backing-key": "\(orphan.id)"]
        do throws(TokenFailure) {
            let wasThere = try connection.tokens.destroyKey(orphan.id)
            let isTold = state.withLock { $0.orphans.removeValue(forKey: orphan.id)?.isTold } ?? false
            if wasThere {
                logger.log(level: isTold ? .notice : .info, "A key was destroyed in its token", metadata: metadata)
            } else {
                logger.log(
                    level: orphan.wasMade || isTold ? .warning : .info,
                    "The token shows no key that could be destroyed", metadata: metadata)
            }
            return true
        } catch {
            metadata["reason"] = "\(error)"
            if noteTold(orphan.id) { logger.warning("A key could not be destroyed in its token", metadata: metadata) }
            return error.isOfOneKey
        }
    }

    /// Has the log say which there are that it has not told of, for they are not destroyed now.
    func tell(_ logger: Logger) {
        for (orphan, isTold) in state.withLock({ Array($0.orphans.values) }) where !isTold {
            if noteTold(orphan.id) { orphan.tell(logger) }
        }
    }

    /// The same at the end, and what is not done by then.
    func tellAll(_ logger: Logger) {
        tell(logger)
        for orphan in state.withLock({ Array($0.unfinished.values) }) { orphan.tell(logger) }
    }

    /// Whether there is nothing to tell or to destroy.
    var isEmpty: Bool { state.withLock { $0.orphans.isEmpty && $0.unfinished.isEmpty } }

    /// - Returns: Whether the log is to tell of it now.
    private func noteTold(_ id: KeyMaterialID) -> Bool {
        state.withLock { state in
            guard let (orphan, isTold) = state.orphans[id], !isTold else { return false }
            state.orphans[id] = (orphan, true)
            return true
        }
    }
}

extension KeyStore {
    /// Destroys these in the token: now, or, while that is not possible, as soon as it is.
    ///
    /// AWS promises no more than to try.
    func destroy(_ new: [OrphanedMaterial], _ logger: Logger) {
        orphans.add(new, logger)
        destroyOrphans(logger)
    }

    /// Destroys what waits for that, if the store is connected.
    func destroyOrphans(_ logger: Logger) {
        guard let tokens else { return orphans.tell(logger) }
        orphans.destroy(with: tokens, logger)
    }
}

extension TokenFailure {
    /// Whether it says nothing of other keys.
    fileprivate var isOfOneKey: Bool {
        switch self {
        case .refused: !endsSession
        case .unfit: true
        default: false
        }
    }
}
