package import Foundation

/// The end of a root key: when its replacement began, or was done, and whether its tokens are still taken.
package struct RootRetirement: Sendable, Equatable {
    static let byteCount = 9

    /// When it was, to the millisecond.
    package var date: Date
    /// Whether tokens that were made under the root key are taken.
    package let takesTokens: Bool

    /// The end of a root key at `date`.
    package init(date: Date, takesTokens: Bool) {
        self.date = date
        self.takesTokens = takesTokens
    }

    /// Milliseconds since 1970 in eight bytes, and a byte that is 1 when tokens are taken.
    var bytes: [UInt8] {
        let milliseconds = UInt64(max(0, date.timeIntervalSince1970 * 1000))
        let digits = stride(from: 56, through: 0, by: -8).map { UInt8(truncatingIfNeeded: milliseconds >> UInt64($0)) }
        return digits + [takesTokens ? 1 : 0]
    }

    /// - Returns: nil for what ``bytes`` never are.
    init?(_ bytes: [UInt8]) {
        guard bytes.count == Self.byteCount, bytes[8] <= 1 else { return nil }
        date = Date(timeIntervalSince1970: Double(bytes.prefix(8).reduce(0) { $0 << 8 | UInt64($1) }) / 1000)
        takesTokens = bytes[8] == 1
    }
}
