package import KMSModel

/// What is looked for in the audit log; all of it has to be so.
package struct AuditQuery: Sendable {
    /// How a call ended.
    package enum Outcome: String, Sendable {
        case succeeded, denied, failed
    }

    /// A part of the caller's ARN.
    var principal: String?
    /// The operation, or its beginning.
    var name: String?
    /// The identifier or the ARN of a key that the call was about.
    package var key: String?
    /// The first day, or moment, as ISO 8601 writes it.
    package var from: String?
    /// The last day, or moment; all of it is included.
    package var to: String?
    var outcome: Outcome?
    /// Where the page before ended, so that pages stay what they were while the log grows; nil for the first page.
    package var start: AuditPosition?
    /// Whether what only looks at keys is left out.
    var omitsReads: Bool
    /// Whether only the use of keys is counted, and not what administers or looks at them.
    var countsUseOnly: Bool

    package init(
        principal: String? = nil, name: String? = nil, key: String? = nil, from: String? = nil, to: String? = nil,
        outcome: Outcome? = nil, start: AuditPosition? = nil, omitsReads: Bool = false,
        countsUseOnly: Bool = false
    ) {
        self.start = start
        self.omitsReads = omitsReads
        self.countsUseOnly = countsUseOnly
        self.principal = principal
        self.name = name
        self.key = key
        self.from = from
        self.to = to
        self.outcome = outcome
    }
}

/// One record of the audit log.
package struct AuditEvent: Sendable {
    /// `yyyy-MM-ddTHH:mm:ssZ`.
    package let time: String
    /// The operation.
    package let name: String
    /// The service, as CloudTrail names it.
    package let source: String
    /// The caller's ARN, or the service or account that stands in its place.
    package let principal: String
    /// Why the call failed; nil after a success.
    package let errorCode: String?
    /// The sentence of the refusal.
    package let errorMessage: String?
    /// The ARNs that the call was about.
    package let resources: [String]
    /// Where the call came from.
    package let address: String
    /// The record's own identifier.
    package let id: String
    /// All of the record.
    package let record: JSONObject
}
