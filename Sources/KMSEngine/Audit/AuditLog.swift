package import Foundation
import Glibc
import Synchronization

/// Why a record could not be kept; the text is for the log, not for callers.
package struct AuditFailure: Error, Sendable, CustomStringConvertible {
    package let description: String

    package init(_ description: String) { self.description = description }
}

/// Keeps one line for each call, in the order in which they were handed over.
///
/// Whoever hands a line over writes it at once: that copies a kilobyte into the system's cache, in less time than waking
/// another thread would take. A line that must survive a power cut is then waited for: a thread of its own syncs the file
/// once for all that wait. The others are on the disk with the next sync.
package final class AuditLog: Sendable {
    private typealias Waiter = CheckedContinuation<Result<Void, AuditFailure>, Never>

    private struct Pending {
        var waiters: [Waiter] = []
        var isClosed = false
    }

    /// Where the file is.
    let url: URL
    /// Held while a line is written, so that lines stand one behind the other; not while the file is synced.
    private let file: Mutex<Int32>
    private let pending = Mutex(Pending())
    private let metrics: Metrics
    private let signal = DispatchSemaphore(value: 0)
    private let closed = DispatchSemaphore(value: 0)

    /// Opens or creates the file `audit.jsonl` in `directory`, which is created when missing, both for the owner only.
    ///
    /// - Throws: ``AuditFailure`` when that cannot be done.
    package init(directory: URL, metrics: Metrics = Metrics()) throws(AuditFailure) {
        self.metrics = metrics
        url = directory.appendingPathComponent("audit.jsonl")
        let path = url.path
        guard mkdir(directory.path, 0o700) == 0 || errno == EEXIST else {
            throw .system("create the directory \(directory.path)")
        }
        let descriptor = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw .system("open \(path)") }
        guard Self.dropHalfLine(at: descriptor) else { throw .system("read or shorten \(path)") }
        file = Mutex(descriptor)
        let thread = Thread { [self] in syncUntilClosed() }
        thread.name = "audit"
        thread.start()
    }

    /// Keeps `line`, and returns once it is in the file; with `durably`, once it would survive a power cut.
    ///
    /// - Throws: ``AuditFailure`` when it could not be written: then the call that it records must not be answered as done.
    package func append(_ line: [UInt8], durably: Bool) async throws(AuditFailure) {
        try metered(metrics.auditAppends) { () throws(AuditFailure) in
            try file.withLock { file throws(AuditFailure) in try Self.write(line, to: file) }
        }
        guard durably else { return }
        let result = await withCheckedContinuation { (waiter: Waiter) in
            let isClosed = pending.withLock { pending in
                if !pending.isClosed { pending.waiters.append(waiter) }
                return pending.isClosed
            }
            if isClosed { waiter.resume(returning: .failure(.closed)) } else { signal.signal() }
        }
        try result.get()
    }

    /// Finds out, after a failure, whether there is room again beside the file and the disk takes it; that waits for the disk.
    ///
    /// - Throws: ``AuditFailure``.
    func probe() throws(AuditFailure) {
        guard file.withLock({ $0 >= 0 }) else { throw .closed }
        let path = url.deletingLastPathComponent().appendingPathComponent(".probe").path
        let probe = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard probe >= 0 else { throw .system("create a file beside the audit log") }
        defer {
            _ = Glibc.close(probe)
            unlink(path)
        }
        let piece = [UInt8](repeating: 0, count: 65_536)
        try Self.write(piece, to: probe)
        guard fdatasync(probe) == 0 else { throw .system("sync a file beside the audit log") }
    }

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
        file.withLock { file in
            fdatasync(file)
            _ = Glibc.close(file)
            file = -1
        }
    }

    private func syncUntilClosed() {
        while true {
            signal.wait()
            let group = pending.withLock { pending in
                defer { pending.waiters.removeAll(keepingCapacity: true) }
                return pending
            }
            if !group.waiters.isEmpty {
                let descriptor = file.withLock { $0 }
                let result = Result { () throws(AuditFailure) in
                    try metered(metrics.auditSyncs) { () throws(AuditFailure) in
                        guard fdatasync(descriptor) == 0 else { throw .system("sync the audit log") }
                    }
                }
                for waiter in group.waiters { waiter.resume(returning: result) }
            }
            guard !group.isClosed else { break }
        }
        closed.signal()
    }

    private func metered(
        _ metrics: DurabilityMetrics, _ work: () throws(AuditFailure) -> Void
    ) throws(AuditFailure) {
        let watch = Stopwatch()
        do throws(AuditFailure) {
            try work()
            metrics.succeeded(watch)
        } catch {
            metrics.failed()
            throw error
        }
    }

    // MARK: File

    private static func write(_ line: [UInt8], to file: Int32) throws(AuditFailure) {
        guard file >= 0 else { throw .closed }
        var position = 0
        while position < line.count {
            let count = line.withUnsafeBytes {
                Glibc.write(file, $0.baseAddress?.advanced(by: position), $0.count - position)
            }
            if count >= 0 {
                position += count
            } else if errno != EINTR {
                let failure = AuditFailure.system("write to the audit log")
                // What was written of the line must not stand before the next one.
                let end = lseek(file, 0, SEEK_END)
                if position > 0, end >= position { ftruncate(file, end - position) }
                throw failure
            }
        }
    }

    /// Takes away a line that a crash cut off.
    ///
    /// It is of a call that was not answered, or the store still has all of it; after a power cut it can be of one that
    /// needed no sync. Where the file may not be shortened, the line is ended, so that the next record stands alone.
    ///
    /// - Returns: Whether the file now ends with a whole line; `errno` says why not.
    private static func dropHalfLine(at file: Int32) -> Bool {
        let size = lseek(file, 0, SEEK_END)
        guard size >= 0 else { return false }
        var end = size
        var piece = [UInt8](repeating: 0, count: 4096)
        while end > 0 {
            let count = Int(min(end, off_t(piece.count)))
            guard pread(file, &piece, count, end - off_t(count)) == count else { return false }
            if let last = piece[..<count].lastIndex(of: 0x0A) {
                end -= off_t(count - last - 1)
                break
            }
            end -= off_t(count)
        }
        if end == size || ftruncate(file, end) == 0 { return true }
        var lineFeed: UInt8 = 0x0A
        return Glibc.write(file, &lineFeed, 1) == 1
    }
}

extension AuditFailure {
    fileprivate static let closed = AuditFailure("The audit log is closed.")

    fileprivate static func system(_ attempt: String) -> AuditFailure {
        AuditFailure("Cannot \(attempt): \(String(cString: strerror(errno)))")
    }
}
