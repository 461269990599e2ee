import CSodium

/// The key above all others, 32 bytes, from which every domain key is derived.
package final class RootKey: Sendable {
    /// The length of a root key, in bytes.
    package static let byteCount = 32

    private let bytes: GuardedBytes

    /// Whether the system let its memory be locked.
    var isLocked: Bool { bytes.isLocked }

    /// - Throws: what `body`, which fills the 32 bytes, throws; ``CryptoFailure/unavailable``.
    init(filledBy body: (UnsafeMutableRawBufferPointer) throws(CryptoFailure) -> Void) throws(CryptoFailure) {
        bytes = try unsafe GuardedBytes(count: Self.byteCount, filledBy: body)
    }

    /// A new root key.
    ///
    /// - Throws: ``SealFailure/unavailable``.
    package static func random(from randomness: any RandomSource = SystemRandomness()) throws(SealFailure) -> RootKey {
        do throws(CryptoFailure) {
            return try unsafe RootKey { buffer throws(CryptoFailure) in try unsafe randomness.fill(buffer) }
        } catch {
            throw .unavailable
        }
    }

    /// Whether both are the same key, in a time that tells nothing of them.
    package func isSame(as other: RootKey) -> Bool {
        unsafe withBytes { left in
            unsafe other.withBytes { right in
                guard let one = left.baseAddress, let two = right.baseAddress else { return false }
                return unsafe sodium_memcmp(one, two, Self.byteCount) == 0
            }
        }
    }

    /// Whether `check` is the mark of this root key in a store.
    package func matches(check: [UInt8]) -> Bool { DomainKeys(rootKey: self).matches(check: check) }

    /// Lends the bytes for the duration of `body`, which must not keep the pointer.
    func withBytes<Result, Failure: Error>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try unsafe bytes.withBytes(body)
    }
}
