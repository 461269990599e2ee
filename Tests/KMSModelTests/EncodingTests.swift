import Foundation
import KMSModel
import Testing

struct Base64Tests {
    /// RFC 4648, section 10.
    static let published = [
        ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="),
        ("foobar", "Zm9vYmFy"),
    ]

    @Test(arguments: published)
    func `the RFC's values are coded both ways`(plain: String, coded: String) {
        #expect(Base64.encode(Array(plain.utf8)) == coded)
        #expect(Base64.decode(coded) == Array(plain.utf8))
        #expect(Base64.decodeSecret(coded)?.withBytes { Array($0) } == Array(plain.utf8))
    }

    @Test(arguments: [
        "Zg", "Zg=", "Zg===", "Z===", "====", "Zm9v====", "Zh==", "Zm9=", "Zm 9v", "Zm9v\n", "Zm-_", "Zg==Zg==", "é===",
        "=Zg=",
    ])
    func `what no encoder writes is refused`(text: String) {
        #expect(Base64.decode(text) == nil)
        #expect(Base64.decodeSecret(text) == nil)
    }

    @Test func `every length comes back`() {
        var random = SeededRandom(seed: 1)
        for count in 0...200 {
            let bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
            #expect(Base64.decode(Base64.encode(bytes)) == bytes)
        }
    }

    @Test func `every digit in every place is what others write`() {
        let bytes = [UInt8](0...255)
        // Beginning anywhere, so that each byte comes to stand in each place of three.
        for start in 0..<256 {
            let bytes = Array((bytes + bytes)[start..<start + 256 - start % 7])
            #expect(Base64.encode(bytes) == Data(bytes).base64EncodedString())
        }
    }
}

struct HexTests {
    @Test func `bytes come back from hex`() {
        let bytes = [UInt8](0...255)
        #expect(Hex.decode(Hex.encode(bytes)) == bytes)
        #expect(Hex.encode([0x0A, 0xFF]) == "0aff")
    }

    @Test func `every byte is written in every place as others write it`() {
        let bytes = [UInt8](0...255)
        for count in [1, 2, 3, 4, 5, 6, 7, 8, 253, 254, 255, 256] {
            let bytes = Array(bytes.suffix(count))
            let expected = bytes.map { String(format: "%02x", $0) }.joined()
            #expect(Hex.encode(bytes) == expected)
            var appended = ByteWriter(capacity: 2)
            appended.append("0x")
            Hex.append(bytes, to: &appended)
            #expect(String(decoding: appended.bytes, as: UTF8.self) == "0x\(expected)")
        }
    }

    @Test(arguments: ["a", "0A", "0g", "é"])
    func `anything but lower-case pairs is refused`(text: String) {
        #expect(Hex.decode(text) == nil)
    }
}

struct SecretBytesTests {
    struct Refusal: Error {}

    @Test func `bytes are lent as they were given`() {
        #expect(SecretBytes(copying: [1, 2, 3]).withBytes { Array($0) } == [1, 2, 3])
        #expect(SecretBytes(copying: []).count == 0)
    }

    @Test func `only what was filled is lent`() {
        let secret = SecretBytes(capacity: 8) { buffer in
            buffer[0] = 7
            return 1
        }
        #expect(secret.count == 1)
        #expect(secret.withBytes { Array($0) } == [7])
    }

    @Test func `what filling throws is passed on`() {
        #expect(throws: Refusal.self) { try SecretBytes(capacity: 4) { _ throws(Refusal) in throw Refusal() } }
    }
}
