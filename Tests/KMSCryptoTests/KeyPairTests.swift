import Foundation
import KMSCrypto
import KMSModel
import Testing

/// Key material of every spec: made, stored, used, refused and let go of.
struct KeyPairTests {
    static let asymmetric = KeySpec.allCases.filter { !$0.isSymmetric }
    static let signing = asymmetric.flatMap { spec in spec.signingAlgorithms.map { (spec, $0) } }
    static let encrypting = asymmetric.flatMap { spec in spec.encryptionAlgorithms.map { (spec, $0) } }
    static let agreeing = KeySpec.allCases.filter { $0.usages.contains(.keyAgreement) }

    private let keyring: Keyring

    init() throws { keyring = try Sample.keyring() }

    // MARK: Encodings

    /// The lengths of a SubjectPublicKeyInfo and, where the length is always the same, of a data key pair's private key.
    ///
    /// Source: answers recorded of AWS KMS.
    static let encodedByteCounts: [(KeySpec, publicKey: Int, privateKey: Int?)] = [
        (.rsa2048, 294, nil), (.rsa3072, 422, nil), (.rsa4096, 550, nil), (.eccNISTP256, 91, 150),
        (.eccNISTP384, 120, 194), (.eccNISTP521, 158, 250), (.eccSECGP256K1, 88, 144),
        (.eccNISTEdwards25519, 44, 48), (.mlDSA44, 1334, nil), (.mlDSA65, 1974, nil), (.mlDSA87, 2614, nil),
        (.sm2, 91, 150),
    ]

    @Test(arguments: encodedByteCounts)
    func `keys are encoded as AWS encodes them`(spec: KeySpec, publicKey: Int, privateKey: Int?) throws {
        let material = try keyring.makeRecord(for: Sample.key(), spec: spec)
        let encoded = try keyring.publicKey(of: material)
        #expect(encoded.count == publicKey)
        #expect(try keyring.publicKey(of: material) == encoded)
        #expect(try keyring.publicKey(of: keyring.makeRecord(for: Sample.key(), spec: spec)) != encoded)
        let symmetric = Cipher(try keyring.makeRecord(for: Sample.key()), context: Sample.context)
        let pair = try keyring.makeDataKeyPair(spec: spec, by: symmetric)
        #expect(pair.publicKey.count == publicKey)
        if let privateKey { #expect(pair.plaintext.count == privateKey) }
        #expect(try keyring.decrypt(pair.ciphertext, by: symmetric).bytes == pair.plaintext.bytes)
    }

    @Test func `every asymmetric spec is in the table of encodings`() {
        #expect(Set(Self.encodedByteCounts.map(\.0)) == Set(Self.asymmetric))
    }

    @Test(arguments: asymmetric)
    func `a symmetric key has no public half`(spec: KeySpec) throws {
        for symmetric in [KeySpec.symmetricDefault, .hmac224, .hmac512] {
            let material = try keyring.makeRecord(for: Sample.key(), spec: symmetric)
            #expect(throws: CryptoFailure.unsupported) { try keyring.publicKey(of: material) }
        }
        let material = try keyring.makeRecord(for: Sample.key(), spec: spec)
        #expect(throws: CryptoFailure.unsupported) { try keyring.encrypt(Sample.plaintext, with: material) }
        #expect(throws: CryptoFailure.unsupported) {
            try keyring.authenticationCode(of: SecretBytes(copying: [1]), with: material)
        }
    }

    // MARK: Signatures

    private static func message(_ type: MessageType, for algorithm: SigningAlgorithm, _ byte: UInt8) -> SecretBytes {
        let count =
            switch type {
            case .raw: 100
            case .digest: algorithm.digestByteCount ?? 0
            case .externalMu: MessageType.muByteCount
            }
        return SecretBytes(copying: [UInt8](repeating: byte, count: count))
    }

