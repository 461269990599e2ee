package import KMSCrypto
package import KMSModel

package import struct Foundation.Date

/// An access key, at the only moment at which its secret can be seen.
///
/// Source of the forms: IAM User Guide, "IAM identifiers": `AKIA` and sixteen base-32 characters, or `ASIA` for temporary
/// credentials; a secret is forty base64 characters.
package struct NewAccessKey: Sendable {
    /// What is stored.
    package let record: AccessKeyRecord
    /// What signs requests.
    package let secret: SecretBytes

    /// How many random bytes stand behind the sixteen characters.
    private static let randomByteCount = 10
    /// How many random bytes stand behind the forty characters of a secret.
    private static let secretByteCount = 30

    /// Makes a random access key of a user, or with nil of the account's root user.
    ///
    /// - Throws: ``CryptoFailure/unavailable``.
    package init(
        of account: AccountID, user: UniqueID?, at date: Date, with keyring: Keyring
    ) throws(CryptoFailure) {
        let id = try Self.identifier("AKIA", keyring)
        try self.init(
            id: id, secret: Self.text(try keyring.randomBytes(Self.secretByteCount)), of: account, user: user, at: date,
            with: keyring)
    }

    /// Takes an access key that somebody has chosen.
    ///
    /// - Throws: ``CryptoFailure/unavailable``.
    package init(
        id: String, secret: SecretBytes, of account: AccountID, user: UniqueID?, at date: Date, with keyring: Keyring
    ) throws(CryptoFailure) {
        self.secret = secret
        record = AccessKeyRecord(
            id: id, account: account, user: user, creationDate: date, isActive: true,
            wrappedSecret: try keyring.wrapSecret(secret, accessKeyID: id, account: account)
        )
    }

    /// A new identifier with this prefix.
    ///
    /// - Throws: ``CryptoFailure/unavailable``.
    package static func identifier(_ prefix: String, _ keyring: Keyring) throws(CryptoFailure) -> String {
        prefix + (try keyring.randomBytes(randomByteCount)).withBytes { Base32.text($0, digitCount: 16) }
    }

    private static func text(_ random: SecretBytes) -> SecretBytes {
        var text: [UInt8] = []
        text.reserveCapacity(40)
        random.withBytes { Base64.encode($0, to: &text) }
        defer { for index in text.indices { text[index] = 0 } }
        return SecretBytes(copying: text)
    }
}
