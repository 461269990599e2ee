/// The identifier of a custom key store: `cks-` and 17 lower-case hex digits.
package struct CustomKeyStoreID: Hashable, Sendable, Comparable, CodedAsText {
    private static let prefix = "cks-"
    private static let digitCount = 17
    /// How many random bytes ``init(random:)`` takes.
    package static let randomByteCount = (digitCount + 1) / 2

    /// The identifier as it is written.
    package let description: String

    /// Reads an identifier; nil for any other text.
    package init?(_ text: String) {
        guard text.utf8.count == Self.prefix.utf8.count + Self.digitCount, text.hasBytePrefix(Self.prefix),
            text.utf8.dropFirst(Self.prefix.utf8.count).allSatisfy(Hex.isLowerDigit)
        else { return nil }
        description = text
    }

    /// A new identifier from ``randomByteCount`` random bytes.
    package init(random: [UInt8]) { description = Self.prefix + Hex.encode(random).prefix(Self.digitCount) }

    /// The order of the texts.
    package static func < (left: Self, right: Self) -> Bool { left.description < right.description }
}
