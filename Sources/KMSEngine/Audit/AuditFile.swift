import Foundation
import Glibc
import KMSModel
import Synchronization

/// The file of an audit log that is written.
///
/// Only whole lines are in it, whatever fails on the way; one that a crash cut off is taken away when it is opened.
struct AuditFile {
    private let descriptor: Int32
    /// In bytes.
    private(set) var size: Int
    /// Where the file has to end before the next line, after a half one that could not be taken away at once.
    private var end: off_t?
    private let synced = Synced()
    /// How much of the beginning the system need not keep in memory, in bytes.
    private var released = 0

    /// How much of a file was synced, in bytes: the same for all copies of what it is written by.
    private final class Synced: Sendable {
        let count = Atomic(0)
    }

    /// How much is released after so much was written, in bytes.
    private static let piece = 256 << 10

    /// Opens or creates the file at `path`, for the owner only.
    ///
    /// - Throws: ``AuditFailure``.
    init(path: String) throws(AuditFailure) {
        descriptor = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw .system("open \(path)") }
        guard let size = Self.dropHalfLine(at: descriptor) else {
            let failure = AuditFailure.system("read or shorten \(path)")
            Glibc.close(descriptor)
            throw failure
        }
        self.size = size
    }

    /// Writes whole lines, or nothing.
    ///
    /// - Throws: ``AuditFailure``; then what was written of them is taken away, at the latest before the next ones.
    mutating func write(_ lines: borrowing ByteWriter) throws(AuditFailure) {
        if let end {
            guard ftruncate(descriptor, end) == 0 else { throw .system("shorten the audit log") }
            self.end = nil
        }
        var position = 0
        while position < lines.count {
            let count = lines.withBytes {
                Glibc.write(descriptor, $0.baseAddress?.advanced(by: position), $0.count - position)
            }
            if count >= 0 {
                position += count
            } else if errno != EINTR {
                let failure = AuditFailure.system("write to the audit log")
                takeAway(position)
                throw failure
            }
        }
        size += lines.count
        if size / Self.piece > (size - lines.count) / Self.piece { release() }
    }

    /// Lets the system have memory that holds what was synced, of which hardly anything is read again.
    ///
    /// Otherwise the log would fill all memory that nobody else asks for, and the system would look for a page that was not
    /// used before, each time, to write into: in a virtual machine that can be a request to the host. A little at a time: to
    /// release all that a second brings holds others up for milliseconds.
    private mutating func release() {
        // What was written last may be in use. The rest comes later, twice as fast as it grows.
        let end = min(synced.count.load(ordering: .relaxed) / Self.piece - 1, released / Self.piece + 2) * Self.piece
        guard end > released else { return }
        // A hint: nothing depends on what comes of it.
        _ = posix_fadvise(descriptor, off_t(released), off_t(end - released), POSIX_FADV_DONTNEED)
        released = end
    }

    private mutating func takeAway(_ count: Int) {
        guard count > 0 else { return }
        let length = lseek(descriptor, 0, SEEK_END)
        guard length >= count else { return }
        if ftruncate(descriptor, length - count) != 0 { end = length - count }
    }

    /// Takes what begins at `offset` out of the file, and puts it into one beside it.
    ///
    /// - Returns: The name of that file.
    /// - Throws: ``AuditFailure``; then it is still there, and nowhere else.
    mutating func setAside(from offset: Int, in files: AuditFiles) throws(AuditFailure) -> String {
        let name = files.nameForStrangers()
        let path = files.directory.appendingPathComponent(name).path
        let aside = try AuditFile.copy(descriptor, from: offset, upTo: .max, to: path)
        defer { aside.close() }
        do throws(AuditFailure) {
            try aside.sync()
            guard ftruncate(descriptor, off_t(offset)) == 0 else { throw .system("shorten the audit log") }
        } catch {
            unlink(path)
            throw error
        }
        (size, released) = (offset, 0)
        synced.count.store(0, ordering: .relaxed)
        return name
    }

    /// How a file is compared with what was written.
    enum State: Equatable {
        case intact
        /// It is not where it was: removed, renamed or replaced.
        case displaced
        /// It has another size, in bytes.
        case resized(Int)
    }

    /// Whether the file is what was written, and stands at `path`.
    func state(at path: String) -> State {
        var status = stat()
        // A half line that could not be taken away yet is none of its size.
        guard end == nil, fstat(descriptor, &status) == 0 else { return .intact }
        if Int(status.st_size) != size { return .resized(Int(status.st_size)) }
        return isAt(path) ? .intact : .displaced
    }

    /// Whether this is the file at `path`.
    func isAt(_ path: String) -> Bool { AuditFiles.isSame(descriptor, path) }

    /// A new file with all that was written into this one, without a half line.
    ///
    /// - Throws: ``AuditFailure``; then there is none.
    func copied(to path: String) throws(AuditFailure) -> AuditFile {
        try Self.copy(descriptor, from: 0, upTo: end.map { Int($0) } ?? size, to: path)
    }

    /// Makes a new file of what stands in another one from `offset` to `end`, or to where that ends.
    private static func copy(
        _ source: Int32, from offset: Int, upTo end: Int, to path: String
    ) throws(AuditFailure) -> AuditFile {
        var copy = try AuditFile(path: path)
        do throws(AuditFailure) {
            var position = offset
            var piece = [UInt8](repeating: 0, count: 1 << 20)
            while true {
                let count = pread(source, &piece, min(piece.count, end - position), off_t(position))
                guard count >= 0 else { throw .system("read the audit log") }
                guard count > 0 else { return copy }
                var lines = ByteWriter(capacity: count)
                lines.append(piece[..<count])
                try copy.write(lines)
                position += count
            }
        } catch {
            copy.close()
            unlink(path)
            throw error
        }
    }

    /// Makes everything durable that was written; it may be called while another thread writes.
    ///
    /// - Throws: ``AuditFailure``.
    func sync() throws(AuditFailure) {
        guard fdatasync(descriptor) == 0 else { throw .system("sync the audit log") }
        synced.count.store(size, ordering: .relaxed)
    }

    func close() { _ = Glibc.close(descriptor) }

    /// When it was last written, by the system's clock; nil when the system does not tell.
    var modificationDate: Date? {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { return nil }
        return Date(timeIntervalSince1970: TimeInterval(status.st_mtim.tv_sec))
    }

    /// Takes away a line that a crash cut off.
    ///
    /// It is of a call that was not answered, or the store still has all of it; after a power cut it can be of one that
    /// needed no sync. Where the file may not be shortened, the line is ended, so that the next record stands alone.
    ///
    /// - Returns: The size of the file, which ends with a whole line; nil with `errno` when it cannot be made so.
    private static func dropHalfLine(at file: Int32) -> Int? {
        let size = lseek(file, 0, SEEK_END)
        guard size >= 0 else { return nil }
        var end = size
        var piece = [UInt8](repeating: 0, count: 4096)
        while end > 0 {
            let count = Int(min(end, off_t(piece.count)))
            guard pread(file, &piece, count, end - off_t(count)) == count else { return nil }
            if let last = piece[..<count].lastIndex(of: 0x0A) {
                end -= off_t(count - last - 1)
                break
            }
            end -= off_t(count)
        }
        if end == size || ftruncate(file, end) == 0 { return Int(end) }
        var lineFeed: UInt8 = 0x0A
        return Glibc.write(file, &lineFeed, 1) == 1 ? Int(size) + 1 : nil
    }
}
