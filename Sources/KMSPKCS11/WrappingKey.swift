import CPKCS11

/// A key in a token that wraps and never leaves it.
package struct WrappingKey {
    /// The key of AES, or the two of RSA.
    enum Handles {
        case aes(ck_object_handle_t)
        case rsa(publicKey: ck_object_handle_t, privateKey: ck_object_handle_t)
    }

    /// The bits of an RSA modulus below which nothing is wrapped (NIST SP 800-131A).
    private static let fewestModulusBits: UInt = 2048
    /// The bytes of an AES key: as strong as the keys that hang from it.
    private static let aesByteCount: UInt = 32

    let label: String
    let handles: Handles

    fileprivate init(_ label: String, in token: Token) throws(TokenFailure) {
        self.label = label
        let name = Attribute.text(UInt(CKA_LABEL), label)
        let secret = try token.objects([
            name, .number(UInt(CKA_CLASS), CKO_SECRET_KEY), .number(UInt(CKA_KEY_TYPE), CKK_AES),
        ])
        let rsa = Attribute.number(UInt(CKA_KEY_TYPE), CKK_RSA)
        let privates = try token.objects([name, .number(UInt(CKA_CLASS), CKO_PRIVATE_KEY), rsa])
        guard secret.count + privates.count <= 1 else { throw .severalKeys(label, token: token.label) }
        if let key = secret.first {
            handles = .aes(key)
            try Self.check(key, label, in: token)
            // A length that the token keeps to itself is no reason to refuse: a wrong one shows when it wraps.
            guard token.number(UInt(CKA_VALUE_LEN), of: key) ?? Self.aesByteCount == Self.aesByteCount else {
                throw .unfit(key: label, reason: "is not an AES key of 256 bits")
            }
            return
        }
        let publics = try token.objects([name, .number(UInt(CKA_CLASS), CKO_PUBLIC_KEY), rsa])
        guard publics.count <= 1 else { throw .severalKeys(label, token: token.label) }
        guard let privateKey = privates.first, let publicKey = publics.first else {
            throw .noKey(label, token: token.label)
        }
        handles = .rsa(publicKey: publicKey, privateKey: privateKey)
        try Self.check(privateKey, label, in: token)
        guard token.number(UInt(CKA_MODULUS_BITS), of: publicKey) ?? 0 >= Self.fewestModulusBits else {
            throw .unfit(key: label, reason: "is not an RSA key of at least \(Self.fewestModulusBits) bits")
        }
    }

    /// Refuses a key that could leave the token.
    private static func check(
        _ key: ck_object_handle_t, _ label: String, in token: Token
    ) throws(TokenFailure) {
        guard token.flag(UInt(CKA_EXTRACTABLE), of: key) == false else {
            throw .unfit(key: label, reason: "may be taken out of the token: it must not be extractable")
        }
        guard token.flag(UInt(CKA_SENSITIVE), of: key) == true else {
            throw .unfit(key: label, reason: "may be read: it must be sensitive")
        }
    }
}

extension Token {
    /// The key of this label, of AES with 256 bits or of RSA, which must be sensitive and not extractable.
    ///
    /// - Throws: ``TokenFailure/noKey(_:token:)``, ``TokenFailure/severalKeys(_:token:)``,
    ///   ``TokenFailure/unfit(key:reason:)``.
    package func wrappingKey(_ label: String) throws(TokenFailure) -> WrappingKey {
        try WrappingKey(label, in: self)
    }

    /// Makes an AES key of 256 bits that stays in the token, is sensitive, and never leaves it.
    ///
    /// One that was made before is taken again: the seal that it was meant for may not have come about.
    ///
    /// - Throws: ``TokenFailure/keyExists(_:token:)`` when something else has the label, also an AES key that was brought.
    package func makeWrappingKey(_ label: String) throws(TokenFailure) -> WrappingKey {
        guard try objects([.text(UInt(CKA_LABEL), label)]).isEmpty else {
            guard let present = try? wrappingKey(label), wasMadeHere(present) else {
                throw .keyExists(label, token: self.label)
            }
            return present
        }
        var mechanism = unsafe ck_mechanism(mechanism: CKM_AES_KEY_GEN, parameter: nil, parameter_len: 0)
        let attributes: [Attribute] = [
            .text(UInt(CKA_LABEL), label), .flag(UInt(CKA_TOKEN), true), .flag(UInt(CKA_PRIVATE), true),
            .flag(UInt(CKA_SENSITIVE), true), .flag(UInt(CKA_EXTRACTABLE), false),
            .flag(UInt(CKA_ENCRYPT), true), .flag(UInt(CKA_DECRYPT), true),
            .flag(UInt(CKA_WRAP), true), .flag(UInt(CKA_UNWRAP), true), .number(UInt(CKA_VALUE_LEN), 32),
        ]
        try unsafe Attribute.withTemplate(attributes) { template, count throws(TokenFailure) in
            var key: ck_object_handle_t = 0
            try Module.check(
                "C_GenerateKey", unsafe module.functions.C_GenerateKey?(session, &mechanism, template, count, &key))
        }
        return try wrappingKey(label)
    }

    /// Whether it is an AES key that was never outside the token.
    private func wasMadeHere(_ key: WrappingKey) -> Bool {
        guard case .aes(let handle) = key.handles else { return false }
        return [CKA_LOCAL, CKA_ALWAYS_SENSITIVE, CKA_NEVER_EXTRACTABLE].allSatisfy {
            flag(UInt($0), of: handle) == true
        }
    }
}
