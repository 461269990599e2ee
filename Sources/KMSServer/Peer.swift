import KMSAccess
import KMSEngine
import NIOCore

/// Who is at the other end of a connection, and how it is protected.
struct Peer: Sendable {
    /// That of the connection on which the present request came.
    @TaskLocal static var current = Peer(address: "unknown", tls: nil)

    /// The IP address; that of an IPv4 client in its own form also where IPv6 carries it.
    let address: String
    /// What was agreed on; nil for a connection without TLS.
    let tls: TLSDetails?

    init(address: String, tls: TLSDetails?) {
        self.address = address
        self.tls = tls
    }

    init(of channel: any Channel, tls: TLSDetails? = nil) {
        let text = channel.remoteAddress?.ipAddress ?? "unknown"
        self.init(address: Address(text)?.description ?? text, tls: tls)
    }
}
