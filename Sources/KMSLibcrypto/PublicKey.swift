import CLibcrypto
import KMSModel

/// The public half of a key pair.
///
/// `@unchecked Sendable`: the key is not changed after the initializer, and libcrypto's keys may be used by several
/// threads at once (openssl-threads(7)).
@safe package final class PublicKey: @unchecked Sendable {
    let handle: OpaquePointer
    /// What kind of key it is, which was checked.
    package let kind: KeyPairKind

    /// Takes over a key that is of this kind.
    init(owning handle: OpaquePointer, kind: KeyPairKind) {
        unsafe self.handle = handle
        self.kind = kind
    }

    /// Reads the DER of a SubjectPublicKeyInfo (RFC 5280, section 4.1.2.7) with a key of this kind.
    ///
    /// A point that is not on the curve or is compressed, a curve that is spelled out instead of named, and anything that is
    /// not how the same key is written are refused.
    ///
    /// - Throws: ``LibcryptoFailure/refused``.
    package convenience init(der: [UInt8], kind: KeyPairKind) throws(LibcryptoFailure) {
        // What has another length is not even parsed: curves can be spelled out at great cost.
        guard kind.publicKeyByteCount.map({ $0 == der.count }) ?? true else { throw .refused }
        let read = unsafe der.withUnsafeBufferPointer { buffer in
            var position = buffer.baseAddress
            return unsafe d2i_PUBKEY(nil, &position, buffer.count)
        }
        guard let read = unsafe read else { throw .refused }
        unsafe self.init(owning: read, kind: kind)
        // From here on `deinit` frees the key.
        guard unsafe Key.isOf(kind, handle), unsafe kind.curveIdentifier == nil || Key.writePointsInFull(handle),
            (try? self.der()) == der
        else { throw .refused }
    }

    deinit { unsafe EVP_PKEY_free(handle) }

    /// The length of the modulus, which is that of a signature, in bytes.
    var byteCount: Int { unsafe Int(EVP_PKEY_get_size(handle)) }

    /// The DER of a SubjectPublicKeyInfo (RFC 5280, section 4.1.2.7); points are not compressed.
    ///
    /// - Throws: ``LibcryptoFailure/unavailable``.
    package func der() throws(LibcryptoFailure) -> [UInt8] {
        let count = unsafe Int(i2d_PUBKEY(handle, nil))
        guard count > 0 else { throw .unavailable }
        var der = [UInt8](repeating: 0, count: count)
        let written = unsafe der.withUnsafeMutableBufferPointer { buffer in
            var position = buffer.baseAddress
            return unsafe Int(i2d_PUBKEY(handle, &position))
        }
        guard written == count else { throw .unavailable }
        return der
    }
}
