import Foundation
import KMSCrypto
import KMSModel
import Synchronization
import Testing

/// Random bytes that a test knows afterwards.
private final class KnownRandomness: RandomSource {
    private let given = Mutex<[[UInt8]]>([])

    /// Everything of this length that was handed out.
    func given(ofLength count: Int) -> [[UInt8]] { given.withLock { $0.filter { $0.count == count } } }

    func fill(_ buffer: UnsafeMutableRawBufferPointer) throws(CryptoFailure) {
        let bytes = (0..<buffer.count).map { _ in UInt8.random(in: 0...255) }
        buffer.copyBytes(from: bytes)
        given.withLock { $0.append(bytes) }
    }
}

struct AtRestTests {
    @Test func `no file holds key material, a data key, a plaintext or a secret in any form`() async throws {
        try await withTemporaryDirectory { directory in
            let randomness = KnownRandomness()
            let harness = try await EngineHarness(in: directory, randomness: randomness)
            let keyID = try await harness.makeKey(#"{"Description":"description-that-is-stored"}"#)
            let material = try #require(randomness.given(ofLength: 32).last, "the material is what was made last")
            let plaintext = Array("plaintext-that-nobody-may-keep".utf8)
            let encrypt = #"{"KeyId":"\#(keyID)","Plaintext":"\#(Base64.encode(plaintext))"}"#
            let ciphertext = try await harness.call(.encrypt, encrypt).string("CiphertextBlob")
            let decrypted = await harness.call(.decrypt, #"{"CiphertextBlob":"\#(ciphertext)"}"#)
            #expect(try decrypted.string("Plaintext") == Base64.encode(plaintext))
            let answer = await harness.call(.generateDataKey, #"{"KeyId":"\#(keyID)","NumberOfBytes":48}"#)
            let dataKey = try #require(Base64.decode(try answer.string("Plaintext")))
            let secrets = [material, plaintext, dataKey, Array(EngineHarness.secret.utf8)]
            try Self.expect(noneOf: secrets, in: directory)
            try await harness.close()
            try Self.expect(noneOf: secrets, in: directory)
        }
    }

    @Test func `the material that is looked for is the material that encrypts`() async throws {
        try await withTemporaryDirectory { directory in
            let randomness = KnownRandomness()
            let harness = try await EngineHarness(in: directory, randomness: randomness)
            let keyID = try await harness.makeKey()
            let made = randomness.given(ofLength: 32)
            let metadata = await harness.call(.describeKey, #"{"KeyId":"\#(keyID)"}"#)
            // The identifier is drawn first, then the material.
            #expect(try metadata.string("KeyMetadata", "CurrentKeyMaterialId") == Hex.encode(made[made.count - 2]))
            try await harness.close()
        }
    }

    private static func expect(noneOf secrets: [[UInt8]], in directory: URL) throws {
        let files = try contents(of: directory)
        // What is stored in the clear is found, so what is not found is not there.
        #expect(holds(files, Array("description-that-is-stored".utf8)))
        for secret in secrets {
            for form in forms(of: secret) { #expect(!holds(files, form)) }
        }
    }

    private static func contents(of directory: URL) throws -> [[UInt8]] {
        let enumerator = try #require(FileManager.default.enumerator(at: directory, includingPropertiesForKeys: nil))
        return try enumerator.compactMap { $0 as? URL }.filter {
            !$0.hasDirectoryPath && $0.lastPathComponent != "root.key"
        }
        .map { Array(try Data(contentsOf: $0)) }
    }

    private static func holds(_ files: [[UInt8]], _ pattern: [UInt8]) -> Bool {
        files.contains { file in file.firstRange(of: pattern) != nil }
    }

    /// The bytes themselves, in hex, and in base64 wherever in a longer text they may begin.
    private static func forms(of secret: [UInt8]) -> [[UInt8]] {
        var forms = [secret, Array(Hex.encode(secret).utf8), Array(Hex.encode(secret).uppercased().utf8)]
        for offset in 0..<3 {
            let whole = secret.dropFirst(offset).prefix((secret.count - offset) / 3 * 3)
            forms.append(Array(Base64.encode(Array(whole)).utf8))
        }
        return forms
    }
}
