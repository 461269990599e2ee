import KMSAccess
package import KMSModel
import Synchronization

/// The accounts of this server and the access keys that requests can be signed with, in memory.
package final class CredentialDirectory: CredentialSource, PrincipalDirectory {
    private struct Contents {
        var accounts: Set<AccountID> = []
        var accessKeys: [String: AccessKeyRecord] = [:]
    }

    private let contents = Mutex(Contents())

    package init() {}

    package func accessKey(_ id: String) -> AccessKeyRecord? {
        contents.withLock { $0.accessKeys[id] }
    }

    /// Puts the record in the place of the one that was there.
    package func publish(_ account: AccountRecord) {
        contents.withLock { _ = $0.accounts.insert(account.id) }
    }

    /// Puts the record in the place of the one that was there.
    package func publish(_ accessKey: AccessKeyRecord) {
        contents.withLock { $0.accessKeys[accessKey.id] = accessKey }
    }

    /// The accounts, in order.
    package var accounts: [AccountID] { contents.withLock { $0.accounts.sorted() } }

    /// The identifiers of the access keys of `account`, in order.
    package func accessKeyIDs(of account: AccountID) -> [String] {
        contents.withLock { contents in
            contents.accessKeys.values.filter { $0.principal.account == account }.map(\.id).sorted()
        }
    }

    // MARK: PrincipalDirectory

    package func hosts(_ account: AccountID) -> Bool { contents.withLock { $0.accounts.contains(account) } }

    // There are no users and roles yet, so no policy can name one of an account of this server.
    package func hasUser(_ account: AccountID, path: String, name: String) -> Bool { false }
    package func hasRole(_ account: AccountID, path: String?, name: String) -> Bool { false }
}
