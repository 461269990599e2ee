import Crypto
package import KMSModel

/// How data is encrypted: under which material, by which algorithm, and bound to what.
package struct Cipher: Sendable {
    /// The generation of key material.
    package let material: MaterialRecord
    /// One of those of the key's spec.
    package let algorithm: EncryptionAlgorithm
    /// What the ciphertext is bound to; without meaning for an asymmetric key.
    package let context: EncryptionContext

    package init(
        _ material: MaterialRecord, by algorithm: EncryptionAlgorithm = .symmetricDefault, context: EncryptionContext
    ) {
        self.material = material
        self.algorithm = algorithm
        self.context = context
    }
}

extension Keyring {
    /// Encrypts `plaintext` so that only the same material with the same context decrypts it.
    ///
    /// - Throws: ``CryptoFailure/damagedRecord`` when the stored material is not what was wrapped for this key;
    ///   ``CryptoFailure/unsupported`` when the algorithm is not one of its spec.
    package func encrypt(_ plaintext: SecretBytes, by cipher: Cipher) throws(CryptoFailure) -> [UInt8] {
        try unsafe plaintext.withBytes { bytes throws(CryptoFailure) in try unsafe encrypt(bytes, by: cipher) }
    }

    /// Decrypts what ``encrypt(_:by:)`` made with this material, algorithm and context.
    ///
    /// - Throws: ``CryptoFailure/notAuthentic``, ``CryptoFailure/malformed``, ``CryptoFailure/unknownVersion``;
    ///   ``CryptoFailure/damagedRecord`` when the stored material does not open; ``CryptoFailure/unsupported``.
    package func decrypt(_ ciphertext: [UInt8], by cipher: Cipher) throws(CryptoFailure) -> SecretBytes {
        try unsafe open(ciphertext, by: cipher) { unsafe SecretBytes(copying: $0) }
    }

    /// Decrypts and encrypts again without the plaintext leaving the module.
    ///
    /// - Throws: as ``decrypt(_:by:)``; ``CryptoFailure/tooLong`` when the destination's algorithm cannot take as much.
    package func reencrypt(
        _ ciphertext: [UInt8], from source: Cipher, to destination: Cipher
    ) throws(CryptoFailure) -> [UInt8] {
        try unsafe open(ciphertext, by: source) { plaintext throws(CryptoFailure) in
            let longest = destination.material.spec.longestPlaintext(for: destination.algorithm)
            guard plaintext.count <= longest ?? .max else { throw .tooLong }
            return try unsafe encrypt(plaintext, by: destination)
        }
    }

    /// Makes a random data key of `byteCount` bytes, in plaintext and encrypted.
    package func makeDataKey(
        byteCount: Int, by cipher: Cipher
    ) throws(CryptoFailure) -> (plaintext: SecretBytes, ciphertext: [UInt8]) {
        let plaintext = try randomBytes(byteCount)
        return (plaintext, try encrypt(plaintext, by: cipher))
    }

    /// Makes a random data key pair: the private key as PKCS#8, in plaintext and encrypted, and the public key as DER of a
    /// SubjectPublicKeyInfo.
    ///
    /// For RSA it takes up to seconds: never call it on an event loop then.
    package func makeDataKeyPair(
        spec: KeySpec, by cipher: Cipher
    ) throws(CryptoFailure) -> (plaintext: SecretBytes, ciphertext: [UInt8], publicKey: [UInt8]) {
        let made = try EncodedKeyPair(generating: spec, randomness)
        return (made.privateKey, try encrypt(made.privateKey, by: cipher), made.publicKey)
    }
}

// Which algorithm it is.
extension Keyring {
    private func encrypt(_ plaintext: UnsafeRawBufferPointer, by cipher: Cipher) throws(CryptoFailure) -> [UInt8] {
        switch cipher.algorithm {
        case .symmetricDefault: try unsafe encrypt(plaintext, with: cipher.material, context: cipher.context)
        case .rsaesOAEPSHA1, .rsaesOAEPSHA256, .sm2PKE:
            try unsafe openKeyPair(cipher.material).encrypt(plaintext, by: cipher.algorithm)
        }
    }

    private func open<Result>(
        _ ciphertext: [UInt8], by cipher: Cipher,
        _ body: (UnsafeRawBufferPointer) throws(CryptoFailure) -> Result
    ) throws(CryptoFailure) -> Result {
        switch cipher.algorithm {
        case .symmetricDefault: try unsafe open(ciphertext, with: cipher.material, context: cipher.context, body)
        case .rsaesOAEPSHA1, .rsaesOAEPSHA256, .sm2PKE:
            try unsafe openKeyPair(cipher.material).decrypt(ciphertext, by: cipher.algorithm).withBytes(body)
        }
    }
}

// The symmetric ciphertext (docs/formats.md).
extension Keyring {
    private func encrypt(
        _ plaintext: UnsafeRawBufferPointer, with record: MaterialRecord, context: EncryptionContext
    ) throws(CryptoFailure) -> [UInt8] {
        let material = try open(record)
        // Salt and nonce in one request to the system.
        let random = try randomness.bytes(SymmetricCiphertext.saltByteCount + Sealing.nonceByteCount)
        var output: [UInt8] = []
        output.reserveCapacity(SymmetricCiphertext.overhead + plaintext.count)
        SymmetricCiphertext.appendHeader(for: record, to: &output)
        output.append(contentsOf: random.prefix(SymmetricCiphertext.saltByteCount))
        let key = messageKey(from: material, salt: random.prefix(SymmetricCiphertext.saltByteCount))
        var binding = CanonicalEncoding(after: output, capacity: 128)
        binding.append(context)
        try unsafe Sealing.seal(
            plaintext, under: key, nonce: random.dropFirst(SymmetricCiphertext.saltByteCount),
            binding: binding, to: &output
        )
        return output
    }

    private func open<Result>(
        _ ciphertext: [UInt8], with record: MaterialRecord, context: EncryptionContext,
        _ body: (UnsafeRawBufferPointer) throws(CryptoFailure) -> Result
    ) throws(CryptoFailure) -> Result {
        try SymmetricCiphertext.checkLayout(of: ciphertext)
        var header: [UInt8] = []
        header.reserveCapacity(SymmetricCiphertext.headerByteCount)
        SymmetricCiphertext.appendHeader(for: record, to: &header)
        guard ciphertext.begins(with: header) else { throw .notAuthentic }
        let material = try open(record)
        let salt = ciphertext[SymmetricCiphertext.headerByteCount..<SymmetricCiphertext.prefixByteCount]
        let key = messageKey(from: material, salt: salt)
        var binding = CanonicalEncoding(after: ciphertext.prefix(SymmetricCiphertext.prefixByteCount), capacity: 128)
        binding.append(context)
        return try unsafe Sealing.open(
            ciphertext[SymmetricCiphertext.prefixByteCount...], under: key, binding: binding, body
        )
    }

    private func messageKey(from material: OpenMaterial, salt: ArraySlice<UInt8>) -> SymmetricKey {
        unsafe material.withBytes { material in
            unsafe Derivation.counterMode(material, label: "chatelaine message key v1", context: salt)
        }
    }
}
