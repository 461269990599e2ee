package import KMSCrypto
import KMSModel
package import KMSStore

/// Looks at everything that is stored: whether the file is whole, and whether each wrapped secret opens as what its record
/// says that it is.
package struct StoreVerification: Sendable {
    /// How many keys are read, and records opened, before somebody else has a turn: all of them may be more than fit in
    /// memory.
    private static let batch = 256

    /// What was found.
    package struct Report: Sendable {
        /// How many generations of key material were opened.
        package var materials = 0
        /// How many have no bytes: imported material that is not there.
        package var absent = 0
        /// How many are in the token of a custom key store.
        package var elsewhere = 0
        /// How many secrets of access keys were opened.
        package var secrets = 0
        /// How many passwords and secrets of custom key stores were opened.
        package var keyStoreSecrets = 0
        /// What does not open: a sentence each, the first of them.
        package var findings: [String] = []
        /// How many do not open.
        package var damaged = 0
    }

    let store: any Store
    let catalog: any KeyCatalog
    let keyring: Keyring

    /// - Parameters:
    ///   - catalog: What knows how many keys there are in the store.
    ///   - keyring: That of the store's root key.
    package init(store: any Store, catalog: any KeyCatalog, keyring: Keyring) {
        self.store = store
        self.catalog = catalog
        self.keyring = keyring
    }

    /// Looks at everything once.
    ///
    /// - Parameter onProgress: Called with how many keys and access keys were looked at, and how many there are.
    /// - Throws: ``StoreError``: what the store itself finds wrong is in `corrupt`.
    package func run(_ onProgress: @Sendable (Int, Int) async -> Void) async throws(StoreError) -> Report {
        try await store.check()
        let frame = try await store.frame()
        let keyCount = try await catalog.keyCounts().values.reduce(0, +)
        var report = Report()
        var (last, done): (KeyARN?, Int) = (nil, 0)
        while true {
            let page = try await store.keys(after: last, limit: Self.batch)
            guard let end = page.last else { break }
            for key in page {
                let isElsewhere = key.record.customKeyStore != nil && key.record.externalKeyID == nil
                for material in key.materials {
                    if isElsewhere { report.elsewhere += 1 } else { look(at: material, &report) }
                }
            }
            (last, done) = (end.record.arn, done + page.count)
            await pause(at: done, of: max(keyCount, done) + frame.accessKeys.count, onProgress)
        }
        for (place, accessKey) in frame.accessKeys.enumerated() {
            if place.isMultiple(of: Self.batch) {
                await pause(at: done + place, of: done + frame.accessKeys.count, onProgress)
            }
            let opens = keyring.opens(
                accessKey.wrappedSecret, accessKeyID: accessKey.id, account: accessKey.account)
            if opens { report.secrets += 1 } else { report.note(accessKey.recordName) }
        }
        for store in frame.keyStores {
            let opens = (try? keyring.openSecret(store.wrappedSecret, of: store.id, in: store.realm)) != nil
            if opens { report.keyStoreSecrets += 1 } else { report.note("the custom key store \(store.id)") }
        }
        for name in damagedSettings(frame.settings) { report.note("the setting \(name)") }
        return report
    }

    /// The names of the settings with a secret or a code that are not what was written.
    private func damagedSettings(_ settings: [String: [UInt8]]) -> [String] {
        let damaged = RootKeyMarks.damaged(settings, keyring)
        guard let wrapped = settings[AuditAnchor.keySetting] else { return damaged }
        guard let chain = try? keyring.openAuditKey(wrapped) else { return damaged + [AuditAnchor.keySetting] }
        let nodes = AuditAnchor.nodes(in: settings)
        guard !nodes.isEmpty else { return damaged + [AuditAnchor.Names(ofNode: nil).end] }
        let unreadable = nodes.filter { node in
            let chain = node.map { try? chain.chain(ofNode: $0) } ?? chain
            return chain.flatMap { AuditAnchor.read(settings[AuditAnchor.Names(ofNode: node).end], with: $0) } == nil
        }
        return damaged + unreadable.map { AuditAnchor.Names(ofNode: $0).end }
    }

    private func look(at material: MaterialRecord, _ report: inout Report) {
        if material.wrapped == nil {
            report.absent += 1
        } else if keyring.opens(material) {
            report.materials += 1
        } else {
            report.note(material.recordName)
        }
    }

    private func pause(at done: Int, of all: Int, _ onProgress: @Sendable (Int, Int) async -> Void) async {
        await onProgress(done, all)
        await Task.yield()
    }
}

extension StoreVerification.Report {
    fileprivate mutating func note(_ what: String) {
        damaged += 1
        if findings.count < 100 { findings.append("\(what) does not open") }
    }
}
