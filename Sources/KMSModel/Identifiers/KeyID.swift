/// The identifier of a key: a lower-case UUID, or `mrk-` and 32 lower-case hex digits for a multi-Region key.
///
/// Memory has many of each, so it is sixteen bytes and not a text.
package struct KeyID: Hashable, Sendable, CustomStringConvertible {
    /// The prefix of a multi-Region key's identifier.
    package static let multiRegionPrefix = "mrk-"
    private static let byteCount = 16
    /// How long both forms are.
    static let textLength = 36
    private static let dash = UInt8(ascii: "-")
    /// Where the dashes of a UUID are.
    private static let dashes = [8, 13, 18, 23]

    /// The bytes that the hex digits stand for, the first ones in the highest places.
    private let high: UInt64
    private let low: UInt64
    /// Whether this names a multi-Region key.
    package let isMultiRegion: Bool

    /// Accepts only the two canonical forms; upper-case hex digits are not among them.
    package init?(_ text: String) {
        var text = text
        guard let id = text.withUTF8(Self.init(canonical:)) else { return nil }
        self = id
    }

    private init?(canonical text: UnsafeBufferPointer<UInt8>) {
        guard text.count == Self.textLength else { return nil }
        isMultiRegion = text.starts(with: Self.multiRegionPrefix.utf8)
        guard isMultiRegion || Self.dashes.allSatisfy({ text[$0] == Self.dash }) else { return nil }
        let digits = UnsafeRawBufferPointer(text)
        let high = isMultiRegion ? digits.number(at: 4, 8, 12, 16) : digits.number(at: 0, 4, 9, 14)
        let low = isMultiRegion ? digits.number(at: 20, 24, 28, 32) : digits.number(at: 19, 24, 28, 32)
        guard let high, let low else { return nil }
        (self.high, self.low) = (high, low)
    }

    /// Makes the identifier whose sixteen bytes are `bytes`: the form that ciphertext headers carry.
    ///
    /// Returns nil unless there are exactly sixteen.
    package init?(bytes: [UInt8], isMultiRegion: Bool) { self.init(bytes: bytes[...], isMultiRegion: isMultiRegion) }

    /// Makes the identifier whose sixteen bytes are `bytes`; nil unless there are exactly sixteen.
    package init?(bytes: ArraySlice<UInt8>, isMultiRegion: Bool) {
        guard bytes.count == Self.byteCount else { return nil }
        let (high, low) = bytes.withUnsafeBytes { $0.loadUnaligned(as: (UInt64, UInt64).self) }
        self.init(high: UInt64(bigEndian: high), low: UInt64(bigEndian: low), isMultiRegion: isMultiRegion)
    }

    /// Makes the identifier of the two halves of its sixteen bytes, whose first bytes are the highest.
    package init(high: UInt64, low: UInt64, isMultiRegion: Bool) {
        self.high = high
        self.low = low
        self.isMultiRegion = isMultiRegion
    }

    package var description: String {
        String(unsafeUninitializedCapacity: Self.textLength) { buffer in
            write(to: UnsafeMutableRawBufferPointer(buffer))
            return Self.textLength
        }
    }

    /// Writes the text to the front of `output`.
    func write(to output: UnsafeMutableRawBufferPointer) {
        // A UUID has its dashes inside, the other form stands behind its prefix.
        isMultiRegion ? writeMultiRegion(to: output) : writeUUID(to: output)
    }

    private func writeMultiRegion(to text: UnsafeMutableRawBufferPointer) {
        text.copyBytes(from: Self.multiRegionPrefix.utf8)
        for (index, digits) in [high.digits, low.digits].enumerated() {
            text.storeBytes(of: digits.0.littleEndian, toByteOffset: 4 + 16 * index, as: UInt64.self)
            text.storeBytes(of: digits.1.littleEndian, toByteOffset: 12 + 16 * index, as: UInt64.self)
        }
    }

    private func writeUUID(to text: UnsafeMutableRawBufferPointer) {
        let (first, last) = (high.digits, low.digits)
        let groups = (first.1, last.0)
        text.storeBytes(of: first.0.littleEndian, toByteOffset: 0, as: UInt64.self)
        text.storeBytes(of: UInt32(truncatingIfNeeded: groups.0).littleEndian, toByteOffset: 9, as: UInt32.self)
        text.storeBytes(of: UInt32(truncatingIfNeeded: groups.0 >> 32).littleEndian, toByteOffset: 14, as: UInt32.self)
        text.storeBytes(of: UInt32(truncatingIfNeeded: groups.1).littleEndian, toByteOffset: 19, as: UInt32.self)
        text.storeBytes(of: UInt32(truncatingIfNeeded: groups.1 >> 32).littleEndian, toByteOffset: 24, as: UInt32.self)
        text.storeBytes(of: last.1.littleEndian, toByteOffset: 28, as: UInt64.self)
        for position in Self.dashes { text[position] = Self.dash }
    }

    /// Which form it is, is hardly ever the difference.
    package func hash(into hasher: inout Hasher) {
        hasher.combine(high)
        hasher.combine(low)
    }

    /// The sixteen bytes that the hex digits stand for.
    package var bytes: [UInt8] {
        var bytes: [UInt8] = []
        append(to: &bytes)
        return bytes
    }

    /// Appends the sixteen bytes.
    package func append(to output: inout [UInt8]) {
        output.append(count: Self.byteCount) {
            $0.storeBytes(of: (high.bigEndian, low.bigEndian), as: (UInt64, UInt64).self)
        }
    }
}

