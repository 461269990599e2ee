#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

// Texts that a client chose are compared by their bytes. Swift's own comparison takes two spellings of one accented letter for
// the same, which they are not for AWS; and to find out it sorts the accents, which takes a time that grows with the square of
// their number.

extension String {
    /// Whether both are the same bytes.
    ///
    /// Of texts of different lengths nothing is read.
    @inlinable
    @inline(__always)
    package func isSame(as other: String) -> Bool { utf8.count == other.utf8.count && hasBytePrefix(other) }

    /// Whether both are the same bytes.
    package func isSame(as other: StaticString) -> Bool {
        let other = UnsafeBufferPointer(start: other.utf8Start, count: other.utf8CodeUnitCount)
        return utf8.count == other.count && utf8.begins(with: other)
    }

    /// Whether all characters are ASCII, so that it makes no difference how the text is compared.
    package var isASCII: Bool {
        utf8.withContiguousStorageIfAvailable(\.isASCII) ?? utf8.allSatisfy { $0 < 0x80 }
    }

    /// Whether there is a space, or a byte below it, in the text.
    package var hasSpaceOrControl: Bool {
        utf8.withContiguousStorageIfAvailable { $0.containsWord(\.hasSpaceOrControl) } ?? utf8.contains { $0 <= 0x20 }
    }

    /// Whether the text begins with the bytes of `prefix`.
    ///
    /// `hasPrefix` compares what a reader sees as characters: for it, a colon with an accent on it is no colon, so an accent
    /// would lead past a rule about prefixes.
    @usableFromInline
    package func hasBytePrefix(_ prefix: String) -> Bool { utf8.begins(with: prefix.utf8) }
}

extension Substring {
    /// Whether both are the same bytes.
    package func isSame(as other: Substring) -> Bool {
        utf8.count == other.utf8.count && utf8.begins(with: other.utf8)
    }

    /// Whether all characters are ASCII, so that it makes no difference how the text is compared.
    package var isASCII: Bool {
        utf8.withContiguousStorageIfAvailable(\.isASCII) ?? utf8.allSatisfy { $0 < 0x80 }
    }

    /// Whether the text begins with the bytes of `prefix`, as of a `String`.
    package func hasBytePrefix(_ prefix: String) -> Bool { utf8.begins(with: prefix.utf8) }
}

extension Collection<UInt8> {
    /// Whether these bytes begin with the others: where both are in one piece, as the system compares memory.
    fileprivate func begins(with prefix: some Collection<UInt8>) -> Bool {
        let answer = withContiguousStorageIfAvailable { bytes in
            prefix.withContiguousStorageIfAvailable { prefix in
                guard bytes.count >= prefix.count else { return false }
                guard let start = bytes.baseAddress, let other = prefix.baseAddress else { return prefix.isEmpty }
                return memcmp(start, other, prefix.count) == 0
            }
        }
        return (answer ?? nil) ?? starts(with: prefix)
    }
}

extension [UInt8] {
    /// Whether these bytes begin with the others.
    package func begins(with prefix: [UInt8]) -> Bool { withUnsafeBufferPointer { $0.begins(with: prefix) } }
}

extension UnsafeBufferPointer<UInt8> {
    /// Whether these bytes begin with the others.
    package func begins(with prefix: [UInt8]) -> Bool {
        guard count >= prefix.count, let baseAddress else { return prefix.isEmpty }
        return prefix.withUnsafeBytes { prefix in
            prefix.baseAddress.map { memcmp(baseAddress, $0, prefix.count) == 0 } ?? true
        }
    }

    var isASCII: Bool { !containsWord { $0 & 0x8080_8080_8080_8080 != 0 } }

    /// Whether `isSought` is true of any eight bytes of these together.
    ///
    /// Of the last ones some may come twice; of fewer than eight, each comes by itself, with 0x7F in the places of the others.
    @inline(__always)
    func containsWord(_ isSought: (UInt64) -> Bool) -> Bool {
        let bytes = UnsafeRawBufferPointer(self)
        let length = MemoryLayout<UInt64>.size
        guard bytes.count >= length else {
            for byte in bytes where isSought(UInt64(byte) | 0x7F7F_7F7F_7F7F_7F00) { return true }
            return false
        }
        var index = 0
        while index + length < bytes.count {
            if isSought(bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self)) { return true }
            index += length
        }
        return isSought(bytes.loadUnaligned(fromByteOffset: bytes.count - length, as: UInt64.self))
    }
}

extension StringProtocol {
    /// Whether the text begins with the bytes of `prefix`, whatever the case of its ASCII letters.
    ///
    /// - Parameter prefix: In lower case.
    package func hasBytePrefix(ignoringCase prefix: String) -> Bool {
        utf8.lazy.map(\.asciiLowercased).starts(with: prefix.utf8)
    }
}

extension RawRepresentable where RawValue == String {
    /// The value that is spelled like this, byte for byte; all are spelled in ASCII.
    package init?(spelled text: String) {
        guard text.isASCII else { return nil }
        self.init(rawValue: text)
    }
}

extension String {
    /// The text with its first letter in lower case, as members are called in error texts and audit records.
    package var lowercasedFirst: String {
        guard let first = utf8.first else { return self }
        // Names of members are ASCII, and an audit record has many of them.
        guard first < 0x80 else { return prefix(1).lowercased() + dropFirst() }
        let lowercased = first.asciiLowercased
        guard lowercased != first else { return self }
        return String(unsafeUninitializedCapacity: utf8.count) { bytes in
            let (_, end) = bytes.initialize(from: utf8)
            bytes[0] = lowercased
            return end
        }
    }

    /// The most marks that stand on one letter (Unicode Standard Annex 15, section 13, "Stream-Safe Text Format").
    private static let mostMarks = 30

    /// Whether no letter has more marks than any language puts on one.
    ///
    /// Such a text is compared, searched and put in order in a time that grows with its length, as people read it too.
    package var isStreamSafe: Bool {
        if isASCII { return true }
        var marks = 0
        for scalar in unicodeScalars {
            marks = scalar.isMark ? marks + 1 : 0
            if marks > Self.mostMarks { return false }
        }
        return true
    }

    /// The text without those marks of a letter that are more than any language puts on one.
    ///
    /// For texts that are refused with any mark at all, or compared with texts that have none.
    package var streamSafe: String {
        guard !isStreamSafe else { return self }
        var marks = 0
        return String(
            UnicodeScalarView(
                unicodeScalars.filter { scalar in
                    marks = scalar.isMark ? marks + 1 : 0
                    return marks <= Self.mostMarks
                }))
    }
}

extension Unicode.Scalar {
    /// Whether it is put in order among others that stand on the same letter.
    fileprivate var isMark: Bool {
        // What is before the first mark of all costs no look into the tables.
        value >= 0x300 && properties.canonicalCombiningClass != .notReordered
    }
}

extension UInt64 {
    /// Whether one of the eight bytes is a space, or less.
    fileprivate var hasSpaceOrControl: Bool {
        (self &- 0x2121_2121_2121_2121) & ~self & 0x8080_8080_8080_8080 != 0
    }
}
