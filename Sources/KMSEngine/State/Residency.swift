import KMSAccess
import KMSCrypto
import KMSModel
import KMSStore
import Synchronization

/// Brings keys into memory from a store that many nodes share, and keeps those that are there as they are in the store.
///
/// What was read is put into memory only if nothing of it has changed since the reading began, as far as this node knows:
/// its own commits and what the change feed brings *disturb* the readings under way, which then begin anew.
package final class Residency: Sendable {
    /// How many keys are read at a time.
    private static let batch = 100
    /// How often a reading begins anew: changes of one key come milliseconds apart, and a reading takes about one.
    private static let mostAttempts = 50

    private struct Readings {
        var lastNumber = 0
        /// The identifiers that are being read, or nil for any; those that were disturbed are gone.
        var underWay: [Int: Set<KeyID>?] = [:]
        /// The last reading of each key that brought it into memory, of those who may be waited for.
        private(set) var done: [KeyID: Int] = [:]
        private static let mostDone = 10_000

        /// Says that keys have changed, or that any may have: whoever is reading them has to begin anew.
        mutating func disturb(_ ids: Set<KeyID>?) {
            guard let ids else {
                underWay = [:]
                return
            }
            guard !ids.isEmpty else { return }
            for (number, reading) in underWay where reading.map({ !$0.isDisjoint(with: ids) }) ?? true {
                underWay[number] = nil
            }
        }

        /// - Returns: Whether the reading was not disturbed.
        mutating func end(_ number: Int) -> Bool {
            guard let ids = underWay.removeValue(forKey: number) else { return false }
            // To forget them makes somebody read once more.
            if done.count > Self.mostDone { done = [:] }
            for id in ids ?? [] { done[id] = number }
            return true
        }
    }

    private let store: any SharedStore
    private let directory: KeyDirectory
    private let policies: PolicyRules
    private let readings = Mutex(Readings())
    /// Of many who need the same key, one reads it.
    private let turns = ChangeTurns()
    /// How far in the change feed everything that is in memory is at the least.
    private let position: Mutex<FeedPosition>
    private let misses = Atomic<UInt64>(0)

    /// - Parameter position: Where the change feed was before anything was read.
    init(store: any SharedStore, directory: KeyDirectory, policies: PolicyRules, position: FeedPosition) {
        self.store = store
        self.directory = directory
        self.policies = policies
        self.position = Mutex(position)
    }

    /// How far the change feed has been read, and what it brought applied.
    var feedPosition: FeedPosition { position.withLock { $0 } }

    /// Notes that what the change feed brought up to `position` has been applied.
    func settle(_ position: FeedPosition) { self.position.withLock { $0 = position } }

    /// How many requests had to wait for the store, because something that they named was not in memory.
    var missCount: UInt64 { misses.load(ordering: .relaxed) }

    // MARK: Loading

    /// Brings what a request looked for in vain into memory.
    ///
    /// - Returns: Whether any of it is in the store: it may have left memory again already.
    /// - Throws: ``StoreError``.
    func load(_ sought: SoughtNames) async throws(StoreError) -> Bool {
        misses.add(1, ordering: .relaxed)
        let places = sought.missedKeys
        var wanted = Set(places.map(\.keyID))
        var isAnyThere = !sought.old.isEmpty
        for alias in sought.missedAliases {
            guard let stored = try await store.alias(alias) else { continue }
            isAnyThere = true
            // The key may be in memory from before it had this alias.
            if directory.isResident(stored.target) {
                try await refresh([stored.target])
            } else {
                wanted.insert(stored.target)
            }
        }
        let keys = Set(try await load(wanted).map(KeyPlace.init))
        // The key may be in memory from before it had a replica there.
        let absent = places.subtracting(keys).map(\.keyID).filter(directory.isResident)
        try await refresh(sought.old.union(absent))
        return isAnyThere || !places.isDisjoint(with: keys)
            || directory.residents(of: absent).keys.contains { places.contains(KeyPlace($0)) }
    }

    /// Whether there is such a key in the store.
    ///
    /// - Throws: ``StoreError``.
    func isStored(_ arn: KeyARN) async throws(StoreError) -> Bool {
        try await store.keys([arn.keyID]).contains { $0.record.arn == arn }
    }

    /// Brings keys into memory that are not there.
    ///
    /// - Returns: Those that there are of these identifiers. They were all in memory, but not at the same time where there is
    ///   little room.
    /// - Throws: ``StoreError``.
    @discardableResult
    func load(_ ids: some Collection<KeyID>) async throws(StoreError) -> [KeyARN] {
        try await inBatches(ids) { batch throws(StoreError) in
            let (known, stay) = directory.residents(of: batch)
            let present = Set(stay.ids)
            return try await known + read(batch.filter { !present.contains($0) })
        }.flatMap(\.self)
    }

    /// Reads keys again that are in memory, but of their grants only what has changed: there may be very many.
    ///
    /// - Throws: ``StoreError``; then they are as they were.
    func refresh(_ ids: some Collection<KeyID>) async throws(StoreError) {
        let last = readings.withLock { $0.lastNumber }
        // A reading of one that is not there yet need not be waited for.
        try await inBatches(ids.filter(directory.isResident)) { batch throws(StoreError) in
            // Of many who wait for their turn one has read for all of them.
            let old = readings.withLock { readings in batch.filter { readings.done[$0].map { $0 <= last } ?? true } }
            do throws(StoreError) {
                try await readChanges(of: old)
            } catch .corrupt {
                // Whoever asks for the damaged one finds out.
                directory.evict(old)
            }
        }
    }

    /// Does `work` with some keys after others, each while nobody else reads them.
    @discardableResult
    private func inBatches<Value>(
        _ ids: some Collection<KeyID>, _ work: ([KeyID]) async throws(StoreError) -> Value
    ) async throws(StoreError) -> [Value] {
        var values: [Value] = []
        for batch in Array(ids).chunks(of: Self.batch).map(Array.init) {
            values.append(
                try await turns.inTurn(at: Set(batch.map(\.description))) { () async throws(StoreError) in
                    try await work(batch)
                })
        }
        return values
    }

    /// Reads what a change was made from once more, because it is not what is stored.
    ///
    /// - Throws: ``StoreError``.
    func refresh(_ change: Change) async throws(StoreError) {
        let change = change.changedRecords
        try await refresh(change.keyIDs)
        for case .alias(let arn) in change {
            let sought = SoughtNames()
            if let known = directory.alias(arn) { try await refresh([known.target]) }
            sought.noteMissed(arn)
            _ = try await load(sought)
        }
    }

    /// - Returns: What there is of these identifiers.
    private func read(_ ids: [KeyID]) async throws(StoreError) -> [KeyARN] {
        guard !ids.isEmpty else { return [] }
        // What was read in vain is brought up to date: with many grants it takes longer than the time between two changes.
        var held: (keys: [StoredKey], position: FeedPosition) = ([], feedPosition)
        for _ in 0..<Self.mostAttempts {
            let isRead = try await reading(ids) { () throws(StoreError) in
                let position = feedPosition
                var keys: [StoredKey] = []
                if !held.keys.isEmpty {
                    let known = Set(held.keys.map(\.record.arn))
                    keys = try await store.updates(of: known, since: held.position).map { $0.completed(by: held.keys) }
                }
                let rest = Set(ids).subtracting(held.keys.map(\.record.arn.keyID))
                if !rest.isEmpty { keys += try await store.keys(Array(rest)) }
                held = (keys, position)
                return (keys.map { KeyUpdate(key: $0) }, KeyStay(ids: ids))
            }
            if isRead { return held.keys.map(\.record.arn) }
        }
        throw .unavailable("keys change faster than they can be read")
    }

    private func readChanges(of ids: [KeyID]) async throws(StoreError) {
        guard !ids.isEmpty else { return }
        for _ in 0..<Self.mostAttempts {
            let isRead = try await reading(ids) { () throws(StoreError) in
                // Where the feed is first: what is in memory afterwards is as new as that.
                let position = feedPosition
                let (known, stay) = directory.residents(of: ids)
                return (known.isEmpty ? [] : try await store.updates(of: known, since: position), stay)
            }
            if isRead { return }
        }
        throw .unavailable("keys change faster than they can be read")
    }

    /// Reads keys once.
    ///
    /// - Parameter read: Answers what there is, and of which identifiers that is all.
    /// - Returns: Whether it is in memory now; not if they have changed meanwhile.
    private func reading(
        _ ids: [KeyID], _ read: () async throws(StoreError) -> ([KeyUpdate], KeyStay)
    ) async throws(StoreError) -> Bool {
        let reading = begin(Set(ids))
        var keys: [KeyID: [ResidentKey]] = [:]
        let stay: KeyStay
        do throws(StoreError) {
            let stored: [KeyUpdate]
            (stored, stay) = try await read()
            for id in stay.ids { keys[id] = [] }
            for update in stored { keys[update.key.record.arn.keyID]?.append(try residentKey(update)) }
        } catch {
            abandon(reading)
            throw error
        }
        return end(reading) { directory.install(keys, updating: stay) }
    }

    private func residentKey(_ update: KeyUpdate) throws(StoreError) -> ResidentKey {
        let stored = update.key
        var record = stored.record
        let arn = record.arn
        guard let policy = try? policies.share(&record) else { throw .corrupt("the policy of the key \(arn)") }
        // What is noted of a key's use here may not have reached the store.
        let use = directory.peek(arn)?.use ?? KeyUse()
        use.learn(stored.usage)
        return ResidentKey(
            snapshot: KeySnapshot(
                record: record, policy: policy, materials: stored.materials, use: use),
            aliases: stored.aliases, grants: stored.grants.map(Grant.init), changedGrants: update.changedGrants)
    }

    /// Brings keys into memory, from the first on, until there is no room or there are no more.
    ///
    /// - Throws: ``StoreError``, `CancellationError`.
    func warmUp(_ capacity: Int) async throws {
        var last: KeyARN?
        while directory.residentCount < capacity {
            try Task.checkCancellation()
            let reading = begin(nil)
            let stored: [StoredKey]
            do {
                stored = try await store.keys(after: last, limit: Self.batch * 5)
            } catch {
                abandon(reading)
                throw error
            }
            guard let end = stored.last else { return abandon(reading) }
            var keys: [KeyID: [ResidentKey]] = [:]
            for key in stored where !key.record.isMultiRegion && !directory.isResident(key.record.arn.keyID) {
                keys[key.record.arn.keyID, default: []].append(try residentKey(KeyUpdate(key: key)))
            }
            let isRead = self.end(reading) { directory.install(keys) }
            // Any change disturbs a reading of a page; to read it again and again might never end.
            try await load(stored.filter { $0.record.isMultiRegion || !isRead }.map(\.record.arn.keyID))
            last = end.record.arn
        }
    }

    // MARK: Readings

    /// Says that keys have changed: whoever is reading them has to begin anew.
    func disturb(_ ids: Set<KeyID>) { readings.withLock { $0.disturb(ids) } }

    /// Begins a change of keys, before it is decided what they will be.
    ///
    /// - Returns: What ``publish(_:of:andAll:_:)`` wants.
    func beginChange(of ids: Set<KeyID>) -> Int { begin(ids) }

    /// Puts what a change has made of keys into memory, unless others have changed them too since it began.
    ///
    /// Whoever is reading them begins anew.
    ///
    /// - Parameters:
    ///   - number: Of ``beginChange(of:)``.
    ///   - all: Whether other keys may be concerned too, as by an alias that has moved.
    /// - Returns: Whether it was done; otherwise the keys have to be read.
    func publish(_ number: Int, of ids: Set<KeyID>, andAll all: Bool, _ publish: () -> Void) -> Bool {
        readings.withLock { readings in
            let isUndisturbed = readings.underWay.removeValue(forKey: number) != nil
            readings.disturb(all ? nil : ids)
            if isUndisturbed { publish() }
            return isUndisturbed
        }
    }

    /// Ends a change that was not made.
    func abandonChange(_ number: Int) { abandon(number) }

    /// Says that anything may have changed.
    func disturbAll() { readings.withLock { $0.disturb(nil) } }

    private func begin(_ ids: Set<KeyID>?) -> Int {
        readings.withLock { readings in
            readings.lastNumber += 1
            readings.underWay.updateValue(ids, forKey: readings.lastNumber)
            return readings.lastNumber
        }
    }

    /// Ends a reading; what it brought is put into memory by `install`, unless it was disturbed.
    private func end(_ number: Int, _ install: () -> Void) -> Bool {
        readings.withLock { readings in
            let isUndisturbed = readings.end(number)
            if isUndisturbed { install() }
            return isUndisturbed
        }
    }

    private func abandon(_ number: Int) { readings.withLock { _ = $0.underWay.removeValue(forKey: number) } }
}

