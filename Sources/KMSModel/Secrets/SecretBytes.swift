#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Bytes that a request brought or an answer will carry and nobody else may see: a plaintext, a data key.
///
/// They are zeroed when the last reference goes. There is no description and no `Codable`, so that they cannot be
/// logged by accident, and no `==`, so that they cannot be compared in a time that depends on them. Key material of the
/// KMS itself is never in one of these: it stays inside the cryptography module.
///
/// `@unchecked Sendable`: the memory is written only before the initializer returns and freed only by `deinit`.
package final class SecretBytes: @unchecked Sendable {
    private let memory: UnsafeMutableRawBufferPointer

    /// How many bytes there are.
    package let count: Int

    /// Reserves room for `capacity` bytes, zeroed, and lets `body` fill it.
    ///
    /// `body` answers how many bytes it wrote; more than `capacity` is a bug. What it throws is passed on, and what it
    /// had written by then is zeroed.
    package init<Failure: Error>(
        capacity: Int, filledBy body: (UnsafeMutableRawBufferPointer) throws(Failure) -> Int
    ) throws(Failure) {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: max(capacity, 1), alignment: 16)
        buffer.initializeMemory(as: UInt8.self, repeating: 0)
        memory = buffer
        do {
            count = try body(UnsafeMutableRawBufferPointer(rebasing: buffer[0..<capacity]))
        } catch {
            buffer.zero()
            buffer.deallocate()
            throw error
        }
    }

    /// Copies `bytes`.
    ///
    /// Whoever held them before still does.
    package convenience init(copying bytes: some Collection<UInt8>) {
        self.init(capacity: bytes.count) { buffer in
            buffer.copyBytes(from: bytes)
            return bytes.count
        }
    }

    /// Lends the bytes for the duration of `body`, which must not keep the pointer.
    package func withBytes<Result, Failure: Error>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try body(UnsafeRawBufferPointer(rebasing: memory[0..<count]))
    }

    deinit {
        memory.zero()
        memory.deallocate()
    }
}

extension UnsafeMutableRawBufferPointer {
    /// Zeroes the bytes, also where the compiler sees that nobody will read them.
    func zero() {
        guard let address = baseAddress else { return }
        #if canImport(Glibc)
            explicit_bzero(address, count)
        #else
            memset_s(address, count, 0, count)
        #endif
    }
}
