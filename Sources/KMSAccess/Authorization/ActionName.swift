import KMSModel

/// What a caller wants to do, such as `kms:Encrypt`.
///
/// Made once for each operation: it keeps the folded form that patterns are matched with.
package struct ActionName: Sendable, Hashable, CustomStringConvertible, ExpressibleByStringLiteral {
    /// The name as error texts show it.
    package let description: String
    /// The name in lower case, as UTF-8.
    let folded: [UInt8]

    /// What stands before the colon.
    package var service: Substring { description.prefix { $0 != ":" } }

    /// Takes the name as AWS spells it: `<service>:<operation>`.
    package init(_ name: String) {
        description = name
        folded = name.foldedBytes
    }

    /// Takes the name as AWS spells it.
    package init(stringLiteral name: String) { self.init(name) }
}

extension ActionName {
    /// Whether a policy's action is `*`, or a service and a name where wildcards stand in the name or are all of the
    /// service.
    ///
    /// - Parameter isStrict: Whether the name has to be of letters, digits and hyphens, as it has in what is written now:
    ///   policies are stored that have others.
    static func isPattern(_ text: String, isStrict: Bool) -> Bool {
        if text.isSame(as: "*") { return true }
        let parts = text.utf8.split(separator: UInt8(ascii: ":"), maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, !parts[0].isEmpty, !parts[1].isEmpty else { return false }
        guard parts[0].elementsEqual("*".utf8) || parts[0].allSatisfy(\.isASCIILabel) else { return false }
        return !isStrict
            || parts[1].allSatisfy { $0.isASCIILabel || $0 == UInt8(ascii: "*") || $0 == UInt8(ascii: "?") }
    }
}
