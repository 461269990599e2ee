import CSodium

/// Secret bytes in memory that is locked, never part of a core dump, surrounded by guard pages, and zeroed when freed.
///
/// Nothing outside this module can name this type, copy it or print it.
///
/// `@unchecked Sendable`: the memory is written before the initializer returns and by nobody after it.
@safe final class GuardedBytes: @unchecked Sendable {
    private let memory: UnsafeMutableRawBufferPointer

    /// Whether the system let the memory be locked; without that it may be swapped to disk.
    let isLocked: Bool

    /// - Throws: ``CryptoFailure/unavailable`` when the system gives no memory; what `body` throws, with the memory zeroed.
    init(
        count: Int, filledBy body: (UnsafeMutableRawBufferPointer) throws(CryptoFailure) -> Void
    ) throws(CryptoFailure) {
        // libsodium locks what it allocates, but does not say whether that worked, so the lock is asked for again.
        guard Sodium.isReady, let address = unsafe sodium_malloc(count) else { throw .unavailable }
        unsafe memory = UnsafeMutableRawBufferPointer(start: address, count: count)
        isLocked = unsafe sodium_mlock(address, count) == 0
        // When this throws, `deinit` zeroes and frees the memory, because every property is set.
        try unsafe body(memory)
    }

    /// Lends the bytes for the duration of `body`, which must not keep the pointer.
    func withBytes<Result, Failure: Error>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try unsafe body(UnsafeRawBufferPointer(memory))
    }

    deinit { unsafe sodium_free(memory.baseAddress) }
}
