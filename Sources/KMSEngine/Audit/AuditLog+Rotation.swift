import Foundation
import Glibc
import KMSCrypto
import KMSModel
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
        // Only what is where it should be may be renamed.
        guard case .success = makeDurable(), let (file, closed) = tail.withLock({ $0.beginRotation(on: today) }) else {
            return
        }
        do throws(AuditFailure) {
            // Nothing of the next file may be on the disk before all of this one is.
            try syncFile()
            guard file.state(at: files.current.path) != .displaced else {
                throw AuditFailure("It is not in its place.")
            }
            let next = try files.closeCurrent(as: closed)
            tail.withLock { $0.endRotation(in: next, on: today, sizeLimit: configuration.fileSize) }
            file.close()
        } catch {
            logger.error("The audit log cannot begin another file", metadata: ["reason": "\(error)"])
            tail.withLock { $0.endRotation(withoutChangeOn: today, growingBy: configuration.fileSize) }
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

    /// What the chain begins with: the hash of the records from before it, so that they are what they were then.
    ///
    /// - Throws: ``AuditFailure`` when they cannot be read.
    func origin(with older: Closed?) throws(AuditFailure) -> ChainLink {
        try older.map { file throws(AuditFailure) in try Self.origin(at: url(of: file)) } ?? .origin
    }

    /// What a chain begins with that begins behind the file at `url`.
    ///
    /// - Throws: ``AuditFailure`` when it cannot be read.
    static func origin(at url: URL) throws(AuditFailure) -> ChainLink {
        let descriptor = open(url.path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .system("open \(url.path)") }
        defer { close(descriptor) }
        var digest = RunningDigest()
        var piece = [UInt8](repeating: 0, count: 1 << 20)
        while true {
            let count = read(descriptor, &piece, piece.count)
            guard count >= 0 else { throw .system("read \(url.path)") }
            guard count > 0 else { return ChainLink(sequence: 0, code: digest.finish()) }
            digest.update(count == piece.count ? piece : Array(piece[..<count]))
        }
    }

    /// How many lines are looked at for the day of a file: of two lines the later can be of the earlier day.
    private static let linesForDay = 100

    /// The last day that the last records of a file tell, in days since 1970; nil when they tell none.
    ///
    /// - Throws: ``AuditFailure`` when it cannot be read.
    func latestDay(in url: URL) throws(AuditFailure) -> Int? {
        let days = try withLines(of: url) { lines throws(AuditFailure) in
            var days: [Int] = []
            for _ in 0..<Self.linesForDay {
                guard let line = try lines.next()?.line else { break }
                guard case .object(let record)? = try? JSONParser.parse(line), let time = record.text("eventTime"),
                    let day = UTCTime.day(ofDate: String(time.prefix(10)))
                else { continue }
                days.append(day)
            }
            return days
        }
        return days?.max()
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
