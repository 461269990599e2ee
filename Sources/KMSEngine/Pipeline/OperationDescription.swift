package import KMSAccess
package import KMSModel

/// What can be said of an operation as data: the pipeline and the audit log read it.
package struct OperationDescription: Sendable {
    /// The operation's name in the API.
    package let name: OperationName
    /// The IAM action, which policies allow or deny; ReEncrypt has two others.
    package private(set) var action: ActionName
    /// Whether the operation works on a key of another account (KMS API Reference, "Cross-account use").
    package let isCrossAccount: Bool
    /// Which forms of identifier may name the key.
    package let identifiers: IdentifierForms
    /// The usage that the key must have been made for; nil when any will do.
    package let usage: KeyUsage?
    /// What a call counts against, whatever becomes of it.
    package let quota: OperationQuota
    /// What the audit record shows of a call.
    package let recorded: RecordedCall

    /// Describes an operation; most are on one key of the caller's own account.
    package init(
        _ name: OperationName, isCrossAccount: Bool = false, identifiers: IdentifierForms = .idOrARN,
        usage: KeyUsage? = nil, quota: OperationQuota, recorded: RecordedCall
    ) {
        self.name = name
        action = ActionName("kms:\(name.rawValue)")
        self.isCrossAccount = isCrossAccount
        self.identifiers = identifiers
        self.usage = usage
        self.quota = quota
        self.recorded = recorded
    }

    /// The operation as it needs one of its two actions.
    func doing(_ action: ActionName) -> Self {
        var half = self
        half.action = action
        return half
    }
}

/// Which forms of key identifier an operation accepts.
package enum IdentifierForms: Sendable {
    /// Key identifier or key ARN.
    case idOrARN
    /// Those, and an alias's name or ARN.
    case any
}

/// What the audit record shows of a call: an allow-list, so that a new member stays out until someone decides.
package struct RecordedCall: Sendable {
    /// Whether the call changes nothing.
    package let isReadOnly: Bool
    /// The request members that are copied as sent, spelled as in the model.
    package let members: [String]
    /// Request members with the value that counts when the request leaves them out.
    package let defaults: [(name: String, value: JSONValue)]
    /// What `responseElements` shows of a success.
    package let response: RecordedResponse
    /// The same members as records spell them.
    let recordedNames: [String]
    /// Whether the record names keys before aliases, and not in the order in which they are decided on.
    private(set) var namesKeysFirst = false
    /// Whether the record has `resources` at all: those of custom key stores have not.
    private(set) var showsResources = true

    private init(
        isReadOnly: Bool, members: [String], defaults: [(name: String, value: JSONValue)], response: RecordedResponse
    ) {
        self.isReadOnly = isReadOnly
        self.members = members
        self.defaults = defaults
        self.response = response
        // CloudTrail has another name for this one.
        recordedNames = members.map { $0 == "CloudHsmClusterId" ? "clusterId" : $0.lowercasedFirst }
    }

    /// A call that changes nothing and whose answer is not recorded.
    package static func read(_ members: String..., defaults: [(name: String, value: JSONValue)] = []) -> Self {
        Self(isReadOnly: true, members: members, defaults: defaults, response: .nothing)
    }

    /// The same, with keys before aliases in `resources`.
    func namingKeysFirst() -> Self {
        var call = self
        call.namesKeysFirst = true
        return call
    }

    /// The same of a record that has no `resources`.
    func withoutResources() -> Self {
        var call = self
        call.showsResources = false
        return call
    }

    /// A call that changes something.
    package static func change(
        _ members: String..., defaults: [(name: String, value: JSONValue)] = [],
        response: RecordedResponse = .keyARN
    ) -> Self {
        Self(isReadOnly: false, members: members, defaults: defaults, response: response)
    }
}

/// What `responseElements` of an audit record shows.
package enum RecordedResponse: Sendable {
    case nothing
    /// The ARN of the key that was changed, even where the API returns nothing.
    case keyARN
    /// That, and one member of the answer, spelled as in records.
    case keyARNAnd(String)
    /// The whole answer.
    case everything
}
