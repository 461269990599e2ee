import Foundation
import Glibc
import KMSCrypto
import Logging
import Synchronization

// The files of the log: what its own thread does, one thing after the other.

extension AuditLog {
    /// Closes the file and begins another one, if it is time.
    ///
    /// When the file system does not let that be done, the log goes on in the file that there is: a record in a file that is
    /// too long is better than none.
    func rotate() {
        let today = UTCTime.day(of: clock.now)
        guard let (file, closed) = tail.withLock({ $0.beginRotation(on: today) }) else { return }
        do throws(AuditFailure) {
            // Nothing of the next file may be on the disk before all of this one is.
            try makeDurable().get()
            let next = try files.closeCurrent(as: closed)
            tail.withLock { $0.endRotation(in: next, on: today, sizeLimit: configuration.fileSize) }
            file.close()
        } catch {
            logger.error("The audit log cannot begin another file", metadata: ["reason": "\(error)"])
            tail.withLock { $0.endRotation(withoutChangeOn: today, growingBy: configuration.fileSize) }
        }
    }

    /// Removes the closed files that are older than they have to be kept, each once the log itself says so.
    ///
    /// Only the oldest are removed: a gap would look like what the chain is there to find.
    func removeOldFiles(on today: Int) {
        guard let days = configuration.retentionInDays else { return }
        do throws(AuditFailure) {
            for file in try files.closed() {
                guard file.day + days < today else { return }
                guard let last = try files.lastLink(of: file) else {
                    throw AuditFailure("The last line of \(file.name) is not of the chain.")
                }
                let event = AuditLogEvent.removal(of: file, endingWith: last, at: clock.now)
                while try !tail.withLock({ tail throws(AuditFailure) in
                    try tail.append(UnchainedRecords(event.line()), on: today, with: chain)
                }) { rotate() }
                try makeDurable().get()
                guard unlink(files.url(of: file).path) == 0 else { throw .system("remove \(file.name)") }
            }
        } catch {
            logger.error("An old file of the audit log is still kept", metadata: ["reason": "\(error)"])
        }
    }
}

extension AuditFiles {
    /// Gives the file that was written its name for ever, and begins another one.
    ///
    /// A process that ends at any moment of it leaves a log that the next start goes on with.
    ///
    /// - Throws: ``AuditFailure``; the file is then the current one as before, if the system lets it be.
    func closeCurrent(as closed: Closed) throws(AuditFailure) -> AuditFile {
        let path = url(of: closed).path
        guard access(path, F_OK) != 0 else { throw AuditFailure("There is a file \(closed.name) already.") }
        guard rename(current.path, path) == 0 else { throw .system("rename \(current.path)") }
        do throws(AuditFailure) {
            let next = try AuditFile(path: current.path)
            do throws(AuditFailure) {
                try sync()
            } catch {
                next.close()
                throw error
            }
            return next
        } catch {
            // The empty file that may be there gives way.
            rename(path, current.path)
            throw error
        }
    }

    /// The last record of a closed file; of one from before the chain, what the chain begins with.
    ///
    /// - Throws: ``AuditFailure`` when it cannot be read.
    func lastLink(of file: Closed) throws(AuditFailure) -> ChainLink? {
        if file.firstSequence == 0 { return try origin(with: file) }
        return try withLines(of: url(of: file)) { lines throws(AuditFailure) in
            try lines.next().flatMap { ChainedLine($0.line)?.link }
        } ?? nil
    }

    /// What the chain begins with: the hash of the records from before it, so that they are what they were then.
    ///
    /// - Throws: ``AuditFailure`` when they cannot be read.
    func origin(with older: Closed?) throws(AuditFailure) -> ChainLink {
        guard let older else { return .origin }
        let descriptor = open(url(of: older).path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .system("open \(older.name)") }
        defer { close(descriptor) }
        var digest = RunningDigest()
        var piece = [UInt8](repeating: 0, count: 1 << 20)
        while true {
            let count = read(descriptor, &piece, piece.count)
            guard count >= 0 else { throw .system("read \(older.name)") }
            guard count > 0 else { return ChainLink(sequence: 0, code: digest.finish()) }
            digest.update(count == piece.count ? piece : Array(piece[..<count]))
        }
    }

    /// Lends the lines of a file, the last one first; nil when there is no such file.
    ///
    /// - Throws: ``AuditFailure`` when it cannot be read; what `body` throws.
    func withLines<Result>(
        of url: URL, _ body: (inout BackwardLines) throws(AuditFailure) -> Result
    ) throws(AuditFailure) -> Result? {
        let descriptor = open(url.path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            if errno == ENOENT { return nil }
            throw .system("open \(url.path)")
        }
        defer { close(descriptor) }
        var lines = BackwardLines(descriptor: descriptor, from: Int(lseek(descriptor, 0, SEEK_END)))
        return try body(&lines)
    }
}
