import Foundation
import Glibc

/// The lines of a file from its beginning, read piece by piece.
struct AuditLineReader: ~Copyable {
    /// What comes next.
    enum Item {
        /// A line without its line feed.
        case line(ArraySlice<UInt8>)
        /// More than any record has before a line feed; it is passed over.
        case overlong
        /// What stands behind the last line feed.
        case halfLine
    }

    private static let pieceSize = 1 << 20
    /// Far more than a record has: a request's body has at most a megabyte.
    private static let longestLine = 16 << 20

    /// How many lines are looked at for the first record: the first line is one, unless somebody wrote into the file.
    private static let mostLines = 1000

    private let descriptor: Int32
    private let path: String
    private var bytes: [UInt8] = []
    private var position = 0
    private var isSkipping = false
    /// How far the file was read, in bytes.
    private(set) var readCount = 0

    /// - Throws: ``AuditFailure`` when it cannot be opened.
    init(_ file: URL) throws(AuditFailure) {
        path = file.path
        descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .system("open \(path)") }
    }

    /// Reads an open file from its beginning, which stays open also when this is gone.
    ///
    /// - Throws: ``AuditFailure`` when the system does not let it.
    init(reading file: Int32) throws(AuditFailure) {
        path = "the audit log"
        descriptor = fcntl(file, F_DUPFD_CLOEXEC, 0)
        guard descriptor >= 0 else { throw .system("open \(path)") }
    }

    deinit { close(descriptor) }

    /// Where what comes next begins, in bytes from the beginning of the file.
    var offset: Int { readCount - (bytes.count - position) }

    /// The number of the first record of the file, read up to there; zero when it has none.
    ///
    /// - Throws: ``AuditFailure`` when the file cannot be read.
    consuming func firstSequence() throws(AuditFailure) -> UInt64 { try firstRecord()?.link.sequence ?? 0 }

    /// The first record of the file, read up to there; nil when it has none.
    ///
    /// - Throws: ``AuditFailure`` when the file cannot be read.
    consuming func firstRecord() throws(AuditFailure) -> ChainedLine? {
        for _ in 0..<Self.mostLines {
            guard let item = try next() else { break }
            if case .line(let bytes) = item, let line = ChainedLine(bytes) { return line }
        }
        return nil
    }

    /// What comes next; nil at the end.
    ///
    /// - Throws: ``AuditFailure`` when the file cannot be read.
    mutating func next() throws(AuditFailure) -> Item? {
        while true {
            if let end = lineFeed(from: position) {
                defer { position = end + 1 }
                if isSkipping {
                    isSkipping = false
                    return .overlong
                }
                return .line(bytes[position..<end])
            }
            if bytes.count - position > Self.longestLine || isSkipping {
                isSkipping = true
                position = bytes.count
            }
            guard try readMore() else {
                guard position < bytes.count || isSkipping else { return nil }
                position = bytes.count
                isSkipping = false
                return .halfLine
            }
        }
    }

    private mutating func readMore() throws(AuditFailure) -> Bool {
        var piece = [UInt8](repeating: 0, count: Self.pieceSize)
        let count = pread(descriptor, &piece, piece.count, off_t(readCount))
        guard count >= 0 else { throw .system("read \(path)") }
        bytes.removeFirst(position)
        position = 0
        bytes += piece[..<count]
        readCount += count
        return count > 0
    }

    private func lineFeed(from start: Int) -> Int? {
        bytes.withUnsafeBytes { buffer in
            guard let base = buffer.baseAddress, start < buffer.count,
                let found = memchr(base + start, 0x0A, buffer.count - start)
            else { return nil }
            return base.distance(to: UnsafeRawPointer(found))
        }
    }
}
