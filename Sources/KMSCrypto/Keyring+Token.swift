package import KMSModel
package import KMSPKCS11

// Ciphertexts of keys that are in a token (docs/formats.md): version 2 of the layout, in which the token itself encrypts.

/// Why a key in a token did not do what was asked.
package enum TokenUseFailure: Error, Equatable, Sendable {
    /// As of a key that is here.
    case crypto(CryptoFailure)
    /// The token failed.
    case token(TokenFailure)
}

extension Keyring {
    /// Encrypts `plaintext` by the key in the token that `material` is.
    ///
    /// - Throws: ``TokenUseFailure``.
    package func encrypt(
        _ plaintext: SecretBytes, with material: MaterialRecord, context: EncryptionContext, in store: TokenKeyStore
    ) throws(TokenUseFailure) -> [UInt8] {
        let nonce: [UInt8]
        do throws(CryptoFailure) { nonce = try randomness.bytes(Sealing.nonceByteCount) } catch { throw .crypto(error) }
        var output = SymmetricCiphertext.header(.token, for: material)
        var binding = CanonicalEncoding(after: output, capacity: 128)
        binding.append(context)
        do throws(TokenFailure) {
            output += try unsafe plaintext.withBytes { plaintext throws(TokenFailure) in
                try unsafe store.encrypt(plaintext, with: material, nonce: nonce, binding: binding.bytes)
            }
        } catch {
            throw .token(error)
        }
        return output
    }

    /// Decrypts what ``encrypt(_:with:context:in:)`` made with this material and context.
    ///
    /// - Throws: ``TokenUseFailure``; `crypto` with ``CryptoFailure/notAuthentic`` for what the token does not take for genuine.
    package func decrypt(
        _ ciphertext: [UInt8], with material: MaterialRecord, context: EncryptionContext, in store: TokenKeyStore
    ) throws(TokenUseFailure) -> SecretBytes {
        let header = SymmetricCiphertext.header(.token, for: material)
        guard ciphertext.count >= header.count + Sealing.overhead else { throw .crypto(.malformed) }
        guard ciphertext.starts(with: header) else { throw .crypto(.notAuthentic) }
        var binding = CanonicalEncoding(after: header, capacity: 128)
        binding.append(context)
        let count = ciphertext.count - header.count - Sealing.overhead
        do throws(TokenFailure) {
            return try unsafe SecretBytes(capacity: count) { buffer throws(TokenFailure) in
                try unsafe store.decrypt(
                    ciphertext[header.count...], with: material, binding: binding.bytes,
                    into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<count]))
                return count
            }
        } catch .notOpened {
            throw .crypto(.notAuthentic)
        } catch {
            throw .token(error)
        }
    }

    /// Makes a random data key of `byteCount` bytes, in plaintext and encrypted by a key in a token.
    ///
    /// - Throws: ``TokenUseFailure``.
    package func makeDataKey(
        byteCount: Int, with material: MaterialRecord, context: EncryptionContext, in store: TokenKeyStore
    ) throws(TokenUseFailure) -> (plaintext: SecretBytes, ciphertext: [UInt8]) {
        let plaintext: SecretBytes
        do throws(CryptoFailure) { plaintext = try randomBytes(byteCount) } catch { throw .crypto(error) }
        return (plaintext, try encrypt(plaintext, with: material, context: context, in: store))
    }

    /// The identifier of a generation of material that is made elsewhere.
    ///
    /// - Throws: ``CryptoFailure/unavailable``.
    package func makeMaterialID() throws(CryptoFailure) -> KeyMaterialID {
        guard let id = KeyMaterialID(bytes: try randomness.bytes(KeyMaterialID.byteCount)) else { throw .unavailable }
        return id
    }

    // MARK: Credentials of key stores

    /// Wraps what a custom key store is reached with.
    ///
    /// - Throws: ``CryptoFailure/unavailable``.
    package func wrapSecret(
        _ secret: SecretBytes, of store: CustomKeyStoreID, in realm: Realm
    ) throws(CryptoFailure) -> [UInt8] {
        try Wrapping.wrap(
            secret, under: domains.identity, binding: Wrapping.binding(ofKeyStore: store, in: realm), randomness)
    }

    /// Opens what ``wrapSecret(_:of:in:)`` wrapped.
    ///
    /// - Throws: ``CryptoFailure/damagedRecord``.
    package func openSecret(
        _ wrapped: [UInt8], of store: CustomKeyStoreID, in realm: Realm
    ) throws(CryptoFailure) -> SecretBytes {
        try unsafe open(wrapped, binding: Wrapping.binding(ofKeyStore: store, in: realm), under: { $0.identity }) {
            unsafe SecretBytes(copying: $0)
        }
    }

    /// Whether `secret` is what ``wrapSecret(_:of:in:)`` wrapped, in a time that does not depend on where they differ.
    package func isSecret(
        _ secret: SecretBytes, _ wrapped: [UInt8], of store: CustomKeyStoreID, in realm: Realm
    ) -> Bool {
        guard let present = try? openSecret(wrapped, of: store, in: realm) else { return false }
        return unsafe present.withBytes { present in
            unsafe secret.withBytes { secret in unsafe Digest.areEqual(present, secret) }
        }
    }

    /// The same wrapped under the current root key; nil when it is already.
    ///
    /// - Throws: ``CryptoFailure/damagedRecord`` when it opens under neither root key.
    package func renewed(
        _ wrapped: [UInt8], of store: CustomKeyStoreID, in realm: Realm
    ) throws(CryptoFailure) -> [UInt8]? {
        try renewed(wrapped, binding: Wrapping.binding(ofKeyStore: store, in: realm)) { $0.identity }
    }
}
