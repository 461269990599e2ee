import Foundation

/// Where to listen: an address, and a port.
struct ListenAddress: Equatable {
    static let standard = "127.0.0.1:4599"

    let host: String
    let port: Int

    /// - Throws: ``CommandFailure`` unless `text` is `HOST:PORT`; an IPv6 address stands in brackets.
    init(_ text: String) throws {
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]) else {
            throw CommandFailure.configuration("\"\(text)\" is not an address of the form HOST:PORT")
        }
        let name = text[..<colon]
        let host = String(name.hasPrefix("[") && name.hasSuffix("]") ? name.dropFirst().dropLast() : name)
        guard !host.isEmpty, !host.contains(":") || name.hasPrefix("[") else {
            throw CommandFailure.configuration("\"\(text)\" is not an address of the form HOST:PORT")
        }
        self.host = host
        self.port = Int(port)
    }

    /// Whether only this machine can reach it.
    var isLoopback: Bool {
        if host == "localhost" || host == "::1" { return true }
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil }
    }

    /// The address as a URL, for people and clients.
    func url(port: Int, isSecure: Bool) -> String {
        let scheme = isSecure ? "https" : "http"
        return host.contains(":") ? "\(scheme)://[\(host)]:\(port)" : "\(scheme)://\(host):\(port)"
    }
}
