import Foundation
import Glibc
import KMSCrypto
import KMSModel
import Logging
import Synchronization

// The file that is written, when it is no longer what was written there: somebody took it away, changed it, or the disk lost a
// part of it. Nothing more is answered as durable before it is put right; what the server has open is not lost by any name.

extension AuditLog {
    /// Sees to it that what was written is in the file, and the file in its place.
    ///
    /// - Throws: ``AuditFailure`` when that cannot be done, and when records may be lost: those who wait for them have to
    ///   hand them over again.
    func repair() throws(AuditFailure) {
        let path = files.current.path
        let (state, failure) = tail.withLock { ($0.file?.state(at: path), $0.failure) }
        switch state {
        // What the system could not write it may have forgotten, and says so once.
        case .intact? where failure != nil: try writeAnew()
        case .intact?, nil: return
        case .displaced?:
            try writeAnew()
            try report("The file that is written was taken away while the server ran, and is there again.")
        case .resized(let size)?:
            try goOnBehind("The file that is written had \(size) bytes, which the server did not write.")
        }
    }

    /// Writes all of the file that is open into a new one, and goes on in that.
    private func writeAnew() throws(AuditFailure) {
        guard let old = tail.withLock({ $0.beginRepair() }) else { return }
        var file = old
        do throws(AuditFailure) {
            let copy = try files.writeCurrentAnew(from: file) { copy throws(AuditFailure) in
                var scan = ChainScan(chain: chain, known: durableHead, origin: durableHead)
                try scan.read(&copy)
                return (scan.last ?? durableHead) == tail.withLock { $0.head } && scan.strangers.count == 0
            }
            guard let copy else {
                tail.withLock { $0.endRepair(in: file) }
                return try goOnBehind("Records of the file that is written are lost.")
            }
            // From here on it is the file, also when the system cannot say so to the disk yet.
            file = copy
            old.close()
            try files.sync()
            tail.withLock { tail in
                tail.endRepair(in: copy)
                tail.failure = nil
            }
        } catch {
            throw giveUp(on: file, error)
        }
    }

    /// Leaves the file to what it is, and goes on in another one.
    private func goOnBehind(_ reason: String) throws(AuditFailure) {
        guard let (file, closed) = tail.withLock({ $0.beginReplacement() }) else { return }
        do throws(AuditFailure) {
            // What is durable in the next file makes all in front of it count as that.
            try file.sync()
            let next = try files.leaveCurrent(file, as: closed)
            do throws(AuditFailure) {
                try begin(next, behind: file, reason)
            } catch {
                next.close()
                throw error
            }
            file.close()
        } catch {
            throw giveUp(on: file, error)
        }
        try syncFile()
        throw AuditFailure(reason)
    }

    /// Goes on in `next`, with a record that says why as its first: it tells a start what it stands behind, which may be lost.
    private func begin(_ next: AuditFile, behind file: AuditFile, _ reason: String) throws(AuditFailure) {
        let now = clock.now
        let today = UTCTime.day(of: now)
        logger.critical("The audit log is not whole", metadata: ["reason": "\(reason)"])
        try tail.withLock { tail throws(AuditFailure) in
            let discrepancy = AuditDiscrepancy(reason: reason, known: durableHead, found: tail.head)
            let event = AuditLogEvent.discrepancy(discrepancy, behind: tail.head, at: now)
            let earlier = tail.failure
            tail.endRotation(in: next, on: today, sizeLimit: configuration.fileSize)
            tail.failure = nil
            do throws(AuditFailure) {
                _ = try tail.append(UnchainedRecords(event.line()), on: today, with: chain)
            } catch {
                // Nobody may write before it stands there.
                tail.endRepair(in: file)
                _ = tail.beginRepair()
                tail.failure = earlier
                throw error
            }
        }
    }

    /// Lets nothing more be recorded until another attempt succeeds.
    private func giveUp(on file: AuditFile, _ failure: AuditFailure) -> AuditFailure {
        let isNew = tail.withLock { tail in
            tail.endRepair(in: file)
            defer { tail.failure = failure }
            return tail.failure == nil
        }
        if isNew { logger.critical("The audit log cannot be put right", metadata: ["reason": "\(failure)"]) }
        return failure
    }

    private func report(_ reason: String) throws(AuditFailure) {
        logger.critical("The audit log is not whole", metadata: ["reason": "\(reason)"])
        let discrepancy = AuditDiscrepancy(reason: reason, known: durableHead, found: tail.withLock { $0.head })
        try write(.discrepancy(discrepancy, at: clock.now), on: UTCTime.day(of: clock.now))
    }
}

extension AuditFiles {
    /// Makes a new file of the one that is written and puts it into its place; what stood there is set aside.
    ///
    /// - Parameter isWhole: Whether what can be read of it is what was written.
    /// Its place is durable once the directory is synced.
    ///
    /// - Returns: The new file; nil, with nothing changed, when it is not whole.
    /// - Throws: ``AuditFailure``; then there is none, and what stood in its place may have another name.
    func writeCurrentAnew(
        from file: AuditFile, isWhole: (inout AuditLineReader) throws(AuditFailure) -> Bool
    ) throws(AuditFailure) -> AuditFile? {
        let path = directory.appendingPathComponent(".audit.jsonl.new").path
        unlink(path)
        let copy = try file.copied(to: path)
        do throws(AuditFailure) {
            try copy.sync()
            var reader = try AuditLineReader(URL(filePath: path))
            guard try isWhole(&reader) else {
                copy.close()
                unlink(path)
                return nil
            }
            try setStrangerAside(from: file)
            guard rename(path, current.path) == 0 else { throw .system("rename \(path)") }
            return copy
        } catch {
            copy.close()
            unlink(path)
            throw error
        }
    }

    /// Gives the file that was written a name of its own, whatever is in it, and begins another one.
    ///
    /// - Throws: ``AuditFailure``.
    func leaveCurrent(_ file: AuditFile, as closed: Closed) throws(AuditFailure) -> AuditFile {
        if file.isAt(current.path) {
            if closed.firstSequence > 0, access(url(of: closed).path, F_OK) != 0 { return try closeCurrent(as: closed) }
            // It had no record yet, or somebody took its name.
            let aside = directory.appendingPathComponent(nameForStrangers()).path
            guard rename(current.path, aside) == 0 else { throw .system("rename \(current.path)") }
        } else {
            try setStrangerAside(from: file)
        }
        let next = try AuditFile(path: current.path)
        do throws(AuditFailure) {
            try sync()
            return next
        } catch {
            next.close()
            throw error
        }
    }

    /// Gives another name to what stands where `file` should.
    private func setStrangerAside(from file: AuditFile) throws(AuditFailure) {
        guard !file.isAt(current.path), access(current.path, F_OK) == 0 else { return }
        let aside = directory.appendingPathComponent(nameForStrangers()).path
        guard rename(current.path, aside) == 0 else { throw .system("rename \(current.path)") }
    }
}
