import Foundation
import Glibc
import KMSModel
import Synchronization

extension AuditLog {
    /// How much room there has to be, in bytes: a few records of the largest requests would not fit, but most would.
    private static let room = 65_536

    /// Finds out, after a failure, whether there is room again beside the file and the disk takes it; that waits for the disk.
    ///
    /// - Throws: ``AuditFailure``.
    func probe() throws(AuditFailure) {
        guard tail.withLock({ $0.file != nil }) else { throw .closed }
        let path = files.directory.appendingPathComponent(".probe").path
        var probe = try AuditFile(path: path)
        defer {
            probe.close()
            unlink(path)
        }
        var nothing = ByteWriter(capacity: Self.room)
        nothing.append([UInt8](repeating: 0, count: Self.room))
        try probe.write(nothing)
        try probe.sync()
    }
}

extension DurabilityMetrics {
    /// Does `work`, and counts it with the time that it took.
    func measure<Value>(_ work: () throws(AuditFailure) -> Value) throws(AuditFailure) -> Value {
        let watch = Stopwatch()
        do throws(AuditFailure) {
            let value = try work()
            succeeded(watch)
            return value
        } catch {
            failed()
            throw error
        }
    }
}
