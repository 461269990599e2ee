package import KMSCrypto
package import KMSModel
package import KMSStore

/// Makes accounts, and root access keys for them.
package struct AccountRegistry: Sendable {
    private let store: any Store
    private let credentials: CredentialDirectory
    private let keyring: Keyring
    private let clock: any Clock

    package init(store: any Store, credentials: CredentialDirectory, keyring: Keyring, clock: any Clock) {
        self.store = store
        self.credentials = credentials
        self.keyring = keyring
        self.clock = clock
    }

    /// An access key of an account's root user, at the only moment at which its secret can be seen.
    package struct RootCredential: Sendable {
        /// Whose root user it is.
        package let account: AccountID
        /// The half that requests show.
        package let accessKeyID: String
        /// The half that signs them.
        package let secret: SecretBytes

        package init(account: AccountID, accessKeyID: String, secret: SecretBytes) {
            self.account = account
            self.accessKeyID = accessKeyID
            self.secret = secret
        }
    }

    /// Why a credential cannot be had.
    package enum Failure: Error, Sendable {
        case store(StoreError)
        case crypto(CryptoFailure)
        /// The access key belongs to another account.
        case accessKeyTaken(String)
    }

    /// Makes a new random credential for the root user of `account`, which is created when missing.
    package func makeRootCredential(for account: AccountID) async throws(Failure) -> RootCredential {
        let credential: RootCredential
        do throws(CryptoFailure) {
            let id = try AccessKeyID.make(from: keyring.randomBytes(AccessKeyID.randomByteCount))
            let secret = try keyring.randomBytes(AccessKeyID.secretByteCount)
            credential = RootCredential(account: account, accessKeyID: id, secret: AccessKeyID.secretText(secret))
        } catch {
            throw .crypto(error)
        }
        try await register(credential)
        return credential
    }

    /// Makes requests signed with `credential` those of its account's root user.
    ///
    /// A known access key gets the secret anew; one of another account is refused.
    package func register(_ credential: RootCredential) async throws(Failure) {
        let known = credentials.accessKey(credential.accessKeyID)
        guard known == nil || known?.principal == .root(credential.account) else {
            throw .accessKeyTaken(credential.accessKeyID)
        }
        let record = try wrap(credential)
        var mutations: [Mutation] = []
        let account = AccountRecord(id: credential.account, creationDate: clock.now)
        if !credentials.hosts(credential.account) { mutations.append(.insertAccount(account)) }
        mutations.append(known == nil ? .insertAccessKey(record) : .updateAccessKey(record))
        do throws(StoreError) {
            _ = try await store.commit(Change(mutations))
        } catch {
            throw .store(error)
        }
        credentials.publish(account)
        credentials.publish(record)
    }

    private func wrap(_ credential: RootCredential) throws(Failure) -> AccessKeyRecord {
        do throws(CryptoFailure) {
            let wrapped = try keyring.wrapSecret(
                credential.secret, accessKeyID: credential.accessKeyID, account: credential.account
            )
            return AccessKeyRecord(
                id: credential.accessKeyID, principal: .root(credential.account), creationDate: clock.now,
                isActive: true, wrappedSecret: wrapped
            )
        } catch {
            throw .crypto(error)
        }
    }
}

/// The two halves of an access key as AWS shapes them.
///
/// Source: IAM User Guide, "IAM identifiers": `AKIA` and sixteen base32 characters; a secret is forty base64 characters.
enum AccessKeyID {
    /// How many random bytes stand behind the sixteen characters.
    static let randomByteCount = 10
    /// How many random bytes stand behind the forty characters of a secret.
    static let secretByteCount = 30

    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".utf8)

    static func make(from random: SecretBytes) -> String {
        var text: [UInt8] = Array("AKIA".utf8)
        random.withBytes { bytes in
            var bits: UInt32 = 0
            var bitCount = 0
            for byte in bytes {
                bits = bits << 8 | UInt32(byte)
                bitCount += 8
                while bitCount >= 5 {
                    bitCount -= 5
                    text.append(alphabet[Int(bits >> UInt32(bitCount) & 31)])
                }
            }
        }
        return String(decoding: text, as: UTF8.self)
    }

    static func secretText(_ random: SecretBytes) -> SecretBytes {
        var text: [UInt8] = []
        random.withBytes { Base64.encode($0, to: &text) }
        defer { for index in text.indices { text[index] = 0 } }
        return SecretBytes(copying: text)
    }
}
