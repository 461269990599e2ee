import KMSModel
package import KMSStore

/// Copies everything from one store into another, of whichever engines, and makes sure that it is there.
///
/// It needs no root key: what is wrapped stays wrapped. Neither store may be changed by others meanwhile. Until all was
/// written and read again, the copy is marked as incomplete, and no server starts over it.
package struct StoreCopy: Sendable {
    private static let incompleteSetting = "copy.incomplete"
    /// How many keys are read at a time, and how many steps a transaction has.
    private static let (pageSize, batchSize) = (500, 500)

    /// What a copy comes to.
    package struct Report: Sendable, Equatable {
        /// Accounts.
        package var accounts = 0
        /// Users, groups, roles and managed policies.
        package var identities = 0
        package var keys = 0
        /// Generations of key material.
        package var materials = 0
        package var aliases = 0
        package var grants = 0
        package var settings = 0
        /// The names of records that are not the same on both sides: the first of them.
        package var differences: [String] = []

        fileprivate mutating func count(_ key: StoredKey) {
            keys += 1
            materials += key.materials.count
            aliases += key.aliases.count
            grants += key.grants.count
        }

        fileprivate mutating func differ(_ name: String) {
            if differences.count < 20 { differences.append(name) }
        }
    }

    /// How far it is.
    package enum Step: Sendable {
        case copied(Int, of: Int)
        case compared(Int, of: Int)
    }

    /// Where whoever copies has something of their own to do, or to look after.
    package enum Moment: Sendable {
        /// The target may be copied to, and nothing of it was changed yet; what is in it, if anything, an earlier copy left.
        case targetFound(isCopy: Bool)
        /// The target is marked: no server starts over it.
        case targetMarked
        /// All is the same; what follows is that the mark is taken away.
        case compared
    }

    /// Why nothing was copied, or not all.
    package enum Failure: Error, Sendable {
        case source(StoreError)
        case target(StoreError)
        /// There is a copy in the target that did not come to its end.
        case targetIncomplete
        /// There is something else in the target.
        case targetNotEmpty
        /// The store is itself a copy that did not come to its end.
        case sourceIncomplete
        /// Audit lines are in the store that are not in the log yet.
        case sourceHasAuditLines
        /// The store was never served from, or says nothing of its root key.
        case sourceUnmarked
        /// Whoever copies goes no further, for this reason.
        case refused(any Error)
    }

    private let source: any Store
    private let target: any Store
    private let leavingOut: Set<String>
    private let adding: [String: [UInt8]]

    /// - Parameters:
    ///   - leavingOut: The settings that the target does not get.
    ///   - adding: Settings that it gets instead, or beside those of the source.
    package init(
        from source: any Store, to target: any Store, leavingOut: Set<String> = [], adding: [String: [UInt8]] = [:]
    ) {
        self.source = source
        self.target = target
        self.leavingOut = leavingOut.union([Self.incompleteSetting])
        self.adding = adding
    }

    /// Whether a store with these settings is a copy that did not come to its end.
    package static func isIncomplete(_ settings: [String: [UInt8]]) -> Bool {
        settings[incompleteSetting]?.isEmpty == false
    }

    /// Copies, and compares.
    ///
    /// - Parameters:
    ///   - all: How many keys there are, as far as is known.
    ///   - restarting: Whether what an earlier copy has left in the target is taken away first.
    ///   - reach: Called at each moment; what it throws ends the copy, which stays marked if it was by then.
    /// - Returns: What is on both sides; with differences the target stays marked as incomplete.
    /// - Throws: ``Failure``.
    package func run(
        of all: Int, restarting: Bool = false, reaching reach: @Sendable (Moment) async throws -> Void = { _ in },
        _ progress: @Sendable (Step) -> Void = { _ in }
    ) async throws(Failure) -> Report {
        let frame = try await read { () throws(StoreError) in try await source.frame() }
        guard !Self.isIncomplete(frame.settings) else { throw .sourceIncomplete }
        guard RootKeyMarks.isMarked(frame.settings) else { throw .sourceUnmarked }
        guard frame.auditLines.isEmpty else { throw .sourceHasAuditLines }
        let present = try await prepare(restarting, reach)
        try await write(Self.mutations(for: frame, besides: present))
        var (last, done): (KeyARN?, Int) = (nil, 0)
        while true {
            let page = try await keys(.source, after: last)
            guard let end = page.last else { break }
            try await write(page.flatMap(Self.mutations))
            (last, done) = (end.record.arn, done + page.count)
            progress(.copied(done, of: max(all, done)))
        }
        let settings = frame.settings.filter { !leavingOut.contains($0.key) }.merging(adding) { $1 }
        try await write(settings.sorted { $0.key < $1.key }.map { .setSetting($0.key, $0.value) })
        let report = try await compare(frame, settings, of: max(all, done), progress)
        guard report.differences.isEmpty else { return report }
        try await Self.reach(.compared, reach)
        try await write([.setSetting(Self.incompleteSetting, [])])
        return report
    }

    // MARK: Writing

    /// Marks the target as incomplete, and empties it if that is asked for.
    ///
    /// - Returns: The accounts that are there in any case: none is ever taken away from a store.
    private func prepare(
        _ restarting: Bool, _ reach: @Sendable (Moment) async throws -> Void
    ) async throws(Failure) -> Set<AccountID> {
        let present = try await look { () throws(StoreError) in try await target.frame() }
        let mark = Mutation.setSetting(Self.incompleteSetting, [1])
        guard Self.isIncomplete(present.settings) else {
            let isEmpty = present.accounts.isEmpty && !present.settings.values.contains { !$0.isEmpty }
            guard isEmpty, try await keys(.target, after: nil).isEmpty else { throw .targetNotEmpty }
            try await Self.reach(.targetFound(isCopy: false), reach)
            try await write([mark])
            try await Self.reach(.targetMarked, reach)
            return []
        }
        guard restarting else { throw .targetIncomplete }
        try await Self.reach(.targetFound(isCopy: true), reach)
        try await Self.reach(.targetMarked, reach)
        while true {
            let page = try await keys(.target, after: nil)
            guard !page.isEmpty else { break }
            try await write(page.map { .deleteKey($0.record.arn, expecting: $0.record.version) })
        }
        try await write(
            present.accessKeys.map { .deleteAccessKey($0.account, $0.id) }
                + present.identities.map { .deleteIdentity($0.account, $0.id) }
                + present.keyStores.map { .deleteKeyStore($0.realm, $0.id, expecting: $0.version) })
        return Set(present.accounts.map(\.id))
    }

    private static func reach(
        _ moment: Moment, _ reach: @Sendable (Moment) async throws -> Void
    ) async throws(Failure) {
        do { try await reach(moment) } catch { throw .refused(error) }
    }

    private static func mutations(for frame: StoreContents, besides present: Set<AccountID>) -> [Mutation] {
        frame.accounts.filter { !present.contains($0.id) }.map(Mutation.insertAccount)
            + frame.accessKeys.map(Mutation.insertAccessKey)
            + frame.identities.map(Mutation.putIdentity) + frame.keyStores.map(Mutation.insertKeyStore)
    }

    /// In this order: what belongs to a key needs the key.
    private static func mutations(for key: StoredKey) -> [Mutation] {
        [.insertKey(key.record)] + key.materials.map(Mutation.insertMaterial)
            + (key.usage.map { [.setUsage($0)] } ?? []) + key.aliases.map(Mutation.insertAlias)
            + key.grants.map(Mutation.insertGrant)
    }

    /// Commits the steps in their order, some hundred at a time.
    private func write(_ mutations: [Mutation]) async throws(Failure) {
        var rest = mutations[...]
        while !rest.isEmpty {
            let change = Change(Array(rest.prefix(Self.batchSize)))
            rest = rest.dropFirst(Self.batchSize)
            do throws(StoreError) { try await target.commit(change) } catch { throw .target(error) }
        }
    }

    // MARK: Comparing

    private func compare(
        _ frame: StoreContents, _ settings: [String: [UInt8]], of all: Int, _ progress: @Sendable (Step) -> Void
    ) async throws(Failure) -> Report {
        var report = Report()
        let copied = try await look { () throws(StoreError) in try await target.frame() }
        Self.compare(frame, copied, settings, &report)
        var last: KeyARN?
        while true {
            let (page, copies) = (try await keys(.source, after: last), try await keys(.target, after: last))
            for place in 0..<max(page.count, copies.count) {
                let original = place < page.count ? page[place] : nil
                let copy = place < copies.count ? copies[place] : nil
                if let original { report.count(original) }
                if original?.inOrder != copy?.inOrder, let key = original ?? copy {
                    report.differ("the key \(key.record.arn)")
                }
            }
            guard let end = page.last else { return report }
            last = end.record.arn
            progress(.compared(report.keys, of: max(all, report.keys)))
        }
    }

    private static func compare(
        _ frame: StoreContents, _ copied: StoreContents, _ settings: [String: [UInt8]], _ report: inout Report
    ) {
        (report.accounts, report.identities) = (frame.accounts.count, frame.identities.count)
        report.settings = settings.count
        func inOrder<Record>(_ records: [Record], _ name: (Record) -> String) -> [Record] {
            records.sorted { name($0) < name($1) }
        }
        if inOrder(frame.accounts, { $0.id.description }) != inOrder(copied.accounts, { $0.id.description }) {
            report.differ("accounts")
        }
        if inOrder(frame.accessKeys, { $0.id }) != inOrder(copied.accessKeys, { $0.id }) {
            report.differ("access keys")
        }
        func name(_ identity: StoredIdentity) -> String { "\(identity.account) \(identity.id)" }
        if inOrder(frame.identities, name) != inOrder(copied.identities, name) {
            report.differ("users, groups, roles and policies")
        }
        if inOrder(frame.keyStores, { $0.id.description }) != inOrder(copied.keyStores, { $0.id.description }) {
            report.differ("custom key stores")
        }
        let present = copied.settings.filter { $0.key != incompleteSetting }
        for name in Set(settings.keys).union(present.keys).sorted() where settings[name] != present[name] {
            report.differ("the setting \(name)")
        }
    }

    // MARK: Reading

    private enum Side {
        case source
        case target
    }

    private func keys(_ side: Side, after last: KeyARN?) async throws(Failure) -> [StoredKey] {
        let limit = Self.pageSize
        switch side {
        case .source:
            return try await read { () throws(StoreError) in try await source.keys(after: last, limit: limit) }
        case .target:
            return try await look { () throws(StoreError) in try await target.keys(after: last, limit: limit) }
        }
    }

    private func read<Value>(_ work: () async throws(StoreError) -> Value) async throws(Failure) -> Value {
        do throws(StoreError) { return try await work() } catch { throw .source(error) }
    }

    private func look<Value>(_ work: () async throws(StoreError) -> Value) async throws(Failure) -> Value {
        do throws(StoreError) { return try await work() } catch { throw .target(error) }
    }
}

extension Store {
    /// Counts keys by reading all of them: for a store that nobody else has.
    ///
    /// - Throws: ``StoreError``.
    package func keyCount() async throws(StoreError) -> Int {
        var (last, count): (KeyARN?, Int) = (nil, 0)
        while true {
            let page = try await keys(after: last, limit: 1000)
            guard let end = page.last else { return count }
            (last, count) = (end.record.arn, count + page.count)
        }
    }
}

extension StoredKey {
    /// With aliases and grants in an order of their own, which engines need not have.
    fileprivate var inOrder: StoredKey {
        var key = self
        key.aliases.sort { $0.arn.name < $1.arn.name }
        key.grants.sort { $0.id.bytes.lexicographicallyPrecedes($1.id.bytes) }
        return key
    }
}
