import Crypto
package import KMSModel

/// Everything that is done with key material, behind one door.
///
/// What is stored comes in wrapped and goes out wrapped; it is opened under the domain key of its region and used here.
package final class Keyring: Sendable {
    /// How many opened materials are kept at the most.
    package static let defaultCapacity = 16_384

    let domains: DomainKeys
    private let arena: MaterialArena
    private let ring: MaterialRing
    let randomness: any RandomSource

    /// - Parameter capacity: How many opened materials are kept at the most, at least one.
    /// - Throws: ``CryptoFailure/unavailable`` when the system gives no guarded memory.
    package init(
        rootKey: RootKey, randomness: any RandomSource = SystemRandomness(), capacity: Int = defaultCapacity
    ) throws(CryptoFailure) {
        domains = DomainKeys(rootKey: rootKey)
        // A few more slots than the ring holds, for materials that are in use while they are put out of it.
        arena = try MaterialArena(slotCount: capacity + 256)
        ring = MaterialRing(capacity: capacity)
        self.randomness = randomness
    }

    /// Whether opened key material is locked in memory; without that it may be swapped to disk.
    package var isMemoryLocked: Bool { arena.isLocked }

    /// How much opened key material there is; for tests.
    package var occupancy: MaterialOccupancy {
        MaterialOccupancy(
            kept: ring.count, slotsInUse: arena.slotsInUse, slotsWithContents: arena.slotsWithContents
        )
    }

    // MARK: Root key

    /// A mark by which a store can tell whether it was made with this root key.
    ///
    /// It reveals nothing about it.
    package func makeCheck() -> [UInt8] { domains.check }

    /// Whether `check` was made with this root key.
    package func matches(check: [UInt8]) -> Bool { Digest.areEqual(check, domains.check) }

    // MARK: Key material

    /// Makes new random key material for a key, and wraps it for the store.
    ///
    /// - Throws: ``CryptoFailure/unsupported`` for a spec whose material is not made here yet.
    package func makeMaterial(
        for key: KeyARN, spec: KeySpec
    ) throws(CryptoFailure) -> (id: KeyMaterialID, wrapped: [UInt8]) {
        guard spec == .symmetricDefault else { throw .unsupported }
        guard let id = KeyMaterialID(bytes: try randomness.bytes(KeyMaterialID.byteCount)) else { throw .unavailable }
        let material = try randomSecret(32)
        let binding = Wrapping.binding(of: id, key: key, spec: spec)
        let wrapped = try Wrapping.wrap(material, under: domains.key(of: key.region), binding: binding, randomness)
        return (id, wrapped)
    }

    /// Lets go of every opened material of a key that is gone.
    package func forget(_ key: KeyARN) { ring.forget(key) }

    // MARK: Data

    /// Encrypts `plaintext` so that only the same material with the same context decrypts it.
    ///
    /// - Throws: ``CryptoFailure/damagedRecord`` when the stored material is not what was wrapped for this key.
    package func encrypt(
        _ plaintext: SecretBytes, with material: MaterialRecord, context: EncryptionContext
    ) throws(CryptoFailure) -> [UInt8] {
        try unsafe plaintext.withBytes { bytes throws(CryptoFailure) in
            try unsafe encrypt(bytes, with: material, context: context)
        }
    }

    /// Decrypts what ``encrypt(_:with:context:)`` made with this material and context.
    ///
    /// - Throws: ``CryptoFailure/notAuthentic``, ``CryptoFailure/malformed``, ``CryptoFailure/unknownVersion``;
    ///   ``CryptoFailure/damagedRecord`` when the stored material does not open.
    package func decrypt(
        _ ciphertext: [UInt8], with material: MaterialRecord, context: EncryptionContext
    ) throws(CryptoFailure) -> SecretBytes {
        try unsafe open(ciphertext, with: material, context: context) { unsafe SecretBytes(copying: $0) }
    }

    /// Decrypts and encrypts again without the plaintext leaving the module.
    ///
    /// - Throws: as ``decrypt(_:with:context:)``.
    package func reencrypt(
        _ ciphertext: [UInt8], from source: MaterialRecord, context sourceContext: EncryptionContext,
        to destination: MaterialRecord, context destinationContext: EncryptionContext
    ) throws(CryptoFailure) -> [UInt8] {
        try unsafe open(ciphertext, with: source, context: sourceContext) { plaintext throws(CryptoFailure) in
            try unsafe encrypt(plaintext, with: destination, context: destinationContext)
        }
    }

    /// Makes a random data key of `byteCount` bytes, in plaintext and encrypted.
    package func makeDataKey(
        byteCount: Int, with material: MaterialRecord, context: EncryptionContext
    ) throws(CryptoFailure) -> (plaintext: SecretBytes, ciphertext: [UInt8]) {
        let plaintext = try randomSecret(byteCount)
        return (plaintext, try encrypt(plaintext, with: material, context: context))
    }

    /// Makes a random data key of `byteCount` bytes, encrypted; nobody sees it until it is decrypted.
    package func makeDataKeyWithoutPlaintext(
        byteCount: Int, with material: MaterialRecord, context: EncryptionContext
    ) throws(CryptoFailure) -> [UInt8] {
        try encrypt(try randomSecret(byteCount), with: material, context: context)
    }

    /// `count` random bytes.
    package func randomBytes(_ count: Int) throws(CryptoFailure) -> SecretBytes { try randomSecret(count) }

    // MARK: Credentials

    /// Wraps the secret of an access key for the store.
    package func wrapSecret(
        _ secret: SecretBytes, accessKeyID: String, account: AccountID
    ) throws(CryptoFailure) -> [UInt8] {
        try Wrapping.wrap(
            secret, under: domains.identity, binding: Wrapping.binding(ofSecret: accessKeyID, account: account),
            randomness
        )
    }

    /// Derives a signing key from a stored secret, which itself stays inside.
    ///
    /// - Parameter date: `yyyyMMdd`.
    /// - Throws: ``CryptoFailure/damagedRecord`` when the stored secret is not what was wrapped for this access key.
    package func signingKey(
        accessKeyID: String, account: AccountID, wrappedSecret: [UInt8], date: String, region: String, service: String
    ) throws(CryptoFailure) -> SigningKey {
        try unsafe Wrapping.open(
            wrappedSecret, under: domains.identity,
            binding: Wrapping.binding(ofSecret: accessKeyID, account: account)
        ) { secret in unsafe SigningKey(SigningKey.derive(secret, [date, region, service, "aws4_request"])) }
    }
}

