package import KMSCrypto

/// What the store knows of the audit log: a record that is in it, and on the disk, and the last one that was removed.
///
/// The chain alone cannot tell a log whose end was cut off from one that is not longer, nor one whose beginning was taken
/// away from one whose old files were removed. The code of its own keeps somebody who can write the store, but has not the
/// key, from noting another record than was ever noted.
package enum AuditAnchor {
    /// The store's setting with the wrapped key of the chain, or of all nodes' chains.
    package static let keySetting = "audit.key"
    private static let (endSetting, beginningSetting) = ("audit.anchor", "audit.base")

    /// The names of the two settings with the notes of a log.
    package struct Names: Sendable, Equatable {
        /// That of its end.
        package let end: String
        /// That of its beginning.
        package let base: String

        /// - Parameter node: Whose log it is; nil where one process has the store for itself.
        package init(ofNode node: String?) {
            let suffix = node.map { "/" + $0 } ?? ""
            (end, base) = (endSetting + suffix, beginningSetting + suffix)
        }
    }

    /// The nodes of whose logs there are notes of an end, in order; nil stands for the log of a process that had the store
    /// for itself.
    package static func nodes(in settings: [String: [UInt8]]) -> [String?] {
        let alone: [String?] = settings[endSetting] == nil ? [] : [nil]
        let prefix = endSetting + "/"
        return alone + settings.keys.filter { $0.hasPrefix(prefix) }.sorted().map { String($0.dropFirst(prefix.count)) }
    }

    private static let version: UInt8 = 1

    /// The note that the log has this record.
    package static func note(_ link: ChainLink, with chain: AuditChain) -> [UInt8] {
        note(link, chain.code(ofAnchor: link.sequence, link.code))
    }

    /// The record that the log must have; nil when there is no note that was made with this key.
    package static func read(_ note: [UInt8]?, with chain: AuditChain) -> ChainLink? {
        read(note) { chain.code(ofAnchor: $0.sequence, $0.code) }
    }

    /// The note that the log begins behind this record.
    package static func noteBase(_ link: ChainLink, with chain: AuditChain) -> [UInt8] {
        note(link, chain.code(ofBase: link.sequence, link.code))
    }

    /// The record behind which the log begins; nil when there is no note that was made with this key.
    package static func readBase(_ note: [UInt8]?, with chain: AuditChain) -> ChainLink? {
        read(note) { chain.code(ofBase: $0.sequence, $0.code) }
    }

    private static func note(_ link: ChainLink, _ code: [UInt8]) -> [UInt8] {
        let digits = stride(from: 56, through: 0, by: -8).map { UInt8(truncatingIfNeeded: link.sequence >> UInt64($0)) }
        return [version] + digits + link.code + code
    }

    private static func read(_ note: [UInt8]?, expecting code: (ChainLink) -> [UInt8]) -> ChainLink? {
        guard let note, note.count == 1 + 8 + 2 * AuditChain.codeByteCount, note[0] == version else { return nil }
        let sequence = note[1..<9].reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        let link = ChainLink(sequence: sequence, code: Array(note[9..<9 + AuditChain.codeByteCount]))
        return Digest.areEqual(Array(note.suffix(AuditChain.codeByteCount)), code(link)) ? link : nil
    }
}
