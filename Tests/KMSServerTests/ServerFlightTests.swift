import KMSEngine
import KMSServer
import Testing

/// The messages with which a server begins.
private enum Message {
    static func record(_ type: UInt8, _ payload: [UInt8]) -> [UInt8] { [type, 3, 3] + two(payload.count) + payload }

    static func handshake(_ type: UInt8, _ body: [UInt8]) -> [UInt8] { [type, 0] + two(body.count) + body }

    static func hello(_ cipher: Int, _ extensions: [(type: Int, value: [UInt8])] = []) -> [UInt8] {
        let list = extensions.flatMap { two($0.type) + two($0.value.count) + $0.value }
        let session: [UInt8] = [32] + Array(repeating: 7, count: 32)
        return handshake(
            2, two(0x0303) + Array(repeating: 9, count: 32) + session + two(cipher) + [0] + two(list.count) + list)
    }

    static func keyShare(_ group: Int) -> (type: Int, value: [UInt8]) { (51, two(group) + two(3) + [1, 2, 3]) }

    static let tls13: (type: Int, value: [UInt8]) = (43, [3, 4])

    static func two(_ number: Int) -> [UInt8] { [UInt8(number >> 8), UInt8(number & 0xFF)] }
}

@Suite
struct ServerFlightTests {
    private static let modern = Message.record(22, Message.hello(0x1302, [Message.tls13, Message.keyShare(0x11EC)]))

    @Test
    func `TLS 1.3 says everything in its hello`() {
        var flight = ServerFlight()
        flight.read(Self.modern)
        #expect(flight.isOver)
        #expect(
            flight.agreement
                == TLSDetails(
                    version: "TLSv1.3", cipherSuite: "TLS_AES_256_GCM_SHA384", keyExchange: "X25519MLKEM768"))
    }

    @Test
    func `a client that is asked to try again is heard the second time`() {
        var flight = ServerFlight()
        flight.read(Message.record(22, Message.hello(0x1301, [Message.tls13, (51, Message.two(0x17))])))
        #expect(!flight.isOver)
        // For the sake of old machines on the way (RFC 8446, appendix D.4).
        flight.read(Message.record(20, [1]))
        flight.read(Message.record(22, Message.hello(0x1301, [Message.tls13, Message.keyShare(0x17)])))
        #expect(flight.isOver)
        #expect(flight.agreement?.keyExchange == "secp256r1")
    }

    @Test
    func `TLS 1.2 says the group behind its certificates`() {
        let messages =
            Message.hello(0xC02F) + Message.handshake(11, Array(repeating: 5, count: 3000))
            + Message.handshake(12, [3, 0, 0x1D, 1, 2]) + Message.handshake(14, [])
        // Messages are cut where records end, and records where the connection likes.
        let records =
            Message.record(22, Array(messages.prefix(1000))) + Message.record(22, Array(messages.dropFirst(1000)))
        for size in [1, 7, 100, 5000] {
            var flight = ServerFlight()
            var rest = records[...]
            while !rest.isEmpty {
                flight.read(rest.prefix(size))
                rest = rest.dropFirst(size)
            }
            #expect(flight.isOver)
            #expect(
                flight.agreement
                    == TLSDetails(version: "TLSv1.2", cipherSuite: "ECDHE-RSA-AES128-GCM-SHA256", keyExchange: "x25519")
            )
        }
    }

    @Test
    func `a session of TLS 1_2 that is taken up again has no group`() {
        var flight = ServerFlight()
        flight.read(Message.record(22, Message.hello(0xC02C)) + Message.record(20, [1]))
        #expect(flight.isOver)
        #expect(
            flight.agreement
                == TLSDetails(version: "TLSv1.2", cipherSuite: "ECDHE-ECDSA-AES256-GCM-SHA384", keyExchange: nil))
    }

    @Test
    func `what has no name is told by its number`() {
        var flight = ServerFlight()
        flight.read(Message.record(22, Message.hello(0x1399, [Message.tls13, Message.keyShare(0x6399)])))
        #expect(flight.agreement?.cipherSuite == "0x1399")
        #expect(flight.agreement?.keyExchange == "0x6399")
    }

    @Test
    func `whatever is cut off tells nothing, and breaks nothing`() {
        for count in 0..<Self.modern.count {
            var flight = ServerFlight()
            flight.read(Self.modern.prefix(count))
            #expect(flight.agreement == nil)
        }
        var random = SystemRandomNumberGenerator()
        for _ in 0..<2000 {
            var bytes = Self.modern
            for _ in 0..<4 { bytes[Int.random(in: 5..<bytes.count, using: &random)] = .random(in: 0...255) }
            var flight = ServerFlight()
            flight.read(bytes)
            flight.read(bytes)
        }
    }

    @Test
    func `no more is kept than a chain of certificates needs`() {
        var flight = ServerFlight()
        for _ in 0..<100 { flight.read(Message.record(22, Array(repeating: 1, count: 1000))) }
        #expect(flight.isOver)
        #expect(flight.agreement == nil)
    }
}
