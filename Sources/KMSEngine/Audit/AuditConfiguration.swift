/// What an operator decides about the audit log.
package struct AuditConfiguration: Sendable {
    /// When a record is on the disk.
    package enum SyncPolicy: String, Sendable, CaseIterable {
        /// Before the answer to its call, also of calls that change nothing.
        case everyGroup = "every-group"
        /// Before the answer to a call that changes something; of others at the latest a second after it.
        case eachSecond = "each-second"
    }

    /// How large a file grows before the next one is begun, in bytes; the last record may go beyond it.
    package var fileSize = 256 << 20
    /// How many days closed files are kept after their own; nil for ever.
    package var retentionInDays: Int?
    /// When records are on the disk.
    package var sync = SyncPolicy.eachSecond

    /// LookupEvents has to reach 90 days back, that of today included.
    package static let fewestRetentionDays = 90

    package init() {}
}
