import CLibcrypto
package import KMSModel

extension PrivateKey {
    /// The x coordinate of what this key and the other party's public key make (NIST SP 800-56A, section 5.7.1.2), as long
    /// as a coordinate of the curve.
    ///
    /// - Throws: ``LibcryptoFailure/refused`` for a key of another kind; ``LibcryptoFailure/unavailable``.
    package func sharedSecret(with peer: PublicKey) throws(LibcryptoFailure) -> SecretBytes {
        guard peer.kind == kind else { throw .refused }
        switch kind {
        case .rsa: throw .refused
        case .curve(let curve): return try derivedSecret(with: peer, byteCount: curve.coordinateByteCount)
        case .sm2: return try multipliedSecret(with: peer)
        }
    }

    private func derivedSecret(with peer: PublicKey, byteCount: Int) throws(LibcryptoFailure) -> SecretBytes {
        guard let context = unsafe EVP_PKEY_CTX_new_from_pkey(nil, handle, nil) else { throw .unavailable }
        defer { unsafe EVP_PKEY_CTX_free(context) }
        guard unsafe EVP_PKEY_derive_init(context) == 1 else { throw .unavailable }
        // It looks whether the point is on the curve, and not at infinity.
        guard unsafe EVP_PKEY_derive_set_peer(context, peer.handle) == 1 else { throw .refused }
        return try unsafe SecretBytes(capacity: byteCount) { buffer throws(LibcryptoFailure) in
            var count = buffer.count
            let target = unsafe buffer.bindMemory(to: UInt8.self).baseAddress
            guard unsafe EVP_PKEY_derive(context, target, &count) == 1, count == byteCount else { throw .refused }
            return count
        }
    }

    /// The same for SM2, whose keys libcrypto does not derive with; its product of a point and a secret number takes a
    /// time that does not depend on them.
    private func multipliedSecret(with peer: PublicKey) throws(LibcryptoFailure) -> SecretBytes {
        let byteCount = 32
        guard let group = unsafe EC_GROUP_new_by_curve_name(NID_sm2), let point = unsafe EC_POINT_new(group) else {
            throw .unavailable
        }
        defer {
            unsafe EC_POINT_clear_free(point)
            unsafe EC_GROUP_free(group)
        }
        // A point that is not on the curve is refused.
        let encoded = try peer.point()
        guard unsafe EC_POINT_oct2point(group, point, encoded, encoded.count, nil) == 1,
            unsafe EC_POINT_is_at_infinity(group, point) == 0
        else { throw .refused }
        var number: OpaquePointer?
        let coordinate = unsafe BN_secure_new()
        defer {
            unsafe BN_clear_free(number)
            unsafe BN_clear_free(coordinate)
        }
        guard unsafe EVP_PKEY_get_bn_param(handle, OSSL_PKEY_PARAM_PRIV_KEY, &number) == 1,
            unsafe EC_POINT_mul(group, point, nil, point, number, nil) == 1,
            unsafe EC_POINT_get_affine_coordinates(group, point, coordinate, nil, nil) == 1
        else { throw .unavailable }
        return try unsafe SecretBytes(capacity: byteCount) { buffer throws(LibcryptoFailure) in
            let target = unsafe buffer.bindMemory(to: UInt8.self).baseAddress
            guard unsafe BN_bn2binpad(coordinate, target, Int32(byteCount)) == byteCount else { throw .unavailable }
            return byteCount
        }
    }
}

extension PublicKey {
    /// The point, not compressed (SEC 1, section 2.3.3).
    fileprivate func point() throws(LibcryptoFailure) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 133)
        var count = 0
        guard
            unsafe EVP_PKEY_get_octet_string_param(handle, OSSL_PKEY_PARAM_PUB_KEY, &bytes, bytes.count, &count) == 1
        else { throw .refused }
        return Array(bytes.prefix(count))
    }
}
