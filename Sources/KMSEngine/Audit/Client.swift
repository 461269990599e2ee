import KMSModel

/// Who is at the other end of the connection.
///
/// An object, because everything that belongs to a request carries it on.
package final class Client: Sendable {
    /// The client's IP address.
    package let address: String
    /// The header of that name, or nil.
    package let userAgent: String?
    /// The header of that name, or nil.
    package let referer: String?
    /// Whether the client came by TLS, to this server or to a proxy that is trusted to say so.
    package let isSecure: Bool
    /// What was agreed on with this server; nil without TLS, and behind a proxy.
    package let tls: TLSDetails?

    package init(
        address: String, userAgent: String?, referer: String?, isSecure: Bool = false, tls: TLSDetails? = nil
    ) {
        self.address = address
        self.userAgent = userAgent
        self.referer = referer
        self.isSecure = isSecure
        self.tls = tls
    }
}

/// How a connection is protected.
///
/// Source: AWS CloudTrail User Guide, "CloudTrail record contents", `tlsDetails`.
package struct TLSDetails: Sendable, Equatable {
    /// The longest name of a host that is kept, in bytes.
    private static let longestHost = 255

    /// Such as `TLSv1.3`.
    package let version: String
    /// Such as `TLS_AES_128_GCM_SHA256`; before TLS 1.3 by the name that OpenSSL has for it.
    package let cipherSuite: String
    /// The named group, such as `x25519`; nil for a session of TLS 1.2 that was resumed.
    package let keyExchange: String?
    /// What the request calls this server.
    package var host: String?

    package init(version: String, cipherSuite: String, keyExchange: String?, host: String? = nil) {
        self.version = version
        self.cipherSuite = cipherSuite
        self.keyExchange = keyExchange
        self.host = host
    }

    /// The same, of a request to `host`.
    package func to(_ host: String?) -> TLSDetails {
        var details = self
        details.host = host
        return details
    }

    /// Writes the member `tlsDetails`.
    func write(to writer: inout JSONWriter) {
        writer.name("tlsDetails")
        writer.object { writer in
            writer.member("tlsVersion", version)
            writer.member("cipherSuite", cipherSuite)
            if let host {
                writer.member(
                    "clientProvidedHostHeader", String(decoding: host.utf8.prefix(Self.longestHost), as: UTF8.self))
            }
            if let keyExchange { writer.member("keyExchange", keyExchange) }
        }
    }
}
