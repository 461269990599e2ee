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
        guard isTrusted(peer) else { return (peer, isSecure) }
        var address = peer
        search: for field in forwardedFor.reversed() {
            for entry in field.split(separator: ",", omittingEmptySubsequences: false).reversed() {
                guard let next = Self.address(in: entry) else { break search }
                address = next
                if !isTrusted(next) { break search }
            }
        }
        let protocols = forwardedProto.flatMap { $0.split(separator: ",") }.map { $0.filter { $0 != " " }.lowercased() }
        return (address, protocols.isEmpty ? isSecure : protocols.allSatisfy { $0 == "https" })
    }

    private func isTrusted(_ text: String) -> Bool {
        guard !ranges.isEmpty, let address = Address(text) else { return false }
        return ranges.contains { $0.contains(address) }
    }

    /// The address of an entry, without the port that some proxies add.
    private static func address(in entry: Substring) -> String? {
        let text = String(entry.filter { $0 != " " && $0 != "\t" })
        if Address(text) != nil { return text }
        if text.hasPrefix("["), let end = text.firstIndex(of: "]") {
            let inner = String(text[text.index(after: text.startIndex)..<end])
            return Address(inner) == nil ? nil : inner
        }
        guard let colon = text.lastIndex(of: ":") else { return nil }
        let host = String(text[..<colon])
        return host.contains(":") || Address(host) == nil ? nil : host
    }
}
