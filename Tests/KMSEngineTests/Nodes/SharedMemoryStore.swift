import Foundation
import KMSModel
import KMSStore
import KMSStoreSQLite
import Synchronization

/// A store that several engines of one process share: one of SQLite, with a change feed and leases beside it.
final class SharedMemoryStore: SharedStore {
    private struct State {
        var feed: [[ChangedRecord]] = []
        var leases: [String: (holder: String, end: ContinuousClock.Instant)] = [:]

        func records(after position: FeedPosition) -> [ChangedRecord] {
            Array(feed.dropFirst(Int(position.parts[0])).joined())
        }
    }

    private let store: SQLiteStore
    private let state = Mutex(State())
    /// Whether nobody reaches the store.
    let isCut = Atomic(false)
    /// Whether the store gives no answer while this is so.
    let isSilent = Atomic(false)
    /// Whether it takes no changes, and goes on answering.
    let isFenced = Atomic(false)
    /// Whether it makes changes that have records, and then says that it does not know.
    let isUnsure = Atomic(false)
    /// The node that audit lines are kept for, if any are.
    let auditNode = Mutex<String?>(nil)
    /// How many readings of the change feed found nothing new.
    let idleReadings = Atomic(0)
    /// Whether accounts cannot be read.
    let hasDamagedAccounts = Atomic(false)
    /// By how many seconds its clock is ahead.
    let clockLead = Atomic(0)
    /// What happens between the commit of a change that has records and the answer to it.
    let afterCommit = Mutex<(@Sendable (Change) async -> Void)?>(nil)
    /// How many pages of all keys were read.
    let pageCount = Atomic(0)
    /// Whether the next reading of the feed is told that it no longer reaches so far back.
    let forgetsFeed = Atomic(false)
    /// How often keys were read of which somebody knew none.
    let keyReadingCount = Atomic(0)
    /// How often keys were read that somebody knew.
    let updateCount = Atomic(0)
    /// What happens when somebody has asked what is due.
    let afterNext = Mutex<(@Sendable () async -> Void)?>(nil)
    /// How many keys that were known were read with all of their grants.
    let wholeReadingCount = Atomic(0)
    /// What happens between reading keys and answering with them.
    let pause = Mutex<(@Sendable () async -> Void)?>(nil)

    init(in directory: URL) async throws {
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        store = try await SQLiteStore.open(in: directory.path)
    }

    private func reach() async throws(StoreError) {
        while isSilent.load(ordering: .relaxed) { try? await Task.sleep(for: .milliseconds(10)) }
        if isCut.load(ordering: .relaxed) { throw .unavailable("cut") }
    }

    // MARK: Store

    func contents() async throws(StoreError) -> StoreContents {
        try await reach()
        return try await store.contents()
    }

    func frame() async throws(StoreError) -> StoreContents {
        try await reach()
        return try await store.frame()
    }

    func keys(after last: KeyARN?, limit: Int) async throws(StoreError) -> [StoredKey] {
        try await reach()
        defer { pageCount.add(1, ordering: .relaxed) }
        return try await store.keys(after: last, limit: limit)
    }

    func commit(_ change: Change) async throws(StoreError) {
        try await reach()
        try await store.commit(change)
        let records = change.changedRecords
        if !records.isEmpty { state.withLock { $0.feed.append(records) } }
        guard change.mutations.contains(where: { if case .keepAuditLines = $0 { true } else { false } }) else { return }
        if let after = afterCommit.withLock({ $0 }) { await after(change) }
        if isUnsure.load(ordering: .relaxed) { throw .unavailable("it is not known whether the change was made") }
    }

    /// Makes a change that the feed does not tell of.
    func commitSilently(_ change: Change) async throws { try await store.commit(change) }

