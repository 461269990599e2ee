package import Foundation
package import KMSCrypto
import KMSIdentity
import KMSModel
package import KMSStore
import Logging

/// Replaces the root key while requests are answered.
///
/// Each step is durable before the next begins, so a process that ends anywhere goes on where it was: the store has the new
/// root key wrapped under the old one and the old one under the new one, whichever of the two the seal then yields.
///
/// 1. A new root key is made and kept. From then on it wraps, and both open.
/// 2. The seal gets it.
/// 3. Everything in the store is wrapped anew.
/// 4. The store is marked with it. The old one is kept, wrapped, for the longest life of a token: sessions and imports that
///    began under it can end.
/// 5. The old one is forgotten.
package actor RootRotation {
    /// Puts the new root key in the place of the old one, durably.
    package typealias Sealing = @Sendable (RootKey) async throws -> Void

    /// The longest life of a token, in seconds: of a session that a user began (STS API Reference, GetSessionToken).
    private static let longestToken: TimeInterval = 36 * 3600

    /// Why a rotation does not begin, or does not come to its end.
    package enum Failure: Error, Sendable {
        /// One is under way.
        case underWay
        /// The store is being copied under the present root key (``withRootKeyAtRest(_:)``).
        case atRest
        /// The store failed before anything was changed.
        case notBegun(StoreError)
        /// This setting of the store does not open, without which no rotation can begin; none was begun.
        case damagedSetting(String)
        /// Sessions that began under the root key of before run until then.
        case tooSoon(until: Date)
        /// The server shuts down; the next start goes on.
        case interrupted
        /// The seal did not take the new root key, for this reason; it is offered again.
        case notSealed(String)
        case store(StoreError)
        case crypto(CryptoFailure)
    }

    /// How far a rotation is.
    package struct Progress: Sendable {
        /// How many keys and accounts were looked at.
        package let done: Int
        /// How many there are.
        package let all: Int
    }

    private let rewrapping: Rewrapping
    private let ledger: Ledger
    private let keyring: Keyring
    private let clock: any Clock
    private let logger: Logger
    private var state: RootKeyMarks.Progress
    private var occupation: Occupation?

    /// What keeps everything else from the root key: each takes several steps, between which this actor is free.
    private enum Occupation {
        case rotation
        case rest
    }

    init(_ state: RootKeyMarks.Progress, _ rewrapping: Rewrapping, clock: any Clock, logger: Logger) {
        self.state = state
        self.rewrapping = rewrapping
        ledger = rewrapping.ledger
        keyring = rewrapping.keyring
        self.clock = clock
        self.logger = logger
    }

    /// Whether one was begun that is not at its end.
    package var isUnderWay: Bool {
        switch state {
        case .begun, .sealed: true
        case .none, .retired: false
        }
    }

    /// Replaces the root key; returns when everything is under the new one.
    ///
    /// - Parameter endingSessions: Takes no token any more that was made under the old root key, for when others may have it:
    ///   temporary credentials end, and imports have to be begun anew.
    package func rotate(
        endingSessions: Bool, sealing: Sealing, onProgress: @Sendable (Progress) async -> Void = { _ in }
    ) async throws(Failure) -> RewrappingReport {
        if occupation == .rest { throw .atRest }
        guard occupation == nil, !isUnderWay else { throw .underWay }
        occupation = .rotation
        defer { occupation = nil }
        return try await Self.refusing {
            do {
                try await begin(endingSessions: endingSessions)
            } catch let error as StoreError {
                throw Failure.notBegun(error)
            }
            return try await finish(sealing, onProgress)
        }
    }

    private func begin(endingSessions: Bool) async throws {
        if case .retired(let retirement) = state {
            guard endingSessions else { throw Failure.tooSoon(until: Self.end(of: retirement)) }
            try await forgetPrevious()
        }
        let retirement = RootKeyMarks.Retirement(date: clock.now, takesTokens: !endingSessions)
        let succession = try makeSuccession(retirement)
        try await ledger.commit(RootKeyMarks.beginning(of: succession))
        try keyring.succeed(by: succession)
        state = .begun(retirement)
        logger.notice("A new root key takes the place of the present one")
    }

    private func makeSuccession(_ retirement: RootKeyMarks.Retirement) throws -> RootSuccession {
        do throws(CryptoFailure) {
            return try keyring.makeSuccession(retirement)
        } catch {
            guard error == .damagedRecord else { throw error }
            // The one record that it opens. Another key would give the same imported material another identifier.
            throw Failure.damagedSetting(RootKeyMarks.identifiers)
        }
    }

    /// Lends the root key to `work`, during which no rotation begins: what it reads of the store and of the seal goes with it.
    ///
    /// - Throws: ``Failure/underWay``, ``Failure/atRest`` when other work has it already, and whatever `work` throws.
    package func withRootKeyAtRest<Value: Sendable>(
        _ work: @Sendable (RootKey) async throws -> Value
    ) async throws -> Value {
        if occupation == .rest { throw Failure.atRest }
        guard occupation == nil, !isUnderWay else { throw Failure.underWay }
        occupation = .rest
        defer { occupation = nil }
        return try await keyring.withRootKey(work)
    }

    /// The setting of a store, or of a copy of one, that has the mark of its root key.
    package static var markSetting: String { RootKeyMarks.check }

    /// Does what time brings: goes on with a rotation that was interrupted, and forgets a root key that nothing needs.
    ///
    /// - Throws: ``Failure``; the next call tries again.
    package func doWhatIsDue(sealing: Sealing) async throws(Failure) {
        guard occupation == nil else { return }
        occupation = .rotation
        defer { occupation = nil }
        try await Self.refusing {
            switch state {
            case .none: return
            case .begun, .sealed:
                logger.notice("Going on with the rotation of the root key")
                _ = try await finish(sealing) { _ in }
            case .retired(let retirement):
                if clock.now >= Self.end(of: retirement) { try await forgetPrevious() }
            }
        }
    }

    private func finish(
        _ sealing: Sealing, _ onProgress: @Sendable (Progress) async -> Void
    ) async throws -> RewrappingReport {
        if case .begun(let retirement) = state {
            do {
                try await keyring.withRootKey(sealing)
            } catch {
                throw Failure.notSealed("\(error)")
            }
            state = .sealed(retirement)
        }
        guard case .sealed(var retirement) = state else { return RewrappingReport() }
        let all = try await rewrapping.extent
        let report = try await rewrapping.run { await onProgress(Progress(done: $0, all: max($0, all))) }
        retirement.date = clock.now
        try await ledger.commit(RootKeyMarks.end(keeping: keyring.makePredecessor(retirement)))
        state = .retired(retirement)
        logger.notice("The root key was rotated", metadata: ["secrets": "\(report.renewed)"])
        return report
    }

    /// Lets go of the previous root key, once no record needs it: a request that was under way when it was replaced may have
    /// left one.
    private func forgetPrevious() async throws {
        while try await rewrapping.run({ _ in }).renewed > 0 {}
        try await ledger.commit(RootKeyMarks.farewell(marking: keyring.makeCheck()))
        keyring.forgetPreviousRootKey()
        state = .none
        logger.notice("The root key of before the rotation was forgotten")
    }

    private static func end(of retirement: RootKeyMarks.Retirement) -> Date {
        retirement.date.addingTimeInterval(longestToken)
    }

    private static func refusing<Value>(
        isolation: isolated (any Actor)? = #isolation, _ work: () async throws -> Value
    ) async throws(Failure) -> Value {
        do {
            return try await work()
        } catch let failure as Failure {
            throw failure
        } catch let error as StoreError {
            throw .store(error)
        } catch let error as CryptoFailure {
            throw .crypto(error)
        } catch {
            throw .interrupted
        }
    }
}
