import KMSIdentity
import KMSModel
import KMSStore

/// What a change has to know of custom key stores.
package enum KeyStoreDependence: Sendable {
    /// Nothing.
    case none
    /// How one is: the change expects its version.
    case one
    /// All of the account: no two such changes are made at a time.
    case all
}

// Custom key stores of nodes that share a store.
extension Pipeline {
    /// Reads the key stores of an account again, where other nodes change them too, for a change that depends on them.
    ///
    /// - Returns: What a change that depends on all of them has to have in it: the account's version makes such changes exclude
    ///   each other.
    /// - Throws: ``KMSError`` with `DependencyTimeoutException` when the store does not answer.
    func readKeyStoresAgain(
        of account: AccountID, _ dependence: KeyStoreDependence
    ) async throws(KMSError) -> Mutation? {
        guard dependence != .none, let shared else { return nil }
        do throws(StoreError) {
            let contents = try await shared.store.account(account)
            keyStores.load(contents)
            try identities.load(contents)
            guard dependence == .all else { return nil }
            guard var record = contents.accounts.first else { throw .corrupt("the account \(account)") }
            record.version += 1
            return .updateAccount(record, expecting: record.version - 1)
        } catch {
            throw KMSError(error)
        }
    }
}

extension Change {
    /// The same with one more thing in front.
    func with(_ mutation: Mutation) -> Change { Change([mutation] + mutations) }
}
