import Foundation
package import KMSModel

/// Where the KMS is.
package struct KMSEndpoint: Sendable, Equatable {
    /// The URL, whose path is the root.
    package let url: String
    /// The host as the `Host` header has it: with the port, unless it is the scheme's own.
    package let authority: String
    /// Whether others on the way can read what is sent.
    package let isPlaintext: Bool
    /// Whether it is this machine.
    package let isLoopback: Bool

    /// Reads `http://HOST[:PORT]` or `https://HOST[:PORT]`; nil for anything else, as one with a path.
    package init?(_ text: String) {
        guard let parts = URLComponents(string: text), let scheme = parts.scheme?.lowercased(),
            ["http", "https"].contains(scheme), let host = parts.host, !host.isEmpty,
            parts.path.isEmpty || parts.path == "/", parts.query == nil, parts.fragment == nil, parts.user == nil
        else { return nil }
        isPlaintext = scheme == "http"
        authority = parts.port.flatMap { $0 == (scheme == "http" ? 80 : 443) ? nil : "\(host):\($0)" } ?? host
        url = "\(scheme)://\(authority)/"
        let name = host.trimmingCharacters(in: ["[", "]"])
        let numbers = name.split(separator: ".", omittingEmptySubsequences: false)
        isLoopback =
            name == "localhost" || name == "::1"
            || numbers.count == 4 && numbers[0] == "127" && numbers.allSatisfy { UInt8($0) != nil }
    }

    /// AWS's own endpoint of a region; nil in partitions whose endpoints are not public.
    package init?(ofAWSIn region: Region) {
        let suffix: String
        switch region.partition {
        case .aws, .usGovernment: suffix = "amazonaws.com"
        case .china: suffix = "amazonaws.com.cn"
        case .europeanSovereign: suffix = "amazonaws.eu"
        case .iso, .isoB, .isoE, .isoF: return nil
        }
        self.init("https://kms.\(region).\(suffix)")
    }
}
