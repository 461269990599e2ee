package import KMSAccess
import KMSEngine

/// The proxies before the server whose word on a client counts.
package struct TrustedProxies: Sendable {
    private let ranges: [AddressRange]

    /// No proxy: each client speaks for itself.
    package static let none = TrustedProxies([])

    /// - Parameter ranges: The addresses from which proxies connect.
    package init(_ ranges: [AddressRange]) { self.ranges = ranges }

    /// Where a request came from, and whether it came by TLS.
    ///
    /// A proxy appends the address of whoever it talks to, so the list is read from its end: up to the first address that
    /// is none of a trusted proxy, because whoever has that one can have written all that stands before it. What is no
    /// address ends the list too.
    ///
    /// - Parameters:
    ///   - forwardedFor: The fields `X-Forwarded-For`, in their order.
    ///   - forwardedProto: The fields `X-Forwarded-Proto`; of several values all have to say `https`.
    package func origin(
        peer: String, isSecure: Bool, forwardedFor: [String], forwardedProto: [String]
    ) -> (address: String, isSecure: Bool) {
        guard !ranges.isEmpty, var address = Address(peer), isTrusted(address) else { return (peer, isSecure) }
        search: for field in forwardedFor.reversed() {
            for entry in field.split(separator: ",", omittingEmptySubsequences: false).reversed() {
                guard let next = Self.address(in: entry) else { break search }
                address = next
                if !isTrusted(next) { break search }
            }
        }
        let protocols = forwardedProto.flatMap { $0.split(separator: ",") }.map { Self.trimmed($0).lowercased() }
        return (address.description, protocols.isEmpty ? isSecure : protocols.allSatisfy { $0 == "https" })
    }

    private func isTrusted(_ address: Address) -> Bool { ranges.contains { $0.contains(address) } }

    /// The address of an entry, without the port that some proxies add.
    private static func address(in entry: Substring) -> Address? {
        let text = trimmed(entry)
        if let address = Address(String(text)) { return address }
        if text.hasPrefix("["), let end = text.firstIndex(of: "]") {
            let rest = text[text.index(after: end)...]
            guard rest.isEmpty || rest.hasPrefix(":") && isPort(rest.dropFirst()) else { return nil }
            return Address(String(text[..<end].dropFirst()))
        }
        guard let colon = text.firstIndex(of: ":"), isPort(text[colon...].dropFirst()) else { return nil }
        return Address(String(text[..<colon]))
    }

    private static func isPort(_ text: Substring) -> Bool {
        text.utf8.allSatisfy { (0x30...0x39).contains($0) } && UInt16(text) != nil
    }

    /// Without the optional white space that a list may have around its members (RFC 9110, section 5.6.3).
    private static func trimmed(_ text: Substring) -> Substring {
        let isSpace = { (character: Character) in character == " " || character == "\t" }
        var text = text.drop(while: isSpace)
        while let last = text.last, isSpace(last) { text.removeLast() }
        return text
    }
}
