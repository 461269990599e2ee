#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

// Bytes are looked for by the system's own search, which looks at many at a time.

extension [UInt8] {
    /// What stands between separators; nothing for two that follow each other.
    package func pieces(separatedBy separator: UInt8) -> [ArraySlice<UInt8>] {
        var pieces: [ArraySlice<UInt8>] = []
        var start = 0
        while start < count {
            let end = index(of: separator, from: start) ?? count
            if end > start { pieces.append(self[start..<end]) }
            start = end + 1
        }
        return pieces
    }

    /// Where `byte` is first, from an index on.
    private func index(of byte: UInt8, from start: Int) -> Int? {
        withUnsafeBytes { UnsafeRawBufferPointer(rebasing: $0[start...]).offset(of: byte).map { $0 + start } }
    }
}

extension Substring.UTF8View {
    /// Where `byte` is first.
    package func index(of byte: UInt8) -> Index? {
        // A text that is not in one piece is one that came from elsewhere.
        guard let found = withContiguousStorageIfAvailable({ UnsafeRawBufferPointer($0).offset(of: byte) }) else {
            return firstIndex(of: byte)
        }
        return found.map { index(startIndex, offsetBy: $0) }
    }
}

extension UnsafeRawBufferPointer {
    /// How far from the start `byte` is first.
    package func offset(of byte: UInt8) -> Int? {
        guard let start = baseAddress, let found = memchr(start, Int32(byte), count) else { return nil }
        return UnsafeRawPointer(found) - start
    }
}
