/// Names of this machine itself.
///
/// A server whose credentials everybody knows must answer to no other: a site could have its own name lead here, and its
/// script would then have the console as a page of its own (DNS rebinding).
package enum LoopbackHost {
    /// Whether a header `Host` names this machine: `localhost` and names under it (RFC 6761, section 6.3), an address of
    /// 127.0.0.0/8, or `[::1]`; a port may follow.
    package static func includes(_ host: String) -> Bool {
        var rest = host.lowercased()[...]
        var name = rest
        if rest.hasPrefix("[") {
            guard let end = rest.firstIndex(of: "]") else { return false }
            name = rest[...end]
            rest = rest[rest.index(after: end)...]
        } else {
            name = rest.prefix { $0 != ":" }
            rest = rest[name.endIndex...]
        }
        guard rest.isEmpty || rest.hasPrefix(":") && rest.utf8.dropFirst().allSatisfy({ (0x30...0x39).contains($0) })
        else {
            return false
        }
        if name.hasSuffix(".") { name.removeLast() }
        return name == "localhost" || name.hasSuffix(".localhost") || name == "[::1]" || isLoopbackAddress(name)
    }

    private static func isLoopbackAddress(_ text: Substring) -> Bool {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts[0] == "127"
            && parts.allSatisfy { part in
                part.utf8.allSatisfy { (0x30...0x39).contains($0) } && UInt8(part).map { String($0) == part } ?? false
            }
    }
}

extension ConsoleFailure {
    /// A page that was asked for by a name that is not this machine's own.
    static func foreignHost(_ host: String?) -> Self {
        Self(
            "WrongHost",
            "\(host ?? "No name") is no name of this machine. A development server shows its console on localhost only.",
            status: 403)
    }
}
