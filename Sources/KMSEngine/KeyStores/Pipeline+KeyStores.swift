import KMSIdentity
import KMSModel
import KMSStore

// Custom key stores of nodes that share a store.
extension Pipeline {
    /// Reads the key stores of an account again, where other nodes change them too.
    ///
    /// - Returns: What a change that rests on them has to have in it: the account's version makes such changes exclude each
    ///   other. Nil where there are no other nodes.
    /// - Throws: ``KMSError`` with `DependencyTimeoutException` when the store does not answer.
    func readKeyStoresAgain(of account: AccountID) async throws(KMSError) -> Mutation? {
        guard let shared else { return nil }
        do throws(StoreError) {
            let contents = try await shared.store.account(account)
            keyStores.load(contents)
            try identities.load(contents)
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
