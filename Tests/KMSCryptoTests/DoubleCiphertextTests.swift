import Foundation
import KMSCrypto
import KMSModel
import Testing

/// The layout of what is encrypted here and again elsewhere (docs/formats.md).
struct DoubleCiphertextTests {
    private static func material(_ first: UInt8 = 0) throws -> MaterialRecord {
        MaterialRecord(
            key: try Sample.key(), id: try #require(KeyMaterialID(bytes: (0..<32).map { $0 + first })),
            spec: .symmetricDefault, creationDate: Date(timeIntervalSince1970: 0), wrapped: nil)
    }

    private static func outer(
        vector: Int = 12, metadata: Int = 2, tag: Int = 16, text: Int = 4
    ) -> ExternalCiphertext {
        ExternalCiphertext(
            metadata: [UInt8](repeating: 0xAA, count: metadata),
            initializationVector: [UInt8](repeating: 1, count: vector),
            text: [UInt8](repeating: 3, count: text), tag: [UInt8](repeating: 2, count: tag))
    }

    @Test func `what any version wrote is read for ever`() throws {
        let material = try Self.material()
        let double = try #require(DoubleCiphertext(Self.outer(), of: [0, 0, 0, 0]))
        let bytes = double.bytes(for: material)
        let pinned =
            "6368740300" + "1234abcd12ab34cd56ef1234567890ab"
            + "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
            // SHA-256 of four zeros.
            + "df3f619804a92fdb4057192dc43dd748ea778adc52bc498ce80524c014b81119" + "0c010101010101010101010101"
            + "02aaaa" + "02020202020202020202020202020202" + "03030303"
        #expect(Hex.encode(bytes) == pinned)
        #expect(try DoubleCiphertext(bytes, of: material) == double)
        #expect(double.isOf([0, 0, 0, 0]) && !double.isOf([0, 0, 0, 1]))
        let header = try SymmetricCiphertext.header(of: bytes)
        #expect(header.keyID == material.key.keyID && header.materialID == material.id)
    }

    /// SHA-256 of the header and the canonical encoding of the context, computed by another program.
    @Test func `what the other side binds it to is the same for ever`() throws {
        let commitment = DoubleCiphertext.commitment(to: [0, 0, 0, 0])
        let binding = DoubleCiphertext.binding(commitment, for: try Self.material(), Sample.context)
        #expect(Hex.encode(binding) == "d82980b0a52325a7855c0fa97fcff639288c12ca9ae094f90faac6b45f18d20f")
        #expect(binding != DoubleCiphertext.binding(commitment, for: try Self.material(), .empty))
        #expect(binding != DoubleCiphertext.binding(commitment, for: try Self.material(1), Sample.context))
        let other = DoubleCiphertext.commitment(to: [0, 0, 0, 1])
        #expect(binding != DoubleCiphertext.binding(other, for: try Self.material(), Sample.context))
    }

    @Test(arguments: [12, 16], [0, 20])
    func `every part that the specification admits comes back`(vector: Int, metadata: Int) throws {
        let material = try Self.material()
        let outer = Self.outer(vector: vector, metadata: metadata, text: 4193)
        let double = try #require(DoubleCiphertext(outer, of: [UInt8](repeating: 0, count: 4193)))
        #expect(try DoubleCiphertext(double.bytes(for: material), of: material).outer == outer)
    }

    @Test(arguments: [
        outer(vector: 11), outer(vector: 13), outer(vector: 0), outer(metadata: 21), outer(tag: 15), outer(tag: 17),
        outer(text: 3), outer(text: 5),
    ])
    func `what the other side must not make is nothing`(outer: ExternalCiphertext) {
        #expect(DoubleCiphertext(outer, of: [0, 0, 0, 0]) == nil)
    }

    @Test func `no part of one is taken for the whole`() throws {
        let material = try Self.material()
        let bytes = try #require(DoubleCiphertext(Self.outer(text: 1), of: [0])).bytes(for: material)
        for count in bytes.indices {
            #expect(throws: CryptoFailure.self) { try DoubleCiphertext(Array(bytes.prefix(count)), of: material) }
        }
        #expect(throws: CryptoFailure.notAuthentic) { try DoubleCiphertext(bytes, of: Self.material(1)) }
    }

    @Test func `any bytes are read or refused, and written as they were`() throws {
        let material = try Self.material()
        let header = try #require(DoubleCiphertext(Self.outer(), of: [0, 0, 0, 0])).bytes(for: material).prefix(53 + 32)
        let randomness = SeededRandomness(seed: 9)
        var count = 0
        for _ in 0..<20_000 {
            var bytes = [UInt8](repeating: 0, count: 64)
            try bytes.withUnsafeMutableBytes { try randomness.fill($0) }
            // Lengths that can be right, often enough.
            bytes[0] = [12, 16, bytes[0]][Int(bytes[1]) % 3]
            if bytes[0] <= 16 { bytes[Int(bytes[0]) + 1] %= 24 }
            guard let read = try? DoubleCiphertext(header + bytes, of: material) else { continue }
            count += 1
            #expect(read.bytes(for: material) == header + bytes)
        }
        #expect(count > 1000)
    }
}
