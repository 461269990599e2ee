package import KMSModel

/// What the grants on a key say to one question; a grant never denies.
package enum GrantAnswer: Int, Sendable, Comparable {
    case silent
    /// One allows the caller's account, which has to allow the caller.
    case allowsAccount
    /// One allows the caller's role: what narrows the role or the session still does.
    case allowsRole
    /// One allows this very user, session or root user.
    case allowsCaller

    package static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
}

/// A grant prepared for evaluation: made once when it is stored, asked with every request that may rest on it.
///
/// Source: KMS Developer Guide, "Grants in AWS KMS".
package final class Grant: Sendable {
    /// What the store holds.
    package let record: GrantRecord
    private let grantee: PolicyPrincipal?
    private let retiring: PolicyPrincipal?
    private let operations: Set<GrantOperation>

    /// A grant whose grantee is no principal any more permits nothing.
    package init(_ record: GrantRecord) {
        self.record = record
        let partition = record.key.region.partition
        grantee = try? PolicyPrincipal(aws: record.grantee, in: partition)
        retiring = record.retiring.flatMap { try? PolicyPrincipal(aws: $0, in: partition) }
        operations = Set(record.operations)
    }

    /// How the grant allows `caller` to do `operation`.
    ///
    /// - Parameter context: The encryption context of the request, or of one side of it.
    package func answer(
        to caller: AccessCaller, doing operation: GrantOperation, in context: EncryptionContext
    ) -> GrantAnswer {
        guard operations.contains(operation), let grantee else { return .silent }
        guard !operation.hasEncryptionContext || record.constraints.admit(context) else { return .silent }
        return grantee.admission(of: caller)
    }

    /// Whether `caller` may end the grant by what the grant itself says.
    ///
    /// Constraints do not matter for it.
    package func retirement(by caller: AccessCaller) -> GrantAnswer {
        let byGrantee = operations.contains(.retireGrant) ? grantee?.admission(of: caller) : nil
        // Any session of a retiring role will do, whatever narrows it.
        return max(byGrantee ?? .silent, retiring?.admission(of: caller) ?? .silent)
    }
}

extension PolicyPrincipal {
    /// How far a grant to this principal reaches `caller`.
    fileprivate func admission(of caller: AccessCaller) -> GrantAnswer {
        guard let matcher = PrincipalMatcher(PolicySelection(elements: [self], isComplement: false), in: .allow) else {
            return .silent
        }
        return switch matcher.admission(of: FingerprintedCaller(caller)) {
        case .byName: .allowsCaller
        case .byRole: .allowsRole
        case .byAccount: .allowsAccount
        case nil: .silent
        }
    }
}

extension GrantConstraints {
    /// Whether a request with this encryption context is one that the grant is for.
    ///
    /// Source: KMS API Reference, GrantConstraints: values are compared with regard to case, keys without.
    fileprivate func admit(_ context: EncryptionContext) -> Bool {
        if let equals {
            // Both ways, because two keys of one that differ in case alone can be met by one key of the other.
            let isSame = equals.isContained(in: context) && context.isContained(in: equals)
            guard isSame, context.pairs.count == equals.pairs.count else { return false }
        }
        return subset?.isContained(in: context) ?? true
    }

    /// Whether what these constraints admit is all admitted by `parent` too, as a grant made through a grant must be.
    ///
    /// Source: KMS Developer Guide, "Granting CreateGrant permission".
    package func areAtLeastAsStrict(as parent: GrantConstraints) -> Bool {
        if let required = parent.equals, equals != required { return false }
        guard let required = parent.subset else { return true }
        return [subset, equals].compactMap(\.self).contains { required.isContained(in: $0) }
    }
}

extension EncryptionContext {
    fileprivate func isContained(in other: EncryptionContext) -> Bool {
        pairs.allSatisfy { pair in
            other.pairs.contains { $0.value.isSame(as: pair.value) && $0.key.isSame(ignoringCaseOf: pair.key) }
        }
    }
}

extension String {
    /// Byte equality but for the case of ASCII letters.
    fileprivate func isSame(ignoringCaseOf other: String) -> Bool {
        utf8.count == other.utf8.count && zip(utf8, other.utf8).allSatisfy { $0.asciiLowercased == $1.asciiLowercased }
    }
}
