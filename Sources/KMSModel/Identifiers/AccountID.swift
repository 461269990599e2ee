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

extension AccountID: CodedAsText {}