extension UInt64 {
    /// The sixteen hex digits, the highest first: eight and eight of them, as they stand in memory.
    fileprivate var digits: (UInt64, UInt64) {
        (
            Hex.digits(of: UInt32(truncatingIfNeeded: self >> 32).byteSwapped),
            Hex.digits(of: UInt32(truncatingIfNeeded: self).byteSwapped)
        )
    }
}

extension UnsafeRawBufferPointer {
    /// What four times four hex digits say that begin at these places; nil when others are among them.
    fileprivate func number(at first: Int, _ second: Int, _ third: Int, _ fourth: Int) -> UInt64? {
        func digits(_ high: Int, _ low: Int) -> UInt64 {
            let (high, low) = (
                loadUnaligned(fromByteOffset: high, as: UInt32.self),
                loadUnaligned(fromByteOffset: low, as: UInt32.self)
            )
            return UInt64(UInt32(littleEndian: high)) | UInt64(UInt32(littleEndian: low)) << 32
        }
        guard let high = Hex.bytes(of: digits(first, second)), let low = Hex.bytes(of: digits(third, fourth)) else {
            return nil
        }
        return UInt64(high.byteSwapped) << 32 | UInt64(low.byteSwapped)
    }
}

extension KeyID: Comparable {
    /// The order of the texts: `mrk-` comes behind all hex digits.
    package static func < (left: Self, right: Self) -> Bool {
        if left.isMultiRegion != right.isMultiRegion { return right.isMultiRegion }
        return left.high != right.high ? left.high < right.high : left.low < right.low
    }
}

/// The identifier of one generation of a key's material: 64 lower-case hex digits, 32 bytes.
package struct KeyMaterialID: Hashable, Sendable, CustomStringConvertible {
    /// The number of bytes behind the hex digits.
    package static let byteCount = 32

    /// In memory they are in the order in which they are written; without an array, because memory has many of them.
    private let words: (UInt64, UInt64, UInt64, UInt64)

    /// The first eight bytes as the machine reads them: for a hash.
    package var beginning: UInt64 { words.0 }

    /// The 32 bytes, as ciphertext headers carry them.
    package var bytes: [UInt8] {
        var bytes: [UInt8] = []
        append(to: &bytes)
        return bytes
    }

    /// Appends the 32 bytes.
    package func append(to output: inout [UInt8]) {
        output.append(count: Self.byteCount) { output in withUnsafeBytes(of: words) { output.copyMemory(from: $0) } }
    }

    /// Returns nil unless there are exactly 32 bytes.
    package init?(bytes: [UInt8]) { self.init(bytes: bytes[...]) }

    /// Returns nil unless there are exactly 32 bytes.
    package init?(bytes: ArraySlice<UInt8>) {
        guard bytes.count == Self.byteCount else { return nil }
        words = bytes.withUnsafeBytes { $0.loadUnaligned(as: (UInt64, UInt64, UInt64, UInt64).self) }
    }

    /// Accepts exactly 64 lower-case hex digits.
    package init?(_ text: String) {
        guard text.utf8.count == 2 * Self.byteCount, let bytes = Hex.decode(text) else { return nil }
        self.init(bytes: bytes)
    }

    package var description: String { withUnsafeBytes(of: words) { Hex.encode($0) } }

    package static func == (left: Self, right: Self) -> Bool { left.words == right.words }

    package func hash(into hasher: inout Hasher) {
        withUnsafeBytes(of: words) { hasher.combine(bytes: $0) }
    }
}
