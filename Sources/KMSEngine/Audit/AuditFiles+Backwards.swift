import Foundation
import Glibc

/// A place in the files of an audit log, in front of a line: what is older than it is behind it when reading backwards.
package struct AuditPosition: Sendable, Equatable, CustomStringConvertible {
    /// The number of the first record in the file.
    let file: UInt64
    /// In bytes from the beginning of the file.
    let offset: Int

    init(file: UInt64, offset: Int) {
        self.file = file
        self.offset = offset
    }

    /// Reads what ``description`` writes; nil for any other text.
    ///
    /// A place that is none of the log's does no harm: of what is read there, lines that are no records are passed over.
    package init?(_ text: String) {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 2, let file = UInt64(parts[0]), let offset = Int(parts[1]), offset >= 0 else { return nil }
        self.init(file: file, offset: offset)
    }

    /// Both numbers, for links.
    package var description: String { "\(file).\(offset)" }
}

extension AuditFiles {
    /// How reading backwards ended.
    enum End: Equatable {
        /// Nothing older is there, or is wanted.
        case complete
        /// As much was read as may be; the rest is behind this place.
        case cut(AuditPosition)
    }

    /// What of the log is read backwards, and how much of it.
    struct Extent {
        /// Where to begin; nil for the end of the log.
        var start: AuditPosition?
        /// The last day of interest, in days since 1970; nil for all days.
        ///
        /// Files that begin later are passed over.
        var latestDay: Int?
        /// How much is read at most, in bytes.
        let mostBytes: Int
    }

    /// Reads the lines of all files, the last one first, as they are at this moment.
    ///
    /// A file that is closed or removed meanwhile is read or not, but not twice.
    ///
    /// - Parameters:
    ///   - isWanted: Whether records of this day, in days since 1970, or of earlier ones can be.
    ///   - body: Takes a line and its place; answers whether to go on.
    /// - Throws: ``AuditFailure`` when a file cannot be read.
    func readBackwards(
        _ extent: Extent, while isWanted: (Int) -> Bool,
        _ body: (ArraySlice<UInt8>, AuditPosition) -> Bool
    ) throws(AuditFailure) -> End {
        var rest = extent.mostBytes
        let snapshot = try snapshot()
        defer { if let current = snapshot.current { close(current) } }
        // What is older than the chain is part of the log only if the chain begins with it.
        let files = snapshot.closed.filter { $0.firstSequence > 0 || $0.name == older }
        // A file begins no earlier than the one before it ends.
        func isTooLate(after earlier: Closed?) -> Bool {
            guard let earlier, let latest = extent.latestDay else { return false }
            return earlier.day > latest
        }
        if let current = snapshot.current, !isTooLate(after: files.last) {
            // Before its number is looked for: what is written meanwhile into a file that had no record then has no place.
            let size = Self.size(of: current)
            let first: UInt64
            if let named = snapshot.currentSequence {
                first = named
            } else {
                first = try AuditLineReader(reading: current).firstSequence()
            }
            if let end = try Self.read(current, first, size, extent.start, &rest, body) { return end }
        }
        for (place, file) in files.enumerated().reversed() {
            guard isWanted(file.day) else { return .complete }
            if isTooLate(after: place > 0 ? files[place - 1] : nil) { continue }
            if let start = extent.start, file.firstSequence > start.file { continue }
            let descriptor = open(url(of: file).path, O_RDONLY | O_CLOEXEC)
            // It was too old to be kept.
            if descriptor < 0, errno == ENOENT { return .complete }
            guard descriptor >= 0 else { throw AuditFailure("Cannot open the audit log to read it.") }
            defer { close(descriptor) }
            let size = Self.size(of: descriptor)
            if let end = try Self.read(descriptor, file.firstSequence, size, extent.start, &rest, body) { return end }
        }
        return .complete
    }

    private static func size(of descriptor: Int32) -> Int { Int(lseek(descriptor, 0, SEEK_END)) }

    /// Reads the first `size` bytes of one file; nil when all of them were read and there may be more to do.
    private static func read(
        _ descriptor: Int32, _ file: UInt64, _ size: Int, _ start: AuditPosition?, _ rest: inout Int,
        _ body: (ArraySlice<UInt8>, AuditPosition) -> Bool
    ) throws(AuditFailure) -> End? {
        if let start, start.file < file { return nil }
        let end = start.map { $0.file == file ? min($0.offset, size) : size } ?? size
        var lines = BackwardLines(descriptor: descriptor, from: end)
        var place = AuditPosition(file: file, offset: end)
        while true {
            guard lines.readCount < rest else { return .cut(place) }
            guard let (line, offset) = try lines.next() else { break }
            place = AuditPosition(file: file, offset: offset)
            guard body(line, place) else { return .complete }
        }
        rest -= lines.readCount
        return nil
    }

    /// Whether the file at `path` is the one that is open.
    static func isSame(_ descriptor: Int32, _ path: String) -> Bool {
        var (mine, other) = (stat(), stat())
        return fstat(descriptor, &mine) == 0 && stat(path, &other) == 0 && mine.st_ino == other.st_ino
            && mine.st_dev == other.st_dev
    }
}
