import Crypto
package import KMSModel

/// A session token that this server made, opened.
package struct OpenedSessionToken: Sendable {
    /// The access key that the token goes with.
    package let accessKeyID: String
    /// What the secret of its access key is derived from.
    package let seed: SessionSeed
    /// What was sealed.
    package let content: [UInt8]
}

/// What the secret of temporary credentials is derived from, beside a root key.
package struct SessionSeed: Sendable, Equatable {
    /// What the token was made with.
    package let salt: [UInt8]
    /// The root key that it was made under.
    let root: Roots.Number

    /// The same under another salt.
    package func with(salt: [UInt8]) -> SessionSeed { SessionSeed(salt: salt, root: root) }
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
        let key = domains.sessions
        var token = Self.prefix + salt
        var plaintext = CanonicalEncoding(after: [UInt8](), capacity: 8 + accessKeyID.utf8.count + content.count)
        plaintext.append(accessKeyID)
        plaintext.append(content)
        let nonce = try randomness.bytes(Sealing.nonceByteCount)
        let result: Result<Void, CryptoFailure> = unsafe plaintext.withBytes { bytes in
            Result { () throws(CryptoFailure) in
                try unsafe Sealing.seal(
                    bytes, under: Self.sealingKey(of: salt, key), nonce: nonce[...], binding: Self.prefix + salt,
                    to: &token)
            }
        }
        try result.get()
        return (Base64.encode(token), Self.secret(ofSessionWith: accessKeyID, salt, key))
    }

    /// What is in a token; nil for any text that no server with this root key made.
    package func openSessionToken(_ text: String) -> OpenedSessionToken? {
        guard let token = Base64.decode(text), token.starts(with: Self.prefix) else { return nil }
        let start = Self.prefix.count + Self.saltByteCount
        guard token.count > start + Sealing.overhead else { return nil }
        let salt = Array(token[Self.prefix.count..<start])
        for generation in roots.ofTokens {
            let fields = try? unsafe Sealing.open(
                token[start...], under: Self.sealingKey(of: salt, generation.domains.sessions),
                binding: Self.prefix + salt
            ) { unsafe CanonicalEncoding.fields(of: Array($0)) }
            guard let fields, fields.count == 2 else { continue }
            return OpenedSessionToken(
                accessKeyID: String(decoding: fields[0], as: UTF8.self),
                seed: SessionSeed(salt: salt, root: generation.number), content: fields[1])
        }
        return nil
    }

    /// Whether tokens that were made under the root key of `seed` are still taken.
    package func takes(_ seed: SessionSeed) -> Bool { roots.ofTokens.contains { $0.number == seed.root } }

    /// Derives a signing key from the secret of temporary credentials, which itself stays inside.
    ///
    /// - Parameter date: `yyyyMMdd`.
    /// - Returns: Nil when tokens of that root key are no longer taken.
    package func signingKey(
        ofSessionWith accessKeyID: String, seed: SessionSeed, date: String, region: String, service: String
    ) -> SigningKey? {
        guard let generation = roots.ofTokens.first(where: { $0.number == seed.root }) else { return nil }
        return SigningKey(
            secret: Self.secret(ofSessionWith: accessKeyID, seed.salt, generation.domains.sessions), date: date,
            region: region, service: service)
    }

    private static func sealingKey(of salt: [UInt8], _ key: SymmetricKey) -> SymmetricKey {
        HMACSHA256.key(from: Array("seal".utf8) + salt, key: key)
    }

    private static func secret(
        ofSessionWith accessKeyID: String, _ salt: [UInt8], _ key: SymmetricKey
    ) -> SecretBytes {
        let code = HMACSHA256.key(from: Array("secret".utf8) + salt + Array(accessKeyID.utf8), key: key)
        var text: [UInt8] = []
        text.reserveCapacity(secretByteCount / 3 * 4)
        unsafe code.withUnsafeBytes { code in
            unsafe Base64.encode(UnsafeRawBufferPointer(rebasing: code.prefix(secretByteCount)), to: &text)
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
