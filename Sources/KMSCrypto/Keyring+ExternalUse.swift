import Crypto
package import KMSModel

// Encryption for a key store elsewhere, which keeps the ciphertext in parts (docs/formats.md).
extension Keyring {
    /// Encrypts `plaintext` so that only the same material with the same additional data decrypts it.
    ///
    /// The key of each message is derived under a label of its own, so that none of them is ever that of a ciphertext of the
    /// KMS API, although the material may be the same.
    ///
    /// - Throws: ``CryptoFailure/damagedRecord`` when the stored material is not what was wrapped for this key;
    ///   ``CryptoFailure/unsupported`` for material of an asymmetric key; ``CryptoFailure/tooLong`` for more additional data
    ///   than ``ExternalCiphertext/mostAdditionalData``.
    package func encryptExternally(
        _ plaintext: SecretBytes, with record: MaterialRecord, binding additionalData: [UInt8]
    ) throws(CryptoFailure) -> ExternalCiphertext {
        let material = try open(record)
        // Salt and nonce in one request to the system.
        let random = try randomness.bytes(ExternalCiphertext.saltByteCount + Sealing.nonceByteCount)
        let salt = random.prefix(ExternalCiphertext.saltByteCount)
        let key = unsafe material.withBytes { unsafe Self.externalKey($0, salt, record.key.keyID) }
        return try Self.seal(
            plaintext, under: key, nonce: random.dropFirst(ExternalCiphertext.saltByteCount),
            metadata: ExternalCiphertext.metadata(salt: salt, record.id), binding: additionalData)
    }

    /// Decrypts what ``encryptExternally(_:with:binding:)`` made with this material and additional data.
    ///
    /// - Throws: ``CryptoFailure/notAuthentic``, ``CryptoFailure/malformed``, ``CryptoFailure/unknownVersion``;
    ///   ``CryptoFailure/damagedRecord`` when the stored material does not open; ``CryptoFailure/unsupported``,
    ///   ``CryptoFailure/tooLong``.
    package func decrypt(
        _ ciphertext: ExternalCiphertext, with record: MaterialRecord, binding additionalData: [UInt8]
    ) throws(CryptoFailure) -> SecretBytes {
        try unsafe Self.open(ciphertext, under: externalKey(of: ciphertext, record), binding: additionalData) {
            unsafe SecretBytes(copying: $0)
        }
    }

    /// Whether `ciphertext` decrypts to `plaintext`, compared in constant time.
    ///
    /// - Throws: As ``decrypt(_:with:binding:)-(ExternalCiphertext,_,_)``.
    package func opens(
        _ ciphertext: ExternalCiphertext, with record: MaterialRecord, binding additionalData: [UInt8],
        to plaintext: SecretBytes
    ) throws(CryptoFailure) -> Bool {
        try unsafe Self.open(ciphertext, under: externalKey(of: ciphertext, record), binding: additionalData) {
            unsafe Self.areEqual($0, plaintext)
        }
    }

    /// Finds out whether encrypting and decrypting work, with random bytes in the place of key material.
    ///
    /// - Throws: ``CryptoFailure``, whatever does not.
    package func tryExternalUse() throws(CryptoFailure) {
        let secret = try randomBytes(32)
        let random = try randomness.bytes(
            KeyMaterialID.byteCount + ExternalCiphertext.saltByteCount + Sealing.nonceByteCount)
        guard let id = KeyMaterialID(bytes: Array(random.prefix(KeyMaterialID.byteCount))) else { throw .unavailable }
        let salt = random.dropFirst(KeyMaterialID.byteCount).prefix(ExternalCiphertext.saltByteCount)
        let keyID = KeyID(high: 0, low: 0, isMultiRegion: false)
        let key = unsafe secret.withBytes { unsafe Self.externalKey($0, salt, keyID) }
        let sealed = try Self.seal(
            secret, under: key, nonce: random.suffix(Sealing.nonceByteCount),
            metadata: ExternalCiphertext.metadata(salt: salt, id), binding: [])
        let isSame = try unsafe Self.open(sealed, under: key, binding: []) { unsafe Self.areEqual($0, secret) }
        guard isSame else { throw .unavailable }
    }

    // MARK: Parts

    private func externalKey(
        of ciphertext: ExternalCiphertext, _ record: MaterialRecord
    ) throws(CryptoFailure) -> SymmetricKey {
        try ciphertext.checkLayout()
        let material = try open(record)
        return unsafe material.withBytes { unsafe Self.externalKey($0, ciphertext.salt, record.key.keyID) }
    }

    /// The key's identifier is part of it: imported material can be that of several keys.
    private static func externalKey(
        _ material: UnsafeRawBufferPointer, _ salt: ArraySlice<UInt8>, _ keyID: KeyID
    ) -> SymmetricKey {
        var context = Array(salt)
        keyID.append(to: &context)
        return unsafe Derivation.counterMode(
            material, label: "chatelaine external message key v1", context: context[...])
    }

    private static func seal(
        _ plaintext: SecretBytes, under key: SymmetricKey, nonce: ArraySlice<UInt8>, metadata: [UInt8],
        binding additionalData: [UInt8]
    ) throws(CryptoFailure) -> ExternalCiphertext {
        let binding = try ExternalCiphertext.binding(additionalData, metadata)
        var sealed: [UInt8] = []
        sealed.reserveCapacity(Sealing.overhead + plaintext.count)
        try unsafe plaintext.withBytes { bytes throws(CryptoFailure) in
            try unsafe Sealing.seal(bytes, under: key, nonce: nonce, binding: binding, to: &sealed)
        }
        return ExternalCiphertext(
            metadata: metadata, initializationVector: Array(sealed.prefix(Sealing.nonceByteCount)),
            text: Array(sealed.dropFirst(Sealing.nonceByteCount).dropLast(Sealing.tagByteCount)),
            tag: Array(sealed.suffix(Sealing.tagByteCount)))
    }

    private static func open<Result>(
        _ ciphertext: ExternalCiphertext, under key: SymmetricKey, binding additionalData: [UInt8],
        _ body: (UnsafeRawBufferPointer) throws(CryptoFailure) -> Result
    ) throws(CryptoFailure) -> Result {
        let binding = try ExternalCiphertext.binding(additionalData, ciphertext.metadata)
        let sealed = ciphertext.initializationVector + ciphertext.text + ciphertext.tag
        return try unsafe Sealing.open(sealed[...], under: key, binding: binding, body)
    }

    private static func areEqual(_ opened: UnsafeRawBufferPointer, _ plaintext: SecretBytes) -> Bool {
        unsafe plaintext.withBytes { unsafe Digest.areEqual(opened, $0) }
    }
}
