import Foundation
import KMSAccess
package import KMSModel

/// A place where proxies of external key stores can be: what the operator says of it.
///
/// Requests go nowhere else, whatever those ask for who may make key stores: the places that this server can reach are not
/// theirs to try.
package struct ExternalProxySetting: Sendable, Hashable {
    /// The host in `XksProxyUriEndpoint`, in lower case.
    package let host: String
    /// Who may have an external key store there.
    package let realm: Realm
    /// Where to connect; nil for what the name of the host says, at port 443.
    package let address: Address?
    /// The endpoint service of a network that it stands for, as `XksProxyVpcEndpointServiceName` has it; nil for a public
    /// endpoint.
    package let service: String?

    /// A host and a port.
    package struct Address: Sendable, Hashable {
        /// A name or an address.
        package let host: String
        /// 1 to 65535.
        package let port: Int
    }

    private static let scheme = "https://"
    private static let servicePrefixes = ["com.amazonaws.vpce.", "eu.amazonaws.vpce."]

    /// Reads `https://HOST/ACCOUNT/REGION[=ADDRESS:PORT][@SERVICE]`; nil for any other text.
    ///
    /// Source: API model, `XksProxyUriEndpointType`, `XksProxyVpcEndpointServiceNameType`.
    package init?(_ text: String) {
        let halves = text.split(separator: "@", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        let sides = halves[0].split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        let names = sides[0].dropFirst(Self.scheme.count).split(separator: "/", omittingEmptySubsequences: false)
            .map(String.init)
        guard sides[0].hasBytePrefix(Self.scheme), names.count == 3, Self.isHost(names[0]),
            let account = AccountID(names[1]), let region = Region(names[2])
        else { return nil }
        host = names[0].lowercased()
        realm = Realm(account: account, region: region)
        service = halves.count == 2 ? halves[1] : nil
        address = sides.count == 2 ? Address(sides[1]) : nil
        guard sides.count == 1 || address != nil, service.map(Self.isService) ?? true else { return nil }
    }

    /// Whether it takes a name server to know where it is.
    package var needsNameServer: Bool { KMSAccess.Address(address?.host ?? host) == nil }

    /// The host in `XksProxyUriEndpoint`.
    static func host(in uriEndpoint: String) -> String { String(uriEndpoint.dropFirst(scheme.count)).lowercased() }

    private static func isService(_ text: String) -> Bool {
        isHost(text) && servicePrefixes.contains(where: text.hasBytePrefix)
    }

    fileprivate static func isHost(_ text: some StringProtocol) -> Bool {
        (1...253).contains(text.utf8.count)
            && text.utf8.allSatisfy {
                switch $0 {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"):
                    true
                default: false
                }
            }
    }
}

extension ExternalProxySetting.Address {
    /// Reads `HOST:PORT`, or `[ADDRESS]:PORT` with an address of IPv6.
    fileprivate init?(_ text: String) {
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[colon...].dropFirst()), port > 0 else {
            return nil
        }
        var host = text[..<colon]
        if host.first == "[", host.last == "]" {
            host = host.dropFirst().dropLast()
            guard host.contains(":"), KMSAccess.Address(String(host)) != nil else { return nil }
        } else {
            guard ExternalProxySetting.isHost(host) else { return nil }
        }
        self.init(host: String(host), port: Int(port))
    }
}
