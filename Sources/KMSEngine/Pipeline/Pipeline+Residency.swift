import KMSAccess
import KMSModel
import KMSStore

extension Pipeline {
    /// Does what looks for keys and aliases; what is not in memory is brought there, and it is done again.
    ///
    /// - Throws: What `resolve` throws in the end; ``KMSError`` with `DependencyTimeoutException` when the store does not
    ///   answer.
    func resolving<Found>(
        _ body: JSONObject, for context: RequestContext, _ resolve: (KeyResolver) throws(KMSError) -> Found
    ) async throws(KMSError) -> Found {
        func resolver(_ sought: SoughtNames?) -> KeyResolver {
            KeyResolver(
                directory: directory, keyring: keyring, caller: context.caller, now: context.now, sought: sought)
        }
        guard let residency = shared?.residency else { return try resolve(resolver(nil)) }
        try await residency.loadGrants(ofTokensIn: body, keyring, context.caller.region)
        var stay = KeyStay()
        for round in 0..<Self.mostReadings {
            // Material that a key which was just read does not have is nowhere.
            let sought = SoughtNames(takesOld: round == 0)
            let found = Result { () throws(KMSError) in try resolve(resolver(sought)) }
            if sought.isAllThere {
                if case .success(let found) = found { return found }
                // What belongs to a key may be missing because the key left memory meanwhile.
                if sought.found.isSubset(of: stay.ids), directory.holds(stay) { return try found.get() }
                stay = directory.stay(of: Array(sought.found))
            } else {
                let isAnyThere: Bool
                do throws(StoreError) { isAnyThere = try await residency.load(sought) } catch { throw KMSError(error) }
                // What is looked for first may lead to more.
                guard isAnyThere else { return try found.get() }
            }
        }
        throw .keysLeaveTooSoon
    }

    /// How often a request begins anew because the keys that it needs leave memory before it has done with them, for there is
    /// room for few.
    static let mostReadings = 10

    /// Reads again what a change is about, where others change it too: a change that seems to be none, such as disabling a
    /// key that memory takes for disabled, is decided by what is stored.
    ///
    /// - Throws: ``KMSError`` with `DependencyTimeoutException` when the store does not answer.
    func readAgain(_ accesses: [Access]) async throws(KMSError) {
        guard let residency = shared?.residency else { return }
        do throws(StoreError) {
            var ids = Set(accesses.compactMap { $0.key?.arn.keyID })
            for case .alias(let arn) in accesses.map(\.resource) {
                // It may point elsewhere, or be gone.
                if let known = directory.alias(arn) { ids.insert(known.target) }
            }
            try await residency.refresh(ids)
        } catch {
            throw KMSError(error)
        }
    }
}

extension KMSError {
    /// The retryable answer to a request whose keys were gone from memory each time before it had done with them.
    static var keysLeaveTooSoon: KMSError {
        KMSError(StoreError.unavailable("keys leave memory faster than they are read"))
    }
}