    /// Adds a grant as another node does.
    func addGrant(_ number: Int, toKey id: String) async -> Bool {
        guard let key = try? await store.contents().keys.first(where: { $0.arn.keyID.description == id }),
            let grant = GrantID(bytes: [UInt8](repeating: UInt8(number), count: GrantID.byteCount))
        else { return false }
        var next = key
        next.version += 1
        let record = GrantRecord(
            key: key.arn, id: grant, name: nil, creationDate: Date(timeIntervalSince1970: 1),
            grantee: "arn:aws:iam::111122223333:root",
            retiring: nil, issuer: key.arn.account, operations: [.decrypt], constraints: .none)
        let change = Change([.insertGrant(record), .updateKey(next, expecting: key.version)])
        return (try? await commit(change)) != nil
    }

    func copy(to path: String) async throws(StoreError) { try await store.copy(to: path) }

    func check() async throws(StoreError) { try await store.check() }

    func close() async throws(StoreError) { try await store.close() }

    // MARK: What changed

    private var date: Date { Date().addingTimeInterval(TimeInterval(clockLead.load(ordering: .relaxed))) }

    func position() async throws(StoreError) -> FeedNews {
        try await reach()
        return FeedNews(
            position: FeedPosition(parts: [state.withLock { Int64($0.feed.count) }]), records: [], date: date)
    }

    func changes(after position: FeedPosition) async throws(StoreError) -> FeedNews {
        try await reach()
        let isAnything = forgetsFeed.exchange(false, ordering: .relaxed)
        return state.withLock { state in
            if position.parts == [Int64(state.feed.count)] { idleReadings.add(1, ordering: .relaxed) }
            return FeedNews(
                position: FeedPosition(parts: [Int64(state.feed.count)]),
                records: isAnything ? nil : state.records(after: position), date: date)
        }
    }

    // MARK: Single records

    func keys(_ ids: [KeyID]) async throws(StoreError) -> [StoredKey] {
        try await reach()
        let found = try await store.contents().storedKeys.filter { ids.contains($0.record.arn.keyID) }
        keyReadingCount.add(1, ordering: .relaxed)
        if let pause = pause.withLock({ $0 }) { await pause() }
        return found
    }

    func updates(of known: Set<KeyARN>, since position: FeedPosition) async throws(StoreError) -> [KeyUpdate] {
        let changes = state.withLock { $0.records(after: position) }
        let ids = Set(known.map(\.keyID))
        try await reach()
        let keys = try await store.contents().storedKeys.filter { ids.contains($0.record.arn.keyID) }
        updateCount.add(1, ordering: .relaxed)
        if let pause = pause.withLock({ $0 }) { await pause() }
        return keys.map { key in
            let arn = key.record.arn
            guard known.contains(arn), !changes.contains(.deletedKey(arn)) else {
                wholeReadingCount.add(1, ordering: .relaxed)
                return KeyUpdate(key: key)
            }
            let changed = Set(changes.compactMap { if case .grant(arn, let id) = $0 { id } else { nil } })
            var update = KeyUpdate(key: key, changedGrants: changed)
            update.key.grants.removeAll { !changed.contains($0.id) }
            return update
        }
    }

    func alias(_ arn: AliasARN) async throws(StoreError) -> AliasRecord? {
        try await reach()
        return try await store.contents().aliases.first { $0.arn == arn }
    }

    func account(_ id: AccountID) async throws(StoreError) -> StoreContents {
        try await reach()
        if hasDamagedAccounts.load(ordering: .relaxed) { throw .corrupt("an account") }
        let all = try await store.frame()
        return StoreContents(
            accounts: all.accounts.filter { $0.id == id }, accessKeys: all.accessKeys.filter { $0.account == id },
            identities: all.identities.filter { $0.account == id },
            keyStores: all.keyStores.filter { $0.realm.account == id })
    }

    func settings() async throws(StoreError) -> [String: [UInt8]] {
        try await reach()
        return try await store.frame().settings
    }

    // MARK: Lists

    func keyIDs(in realm: Realm, after last: KeyID?, limit: Int) async throws(StoreError) -> [KeyID] {
        let ids = try await contents().keys.filter { $0.arn.realm == realm }.map(\.arn.keyID).sorted()
        return Array(ids.filter { id in last.map { $0 < id } ?? true }.prefix(limit))
    }

