/// The identifier of a key: a lower-case UUID, or `mrk-` and 32 lower-case hex digits for a multi-Region key.
///
/// Memory has many of each, so it is sixteen bytes and not a text.
package struct KeyID: Hashable, Sendable, CustomStringConvertible {
    /// The prefix of a multi-Region key's identifier.
    package static let multiRegionPrefix = "mrk-"
    private static let byteCount = 16
    /// How long both forms are.
    private static let textLength = 36
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
        let high = isMultiRegion ? Self.number(text[4..<20]) : Self.number(text[..<18])
        let low = isMultiRegion ? Self.number(text[20...]) : Self.number(text[18...])
        // Of the eighteen characters of each half sixteen are digits.
        guard let high, let low, isMultiRegion || Self.dashes.allSatisfy({ text[$0] == Self.dash }) else { return nil }
        (self.high, self.low) = (high, low)
    }

    /// What sixteen hex digits with dashes anywhere between them say; nil for anything else.
    private static func number(_ text: Slice<UnsafeBufferPointer<UInt8>>) -> UInt64? {
        var number: UInt64 = 0
        var count = 0
        var isHex = true
        for byte in text where byte != dash {
            // Without a branch for each digit: nobody can tell whether the next one is a letter.
            let (digit, letter) = (byte &- UInt8(ascii: "0"), byte &- UInt8(ascii: "a"))
            isHex = isHex && (digit < 10) != (letter < 6)
            number = number << 4 | UInt64((digit < 10 ? digit : letter &+ 10) & 15)
            count += 1
        }
        return isHex && count == 2 * MemoryLayout<UInt64>.size ? number : nil
    }

    /// Makes the identifier whose sixteen bytes are `bytes`: the form that ciphertext headers carry.
    ///
    /// Returns nil unless there are exactly sixteen.
    package init?(bytes: [UInt8], isMultiRegion: Bool) {
        guard bytes.count == Self.byteCount else { return nil }
        func number(_ bytes: ArraySlice<UInt8>) -> UInt64 { bytes.reduce(0) { $0 << 8 | UInt64($1) } }
        high = number(bytes.prefix(8))
        low = number(bytes.suffix(8))
        self.isMultiRegion = isMultiRegion
    }

    package var description: String {
        String(unsafeUninitializedCapacity: Self.textLength) { buffer in
            var position = 0
            if isMultiRegion {
                for byte in Self.multiRegionPrefix.utf8 {
                    buffer[position] = byte
                    position += 1
                }
            }
            for index in 0..<Self.byteCount {
                if !isMultiRegion, Self.dashes.contains(position) {
                    buffer[position] = Self.dash
                    position += 1
                }
                Hex.write(byte(index), to: buffer, at: position)
                position += 2
            }
            return position
        }
    }

    /// Which form it is, is hardly ever the difference.
    package func hash(into hasher: inout Hasher) {
        hasher.combine(high)
        hasher.combine(low)
    }

    /// The sixteen bytes that the hex digits stand for.
    package var bytes: [UInt8] { (0..<Self.byteCount).map(byte) }

    private func byte(_ index: Int) -> UInt8 {
        UInt8(truncatingIfNeeded: (index < 8 ? high : low) >> UInt64(8 * (7 - index % 8)))
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

    /// The 32 bytes, as ciphertext headers carry them.
    package var bytes: [UInt8] { withUnsafeBytes(of: words) { Array($0) } }

    /// Returns nil unless there are exactly 32 bytes.
    package init?(bytes: [UInt8]) {
        guard bytes.count == Self.byteCount else { return nil }
        words = bytes.withUnsafeBytes { $0.loadUnaligned(as: (UInt64, UInt64, UInt64, UInt64).self) }
    }

    /// Accepts exactly 64 lower-case hex digits.
    package init?(_ text: String) {
        guard text.utf8.count == 2 * Self.byteCount, let bytes = Hex.decode(text) else { return nil }
        self.init(bytes: bytes)
    }

    package var description: String { Hex.encode(bytes) }

    package static func == (left: Self, right: Self) -> Bool { left.words == right.words }

    package func hash(into hasher: inout Hasher) {
        withUnsafeBytes(of: words) { hasher.combine(bytes: $0) }
    }
}
