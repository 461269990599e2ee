import Crypto
package import KMSModel

/// A session token that this server made, opened.
package struct OpenedSessionToken: Sendable {
    /// The access key that the token goes with.
    package let accessKeyID: String
    /// What it was made with; the secret of its access key is derived from it.
    package let salt: [UInt8]
    /// What was sealed.
    package let content: [UInt8]
}

// Temporary credentials, version 1: everything that is to be known of a session is in its token, so nothing is stored,
// and every server with the same root key knows it.

extension Keyring {
    private static let prefix: [UInt8] = Array("chs".utf8) + [1]
    private static let saltByteCount = 16
    private static let secretByteCount = 30

    /// A token with `content` sealed in it, and the secret that requests with it are signed with: forty characters.
    ///
    /// - Parameter accessKeyID: The access key that both go with.
    /// - Throws: ``CryptoFailure/unavailable``.
    package func makeSessionToken(
        sealing content: [UInt8], accessKeyID: String
    ) throws(CryptoFailure) -> (token: String, secret: SecretBytes) {
        let salt = try randomness.bytes(Self.saltByteCount)
        var token = Self.prefix + salt
        var plaintext = CanonicalEncoding(after: [UInt8](), capacity: 8 + accessKeyID.utf8.count + content.count)
        plaintext.append(accessKeyID)
        plaintext.append(content)
        let nonce = try randomness.bytes(Sealing.nonceByteCount)
        let result: Result<Void, CryptoFailure> = unsafe plaintext.bytes.withUnsafeBytes { bytes in
            Result { () throws(CryptoFailure) in
                try unsafe Sealing.seal(
                    bytes, under: sealingKey(of: salt), nonce: nonce[...], binding: Self.prefix + salt, to: &token)
            }
        }
        try result.get()
        return (Base64.encode(token), secret(ofSessionWith: accessKeyID, salt))
    }

    /// What is in a token; nil for any text that no server with this root key made.
    package func openSessionToken(_ text: String) -> OpenedSessionToken? {
        guard let token = Base64.decode(text), token.starts(with: Self.prefix) else { return nil }
        let start = Self.prefix.count + Self.saltByteCount
        guard token.count > start + Sealing.overhead else { return nil }
        let salt = Array(token[Self.prefix.count..<start])
        let fields: [[UInt8]]?
        do throws(CryptoFailure) {
            fields = try unsafe Sealing.open(
                token[start...], under: sealingKey(of: salt), binding: Self.prefix + salt
            ) { unsafe CanonicalEncoding.fields(of: Array($0)) }
        } catch {
            return nil
        }
        guard let fields, fields.count == 2 else { return nil }
        return OpenedSessionToken(
            accessKeyID: String(decoding: fields[0], as: UTF8.self), salt: salt, content: fields[1])
    }

    /// Derives a signing key from the secret of temporary credentials, which itself stays inside.
    ///
    /// - Parameter date: `yyyyMMdd`.
    package func signingKey(
        ofSessionWith accessKeyID: String, salt: [UInt8], date: String, region: String, service: String
    ) -> SigningKey {
        SigningKey(secret: secret(ofSessionWith: accessKeyID, salt), date: date, region: region, service: service)
    }

    private func sealingKey(of salt: [UInt8]) -> SymmetricKey {
        HMACSHA256.key(from: Array("seal".utf8) + salt, key: domains.sessions)
    }

    private func secret(ofSessionWith accessKeyID: String, _ salt: [UInt8]) -> SecretBytes {
        let code = HMACSHA256.key(from: Array("secret".utf8) + salt + Array(accessKeyID.utf8), key: domains.sessions)
        var text: [UInt8] = []
        text.reserveCapacity(Self.secretByteCount / 3 * 4)
        unsafe code.withUnsafeBytes { code in
            unsafe Base64.encode(UnsafeRawBufferPointer(rebasing: code.prefix(Self.secretByteCount)), to: &text)
        }
        defer { text.wipe() }
        return SecretBytes(copying: text)
    }
}

extension CanonicalEncoding {
    /// The fields that make up all of `bytes`; nil when they do not.
    static func fields(of bytes: [UInt8]) -> [[UInt8]]? {
        var fields: [[UInt8]] = []
        var rest = bytes[...]
        while !rest.isEmpty {
            guard rest.count >= 4 else { return nil }
            let count = rest.prefix(4).reduce(0) { $0 << 8 | Int($1) }
            rest = rest.dropFirst(4)
            guard rest.count >= count else { return nil }
            fields.append(Array(rest.prefix(count)))
            rest = rest.dropFirst(count)
        }
        return fields
    }
}
