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

    /// Lends the bytes for the duration of `body`, which must not keep the pointer.
    func withBytes<Result, Failure: Error>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try unsafe bytes.withBytes(body)
    }
}
