package import KMSEngine

/// What a server says at the beginning of a TLS connection, as far as it is not encrypted: which version, cipher suite and
/// group were agreed on.
///
/// NIOSSL tells only the version. The rest stands in the server's own first messages, which it sends in the clear:
/// `ServerHello` and, before TLS 1.3, `ServerKeyExchange`. Nothing of what a client sends is read here.
///
/// Source: RFC 8446, sections 4.1.3, 4.2.8 and 5.1; RFC 5246, section 7.4; RFC 8422, section 5.4.
package struct ServerFlight: Sendable {
    /// More than any chain of certificates that stands between the two messages.
    private static let mostBytes = 64 << 10

    private enum RecordType { static let handshake: UInt8 = 22 }
    private enum MessageType { static let serverHello: UInt8 = 2, serverKeyExchange: UInt8 = 12 }
    private enum ExtensionType { static let supportedVersions = 43, keyShare = 51 }
    private static let namedCurve: UInt8 = 3
    private static let (tls12, tls13) = (0x0303, 0x0304)

    private var records: [UInt8] = []
    private var messages: [UInt8] = []
    private var version: Int?
    private var cipherSuite = 0
    private var group: Int?
    /// Whether nothing more is to be learned.
    package private(set) var isOver = false

    package init() {}

    /// What was agreed on; nil before the server said it.
    package var agreement: TLSDetails? {
        guard let version else { return nil }
        return TLSDetails(
            version: version == Self.tls13 ? "TLSv1.3" : version == Self.tls12 ? "TLSv1.2" : Self.number(version),
            cipherSuite: Self.cipherSuites[cipherSuite] ?? Self.number(cipherSuite),
            keyExchange: group.map { Self.groups[$0] ?? Self.number($0) })
    }

    /// Reads what the server sends next.
    package mutating func read(_ bytes: some Sequence<UInt8>) {
        guard !isOver else { return }
        records += bytes
        readRecords()
        if records.count + messages.count > Self.mostBytes { isOver = true }
        if isOver { (records, messages) = ([], []) }
    }

    private mutating func readRecords() {
        var rest = records[...]
        while rest.count >= 5, !isOver {
            let (type, count) = (rest[rest.startIndex], Self.integer(rest.dropFirst(3).prefix(2)))
            guard rest.count >= 5 + count else { break }
            if type == RecordType.handshake {
                messages += rest.dropFirst(5).prefix(count)
                readMessages()
            } else if version != nil, group != nil || version == Self.tls12 {
                // What follows is encrypted; a session that was resumed has agreed on no group.
                isOver = true
            }
            rest = rest.dropFirst(5 + count)
        }
        records = Array(rest)
    }

    private mutating func readMessages() {
        var rest = messages[...]
        while rest.count >= 4 {
            let (type, count) = (rest[rest.startIndex], Self.integer(rest.dropFirst(1).prefix(3)))
            guard count <= Self.mostBytes else {
                isOver = true
                break
            }
            guard rest.count >= 4 + count else { break }
            let body = rest.dropFirst(4).prefix(count)
            switch type {
            case MessageType.serverHello: readHello(body)
            case MessageType.serverKeyExchange:
                if body.first == Self.namedCurve { group = Self.integer(body.dropFirst().prefix(2)) }
                isOver = true
            default: break
            }
            rest = rest.dropFirst(4 + count)
        }
        messages = Array(rest)
    }

    /// A request to try again is a `ServerHello` too; what counts is the last one.
    private mutating func readHello(_ body: ArraySlice<UInt8>) {
        var version = Self.integer(body.prefix(2))
        var rest = body.dropFirst(2 + 32)
        rest = rest.dropFirst(1 + Int(rest.first ?? 0))
        cipherSuite = Self.integer(rest.prefix(2))
        rest = rest.dropFirst(2 + 1 + 2)
        while rest.count >= 4 {
            let (type, count) = (Self.integer(rest.prefix(2)), Self.integer(rest.dropFirst(2).prefix(2)))
            let value = rest.dropFirst(4).prefix(count)
            if type == ExtensionType.supportedVersions { version = Self.integer(value) }
            if type == ExtensionType.keyShare {
                group = Self.integer(value.prefix(2))
                // With a key behind the group it is the answer; without one the client is asked for another.
                if count > 2 { isOver = true }
            }
            rest = rest.dropFirst(4 + count)
        }
        self.version = version
    }

    private static func integer(_ bytes: ArraySlice<UInt8>) -> Int { bytes.reduce(0) { $0 << 8 | Int($1) } }

    private static func number(_ value: Int) -> String { "0x" + String(value, radix: 16) }

    /// As CloudTrail names them: those before TLS 1.3 by the names of OpenSSL.
    private static let cipherSuites: [Int: String] = [
        0x1301: "TLS_AES_128_GCM_SHA256", 0x1302: "TLS_AES_256_GCM_SHA384", 0x1303: "TLS_CHACHA20_POLY1305_SHA256",
        0xC02B: "ECDHE-ECDSA-AES128-GCM-SHA256", 0xC02C: "ECDHE-ECDSA-AES256-GCM-SHA384",
        0xC02F: "ECDHE-RSA-AES128-GCM-SHA256", 0xC030: "ECDHE-RSA-AES256-GCM-SHA384",
        0xCCA8: "ECDHE-RSA-CHACHA20-POLY1305", 0xCCA9: "ECDHE-ECDSA-CHACHA20-POLY1305",
    ]

    private static let groups: [Int: String] = [
        0x0017: "secp256r1", 0x0018: "secp384r1", 0x0019: "secp521r1", 0x001D: "x25519", 0x11EC: "X25519MLKEM768",
    ]
}
