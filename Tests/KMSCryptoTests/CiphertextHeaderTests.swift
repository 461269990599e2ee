import KMSCrypto
import KMSModel
import Testing

struct CiphertextHeaderTests {
    /// The shortest ciphertext that has a header: of no plaintext.
    private static func ciphertext(
        magic: [UInt8] = Array("cht".utf8), version: UInt8 = 1, form: UInt8 = 0,
        count: Int = SymmetricCiphertext.overhead
    ) -> [UInt8] {
        let header = magic + [version, form] + (0..<48).map { UInt8($0) }
        return Array((header + [UInt8](repeating: 0, count: count)).prefix(count))
    }

    @Test func `a ciphertext is 97 bytes longer than its plaintext`() {
        #expect(SymmetricCiphertext.overhead == 97)
    }

    @Test func `key and material are read from their places`() throws {
        let header = try SymmetricCiphertext.header(of: Self.ciphertext())
        #expect(header.keyID.description == "00010203-0405-0607-0809-0a0b0c0d0e0f")
        #expect(header.materialID.bytes == Array(16..<48))
        let multiRegion = try SymmetricCiphertext.header(of: Self.ciphertext(form: 1))
        #expect(multiRegion.keyID.description == "mrk-000102030405060708090a0b0c0d0e0f")
    }

    @Test(arguments: 0..<97)
    func `what is shorter than a ciphertext of nothing is malformed`(count: Int) {
        #expect(throws: CryptoFailure.malformed) { try SymmetricCiphertext.header(of: Self.ciphertext(count: count)) }
    }

    @Test(arguments: ["chT", "CHT", "ch\0", "\0\0\0", "age", "AQI"])
    func `another beginning is malformed`(magic: String) {
        #expect(throws: CryptoFailure.malformed) {
            try SymmetricCiphertext.header(of: Self.ciphertext(magic: Array(magic.utf8)))
        }
    }

    @Test(arguments: [UInt8(2), 3])
    func `what is made elsewhere names its key in the same places, and needs no salt`(version: UInt8) throws {
        let ciphertext = Self.ciphertext(version: version)
        #expect(try SymmetricCiphertext.header(of: ciphertext) == SymmetricCiphertext.header(of: Self.ciphertext()))
        let shortest = 53 + 12 + 16
        #expect(try SymmetricCiphertext.header(of: Array(ciphertext.prefix(shortest))).keyID.isMultiRegion == false)
        #expect(throws: CryptoFailure.malformed) {
            try SymmetricCiphertext.header(of: Array(ciphertext.prefix(shortest - 1)))
        }
    }

    @Test(arguments: [UInt8(0)] + Array(4...255))
    func `every other version is unknown`(version: UInt8) {
        #expect(throws: CryptoFailure.unknownVersion) {
            try SymmetricCiphertext.header(of: Self.ciphertext(version: version))
        }
    }

    @Test(arguments: UInt8(2)...255)
    func `every other form of key identifier is malformed`(form: UInt8) {
        #expect(throws: CryptoFailure.malformed) { try SymmetricCiphertext.header(of: Self.ciphertext(form: form)) }
    }

    @Test func `a header that is read is not yet believed`() throws {
        let keyring = try Sample.keyring()
        let key = try Sample.key("00010203-0405-0607-0809-0a0b0c0d0e0f")
        let material = try keyring.makeRecord(for: key)
        let ciphertext = try keyring.encrypt(Sample.plaintext, with: material)
        let forged = Array(ciphertext.prefix(53)) + [UInt8](repeating: 0, count: 44)
        #expect(try SymmetricCiphertext.header(of: forged).materialID == material.id)
        #expect(throws: CryptoFailure.notAuthentic) { try keyring.decrypt(forged, with: material, context: .empty) }
    }
}
