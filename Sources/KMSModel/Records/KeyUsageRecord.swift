package import struct Foundation.Date

/// The last time that a key was used, as `GetKeyLastUsage` tells it.
package struct KeyUsageRecord: Sendable, Equatable {
    /// What was used.
    package let key: KeyARN
    /// What it was used for.
    package let operation: OperationName
    /// When that was.
    package let date: Date
    /// The identifier of the call's audit record, in the account of the key.
    package let eventID: String
    /// The identifier that the answer carried.
    package let requestID: String

    package init(key: KeyARN, operation: OperationName, date: Date, eventID: String, requestID: String) {
        self.key = key
        self.operation = operation
        self.date = date
        self.eventID = eventID
        self.requestID = requestID
    }
}