extension [ChangedRecord] {
    /// The identifiers of the keys that are among them.
    var keyIDs: Set<KeyID> {
        Set(
            compactMap { record in
                switch record {
                case .key(let arn), .deletedKey(let arn), .grant(let arn, _): arn.keyID
                case .alias, .account, .setting: nil
                }
            })
    }
}

extension Array {
    /// The same in pieces of at most `count`.
    func chunks(of count: Int) -> [ArraySlice<Element>] {
        stride(from: 0, to: self.count, by: count).map { self[$0..<Swift.min($0 + count, self.count)] }
    }
}

extension Residency {
    /// Reads keys again on which there are grants that a request has tokens of and that are not in memory: a token lets its
    /// bearer use a grant before all nodes know of it.
    ///
    /// Source: KMS Developer Guide, "Using a grant token".
    ///
    /// - Throws: ``KMSError`` with `DependencyTimeoutException` when the store does not answer.
    func loadGrants(ofTokensIn body: JSONObject, _ keyring: Keyring, _ region: Region) async throws(KMSError) {
        var texts: [String] = []
        if case .array(let tokens)? = body["GrantTokens"] {
            texts = tokens.compactMap { if case .string(let text) = $0 { text } else { nil } }
        }
        if case .string(let token)? = body["GrantToken"] { texts.append(token) }
        guard !texts.isEmpty else { return }
        let missing = texts.compactMap { keyring.grant(ofToken: $0, in: region) }.filter { named in
            guard let key = directory.key(named.keyID, in: region) else { return false }
            return directory.grants.grant(named.id, on: key.arn) == nil
        }
        do throws(StoreError) { try await refresh(Set(missing.map(\.keyID))) } catch { throw KMSError(error) }
    }
}
