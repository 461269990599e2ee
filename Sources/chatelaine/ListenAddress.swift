import Foundation

/// Where to listen: an address of the loopback interface, and a port.
struct ListenAddress: Equatable {
    static let standard = "127.0.0.1:4599"

    let host: String
    let port: Int

    /// - Throws: ``CommandFailure`` unless `text` is `HOST:PORT` with a loopback host. Requests carry plaintext, so they
    ///   do not leave the machine without TLS.
    init(_ text: String) throws {
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]) else {
            throw CommandFailure.configuration("\"\(text)\" is not an address of the form HOST:PORT")
        }
        let name = text[..<colon]
        let host = name.hasPrefix("[") && name.hasSuffix("]") ? name.dropFirst().dropLast() : name
        guard Self.isLoopback(String(host)) else {
            throw CommandFailure.configuration(
                "\(host) is not a loopback address; to serve other machines, put a proxy that speaks TLS on this one"
            )
        }
        self.host = String(host)
        self.port = Int(port)
    }

    private static func isLoopback(_ host: String) -> Bool {
        if host == "localhost" || host == "::1" { return true }
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil }
    }

    private init(host: String, port: Int) { (self.host, self.port) = (host, port) }

    /// The same address, at the port that the system gave for it.
    func bound(to port: Int) -> ListenAddress { ListenAddress(host: host, port: port) }

    /// The address as a URL, for people and clients.
    func url(port: Int) -> String { host.contains(":") ? "http://[\(host)]:\(port)" : "http://\(host):\(port)" }
}
