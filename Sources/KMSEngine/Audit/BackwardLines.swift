import Foundation
import Glibc

/// The lines of a file, the last one first.
///
/// The file is read piece by piece, so it may be of any size, and grow meanwhile.
struct BackwardLines {
    /// How much is read at once, in bytes.
    private static let pieceSize = 1 << 20

    private let descriptor: Int32
    /// What was read and not handed out: the bytes of the file from `start` on.
    private var bytes: [UInt8] = []
    private var start: Int
    /// Whether what stands behind the last line feed was passed over: no whole line.
    private var isAtEnd = false
    /// How much was read of the file, in bytes.
    private(set) var readCount = 0

    /// - Parameters:
    ///   - descriptor: An open file; whoever opened it closes it.
    ///   - end: Where to begin, in bytes from the beginning.
    init(descriptor: Int32, from end: Int) {
        self.descriptor = descriptor
        start = end
    }

    /// The next line without its line feed, and where it begins in the file; nil after the first line of the file.
    ///
    /// - Throws: ``AuditFailure`` when the file cannot be read.
    mutating func next() throws(AuditFailure) -> (line: ArraySlice<UInt8>, start: Int)? {
        if !isAtEnd {
            while bytes.lastIndex(of: 0x0A) == nil, start > 0 { try readMore() }
            bytes.removeLast(bytes.count - (bytes.lastIndex(of: 0x0A).map { $0 + 1 } ?? 0))
            isAtEnd = true
        }
        guard !bytes.isEmpty || start > 0 else { return nil }
        while true {
            // The last byte is the line feed of the line that is looked for.
            if bytes.count > 1, let before = Self.lastLineFeed(in: bytes, before: bytes.count - 1) {
                return take(from: before + 1)
            }
            guard start > 0 else { return bytes.isEmpty ? nil : take(from: 0) }
            try readMore()
        }
    }

    private mutating func take(from index: Int) -> (line: ArraySlice<UInt8>, start: Int) {
        let line = Array(bytes[index..<bytes.count - 1])
        bytes.removeLast(bytes.count - index)
        return (line[...], start + index)
    }

    private mutating func readMore() throws(AuditFailure) {
        let count = min(start, Self.pieceSize)
        var piece = [UInt8](repeating: 0, count: count)
        guard pread(descriptor, &piece, count, off_t(start - count)) == count else {
            throw .system("read the audit log")
        }
        start -= count
        readCount += count
        bytes = piece + bytes
    }

    private static func lastLineFeed(in bytes: [UInt8], before end: Int) -> Int? {
        bytes.withUnsafeBytes { $0[..<end].lastIndex(of: 0x0A) }
    }
}
