import KMSCrypto
import TestVectors
import Testing

/// The primitives under our formats do what their standards say.
struct PublishedVectorTests {
    @Test(arguments: try Vectors.cases("sha/sha-256.json", ["message", "digest"]))
    func `SHA-256 is that of FIPS 180-4`(vector: VectorCase) throws {
        #expect(Digest.sha256(try vector.bytes("message")) == (try vector.bytes("digest")))
    }

    @Test(arguments: try Vectors.cases("hmac/hmac-sha-256.json", ["key", "message", "code"]))
    func `HMAC-SHA-256 is that of RFC 4231`(vector: VectorCase) throws {
        let code = Primitives.hmac(of: try vector.bytes("message"), key: try vector.bytes("key"))
        #expect(try code == vector.bytes("code"))
    }

    @Test(arguments: try Vectors.cases("hkdf/hkdf-sha-256.json", ["secret", "salt", "info", "output"]))
    func `HKDF-SHA-256 is that of RFC 5869`(vector: VectorCase) throws {
        let output = Primitives.hkdf(
            try vector.bytes("secret"), salt: try vector.bytes("salt"), info: try vector.bytes("info")
        )
        // The vectors go on; the beginning of a longer output is the shorter one.
        #expect(output.count == 32)
        #expect(try output == Array(vector.bytes("output").prefix(32)))
    }

    @Test(arguments: try Vectors.cases("kdf/counter-mode-hmac-sha-256.json", ["secret", "fixedInput", "output"]))
    func `the counter mode is that of SP 800-108`(vector: VectorCase) throws {
        let output = Primitives.counterMode(try vector.bytes("secret"), fixedInput: try vector.bytes("fixedInput"))
        let expected = try vector.bytes("output")
        // A vector's output is shorter or longer than our one block.
        let compared = min(32, expected.count)
        #expect(output.count == 32)
        #expect(compared >= 16 && output.prefix(compared) == expected.prefix(compared))
    }

    static let gcmMembers: Set = ["key", "nonce", "additionalData", "ciphertext", "tag"]

    @Test(arguments: try Vectors.cases("gcm/encrypt.json", gcmMembers.union(["plaintext"])))
    func `AES-256-GCM seals as SP 800-38D says`(vector: VectorCase) throws {
        let sealed = try Primitives.seal(
            vector.bytes("plaintext"), key: vector.bytes("key"), nonce: vector.bytes("nonce"),
            additionalData: vector.bytes("additionalData")
        )
        #expect(try sealed == vector.bytes("nonce") + vector.bytes("ciphertext") + vector.bytes("tag"))
    }

    @Test(arguments: try Vectors.cases("gcm/decrypt.json", gcmMembers, optional: ["plaintext"]))
    func `AES-256-GCM opens what SP 800-38D says, and refuses the rest`(vector: VectorCase) throws {
        let sealed = try vector.bytes("nonce") + vector.bytes("ciphertext") + vector.bytes("tag")
        let (key, additionalData) = (try vector.bytes("key"), try vector.bytes("additionalData"))
        if let plaintext = try vector.bytesIfPresent("plaintext") {
            #expect(try Primitives.open(sealed, key: key, additionalData: additionalData) == plaintext)
        } else {
            #expect(throws: CryptoFailure.notAuthentic) {
                try Primitives.open(sealed, key: key, additionalData: additionalData)
            }
        }
    }

    @Test func `a tag that is cut short does not open anything`() throws {
        let (key, nonce) = ([UInt8](repeating: 1, count: 32), [UInt8](repeating: 2, count: 12))
        let sealed = try Primitives.seal([3], key: key, nonce: nonce, additionalData: [])
        for count in 0..<sealed.count {
            #expect(throws: count < 28 ? CryptoFailure.malformed : .notAuthentic, "\(count) bytes") {
                try Primitives.open(Array(sealed.prefix(count)), key: key, additionalData: [])
            }
        }
    }

    @Test(arguments: [0, 8, 11]) func `a nonce that is too short is refused`(count: Int) {
        #expect(throws: CryptoFailure.unavailable) {
            try Primitives.seal(
                [3], key: [UInt8](repeating: 1, count: 32), nonce: [UInt8](repeating: 2, count: count),
                additionalData: []
            )
        }
    }
}
