import Foundation

/// The pairs of a form or of a query: `application/x-www-form-urlencoded`.
///
/// Source: URL Standard (WHATWG), "application/x-www-form-urlencoded parsing"; unlike browsers this reads UTF-8 only.
package enum FormEncoding {
    /// The most pairs that are read: no request has as many.
    package static let mostPairs = 1000

    /// The pairs in the order in which they stand, or nil for what cannot be read.
    package static func pairs(in form: some Collection<UInt8>) -> [(name: String, value: String)]? {
        let parts = form.split(separator: UInt8(ascii: "&"), maxSplits: mostPairs)
        guard parts.count <= mostPairs else { return nil }
        var pairs: [(name: String, value: String)] = []
        pairs.reserveCapacity(parts.count)
        for part in parts {
            let sides = part.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
            guard let name = unescape(sides[0]), let value = unescape(sides.count > 1 ? sides[1] : part.prefix(0))
            else {
                return nil
            }
            pairs.append((name, value))
        }
        return pairs
    }

    private static func unescape(_ text: some Collection<UInt8>) -> String? {
        let spaced = text.map { $0 == UInt8(ascii: "+") ? UInt8(ascii: " ") : $0 }
        return String(validating: spaced, as: UTF8.self)?.removingPercentEncoding
    }
}
