import Foundation
package import KMSCrypto
import KMSIdentity
package import KMSModel
package import KMSStore

/// Makes accounts, and root access keys for them: what an operator does at the data directory, not over the network.
package struct AccountRegistry: Sendable {
    private let store: any Store
    private let identities: IdentityDirectory
    private let keyring: Keyring
    private let clock: any Clock

    init(store: any Store, identities: IdentityDirectory, keyring: Keyring, clock: any Clock) {
        self.store = store
        self.identities = identities
        self.keyring = keyring
        self.clock = clock
    }

    /// An access key of an account's root user, at the only moment at which its secret can be seen.
    package struct RootCredential: Sendable {
        /// Whose root user it is.
        package let account: AccountID
        /// Where the account is.
        package let partition: Partition
        /// The half that requests show.
        package let accessKeyID: String
        /// The half that signs them.
        package let secret: SecretBytes

        package init(account: AccountID, partition: Partition, accessKeyID: String, secret: SecretBytes) {
            self.account = account
            self.partition = partition
            self.accessKeyID = accessKeyID
            self.secret = secret
        }
    }

    /// Why a credential cannot be had.
    package enum Failure: Error, Sendable {
        case store(StoreError)
        case crypto(CryptoFailure)
        /// The access key belongs to somebody else.
        case accessKeyTaken(String)
        /// The account is in another partition.
        case accountElsewhere(Partition)
    }

    /// Makes a new random credential for the root user of `account`, which is created when missing.
    ///
    /// - Parameter partition: Where a new account is.
    package func makeRootCredential(
        for account: AccountID, in partition: Partition = .aws
    ) async throws(Failure) -> RootCredential {
        let new: NewAccessKey
        do throws(CryptoFailure) {
            new = try NewAccessKey(of: account, user: nil, at: clock.now, with: keyring)
        } catch {
            throw .crypto(error)
        }
        let partition = identities.partition(of: account) ?? partition
        try await commit(new.record, in: partition)
        return RootCredential(
            account: account, partition: partition, accessKeyID: new.record.id, secret: new.secret)
    }

    /// Makes requests signed with `credential` those of its account's root user.
    ///
    /// A known access key gets the secret anew; one of another account, or of a user, is refused, and so is a known
    /// account that is in another partition.
    package func register(_ credential: RootCredential) async throws(Failure) {
        let known = identities.accessKey(credential.accessKeyID)
        guard known == nil || known?.account == credential.account && known?.user == nil else {
            throw .accessKeyTaken(credential.accessKeyID)
        }
        if let partition = identities.partition(of: credential.account), partition != credential.partition {
            throw .accountElsewhere(partition)
        }
        let new: NewAccessKey
        do throws(CryptoFailure) {
            new = try NewAccessKey(
                id: credential.accessKeyID, secret: credential.secret, of: credential.account, user: nil, at: clock.now,
                with: keyring)
        } catch {
            throw .crypto(error)
        }
        try await commit(new.record, in: credential.partition)
    }

    private func commit(_ accessKey: AccessKeyRecord, in partition: Partition) async throws(Failure) {
        let account = AccountRecord(id: accessKey.account, partition: partition, creationDate: clock.now)
        let present = identities.identities(of: accessKey.account)
        var edit = IdentityEdit(present ?? AccountIdentities(account))
        edit.put(accessKey, replacing: present?.accessKey(accessKey.id) != nil)
        do throws(StoreError) {
            guard var change = edit.change else { return }
            if present == nil { change.mutations.insert(.insertAccount(account), at: 0) }
            try await store.commit(change)
        } catch {
            throw .store(error)
        }
        identities.publish(edit.identities)
    }
}
