package import KMSCrypto
import KMSModel
package import KMSStore

/// Looks at everything that is stored: whether the file is whole, and whether each wrapped secret opens as what its record
/// says that it is.
package struct StoreVerification: Sendable {
    /// How many records are opened before somebody else has a turn.
    private static let batch = 256

    /// What was found.
    package struct Report: Sendable {
        /// How many generations of key material were opened.
        package var materials = 0
        /// How many have no bytes: imported material that is not there.
        package var absent = 0
        /// How many secrets of access keys were opened.
        package var secrets = 0
        /// What does not open: a sentence each, the first of them.
        package var findings: [String] = []
        /// How many do not open.
        package var damaged = 0
    }

    let store: any Store
    let keyring: Keyring

    /// - Parameter keyring: That of the store's root key.
    package init(store: any Store, keyring: Keyring) {
        self.store = store
        self.keyring = keyring
    }

    /// Looks at everything once.
    ///
    /// - Parameter onProgress: Called with how many records were opened, and how many there are.
    /// - Throws: ``StoreError``: what the store itself finds wrong is in `corrupt`.
    package func run(_ onProgress: @Sendable (Int, Int) async -> Void) async throws(StoreError) -> Report {
        try await store.check()
        let contents = try await store.contents()
        let all = contents.materials.count + contents.accessKeys.count
        var report = Report()
        for (place, material) in contents.materials.enumerated() {
            await pause(at: place, of: all, onProgress)
            if material.wrapped == nil {
                report.absent += 1
            } else if keyring.opens(material) {
                report.materials += 1
            } else {
                report.note(material.recordName)
            }
        }
        for (place, accessKey) in contents.accessKeys.enumerated() {
            await pause(at: contents.materials.count + place, of: all, onProgress)
            let opens = keyring.opens(
                accessKey.wrappedSecret, accessKeyID: accessKey.id, account: accessKey.account)
            if opens { report.secrets += 1 } else { report.note(accessKey.recordName) }
        }
        for name in damagedSettings(contents.settings) { report.note("the setting \(name)") }
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

    private func pause(at place: Int, of all: Int, _ onProgress: @Sendable (Int, Int) async -> Void) async {
        guard place.isMultiple(of: Self.batch) else { return }
        await onProgress(place, all)
        await Task.yield()
    }
}

extension StoreVerification.Report {
    fileprivate mutating func note(_ what: String) {
        damaged += 1
        if findings.count < 100 { findings.append("\(what) does not open") }
    }
}
