/// A twelve-digit AWS account number.
package struct AccountID: Hashable, Sendable, CustomStringConvertible {
    package let description: String

    /// Accepts exactly twelve ASCII digits.
    package init?(_ text: some StringProtocol) {
        guard text.utf8.count == 12, text.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) })
        else { return nil }
        description = String(text)
    }
}

extension AccountID: Comparable {
    package static func < (left: Self, right: Self) -> Bool { left.description < right.description }
}

extension AccountID: Codable {
    /// Reads twelve digits.
    ///
    /// - Throws: `DecodingError` for any other text.
    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        guard let account = Self(try container.decode(String.self)) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "not an account")
        }
        self = account
    }

    /// Writes the twelve digits as a text.
    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}
