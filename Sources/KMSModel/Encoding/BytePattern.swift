import Glibc

/// Bytes that are looked for in others.
///
/// The time grows with the number of bytes that are looked through alone, whatever the pattern is (Knuth, Morris and Pratt):
/// callers choose both.
package struct BytePattern: Sendable, Equatable {
    private let bytes: [UInt8]
    /// For each place, how many bytes of the beginning stand right before it again.
    private let borders: [Int]

    /// - Parameter bytes: An empty pattern is found everywhere.
    package init(_ bytes: some Sequence<UInt8>) {
        let bytes = Array(bytes)
        var borders = [Int](repeating: 0, count: bytes.count)
        var border = 0
        for place in bytes.indices.dropFirst() {
            while border > 0, bytes[place] != bytes[border] { border = borders[border - 1] }
            if bytes[place] == bytes[border] { border += 1 }
            borders[place] = border
        }
        self.bytes = bytes
        self.borders = borders
    }

    /// Whether the pattern stands somewhere in `text`.
    package func isFound(in text: ArraySlice<UInt8>) -> Bool { end(in: text) != nil }

    /// The index in `text` behind the first place at which the pattern stands; nil when it stands nowhere.
    package func end(in text: ArraySlice<UInt8>) -> Int? {
        let start = text.startIndex
        return text.withUnsafeBufferPointer { text in
            guard let first = bytes.first else { return start }
            guard let base = text.baseAddress else { return nil }
            var (place, matched) = (0, 0)
            while place < text.count {
                if matched == 0 {
                    // The system's own search is many times faster for what is seldom there.
                    guard let found = memchr(base + place, Int32(first), text.count - place) else { return nil }
                    place = UnsafeRawPointer(base).distance(to: UnsafeRawPointer(found))
                }
                if text[place] == bytes[matched] {
                    matched += 1
                    place += 1
                    if matched == bytes.count { return start + place }
                } else {
                    matched = borders[matched - 1]
                }
            }
            return nil
        }
    }
}
