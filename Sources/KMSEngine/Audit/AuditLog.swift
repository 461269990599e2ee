package import Foundation
package import KMSCrypto
package import Logging
import Synchronization
import TaskResumption

/// Keeps one line for each call, each tied to the one before it, in the order in which they were handed over.
///
/// Whoever hands a line over writes it at once: that copies a kilobyte into the system's cache, in less time than waking
/// another thread would take. A line that must survive a power cut is then waited for: a thread of its own syncs the file
/// once for all that wait. The others are on the disk a second later. The same thread begins new files and removes old ones.
package final class AuditLog: Sendable {
    /// When a record has to be on the disk.
    package enum Durability: Sendable {
        /// Before `append` returns.
        case now
        /// When the operator wants it.
        case byPolicy
        /// A second later at the latest, whatever the operator wants: the time that a sync takes would tell something.
        case later
    }

    private typealias Waiter = @Sendable (Result<Void, AuditFailure>) -> Void

    private struct Pending {
        var waiters: [Waiter] = []
        /// Those who are told of the next sync, and for whom it need not be soon.
        var listeners: [Waiter] = []
        /// Those who cannot write before there is another file.
        var writers: [CheckedContinuation<Void, Never>] = []
        var isClosed = false
        /// Whether listeners go on waiting.
        var isGathering = false
    }

    /// How long a record that nobody waits for is not on the disk, in seconds.
    private static let tick = 1
    /// How long listeners are gathered, in milliseconds: a sync for each change would keep the disk from those of the store.
    private static let gathering = 50

    let files: AuditFiles
    let chain: AuditChain
    let configuration: AuditConfiguration
    let clock: any Clock
    let logger: Logger
    /// Held while a line is written, so that lines stand one behind the other; not while the file is synced.
    let tail: Mutex<AuditTail>
    /// The last record that is on the disk.
    private let durable: Mutex<ChainLink>
    /// Where the log begins.
    let retention: Mutex<AuditRetention>
    private let pending = Mutex(Pending())
    /// Whether the last record could not be written.
    private let isFailing = Atomic(false)
    private let metrics: Metrics
    private let signal = DispatchSemaphore(value: 0)
    private let closed = DispatchSemaphore(value: 0)

    /// Opens or begins the log in `directory`, which is created when missing; all of it is for the owner only.
    ///
    /// A log whose end is not what `note` says is not refused: the server has to start after a disk was restored. What is
    /// wrong is logged, and recorded as an event of the log itself; the numbers of records that are missing are not given again.
    ///
    /// - Parameters:
    ///   - note: What is known of the log from before.
    ///   - base: The last record that was removed because it was old enough, as the store knows it.
    /// - Throws: ``AuditFailure`` when that cannot be done.
    package init(
        directory: URL, chain: AuditChain, note: KnownLog, base: ChainLink? = nil,
        configuration: AuditConfiguration = AuditConfiguration(), clock: any Clock, metrics: Metrics = Metrics(),
        logger: Logger
    ) throws(AuditFailure) {
        let today = UTCTime.day(of: clock.now)
        let opened = try AuditOpening(
            AuditFiles(directory: directory), note: note, chain: chain, today: today, sizeLimit: configuration.fileSize
        ).open()
        files = AuditFiles(directory: directory, older: opened.older)
        var tail = opened.tail
        if let discrepancy = opened.discrepancy {
            logger.critical("The audit log is not whole", metadata: ["reason": "\(discrepancy.reason)"])
            let event = AuditLogEvent.discrepancy(discrepancy, behind: tail.head, at: clock.now)
            // The file may be one of yesterday, which the event would be in.
            _ = try tail.append(UnchainedRecords(event.line()), on: opened.day, with: chain)
        }
        try tail.file?.sync()
        try files.sync()
        durable = Mutex(tail.head)
        retention = Mutex(AuditRetention(base: base, storedBase: base))
        self.tail = Mutex(tail)
        self.chain = chain
        self.configuration = configuration
        self.clock = clock
        self.metrics = metrics
        self.logger = logger
        let thread = Thread { [self] in workUntilClosed() }
        thread.name = "audit"
        thread.start()
    }

    /// Keeps `lines`, objects of JSON with a line feed behind each, and returns once they are in the file, and on the disk if
    /// they have to be.
    ///
    /// - Throws: ``AuditFailure`` when they could not be written: then the call that they record must not be answered as done.
    package func append(_ lines: [UInt8], _ durability: Durability = .byPolicy) async throws(AuditFailure) {
        // Hashed before the lock is taken, where others would wait for it.
        let records = UnchainedRecords(lines)
        while try !write(records) { await anotherFile() }
        switch durability {
        case .now: try await sync()
        case .byPolicy: if syncsEachGroup { try await sync() }
        case .later: break
        }
    }

    /// Writes records to the file, now.
    ///
    /// - Returns: False, with nothing written, when that has to wait for ``anotherFile()``.
    /// - Throws: ``AuditFailure`` when they could not be written.
    func write(_ records: UnchainedRecords) throws(AuditFailure) -> Bool {
        let today = UTCTime.day(of: clock.now)
        let isWritten = try metrics.auditAppends.measure { () throws(AuditFailure) in
            try tail.withLock { tail throws(AuditFailure) in
                try tail.append(records, on: today, with: chain)
            }
        }
        if isWritten { noteSuccess() }
        return isWritten
    }

    /// Whether every record has to be on the disk before its call is answered.
    var syncsEachGroup: Bool { configuration.sync == .everyGroup }

    /// Returns once everything that was written before is on the disk.
    ///
    /// - Throws: ``AuditFailure``.
    package func sync() async throws(AuditFailure) {
        let result = await withCheckedContinuation { waiter in whenSynced { waiter.resume(returning: $0) } }
        try result.get()
    }

    /// Calls `work` once everything that was written before is on the disk, or could not be brought there: on the thread of the
    /// log, before anybody who asks for that later hears of it.
    package func whenSynced(_ work: @escaping @Sendable (Result<Void, AuditFailure>) -> Void) {
        let isClosed = pending.withLock { pending in
            if !pending.isClosed { pending.waiters.append(work) }
            return pending.isClosed
        }
        if isClosed { work(.failure(.closed)) } else { signal.signal() }
    }

    /// As ``whenSynced(_:)``, but many who ask for it have one sync together, a moment later.
    package func whenNextSynced(_ work: @escaping @Sendable (Result<Void, AuditFailure>) -> Void) {
        let (isClosed, isFirst) = pending.withLock { pending in
            if !pending.isClosed { pending.listeners.append(work) }
            return (pending.isClosed, pending.listeners.count == 1)
        }
        if isClosed { work(.failure(.closed)) } else if isFirst { signal.signal() }
    }

    /// Returns once there may be room in another file.
    func anotherFile() async {
        await withCheckedContinuation { writer in
            let isClosed = pending.withLock { pending in
                if !pending.isClosed { pending.writers.append(writer) }
                return pending.isClosed
            }
            if isClosed { writer.resume() } else { signal.signal() }
        }
    }

    /// Lets the thread of the log look at what there is to do.
    func wake() { signal.signal() }

    /// Says in the server's log that a request could not be recorded; of those that follow nothing more is said until one can.
    ///
    /// - Parameter requestID: That of the first one that is refused.
    func report(_ failure: AuditFailure, of requestID: String?) {
        guard !isFailing.exchange(true, ordering: .relaxed) else { return }
        logger.critical(
            "The audit log cannot be written; until it can, requests are refused",
            metadata: ["request-id": "\(requestID ?? "")", "reason": "\(failure)"])
    }

    private func noteSuccess() {
        guard isFailing.load(ordering: .relaxed), isFailing.exchange(false, ordering: .relaxed) else { return }
        logger.notice("The audit log can be written again")
    }

    /// The last record that would survive a power cut.
    package var durableHead: ChainLink { durable.withLock { $0 } }

    /// Syncs the file and closes it.
    ///
    /// Lines handed over later are refused.
    package func close() {
        let wasClosed = pending.withLock { pending in
            defer { pending.isClosed = true }
            return pending.isClosed
        }
        guard !wasClosed else { return }
        signal.signal()
        closed.wait()
    }

    // MARK: Thread

    private func workUntilClosed() {
        var dayOfSearch = 0
        var isGathering = false
        while true {
            let patience: DispatchTimeInterval = isGathering ? .milliseconds(Self.gathering) : .seconds(Self.tick)
            let isTick = signal.wait(timeout: .now() + patience) == .timedOut
            let group = takePending(isTick: isTick)
            isGathering = group.isGathering
            if !group.writers.isEmpty {
                rotate()
                Resumption.together { for writer in group.writers { writer.resume() } }
            }
            if isTick || group.isClosed || !group.waiters.isEmpty {
                let result = makeDurable()
                Resumption.together { for waiter in group.listeners + group.waiters { waiter(result) } }
            }
            guard !group.isClosed else { break }
            let today = UTCTime.day(of: clock.now)
            if dayOfSearch != today, beginSearch(on: today) { dayOfSearch = today }
            announceOldFiles(on: today)
            removeOldFiles()
        }
        tail.withLock { $0.close() }
        closed.signal()
    }

    /// Takes what there is to do; listeners only where there is a sync anyway, or was none for long enough.
    private func takePending(isTick: Bool) -> Pending {
        pending.withLock { pending in
            var group = pending
            (pending.waiters, pending.writers) = ([], [])
            if isTick || group.isClosed || !group.waiters.isEmpty {
                pending.listeners = []
            } else {
                group.listeners = []
            }
            group.isGathering = !pending.listeners.isEmpty
            return group
        }
    }

    /// Makes everything durable that was written, once the file is what was written.
    func makeDurable() -> Result<Void, AuditFailure> {
        do throws(AuditFailure) {
            try repair()
        } catch {
            metrics.auditSyncs.failed()
            return .failure(error)
        }
        return Result { () throws(AuditFailure) in try syncFile() }
    }

    /// Makes everything durable that was written.
    ///
    /// - Throws: ``AuditFailure``; then nothing more is taken before the file was written anew: what the system could not
    ///   write it may have forgotten.
    func syncFile() throws(AuditFailure) {
        let (file, head) = tail.withLock { ($0.file, $0.head) }
        guard head != durableHead else { return }
        do throws(AuditFailure) {
            try metrics.auditSyncs.measure { () throws(AuditFailure) in try file?.sync() }
        } catch {
            tail.withLock { $0.failure = error }
            logger.critical("The audit log cannot be synced", metadata: ["reason": "\(error)"])
            throw error
        }
        durable.withLock { $0 = head }
    }
}