extension Keyring {
    private func encrypt(
        _ plaintext: UnsafeRawBufferPointer, with record: MaterialRecord, context: EncryptionContext
    ) throws(CryptoFailure) -> [UInt8] {
        let material = try open(record)
        // Salt and nonce in one request to the system.
        let random = try randomness.bytes(SymmetricCiphertext.saltByteCount + Sealing.nonceByteCount)
        var output: [UInt8] = []
        output.reserveCapacity(SymmetricCiphertext.overhead + plaintext.count)
        SymmetricCiphertext.appendHeader(for: record, to: &output)
        output.append(contentsOf: random.prefix(SymmetricCiphertext.saltByteCount))
        let key = messageKey(from: material, salt: random.prefix(SymmetricCiphertext.saltByteCount))
        var binding = CanonicalEncoding(after: output, capacity: 128)
        binding.append(context)
        try unsafe Sealing.seal(
            plaintext, under: key, nonce: random.dropFirst(SymmetricCiphertext.saltByteCount),
            binding: binding.bytes, to: &output
        )
        return output
    }

    private func open<Result>(
        _ ciphertext: [UInt8], with record: MaterialRecord, context: EncryptionContext,
        _ body: (UnsafeRawBufferPointer) throws(CryptoFailure) -> Result
    ) throws(CryptoFailure) -> Result {
        try SymmetricCiphertext.checkLayout(of: ciphertext)
        var header: [UInt8] = []
        header.reserveCapacity(SymmetricCiphertext.headerByteCount)
        SymmetricCiphertext.appendHeader(for: record, to: &header)
        guard ciphertext.starts(with: header) else { throw .notAuthentic }
        let material = try open(record)
        let salt = ciphertext[SymmetricCiphertext.headerByteCount..<SymmetricCiphertext.prefixByteCount]
        let key = messageKey(from: material, salt: salt)
        var binding = CanonicalEncoding(after: ciphertext.prefix(SymmetricCiphertext.prefixByteCount), capacity: 128)
        binding.append(context)
        return try unsafe Sealing.open(
            ciphertext[SymmetricCiphertext.prefixByteCount...], under: key, binding: binding.bytes, body
        )
    }

    private func messageKey(from material: OpenMaterial, salt: ArraySlice<UInt8>) -> SymmetricKey {
        unsafe material.withBytes { material in
            unsafe Derivation.counterMode(material, label: "chatelaine message key v1", context: salt)
        }
    }

    /// The opened material of `record`, from the ring if it is there.
    private func open(_ record: MaterialRecord) throws(CryptoFailure) -> OpenMaterial {
        if let material = ring.material(of: record) { return material }
        // The engine lets nobody use a key whose material is not there.
        guard let wrapped = record.wrapped else { throw .unavailable }
        let binding = Wrapping.binding(of: record.id, key: record.key, spec: record.spec)
        let domain = domains.key(of: record.key.region)
        let material = try unsafe Wrapping.open(wrapped, under: domain, binding: binding) {
            bytes throws(CryptoFailure) in
            try unsafe arena.store(count: bytes.count) { slot in unsafe slot.copyMemory(from: bytes) }
        }
        ring.insert(material, of: record)
        return material
    }

    private func randomSecret(_ count: Int) throws(CryptoFailure) -> SecretBytes {
        try unsafe SecretBytes(capacity: count) { buffer throws(CryptoFailure) in
            try unsafe randomness.fill(buffer)
            return count
        }
    }
}
