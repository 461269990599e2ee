package import KMSModel

/// A policy document as it was written, with every rule of the grammar checked.
///
/// Source of the grammar: IAM User Guide, "Grammar of the IAM JSON policy language", as each kind of policy narrows it.
package struct PolicyDocument: Sendable, Equatable {
    /// The longest key policy unless an operator says otherwise, in bytes, white space counted.
    ///
    /// Source: KMS Developer Guide, "Resource quotas": 32 KB.
    package static let maximumByteCount = 32_768

    /// The language that the document is written in.
    package enum Version: String, Sendable, CaseIterable {
        /// What a document without a version is written in; `${...}` is literal text.
        case original = "2008-10-17"
        /// The version that has policy variables.
        case current = "2012-10-17"
    }

    /// What a document is attached to.
    package enum Kind: Sendable, Equatable {
        /// A key of this partition: statements name principals.
        case key(Partition)
        /// A user, group or role, or a session, or a boundary: statements are about whoever has the policy.
        case identity
        /// A role, as what says who may assume it: statements name principals of this partition, and no resource.
        case trust(Partition)

        /// Whether it is a key policy.
        var isOfKey: Bool {
            if case .key = self { true } else { false }
        }

        /// The partition whose principals a document may name; nil for one that names none.
        var partition: Partition? {
            switch self {
            case .key(let partition), .trust(let partition): partition
            case .identity: nil
            }
        }
    }

    /// What the document is attached to.
    package let kind: Kind
    /// What the document was written in; ``Version/original`` if it does not say.
    package let version: Version
    /// A label that means nothing to the evaluation.
    package let id: String?
    /// At least one.
    package let statements: [PolicyStatement]
    /// The JSON that the document was read from, members in their order.
    package let source: JSONValue
}

/// One statement of a policy.
package struct PolicyStatement: Sendable, Equatable {
    /// What a statement that applies does.
    package enum Effect: String, Sendable, CaseIterable {
        case allow = "Allow"
        case deny = "Deny"
    }

    /// A label that means nothing to the evaluation; need not be unique.
    package let sid: String?
    /// What it does where it applies.
    package let effect: Effect
    /// Never empty: a key policy's statement names somebody; nil in an identity policy.
    package let principals: PolicySelection<PolicyPrincipal>?
    /// Action patterns as written; in a key policy nil or empty makes the statement ineffective.
    package let actions: PolicySelection<String>?
    /// Resource patterns as written; in a key policy nil or empty makes the statement ineffective.
    package let resources: PolicySelection<String>?
    /// All of them must hold.
    package let conditions: [PolicyCondition]

    /// Whether a condition compares with nothing: in a key policy that makes the statement ineffective.
    var hasEmptyCondition: Bool { conditions.contains { $0.tests.contains(where: \.values.isEmpty) } }
}

/// What an element lists, or with its `Not` form everything but that.
package struct PolicySelection<Element: Sendable & Equatable>: Sendable, Equatable {
    /// What is listed, in order.
    package let elements: [Element]
    /// Whether the element was written in its `Not` form.
    package let isComplement: Bool
}

/// One operator of a condition with everything that it tests.
package struct PolicyCondition: Sendable, Equatable {
    /// One condition key and the values that it is compared with.
    package struct Test: Sendable, Equatable {
        /// Names are compared without regard to case; it is kept as written.
        package let key: String
        /// Numbers and booleans by their JSON text.
        package let values: [String]
    }

    /// How each key is compared with its values.
    package let comparison: ConditionOperator
    /// All of them must hold.
    package let tests: [Test]
}
