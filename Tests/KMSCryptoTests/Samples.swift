import Foundation
import KMSCrypto
import KMSModel
import Synchronization
import Testing

/// Bytes that look random and are the same in each run (SplitMix64).
final class SeededRandomness: RandomSource {
    private let state: Mutex<UInt64>

    init(seed: UInt64) { state = Mutex(seed) }

    func fill(_ buffer: UnsafeMutableRawBufferPointer) throws(CryptoFailure) {
        state.withLock { state in
            for index in buffer.indices {
                state &+= 0x9E37_79B9_7F4A_7C15
                var bits = (state ^ state >> 30) &* 0xBF58_476D_1CE4_E5B9
                bits = (bits ^ bits >> 27) &* 0x94D0_49BB_1331_11EB
                buffer[index] = UInt8(truncatingIfNeeded: bits ^ bits >> 31)
            }
        }
    }
}

/// A system that has no random bytes, from a given request on.
final class FailingRandomness: RandomSource {
    private let remaining: Mutex<Int>
    private let source = SeededRandomness(seed: 1)

    init(after count: Int = 0) { remaining = Mutex(count) }

    func fill(_ buffer: UnsafeMutableRawBufferPointer) throws(CryptoFailure) {
        let isOver = remaining.withLock { remaining in
            remaining -= 1
            return remaining < 0
        }
        if isOver { throw .unavailable }
        try source.fill(buffer)
    }
}

/// The same bytes for every request, one after the other, and nothing after them.
final class PreparedRandomness: RandomSource {
    private let prepared: Mutex<ArraySlice<UInt8>>

    init(_ bytes: [UInt8]) { prepared = Mutex(bytes[...]) }

    func fill(_ buffer: UnsafeMutableRawBufferPointer) throws(CryptoFailure) {
        let bytes = prepared.withLock { prepared in
            defer { prepared = prepared.dropFirst(buffer.count) }
            return prepared.prefix(buffer.count)
        }
        guard bytes.count == buffer.count else { throw .unavailable }
        buffer.copyBytes(from: bytes)
    }
}

/// Keys, records and secrets that tests start from.
enum Sample {
    static let plaintext = Array("attack at dawn".utf8)
    static let context = EncryptionContext([("tenant", "4711"), ("purpose", "invoices")])

    static func key(
        _ keyID: String = "1234abcd-12ab-34cd-56ef-1234567890ab", region: String = "eu-central-1",
        account: String = "111122223333"
    ) throws -> KeyARN {
        KeyARN(
            region: try #require(Region(region)), account: try #require(AccountID(account)),
            keyID: try #require(KeyID(keyID))
        )
    }

    /// A root key of 32 times this byte.
    static func rootKey(_ byte: UInt8 = 7) throws -> RootKey {
        try rootKey(bytes: [UInt8](repeating: byte, count: RootKey.byteCount))
    }

    /// The root key of these 32 bytes, by way of a file.
    static func rootKey(bytes: [UInt8]) throws -> RootKey {
        try withTemporaryDirectory { directory in
            let seal = FileSeal(path: directory.appendingPathComponent("root.key").path)
            try seal.create(from: PreparedRandomness(bytes))
            return try seal.open()
        }
    }

    static func keyring(
        rootKey byte: UInt8 = 7, seed: UInt64 = 1, capacity: Int = 64
    ) throws -> Keyring {
        try Keyring(rootKey: rootKey(byte), randomness: SeededRandomness(seed: seed), capacity: capacity)
    }
}

extension Keyring {
    /// New material for `key`, as the store keeps it.
    func makeRecord(for key: KeyARN, spec: KeySpec = .symmetricDefault) throws -> MaterialRecord {
        let made = try makeMaterial(for: key, spec: spec)
        return MaterialRecord(
            key: key, id: made.id, spec: spec, creationDate: Date(timeIntervalSince1970: 0), wrapped: made.wrapped
        )
    }

    /// Encrypts plain bytes.
    func encrypt(
        _ plaintext: [UInt8], with material: MaterialRecord, context: EncryptionContext = .empty
    ) throws(CryptoFailure) -> [UInt8] {
        try encrypt(SecretBytes(copying: plaintext), with: material, context: context)
    }

    /// Decrypts to plain bytes.
    func decryptedBytes(
        _ ciphertext: [UInt8], with material: MaterialRecord, context: EncryptionContext = .empty
    ) throws(CryptoFailure) -> [UInt8] {
        try decrypt(ciphertext, with: material, context: context).bytes
    }
}

extension MaterialRecord {
    /// What the store keeps of material that is there.
    var stored: [UInt8] { wrapped ?? [] }

    /// This record as somebody with access to the store could have changed it.
    func edited(
        key: KeyARN? = nil, id: KeyMaterialID? = nil, spec: KeySpec? = nil, wrapped: [UInt8]? = nil
    ) -> MaterialRecord {
        MaterialRecord(
            key: key ?? self.key, id: id ?? self.id, spec: spec ?? self.spec, creationDate: creationDate,
            wrapped: wrapped ?? self.wrapped
        )
    }
}

extension SecretBytes {
    /// The bytes, for comparing in a test.
    var bytes: [UInt8] { withBytes { Array($0) } }
}

extension [UInt8] {
    /// A copy with one byte changed.
    func flipped(at index: Int, by mask: UInt8 = 1) -> [UInt8] {
        var copy = self
        copy[index] ^= mask
        return copy
    }
}

/// Lends a directory of its own, which is removed afterwards.
func withTemporaryDirectory<Result>(_ body: (URL) throws -> Result) throws -> Result {
    let directory = FileManager.default.temporaryDirectory.appendingPathComponent("crypto-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: false)
    defer { try? FileManager.default.removeItem(at: directory) }
    return try body(directory)
}

// The tests of the symmetric ciphertext name its parts.
extension Keyring {
    func encrypt(
        _ plaintext: SecretBytes, with material: MaterialRecord, context: EncryptionContext
    ) throws(CryptoFailure) -> [UInt8] {
        try encrypt(plaintext, by: Cipher(material, context: context))
    }

    func decrypt(
        _ ciphertext: [UInt8], with material: MaterialRecord, context: EncryptionContext
    ) throws(CryptoFailure) -> SecretBytes {
        try decrypt(ciphertext, by: Cipher(material, context: context))
    }

    func reencrypt(
        _ ciphertext: [UInt8], from source: MaterialRecord, context sourceContext: EncryptionContext,
        to destination: MaterialRecord, context destinationContext: EncryptionContext
    ) throws(CryptoFailure) -> [UInt8] {
        try reencrypt(
            ciphertext, from: Cipher(source, context: sourceContext),
            to: Cipher(destination, context: destinationContext)
        )
    }

    func makeDataKey(
        byteCount: Int, with material: MaterialRecord, context: EncryptionContext
    ) throws(CryptoFailure) -> (plaintext: SecretBytes, ciphertext: [UInt8]) {
        try makeDataKey(byteCount: byteCount, by: Cipher(material, context: context))
    }
}
