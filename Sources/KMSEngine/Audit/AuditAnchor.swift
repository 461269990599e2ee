package import KMSCrypto

/// What the store knows of the audit log: a record that is in it, and on the disk.
///
/// The chain alone cannot tell a log whose end was cut off from one that is not longer. The code of its own keeps somebody
/// who can write the store, but has not the key, from noting a shorter log than was ever noted.
package enum AuditAnchor {
    /// The store's settings: the wrapped key of the chain, and the note.
    package static let (keySetting, setting) = ("audit.key", "audit.anchor")

    private static let version: UInt8 = 1

    /// The note that the log has this record.
    package static func note(_ link: ChainLink, with chain: AuditChain) -> [UInt8] {
        let digits = stride(from: 56, through: 0, by: -8).map { UInt8(truncatingIfNeeded: link.sequence >> UInt64($0)) }
        return [version] + digits + link.code + chain.code(ofAnchor: link.sequence, link.code)
    }

    /// The record that the log must have; nil when there is no note that was made with this key.
    package static func read(_ note: [UInt8]?, with chain: AuditChain) -> ChainLink? {
        guard let note, note.count == 1 + 8 + 2 * AuditChain.codeByteCount, note[0] == version else { return nil }
        let sequence = note[1..<9].reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        let code = Array(note[9..<9 + AuditChain.codeByteCount])
        let expected = chain.code(ofAnchor: sequence, code)
        guard Digest.areEqual(Array(note.suffix(AuditChain.codeByteCount)), expected) else { return nil }
        return ChainLink(sequence: sequence, code: code)
    }
}
