import KMSAccess
import KMSServer
import Testing

@Suite
struct TrustedProxiesTests {
    private static let proxies = TrustedProxies(["10.0.0.0/8", "2001:db8::/32"].compactMap(AddressRange.init))

    @Test(
        arguments: [
            ("10.0.0.1", ["203.0.113.9"], "203.0.113.9"),
            ("10.0.0.1", ["1.2.3.4, 203.0.113.9"], "203.0.113.9"),
            ("10.0.0.1", ["203.0.113.9, 10.3.3.3"], "203.0.113.9"),
            ("10.0.0.1", ["203.0.113.9", "10.3.3.3"], "203.0.113.9"),
            ("2001:db8::5", ["2001:db9::7"], "2001:db9::7"),
            ("10.0.0.1", ["10.4.4.4,10.3.3.3"], "10.4.4.4"),
            ("10.0.0.1", [], "10.0.0.1"),
            ("10.0.0.1", ["203.0.113.9:80"], "203.0.113.9"),
            ("10.0.0.1", ["[2001:db9::7]:80"], "2001:db9::7"),
            ("10.0.0.1", ["[2001:db9::7"], "10.0.0.1"),
            ("10.0.0.1", ["[2001:db9::7]"], "2001:db9::7"),
            ("10.0.0.1", ["[203.0.113.9]"], "203.0.113.9"),
            // One address has one text, however it is written.
            ("10.0.0.1", ["::ffff:203.0.113.9"], "203.0.113.9"),
            ("10.0.0.1", ["::ffff:cb00:7109"], "203.0.113.9"),
            ("10.0.0.1", ["[::FFFF:203.0.113.9]:80"], "203.0.113.9"),
            ("10.0.0.1", ["203.0.113.9, ::ffff:10.0.0.5"], "203.0.113.9"),
            ("::ffff:10.0.0.1", ["203.0.113.9"], "203.0.113.9"),
            ("10.0.0.1", ["2001:DB9:0::1"], "2001:db9::1"),
            // What is no address.
            ("10.0.0.1", ["[2001:db9::7]garbage"], "10.0.0.1"),
            ("10.0.0.1", ["[2001:db9::7]:"], "10.0.0.1"),
            ("10.0.0.1", ["[2001:db9::7]:+80"], "10.0.0.1"),
            ("10.0.0.1", ["203.0.113.9:"], "10.0.0.1"),
            ("10.0.0.1", ["203.0.113.9:abc"], "10.0.0.1"),
            ("10.0.0.1", ["203.0.113.9:99999"], "10.0.0.1"),
            ("10.0.0.1", ["203.0.113 .9"], "10.0.0.1"),
            ("10.0.0.1", ["203.0.113.9 evil"], "10.0.0.1"),
            ("10.0.0.1", [" \t203.0.113.9\t "], "203.0.113.9"),
            ("10.0.0.1", ["203.0.113.9, unknown"], "10.0.0.1"),
            ("10.0.0.1", ["203.0.113.9,,10.3.3.3"], "10.3.3.3"),
            ("11.0.0.1", ["203.0.113.9"], "11.0.0.1"),
            ("unknown", ["203.0.113.9"], "unknown"),
        ] as [(String, [String], String)])
    func `the last address that no trusted proxy has counts`(peer: String, forwardedFor: [String], address: String) {
        let origin = Self.proxies.origin(
            peer: peer, isSecure: false, forwardedFor: forwardedFor, forwardedProto: [])
        #expect(origin.address == address)
        let alone = TrustedProxies.none.origin(
            peer: peer, isSecure: false, forwardedFor: forwardedFor, forwardedProto: ["https"])
        #expect(alone.address == peer)
        #expect(!alone.isSecure)
    }

    @Test(
        arguments: [
            (["https"], false, true), (["HTTPS "], false, true), (["http"], true, false), ([], true, true),
            ([], false, false), (["ht tps"], true, false), (["https, http"], true, false),
            (["https", "https"], false, true),
        ] as [([String], Bool, Bool)])
    func `a trusted proxy says how its client came`(said: [String], came: Bool, isSecure: Bool) {
        let origin = Self.proxies.origin(peer: "10.0.0.1", isSecure: came, forwardedFor: [], forwardedProto: said)
        #expect(origin.isSecure == isSecure)
    }
}