    func aliases(in realm: Realm, after last: AliasName?, limit: Int) async throws(StoreError) -> [AliasRecord] {
        let aliases = try await contents().aliases.filter { $0.arn.realm == realm }.sorted { $0.arn.name < $1.arn.name }
        return Array(aliases.filter { alias in last.map { $0 < alias.arn.name } ?? true }.prefix(limit))
    }

    func grants(
        retirableBy principal: String, in region: Region, after last: GrantPlace?, limit: Int
    ) async throws(StoreError) -> [GrantRecord] {
        let grants = try await contents().grants.filter { $0.retiring == principal && $0.key.region == region }
        return Array(grants.sorted { $0.id < $1.id }.prefix(limit))
    }

    func realms(of account: AccountID?) async throws(StoreError) -> [Realm] {
        Array(Set(try await contents().keys.map(\.arn.realm).filter { account == nil || $0.account == account }))
    }

    func customerKeyCount(in realm: Realm) async throws(StoreError) -> Int {
        try await contents().keys.count { $0.arn.realm == realm && $0.manager == .customer }
    }

    func keyCount(in realm: Realm, keptIn store: CustomKeyStoreID) async throws(StoreError) -> Int {
        try await contents().keys.count { $0.arn.realm == realm && $0.customKeyStore == store }
    }

    func hasKey(
        in realm: Realm, keptIn store: CustomKeyStoreID, behind id: ExternalKeyID
    ) async throws(StoreError) -> Bool {
        try await contents().keys.contains {
            $0.arn.realm == realm && $0.customKeyStore == store && $0.externalKeyID == id
        }
    }

    func next(_ event: KeyEvent, limit: Int) async throws(StoreError) -> [KeyDue] {
        let due = try await contents().keys.compactMap { key -> KeyDue? in
            switch (event, key.state) {
            case (.rotation, .enabled): key.rotation.map { KeyDue(date: $0.nextRotation, key: key.arn) }
            case (.deletion, .pendingDeletion): key.deletionDate.map { KeyDue(date: $0, key: key.arn) }
            case (.completion, .creating), (.completion, .updating): KeyDue(date: .distantPast, key: key.arn)
            default: nil
            }
        }
        if event == .expiry, let after = afterNext.withLock({ $0 }) { await after() }
        return Array(due.sorted().prefix(limit))
    }

    func keyCounts() async throws(StoreError) -> [KeyKind: Int] {
        try await contents().keys.reduce(into: [:]) { counts, key in
            let kind = KeyKind(state: key.state, spec: key.spec, origin: key.origin, manager: key.manager)
            counts[kind, default: 0] += 1
        }
    }

    // MARK: Nodes

    func claim(_ lease: String, for holder: String, lasting duration: Duration) async throws(StoreError) -> Bool {
        try await reach()
        if isFenced.load(ordering: .relaxed) { throw .unavailable("fenced") }
        let now = ContinuousClock.now
        return state.withLock { state in
            if let held = state.leases[lease], held.holder != holder, held.end > now { return false }
            state.leases[lease] = (holder, now + duration)
            return true
        }
    }

    func release(_ lease: String, by holder: String) async throws(StoreError) {
        try await reach()
        state.withLock { state in if state.leases[lease]?.holder == holder { state.leases[lease] = nil } }
    }

    func heldLeases(beginning prefix: String) async throws(StoreError) -> [String] {
        try await reach()
        let now = ContinuousClock.now
        return state.withLock { state in
            state.leases.filter { $0.key.hasPrefix(prefix) && $0.value.end > now }.map(\.key).sorted()
        }
    }

    func auditLines() async throws(StoreError) -> [KeptAuditLines] { try await frame().auditLines }

    func nodesWithAuditLines() async throws(StoreError) -> [String] {
        guard let node = auditNode.withLock({ $0 }) else { return [] }
        return try await frame().auditLines.isEmpty ? [] : [node]
    }

    func adoptAuditLines(of node: String) async throws(StoreError) -> [KeptAuditLines] { [] }
}
