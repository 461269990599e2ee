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
/// A thread of its own writes the lines: it takes all that wait at once, so that calls that end together share one write
/// and one sync. Nobody's answer leaves before its line is in the file; a line that must be durable waits for the sync of
/// its group too, the others are synced with the next one that must.
package final class AuditLog: Sendable {
    private struct Pending {
        var lines: [UInt8] = []
        var mustSync = false
        var waiters: [CheckedContinuation<Result<Void, AuditFailure>, Never>] = []
        var isClosed = false
    }

    private let pending = Mutex(Pending())
    private let signal = DispatchSemaphore(value: 0)
    private let closed = DispatchSemaphore(value: 0)
    private let file: Int32

    /// Opens or creates the file `audit.jsonl` in `directory`, which is created when missing, both for the owner only.
    ///
    /// - Throws: ``AuditFailure`` when that cannot be done.
    package init(directory: URL) throws(AuditFailure) {
        let path = directory.appendingPathComponent("audit.jsonl").path
        guard mkdir(directory.path, 0o700) == 0 || errno == EEXIST else {
            throw .system("create the directory \(directory.path)")
        }
        file = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw .system("open \(path)") }
        Self.endLastLine(of: file)
        let thread = Thread { [self] in run() }
        thread.name = "audit"
        thread.start()
    }

    /// Keeps `line`, and returns once it is in the file; with `durably`, once it would survive a power cut.
    ///
    /// - Throws: ``AuditFailure`` when it could not be written: then the call that it records must not be answered as done.
    package func append(_ line: [UInt8], durably: Bool) async throws(AuditFailure) {
        let result = await withCheckedContinuation { continuation in
            let isClosed = pending.withLock { pending in
                guard !pending.isClosed else { return true }
                pending.lines.append(contentsOf: line)
                pending.mustSync = pending.mustSync || durably
                pending.waiters.append(continuation)
                return false
            }
            if isClosed {
                continuation.resume(returning: .failure(AuditFailure("The audit log is closed.")))
            } else {
                signal.signal()
            }
        }
        try result.get()
    }

    /// Writes what waits, syncs the file and ends the thread. Lines handed over later are refused.
    package func close() {
        let wasClosed = pending.withLock { pending in
            defer { pending.isClosed = true }
            return pending.isClosed
        }
        guard !wasClosed else { return }
        signal.signal()
        closed.wait()
    }

    private func run() {
        while true {
            signal.wait()
            let (group, isClosed) = pending.withLock { pending in
                let group = pending
                pending.lines.removeAll(keepingCapacity: false)
                pending.waiters.removeAll(keepingCapacity: true)
                pending.mustSync = false
                return (group, pending.isClosed)
            }
            if !group.waiters.isEmpty {
                let result = keep(group.lines, durably: group.mustSync)
                for waiter in group.waiters { waiter.resume(returning: result) }
            }
            guard !isClosed else { break }
        }
        fdatasync(file)
        _ = Glibc.close(file)
        closed.signal()
    }

    private func keep(_ lines: [UInt8], durably: Bool) -> Result<Void, AuditFailure> {
        let end = lseek(file, 0, SEEK_END)
        guard lines.withUnsafeBytes({ write(all: $0) }) else {
            let failure = AuditFailure.system("write to the audit log")
            // What was written of the group must not stand before the next group's first line.
            if end >= 0 { ftruncate(file, end) }
            return .failure(failure)
        }
        guard !durably || fdatasync(file) == 0 else { return .failure(.system("sync the audit log")) }
        return .success(())
    }

    private func write(all bytes: UnsafeRawBufferPointer) -> Bool {
        var position = 0
        while position < bytes.count {
            let count = Glibc.write(file, bytes.baseAddress?.advanced(by: position), bytes.count - position)
            if count >= 0 { position += count } else if errno != EINTR { return false }
        }
        return true
    }

    /// Ends a line that a crash cut off, so that the next record stands alone.
    private static func endLastLine(of file: Int32) {
        let end = lseek(file, 0, SEEK_END)
        var last: UInt8 = 0x0A
        guard end > 0, pread(file, &last, 1, end - 1) == 1, last != 0x0A else { return }
        last = 0x0A
        _ = Glibc.write(file, &last, 1)
    }
}

extension AuditFailure {
    fileprivate static func system(_ attempt: String) -> AuditFailure {
        AuditFailure("Cannot \(attempt): \(String(cString: strerror(errno)))")
    }
}
