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

    deinit { close(descriptor) }

    /// Whether `file` is what is read.
    func reads(_ file: URL) -> Bool { AuditFiles.isSame(descriptor, file) }

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
        let count = read(descriptor, &piece, piece.count)
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
