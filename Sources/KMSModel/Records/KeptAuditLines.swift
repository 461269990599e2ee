/// What the audit log is to say of a change, kept beside the change until the log says it.
package struct KeptAuditLines: Sendable, Equatable {
    /// The identifier of the first record.
    package let eventID: String
    /// The records, each with the line feed behind it.
    package let lines: [UInt8]

    package init(eventID: String, lines: [UInt8]) {
        self.eventID = eventID
        self.lines = lines
    }
}
