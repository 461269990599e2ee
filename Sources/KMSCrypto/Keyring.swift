import Crypto
import KMSLibcrypto
package import KMSModel
import Synchronization

/// Everything that is done with key material, behind one door.
///
/// What is stored comes in wrapped and goes out wrapped; it is opened under the domain key of its region and used here.
package final class Keyring: Sendable {
    /// How many opened materials of symmetric keys are kept at the most.
    package static let defaultCapacity = 16_384
    /// How many opened key pairs are kept at the most: they are much larger, and few callers have as many.
    static let keyPairCapacity = 1024

    private let rootKeys: Mutex<Roots>
    private let arena: MaterialArena
    private let materials: OpenRing<OpenMaterial>
    private let keyPairs = OpenRing<KeyPair>(capacity: keyPairCapacity)
    let randomness: any RandomSource

    /// - Parameter capacity: How many opened materials of symmetric keys are kept at the most, at least one.
    /// - Throws: ``CryptoFailure/unavailable`` when the system gives no guarded memory.
    package init(
        rootKey: RootKey, randomness: any RandomSource = SystemRandomness(), capacity: Int = defaultCapacity
    ) throws(CryptoFailure) {
        rootKeys = Mutex(Roots(rootKey))
        // A few more slots than the rings hold, for materials that are in use while they are put out of them.
        arena = try MaterialArena(slotCount: capacity + Self.keyPairCapacity + 256)
        materials = OpenRing(capacity: capacity)
        self.randomness = randomness
    }

    /// Whether the root key and opened key material are locked in memory; without that they may be swapped to disk.
    package var isMemoryLocked: Bool { domains.isLocked && arena.isLocked && SecureHeap.isLocked }

    /// How much opened key material there is; for tests.
    package var occupancy: MaterialOccupancy {
        MaterialOccupancy(
            kept: materials.count + keyPairs.count, slotsInUse: arena.slotsInUse,
            slotsWithContents: arena.slotsWithContents
        )
    }

    // MARK: Root key

    /// The root keys, as they are now.
    var roots: Roots { rootKeys.withLock { $0 } }

    /// The keys under the current root key.
    var domains: DomainKeys { roots.current.domains }

    func changeRoots(_ change: (inout Roots) -> Void) { rootKeys.withLock { change(&$0) } }

    /// Opens what was wrapped for the store under the current root key or, until that is done anew, under the one before it.
    ///
    /// - Throws: As ``Wrapping/open(_:under:binding:_:)``.
    func open<Result>(
        _ wrapped: [UInt8], binding: [UInt8], under key: (DomainKeys) -> SymmetricKey,
        _ body: (UnsafeRawBufferPointer) throws(CryptoFailure) -> Result
    ) throws(CryptoFailure) -> Result {
        let roots = roots
        do throws(CryptoFailure) {
            return try unsafe Wrapping.open(wrapped, under: key(roots.current.domains), binding: binding, body)
        } catch {
            guard error == .damagedRecord, let previous = roots.previous else { throw error }
            return try unsafe Wrapping.open(wrapped, under: key(previous.domains), binding: binding, body)
        }
    }

    /// A mark by which a store can tell whether it was made with this root key.
    ///
    /// It reveals nothing about it.
    package func makeCheck() -> [UInt8] { domains.check }

    /// Whether `check` was made with this root key.
    package func matches(check: [UInt8]) -> Bool { domains.matches(check: check) }

    // MARK: Key material

    /// Makes new random key material for a key, and wraps it for the store.
    ///
    /// For RSA it takes up to seconds: never call it on an event loop then.
    ///
    /// - Throws: ``CryptoFailure/unavailable``.
    package func makeMaterial(
        for key: KeyARN, spec: KeySpec
    ) throws(CryptoFailure) -> (id: KeyMaterialID, wrapped: [UInt8]) {
        guard let id = KeyMaterialID(bytes: try randomness.bytes(KeyMaterialID.byteCount)) else { throw .unavailable }
        let material =
            if let count = spec.generatedByteCount {
                try SecretBytes(random: count, randomness)
            } else {
                try EncodedKeyPair(generating: spec, randomness).privateKey
            }
        return (id, try wrap(material, id: id, for: key, spec: spec))
    }

    /// Wraps a generation of key material for the store.
    func wrap(
        _ material: SecretBytes, id: KeyMaterialID, for key: KeyARN, spec: KeySpec
    ) throws(CryptoFailure) -> [UInt8] {
        try Wrapping.wrap(
            material, under: domains.key(of: key.region), binding: Wrapping.binding(of: id, key: key, spec: spec),
            randomness
        )
    }

    /// Opens a generation of key material as it was stored, and lends it to `body`.
    ///
    /// - Throws: ``CryptoFailure/unavailable`` when the bytes are not there; ``CryptoFailure/damagedRecord``; what `body`
    ///   throws.
    func unwrap<Result>(
        _ record: MaterialRecord, _ body: (UnsafeRawBufferPointer) throws(CryptoFailure) -> Result
    ) throws(CryptoFailure) -> Result {
        // The engine lets nobody use a key whose material is not there.
        guard let wrapped = record.wrapped else { throw .unavailable }
        let binding = Wrapping.binding(of: record.id, key: record.key, spec: record.spec)
        return try unsafe open(wrapped, binding: binding, under: { $0.key(of: record.key.region) }, body)
    }

    /// The opened material of a symmetric key, from the ring if it is there.
    func open(_ record: MaterialRecord) throws(CryptoFailure) -> OpenMaterial {
        let (opened, epoch) = materials.opened(record)
        if let opened { return opened }
        let material = try unsafe unwrap(record) { bytes throws(CryptoFailure) in
            guard record.spec.isSymmetric else { throw .unsupported }
            return try unsafe arena.store(count: bytes.count) { slot in unsafe slot.copyMemory(from: bytes) }
        }
        materials.insert(material, of: record, since: epoch)
        return material
    }

    /// The opened key pair of an asymmetric key, from the ring if it is there.
    func openKeyPair(_ record: MaterialRecord) throws(CryptoFailure) -> KeyPair {
        let (opened, epoch) = keyPairs.opened(record)
        if let opened { return opened }
        let keyPair: KeyPair
        do throws(CryptoFailure) {
            keyPair = try unwrapKeyPair(record)
        } catch .unavailable {
            // The memory for private keys is full: those that are kept for their next use give way.
            keyPairs.forgetEverything()
            keyPair = try unwrapKeyPair(record)
        }
        keyPairs.insert(keyPair, of: record, since: epoch)
        return keyPair
    }

    private func unwrapKeyPair(_ record: MaterialRecord) throws(CryptoFailure) -> KeyPair {
        try unsafe unwrap(record) { bytes throws(CryptoFailure) in
            try unsafe KeyPair(bytes, spec: record.spec, arena: arena)
        }
    }

    /// Lets go of every opened material of a key that is gone.
    package func forget(_ key: KeyARN) {
        materials.forget(key)
        keyPairs.forget(key)
    }

    /// `count` random bytes.
    package func randomBytes(_ count: Int) throws(CryptoFailure) -> SecretBytes {
        try SecretBytes(random: count, randomness)
    }

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
        try unsafe open(
            wrappedSecret, binding: Wrapping.binding(ofSecret: accessKeyID, account: account), under: { $0.identity }
        ) { secret in unsafe SigningKey(SigningKey.derive(secret, [date, region, service, "aws4_request"])) }
    }
}

extension KeySpec {
    /// How long the material of a symmetric key is that is made here, in bytes; nil for a key pair.
    ///
    /// Source: KMS Developer Guide, "Key spec reference".
    fileprivate var generatedByteCount: Int? {
        self == .symmetricDefault ? 32 : macAlgorithm?.hash.byteCount
    }
}
