import KMSModel

/// A root key that another one replaced, as the store keeps it under that one.
///
/// Its end is sealed with it, and so is a random generation that the check of the other root key names. Whoever edits the store
/// can neither make the end of its tokens another nor, once the check names no generation, put back what was kept.
struct RetiredRootKey {
    private static let generationByteCount = 16

    let rootKey: RootKey
    let retirement: RootRetirement

    /// The root key `rootKey` from its end on.
    init(_ rootKey: RootKey, _ retirement: RootRetirement) {
        self.rootKey = rootKey
        self.retirement = retirement
    }

    /// The record, in a new generation, and the check that names it.
    func sealed(
        under domains: DomainKeys, _ randomness: any RandomSource
    ) throws(CryptoFailure) -> (record: [UInt8], check: [UInt8]) {
        let generation = try randomness.bytes(Self.generationByteCount)
        let rest = retirement.bytes + generation
        let content = unsafe rootKey.withBytes { key in
            unsafe SecretBytes(capacity: key.count + rest.count) { buffer in
                unsafe buffer.copyMemory(from: key)
                unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[key.count...]).copyBytes(from: rest)
                return buffer.count
            }
        }
        let record = try Wrapping.wrap(
            content, under: domains.rootKeys, binding: Wrapping.binding(of: .predecessor), randomness)
        return (record, domains.check(naming: generation))
    }

    /// Opens what ``sealed(under:_:)`` made.
    ///
    /// - Throws: ``CryptoFailure/damagedRecord``, also for a record of another generation than `check` names.
    init(opening record: [UInt8], under domains: DomainKeys, check: [UInt8]) throws(CryptoFailure) {
        self = try unsafe Wrapping.open(
            record, under: domains.rootKeys, binding: Wrapping.binding(of: .predecessor)
        ) { bytes throws(CryptoFailure) in
            let rest = unsafe Array(bytes.dropFirst(RootKey.byteCount))
            let (end, generation) = (rest.prefix(RootRetirement.byteCount), rest.dropFirst(RootRetirement.byteCount))
            guard generation.count == Self.generationByteCount, let retirement = RootRetirement(Array(end)),
                Digest.areEqual(domains.check(naming: Array(generation)), check)
            else { throw .damagedRecord }
            let key = unsafe UnsafeRawBufferPointer(rebasing: bytes.prefix(RootKey.byteCount))
            let rootKey = try unsafe RootKey { buffer throws(CryptoFailure) in unsafe buffer.copyMemory(from: key) }
            return RetiredRootKey(rootKey, retirement)
        }
    }
}
