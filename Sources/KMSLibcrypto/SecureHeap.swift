import CLibcrypto

/// libcrypto's heap for the private parts of keys: locked, never part of a core dump, between guard pages, zeroed when
/// freed (CRYPTO_secure_malloc(3)).
///
/// Everything in this module that makes or reads a private key asks for it first. What libcrypto derives from a private
/// key while it computes is in ordinary memory, which it zeroes when it frees it.
package enum SecureHeap {
    /// Room for the numbers of a thousand RSA_4096 keys and for the work on others.
    private static let byteCount = 4 << 20
    /// The smallest piece: the private number of a key on P-256.
    private static let smallestPiece = 32

    private static let status = CRYPTO_secure_malloc_init(byteCount, smallestPiece)

    /// Whether the system let the heap be locked; without that it may be swapped to disk.
    package static var isLocked: Bool { status == 1 }

    /// - Throws: ``LibcryptoFailure/unavailable`` when the system gives no memory.
    static func prepare() throws(LibcryptoFailure) {
        guard status != 0 else { throw .unavailable }
    }
}
