package import KMSAccess
package import KMSModel
package import KMSStore

/// An operation of the API: a description and a deed.
///
/// The pipeline calls the steps in the order in which they stand here. Each gets what the one before has made, so that
/// an operation cannot work on a key that was not resolved, authorized and checked.
package protocol Operation: Sendable {
    associatedtype Input: RequestShape
    associatedtype Output: ResponseShape
    /// What the operation works on, once it has been found: a key, two keys, a key with an alias, or nothing.
    associatedtype Subject: Sendable

    static var description: OperationDescription { get }

    /// Refuses what is wrong with the request whatever the key is.
    static func check(_ input: Input) throws(KMSError)

    /// Finds what the request names.
    static func resolve(_ input: Input, with resolver: KeyResolver) throws(KMSError) -> Subject

    /// What must be allowed, in the order in which it is decided.
    static func accesses(to subject: Subject, for input: Input) -> [Access]

    /// What changes of this are in turn at, beside what is acted on.
    static func turns(for input: Input, in context: RequestContext) -> [String]

    /// What a change has to know of custom key stores, where other nodes change them too.
    static func dependence(_ input: Input) -> KeyStoreDependence

    /// Refuses what does not fit together, once the keys are known to be in the right state.
    static func check(_ input: Input, on subject: Subject) throws(KMSError)

    /// Whether the request asks only whether it would succeed.
    static func isDryRun(_ input: Input) -> Bool

    /// Does the work, on a subject that the caller may use in this way.
    ///
    /// An operation that changes something answers the change with the output; the pipeline commits it. Therefore this
    /// may run again, with a newer subject, when another change came first.
    static func perform(
        _ input: Input, under permit: Permit<Subject>, in context: RequestContext
    ) async throws(KMSError) -> Outcome<Output>
}

/// What an operation answers, and what must be durable before the answer leaves.
package struct Outcome<Output: ResponseShape>: Sendable {
    /// What the caller gets.
    package let output: Output
    /// Nil when the operation changes nothing.
    package let change: Change?
    /// What the audit record shows of a success beside the key.
    package var additionalEventData: JSONObject?
    /// Keys and aliases that the call made, for the audit record.
    package var created: [String] = []
    /// What happens to keys because of the call, each with a record of its own.
    var events: [ServiceEvent] = []
    /// The key whose material the change destroys, if it does: what is in memory of it has to go too.
    var destroyedMaterialOf: KeyARN?
    /// The record that the call leaves in another region.
    var elsewhere: RecordElsewhere?
    /// Takes back what was done outside of the store, if it is certain that the change was not made.
    var takeBack: (@Sendable (_ isCertain: Bool) -> Void)?

    package init(_ output: Output, change: Change? = nil) {
        self.output = output
        self.change = change
    }
}

/// One thing that must be allowed before an operation may go on.
package struct Access: Sendable {
    /// What is acted on.
    package enum Resource: Sendable {
        /// A key, which must also be in a state that the operation admits, when `checksState`.
        case key(KeySnapshot, checksState: Bool)
        /// A key that only a ciphertext named: a refusal must not tell whether it exists.
        case keyOfCiphertext(KeySnapshot)
        /// A key of another account that is not there, or cannot be used like this: the refusal of one that is not shared.
        case hidden(KMSError)
        /// A grant, which itself says who may end it, and the key that it is on.
        case grant(KeySnapshot, Grant)
        case alias(AliasARN)
        /// A user, role or account, by its ARN.
        case identity(String)
        /// Operations on no key in particular are authorized against `*`.
        case account
    }

    /// The IAM action that policies are asked about.
    package let action: ActionName
    /// What is acted on.
    package let resource: Resource

    package init(_ action: ActionName, on resource: Resource) {
        self.action = action
        self.resource = resource
    }
}

// What most operations do at each step.
extension Operation {
    package static func check(_ input: Input) throws(KMSError) {}
    package static func check(_ input: Input, on subject: Subject) throws(KMSError) {}
    package static func turns(for input: Input, in context: RequestContext) -> [String] { [] }
    package static func dependence(_ input: Input) -> KeyStoreDependence { .none }
    package static func isDryRun(_ input: Input) -> Bool { false }
}

/// An operation on one key that the request names.
package protocol KeyOperation: Operation where Subject == KeySnapshot {
    /// The member that names the key.
    static func keyIdentifier(in input: Input) -> String
}

extension KeyOperation {
    package static func resolve(_ input: Input, with resolver: KeyResolver) throws(KMSError) -> KeySnapshot {
        try resolver.key(keyIdentifier(in: input), for: description)
    }

    package static func accesses(to key: KeySnapshot, for input: Input) -> [Access] {
        [Access(description.action, on: .key(key, checksState: true))]
    }
}

/// An operation on no key in particular.
package protocol AccountOperation: Operation where Subject == Void {}

extension AccountOperation {
    /// There is nothing to find.
    package static func resolve(_ input: Input, with resolver: KeyResolver) throws(KMSError) {}

    /// The operation's own action, on no resource in particular.
    package static func accesses(to subject: Void, for input: Input) -> [Access] {
        [Access(description.action, on: .account)]
    }
}