    @Test(arguments: signing)
    func `a signature is valid for its message, key and algorithm only`(
        spec: KeySpec, algorithm: SigningAlgorithm
    ) throws {
        let material = try keyring.makeRecord(for: Sample.key(), spec: spec)
        let stranger = try keyring.makeRecord(for: Sample.key(), spec: spec)
        for type in algorithm.messageTypes {
            let (message, other) = (Self.message(type, for: algorithm, 1), Self.message(type, for: algorithm, 2))
            let signature = try keyring.sign(message, type: type, by: algorithm, with: material)
            func isSignature(
                _ signature: [UInt8], of message: SecretBytes, by algorithm: SigningAlgorithm,
                _ material: MaterialRecord
            ) throws -> Bool {
                try keyring.isSignature(signature, of: message, type: type, by: algorithm, with: material)
            }
            #expect(try isSignature(signature, of: message, by: algorithm, material))
            #expect(try !isSignature(signature, of: other, by: algorithm, material))
            #expect(try !isSignature(signature, of: message, by: algorithm, stranger))
            for index in stride(from: 0, to: signature.count, by: max(1, signature.count / 16)) {
                #expect(try !isSignature(signature.flipped(at: index), of: message, by: algorithm, material))
            }
            for changed in [[], [0], Array(signature.dropLast()), signature + [0], [0] + signature] {
                #expect(try !isSignature(changed, of: message, by: algorithm, material))
            }
            for other in spec.signingAlgorithms where other != algorithm && type == .raw {
                #expect(try !isSignature(signature, of: message, by: other, material))
            }
        }
        for other in SigningAlgorithm.allCases where !spec.signingAlgorithms.contains(other) {
            guard spec.isMLDSA || other.hash == nil else { continue }
            #expect(throws: CryptoFailure.unsupported) {
                try keyring.sign(SecretBytes(copying: [1]), type: .raw, by: other, with: material)
            }
        }
    }

    @Test(arguments: signing.filter { $0.1.hash != nil && $0.1 != .sm2DSA })
    func `a message and its digest have the same signatures`(spec: KeySpec, algorithm: SigningAlgorithm) throws {
        let material = try keyring.makeRecord(for: Sample.key(), spec: spec)
        let message = Array("the message itself".utf8)
        let digest = SecretBytes(copying: try Primitives.digest(of: message, hash: try #require(algorithm.hash)))
        let raw = SecretBytes(copying: message)
        let ofRaw = try keyring.sign(raw, type: .raw, by: algorithm, with: material)
        let ofDigest = try keyring.sign(digest, type: .digest, by: algorithm, with: material)
        #expect(try keyring.isSignature(ofRaw, of: digest, type: .digest, by: algorithm, with: material))
        #expect(try keyring.isSignature(ofDigest, of: raw, type: .raw, by: algorithm, with: material))
    }

    // MARK: Encryption

    @Test(arguments: encrypting)
    func `what is encrypted to a public key opens with its private key only`(
        spec: KeySpec, algorithm: EncryptionAlgorithm
    ) throws {
        let material = try keyring.makeRecord(for: Sample.key(), spec: spec)
        let cipher = Cipher(material, by: algorithm, context: .empty)
        let stranger = Cipher(try keyring.makeRecord(for: Sample.key(), spec: spec), by: algorithm, context: .empty)
        let longest = try #require(spec.longestPlaintext(for: algorithm))
        for count in [1, 16, longest] {
            let plaintext = [UInt8](repeating: 3, count: count)
            let ciphertext = try keyring.encrypt(SecretBytes(copying: plaintext), by: cipher)
            #expect(try keyring.decrypt(ciphertext, by: cipher).bytes == plaintext)
            #expect(try keyring.encrypt(SecretBytes(copying: plaintext), by: cipher) != ciphertext)
            #expect(throws: CryptoFailure.notAuthentic) { try keyring.decrypt(ciphertext, by: stranger) }
            for index in stride(from: 0, to: ciphertext.count, by: max(1, ciphertext.count / 16)) {
                #expect(throws: CryptoFailure.notAuthentic, "byte \(index)") {
                    try keyring.decrypt(ciphertext.flipped(at: index), by: cipher)
                }
            }
            for changed in [[], [0], Array(ciphertext.dropLast()), ciphertext + [0]] {
                #expect(throws: CryptoFailure.notAuthentic) { try keyring.decrypt(changed, by: cipher) }
            }
        }
    }

    @Test(arguments: [(KeySpec.rsa2048, EncryptionAlgorithm.rsaesOAEPSHA1, 214), (.rsa2048, .rsaesOAEPSHA256, 190)])
    func `a plaintext that is too long for the modulus is refused`(
        spec: KeySpec, algorithm: EncryptionAlgorithm, longest: Int
    ) throws {
        let cipher = Cipher(try keyring.makeRecord(for: Sample.key(), spec: spec), by: algorithm, context: .empty)
        let plaintext = SecretBytes(copying: [UInt8](repeating: 1, count: longest + 1))
        #expect(throws: CryptoFailure.tooLong) { try keyring.encrypt(plaintext, by: cipher) }
        let symmetric = Cipher(try keyring.makeRecord(for: Sample.key()), context: .empty)
        let sealed = try keyring.encrypt(plaintext, by: symmetric)
        #expect(throws: CryptoFailure.tooLong) { try keyring.reencrypt(sealed, from: symmetric, to: cipher) }
    }

    @Test func `ciphertext moves between symmetric and asymmetric keys`() throws {
        let symmetric = Cipher(try keyring.makeRecord(for: Sample.key()), context: Sample.context)
        let asymmetric = Cipher(
            try keyring.makeRecord(for: Sample.key(), spec: .rsa2048), by: .rsaesOAEPSHA256, context: .empty)
        let sealed = try keyring.encrypt(SecretBytes(copying: Sample.plaintext), by: symmetric)
        let moved = try keyring.reencrypt(sealed, from: symmetric, to: asymmetric)
        #expect(try keyring.decrypt(moved, by: asymmetric).bytes == Sample.plaintext)
        let back = try keyring.reencrypt(moved, from: asymmetric, to: symmetric)
        #expect(try keyring.decrypt(back, by: symmetric).bytes == Sample.plaintext)
    }

    // MARK: Agreement

    @Test(arguments: agreeing)
    func `two keys agree on a secret`(spec: KeySpec) throws {
        let (one, other) = (
            try keyring.makeRecord(for: Sample.key(), spec: spec), try keyring.makeRecord(for: Sample.key(), spec: spec)
        )
        let (onePublic, otherPublic) = (try keyring.publicKey(of: one), try keyring.publicKey(of: other))
        let secret = try keyring.sharedSecret(with: otherPublic, of: one).bytes
        #expect(try keyring.sharedSecret(with: onePublic, of: other).bytes == secret)
        #expect(secret.count == [.eccNISTP384: 48, .eccNISTP521: 66][spec] ?? 32)
        let foreign = Self.agreeing.filter { $0 != spec }.map { try? keyring.makeRecord(for: Sample.key(), spec: $0) }
        let strangers = try foreign.map { try keyring.publicKey(of: #require($0)) }
        let broken = stride(from: 0, to: 60, by: 1).map { otherPublic.flipped(at: $0) }
        for peer in strangers + broken + [[], [0], Array(otherPublic.dropLast()), otherPublic + [0]] {
            #expect(throws: CryptoFailure.malformed) { try keyring.sharedSecret(with: peer, of: one) }
        }
    }

    // MARK: Authentication codes

    @Test(arguments: [KeySpec.hmac224, .hmac256, .hmac384, .hmac512])
    func `a code authenticates its message only`(spec: KeySpec) throws {
        let material = try keyring.makeRecord(for: Sample.key(), spec: spec)
        let stranger = try keyring.makeRecord(for: Sample.key(), spec: spec)
        let (message, other) = (SecretBytes(copying: Sample.plaintext), SecretBytes(copying: Sample.plaintext + [0]))
        let code = try keyring.authenticationCode(of: message, with: material)
        #expect(code.count == spec.macAlgorithm?.hash.byteCount)
        #expect(try keyring.authenticationCode(of: message, with: material) == code)
        func authenticates(_ code: [UInt8], _ message: SecretBytes, _ material: MaterialRecord) throws -> Bool {
            try keyring.isAuthenticationCode(code, of: message, with: material)
        }
        #expect(try authenticates(code, message, material))
        #expect(try !authenticates(code, other, material))
        #expect(try !authenticates(code, message, stranger))
        for index in code.indices { #expect(try !authenticates(code.flipped(at: index), message, material)) }
        for changed in [[], Array(code.dropLast()), code + [0]] {
            #expect(try !authenticates(changed, message, material))
        }
    }

    // MARK: At rest

    @Test(arguments: KeySpec.allCases)
    func `material opens only for the key and spec that it was made for`(spec: KeySpec) throws {
        let material = try keyring.makeRecord(for: Sample.key(), spec: spec)
        func use(_ record: MaterialRecord) throws {
            if record.spec.isSymmetric {
                _ =
                    try record.spec == .symmetricDefault
                    ? keyring.encrypt([1], with: record)
                    : keyring.authenticationCode(of: SecretBytes(copying: [1]), with: record)
            } else {
                _ = try keyring.publicKey(of: record)
            }
        }
        for index in stride(from: 0, to: material.stored.count, by: max(1, material.stored.count / 20)) {
            let edited = material.edited(wrapped: material.stored.flipped(at: index))
            #expect(throws: CryptoFailure.damagedRecord) { try use(edited) }
        }
        for other in KeySpec.allCases where other != spec {
            let edited = MaterialRecord(
                key: material.key, id: material.id, spec: other, creationDate: material.creationDate,
                wrapped: material.wrapped
            )
            #expect(throws: CryptoFailure.damagedRecord, "\(other)") { try use(edited) }
        }
        try use(material)
        #expect(keyring.occupancy.kept == 1)
        keyring.forget(material.key)
        #expect(keyring.occupancy == MaterialOccupancy(kept: 0, slotsInUse: 0, slotsWithContents: 0))
    }

    @Test(arguments: asymmetric)
    func `a related key has the same public half`(spec: KeySpec) throws {
        let material = try keyring.makeRecord(for: Sample.key(), spec: spec)
        let elsewhere = try Sample.key(region: "ap-northeast-1")
        let shared = MaterialRecord(
            key: elsewhere, id: material.id, spec: spec, creationDate: material.creationDate,
            wrapped: try keyring.rewrap(material, for: elsewhere)
        )
        #expect(try keyring.publicKey(of: shared) == keyring.publicKey(of: material))
    }
}
