/// A cookie of the console, under the name that the way to the browser allows.
///
/// By TLS it has the prefix `__Host-`: browsers then take it from this host and by TLS only, so that neither a neighbouring host
/// name nor somebody on the way can plant one (RFC 6265bis, section 4.1.3.2). Such a cookie has to be for all paths.
package struct ConsoleCookie: Sendable {
    /// The prefix of names that only TLS can set.
    package static let prefix = "__Host-"

    private let name: String

    /// - Parameter name: The name without the prefix.
    package init(_ name: String) { self.name = name }

    /// What the browser shows; nil for one that somebody else can have planted.
    package func value(in request: ConsoleRequest) -> String? {
        request.cookies[Self.prefix + name] ?? (request.isSecure ? nil : request.cookies[name])
    }

    /// What the browser shows under either name: for what proves nothing by itself.
    package func anyValue(in request: ConsoleRequest) -> String? {
        request.cookies[Self.prefix + name] ?? request.cookies[name]
    }

    /// The value of the header that sets the cookie so that no script sees it and no other site's page sends it.
    package func setting(_ value: String, isSecure: Bool) -> String {
        text(value, isSecure: isSecure)
    }

    /// The values of the headers that take the cookie away, whatever it is called.
    package var removals: [String] { [true, false].map { text("", isSecure: $0) + "; Max-Age=0" } }

    private func text(_ value: String, isSecure: Bool) -> String {
        isSecure
            ? "\(Self.prefix)\(name)=\(value); Path=/; HttpOnly; SameSite=Strict; Secure"
            : "\(name)=\(value); Path=/console; HttpOnly; SameSite=Strict"
    }
}
