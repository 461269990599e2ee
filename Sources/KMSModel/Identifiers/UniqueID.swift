/// What a user, group, role or managed policy keeps for life, whatever it is called and whoever has its name later.
///
/// Four letters that tell the kind and seventeen digits in base 32 (RFC 4648), such as `AIDAJQABLZS4A3QDU576Q`.
/// Source: IAM User Guide, "IAM identifiers", "Unique identifiers".
package struct UniqueID: Hashable, Sendable, Comparable, CodedAsText {
    /// What is identified; the raw value is the prefix.
    package enum Kind: String, Sendable, CaseIterable {
        case user = "AIDA"
        case group = "AGPA"
        case role = "AROA"
        case policy = "ANPA"
    }

    /// How many random bytes stand behind the digits.
    package static let randomByteCount = 11
    private static let digitCount = 17

    /// The identifier as it is written.
    package let description: String

    /// What is identified.
    package var kind: Kind { Kind(rawValue: String(description.prefix(4))) ?? .user }

    /// Reads an identifier; nil for any other text.
    package init?(_ text: String) {
        let utf8 = text.utf8
        guard utf8.count == 4 + Self.digitCount, Kind(rawValue: String(text.prefix(4))) != nil,
            utf8.allSatisfy(Base32.isDigit)
        else { return nil }
        description = text
    }

    /// A new identifier from ``randomByteCount`` random bytes.
    package init(_ kind: Kind, random: [UInt8]) {
        description = kind.rawValue + Base32.text(random, digitCount: Self.digitCount)
    }

    /// The order of the texts.
    package static func < (left: Self, right: Self) -> Bool { left.description < right.description }
}

/// Digits of five bits each (RFC 4648, section 6), without padding.
package enum Base32 {
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".utf8)

    static func isDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) || (UInt8(ascii: "2")...UInt8(ascii: "7")).contains(byte)
    }

    /// The first `digitCount` digits of `bytes`, of which there must be enough.
    package static func text(_ bytes: some Collection<UInt8>, digitCount: Int) -> String {
        var text: [UInt8] = []
        var (bits, bitCount): (UInt32, Int) = (0, 0)
        for byte in bytes {
            bits = bits << 8 | UInt32(byte)
            bitCount += 8
            while bitCount >= 5, text.count < digitCount {
                bitCount -= 5
                text.append(alphabet[Int(bits >> UInt32(bitCount) & 31)])
            }
            bits &= 0xFF
        }
        return String(decoding: text, as: UTF8.self)
    }
}
