import KMSLibcrypto
package import KMSModel

// What is done with key pairs and HMAC keys beside encryption.

extension Keyring {
    /// The public key of an asymmetric key as DER of a SubjectPublicKeyInfo (RFC 5280).
    ///
    /// - Throws: ``CryptoFailure/unsupported`` for a symmetric key; ``CryptoFailure/damagedRecord``.
    package func publicKey(of material: MaterialRecord) throws(CryptoFailure) -> [UInt8] {
        try openKeyPair(material).publicKey
    }

    /// Signs `message`, whose type and length the caller has checked.
    ///
    /// - Throws: ``CryptoFailure/unsupported`` when the algorithm is not one of the key's spec;
    ///   ``CryptoFailure/damagedRecord``.
    package func sign(
        _ message: SecretBytes, type: MessageType, by algorithm: SigningAlgorithm, with material: MaterialRecord
    ) throws(CryptoFailure) -> [UInt8] {
        let keyPair = try openKeyPair(material)
        return try unsafe message.withBytes { bytes throws(CryptoFailure) in
            try unsafe keyPair.signature(of: bytes, type: type, by: algorithm)
        }
    }

    /// Whether `signature` is one of `message`, whose type and length the caller has checked.
    ///
    /// - Throws: as ``sign(_:type:by:with:)``.
    package func isSignature(
        _ signature: [UInt8], of message: SecretBytes, type: MessageType, by algorithm: SigningAlgorithm,
        with material: MaterialRecord
    ) throws(CryptoFailure) -> Bool {
        let keyPair = try openKeyPair(material)
        return try unsafe message.withBytes { bytes throws(CryptoFailure) in
            try unsafe keyPair.isSignature(signature, of: bytes, type: type, by: algorithm)
        }
    }

    /// The code that authenticates `message` (FIPS 198-1), as long as the digest of the key's hash function.
    ///
    /// - Throws: ``CryptoFailure/unsupported`` for a key that is not for codes; ``CryptoFailure/damagedRecord``.
    package func authenticationCode(
        of message: SecretBytes, with material: MaterialRecord
    ) throws(CryptoFailure) -> [UInt8] {
        guard let hash = material.spec.macAlgorithm?.hash else { throw .unsupported }
        let key = try open(material)
        guard hash != .sha256 else {
            return unsafe key.withBytes { key in unsafe message.withBytes { unsafe HMACSHA256.code(of: $0, key: key) } }
        }
        return try CryptoFailure.translating { () throws(LibcryptoFailure) in
            try unsafe key.withBytes { key throws(LibcryptoFailure) in
                try unsafe message.withBytes { message throws(LibcryptoFailure) in
                    try unsafe hash.hmac(of: message, key: key)
                }
            }
        }
    }

    /// Whether `code` authenticates `message`, in a time that does not depend on where the codes differ.
    ///
    /// - Throws: as ``authenticationCode(of:with:)``.
    package func isAuthenticationCode(
        _ code: [UInt8], of message: SecretBytes, with material: MaterialRecord
    ) throws(CryptoFailure) -> Bool {
        var expected = try authenticationCode(of: message, with: material)
        defer { expected.wipe() }
        return Digest.areEqual(expected, code)
    }

    /// The secret that the key shares with the owner of `peer`, a DER of a SubjectPublicKeyInfo: the x coordinate of their
    /// ECDH (NIST SP 800-56A, section 5.7.1.2).
    ///
    /// - Throws: ``CryptoFailure/malformed`` when that is not a public key on the same curve; ``CryptoFailure/unsupported``;
    ///   ``CryptoFailure/damagedRecord``.
    package func sharedSecret(
        with peer: [UInt8], of material: MaterialRecord
    ) throws(CryptoFailure) -> SecretBytes {
        try openKeyPair(material).sharedSecret(with: peer)
    }
}
