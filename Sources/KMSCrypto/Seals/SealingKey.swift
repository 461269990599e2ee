import Crypto

/// The key that wraps the root key in a seal's document: derived from a passphrase, kept by a token, or split into shares.
final class SealingKey: Sendable {
    static let byteCount = 32
    /// How long a wrapped root key is.
    static let wrappedByteCount = RootKey.byteCount + Sealing.overhead

    private let bytes: GuardedBytes

    /// - Throws: what `body`, which fills the 32 bytes, throws; ``CryptoFailure/unavailable``.
    init(filledBy body: (UnsafeMutableRawBufferPointer) throws(CryptoFailure) -> Void) throws(CryptoFailure) {
        bytes = try unsafe GuardedBytes(count: Self.byteCount, filledBy: body)
    }

    /// A new sealing key.
    convenience init(random randomness: any RandomSource) throws(CryptoFailure) {
        try unsafe self.init { buffer throws(CryptoFailure) in try unsafe randomness.fill(buffer) }
    }

    /// Lends the bytes for the duration of `body`, which must not keep the pointer.
    func withBytes<Result, Failure: Error>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try unsafe bytes.withBytes(body)
    }

    /// The root key under this key, bound to what the document says: `nonce ‖ ciphertext ‖ tag`.
    func wrap(
        _ key: RootKey, binding: [UInt8], _ randomness: any RandomSource
    ) throws(CryptoFailure) -> [UInt8] {
        let nonce = try randomness.bytes(Sealing.nonceByteCount)
        var wrapped: [UInt8] = []
        try unsafe key.withBytes { key throws(CryptoFailure) in
            try unsafe Sealing.seal(key, under: symmetric, nonce: nonce[...], binding: binding, to: &wrapped)
        }
        return wrapped
    }

    /// The root key in `wrapped`.
    ///
    /// - Throws: ``CryptoFailure/notAuthentic`` when this is not the key, or anything was changed.
    func unwrap(_ wrapped: [UInt8], binding: [UInt8]) throws(CryptoFailure) -> RootKey {
        try unsafe Sealing.open(wrapped[...], under: symmetric, binding: binding) { bytes throws(CryptoFailure) in
            guard bytes.count == RootKey.byteCount else { throw .malformed }
            return try unsafe RootKey { unsafe $0.copyMemory(from: bytes) }
        }
    }

    private var symmetric: SymmetricKey { unsafe bytes.withBytes { unsafe SymmetricKey(data: $0) } }
}
