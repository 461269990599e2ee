/// The identifier of a key: a lower-case UUID, or `mrk-` and 32 lower-case hex digits for a multi-Region key.
package struct KeyID: Hashable, Sendable, CustomStringConvertible {
    /// The prefix of a multi-Region key's identifier.
    package static let multiRegionPrefix = "mrk-"

    package let description: String

    /// Accepts only the two canonical forms; upper-case hex digits are not among them.
    package init?(_ text: String) {
        var text = text
        guard text.withUTF8(Self.isCanonical) else { return nil }
        description = text
    }

    private static func isCanonical(_ text: UnsafeBufferPointer<UInt8>) -> Bool {
        guard text.count == 36 else { return false }
        if text.starts(with: multiRegionPrefix.utf8) { return text.dropFirst(4).allSatisfy(Hex.isLowerDigit) }
        for index in text.indices {
            let isDash = index == 8 || index == 13 || index == 18 || index == 23
            guard isDash ? text[index] == UInt8(ascii: "-") : Hex.isLowerDigit(text[index]) else { return false }
        }
        return true
    }

    /// Makes the identifier whose sixteen bytes are `bytes`: the form that ciphertext headers carry.
    ///
    /// Returns nil unless there are exactly sixteen.
    package init?(bytes: [UInt8], isMultiRegion: Bool) {
        guard bytes.count == 16 else { return nil }
        guard !isMultiRegion else {
            description = Self.multiRegionPrefix + Hex.encode(bytes)
            return
        }
        description = String(unsafeUninitializedCapacity: 36) { buffer in
            var position = 0
            var index = 0
            for byte in bytes {
                if index == 4 || index == 6 || index == 8 || index == 10 {
                    buffer[position] = UInt8(ascii: "-")
                    position += 1
                }
                Hex.write(byte, to: buffer, at: position)
                position += 2
                index += 1
            }
            return position
        }
    }

    /// Whether this names a multi-Region key.
    package var isMultiRegion: Bool { description.utf8.first == UInt8(ascii: "m") }

    /// The sixteen bytes that the hex digits stand for.
    package var bytes: [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(16)
        var high: UInt8?
        for byte in isMultiRegion ? description.utf8.dropFirst(4) : description.utf8[...] {
            guard let value = Hex.value(of: byte) else { continue }
            if let first = high {
                result.append(first << 4 | value)
                high = nil
            } else {
                high = value
            }
        }
        return result
    }
}

extension KeyID: Comparable {
    package static func < (left: Self, right: Self) -> Bool { left.description < right.description }
}

/// The identifier of one generation of a key's material: 64 lower-case hex digits, 32 bytes.
package struct KeyMaterialID: Hashable, Sendable, CustomStringConvertible {
    /// The number of bytes behind the hex digits.
    package static let byteCount = 32

    /// The 32 bytes, as ciphertext headers carry them.
    package let bytes: [UInt8]

    /// Returns nil unless there are exactly 32 bytes.
    package init?(bytes: [UInt8]) {
        guard bytes.count == Self.byteCount else { return nil }
        self.bytes = bytes
    }

    /// Accepts exactly 64 lower-case hex digits.
    package init?(_ text: String) {
        guard text.utf8.count == 2 * Self.byteCount, let bytes = Hex.decode(text) else { return nil }
        self.bytes = bytes
    }

    package var description: String { Hex.encode(bytes) }
}
