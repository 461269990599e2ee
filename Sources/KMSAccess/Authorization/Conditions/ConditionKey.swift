import KMSModel

/// What a condition or a policy variable asks of a request.
///
/// Names are compared without regard to the case of ASCII letters, the part that a customer chooses included.
///
/// Source: Service Authorization Reference, "Condition keys for AWS Key Management Service", and IAM User Guide, "AWS global
/// condition context keys".
package enum ConditionKey: Hashable, Sendable {
    case named(Name)
    /// A pair of the encryption context; the key in lower case.
    case encryptionContext(String)
    /// A tag of the caller, of the request or of the key; the tag's key in lower case.
    case principalTag(String)
    case requestTag(String)
    case resourceTag(String)
    /// A tag of the user, role or policy that a request of the IAM or STS API is about.
    case identityResourceTag(String)
    /// A key that no request of this server ever has.
    case unknown

    /// Reads a key as a policy writes it.
    package init(_ text: String) {
        let folded = text.foldingASCII
        if let name = Name(spelled: folded) {
            self = .named(name)
        } else if let rest = folded.dropping(prefix: "kms:encryptioncontext:") {
            self = .encryptionContext(rest)
        } else if let rest = folded.dropping(prefix: "aws:principaltag/") {
            self = .principalTag(rest)
        } else if let rest = folded.dropping(prefix: "aws:requesttag/") {
            self = .requestTag(rest)
        } else if let rest = folded.dropping(prefix: "aws:resourcetag/") {
            self = .resourceTag(rest)
        } else if let rest = folded.dropping(prefix: "iam:resourcetag/") {
            self = .identityResourceTag(rest)
        } else {
            self = .unknown
        }
    }

    /// Whether only identity policies may ask for it: of a key policy's own key nothing but the policy itself counts.
    ///
    /// Source: KMS Developer Guide, "ABAC for AWS KMS".
    package var isForIdentityPoliciesOnly: Bool {
        switch self {
        case .resourceTag, .named(.resourceAliases): true
        default: false
        }
    }
}

extension ConditionKey {
    /// Whether the KMS key that a request is about supplies the value, and not the request.
    var isAboutKey: Bool {
        switch self {
        case .resourceTag: true
        case .named(let name):
            [
                .customerMasterKeySpec, .customerMasterKeyUsage, .keyOrigin, .keySpec, .keyUsage, .multiRegion,
                .multiRegionKeyType, .resourceAliases, .trailingDaysWithoutKeyUsage,
            ].contains(name)
        case .encryptionContext, .principalTag, .requestTag, .identityResourceTag, .unknown: false
        }
    }

    /// Whether the value comes from the grant that is to be retired.
    var isAboutGrant: Bool {
        switch self {
        case .encryptionContext, .named(.encryptionContextKeys), .named(.grantConstraintType): true
        default: false
        }
    }

    /// The keys without a part of the customer's choice, in lower case.
    package enum Name: String, Sendable, CaseIterable {
        case bypassPolicyLockoutSafetyCheck = "kms:bypasspolicylockoutsafetycheck"
        case callerAccount = "kms:calleraccount"
        case customerMasterKeySpec = "kms:customermasterkeyspec"
        case customerMasterKeyUsage = "kms:customermasterkeyusage"
        case dataKeyPairSpec = "kms:datakeypairspec"
        case encryptionAlgorithm = "kms:encryptionalgorithm"
        case encryptionContextKeys = "kms:encryptioncontextkeys"
        case expirationModel = "kms:expirationmodel"
        case grantConstraintType = "kms:grantconstrainttype"
        case grantIsForAWSResource = "kms:grantisforawsresource"
        case grantOperations = "kms:grantoperations"
        case granteePrincipal = "kms:granteeprincipal"
        case keyAgreementAlgorithm = "kms:keyagreementalgorithm"
        case keyOrigin = "kms:keyorigin"
        case keySpec = "kms:keyspec"
        case keyUsage = "kms:keyusage"
        case macAlgorithm = "kms:macalgorithm"
        case messageType = "kms:messagetype"
        case multiRegion = "kms:multiregion"
        case multiRegionKeyType = "kms:multiregionkeytype"
        case primaryRegion = "kms:primaryregion"
        case reEncryptOnSameKey = "kms:reencryptonsamekey"
        case replicaRegion = "kms:replicaregion"
        case requestAlias = "kms:requestalias"
        case resourceAliases = "kms:resourcealiases"
        case retiringPrincipal = "kms:retiringprincipal"
        case rotationPeriodInDays = "kms:rotationperiodindays"
        case scheduleKeyDeletionPendingWindowInDays = "kms:schedulekeydeletionpendingwindowindays"
        case signingAlgorithm = "kms:signingalgorithm"
        case trailingDaysWithoutKeyUsage = "kms:trailingdayswithoutkeyusage"
        case validTo = "kms:validto"
        case wrappingAlgorithm = "kms:wrappingalgorithm"
        case wrappingKeySpec = "kms:wrappingkeyspec"
        case currentTime = "aws:currenttime"
        case epochTime = "aws:epochtime"
        case multiFactorAuthPresent = "aws:multifactorauthpresent"
        case principalAccount = "aws:principalaccount"
        case principalARN = "aws:principalarn"
        case principalIsAWSService = "aws:principalisawsservice"
        case principalServiceName = "aws:principalservicename"
        case principalType = "aws:principaltype"
        case requestedRegion = "aws:requestedregion"
        case resourceAccount = "aws:resourceaccount"
        case secureTransport = "aws:securetransport"
        case sourceIdentity = "aws:sourceidentity"
        case sourceIP = "aws:sourceip"
        case tagKeys = "aws:tagkeys"
        case tokenIssueTime = "aws:tokenissuetime"
        case userAgent = "aws:useragent"
        case userID = "aws:userid"
        case username = "aws:username"
        case viaAWSService = "aws:viaawsservice"
        case identityPermissionsBoundary = "iam:permissionsboundary"
        case identityPolicyARN = "iam:policyarn"
        case referer = "aws:referer"
        case sessionExternalID = "sts:externalid"
        case sessionName = "sts:rolesessionname"
        case sessionSourceIdentity = "sts:sourceidentity"
        case sessionTransitiveTagKeys = "sts:transitivetagkeys"
    }
}

/// What a request has under a condition key.
package enum ConditionValues: Sendable, Equatable {
    case absent
    case one(String)
    /// A key that is a set; none of it is as good as absent.
    case several([String])
    /// Names that differ in case alone have more than one: which of them counts is not to be guessed.
    case ambiguous

    /// The value, or absent when there is none.
    package init(_ value: String?) { self = value.map(Self.one) ?? .absent }

    /// What the one pair has whose name in lower case is `name`.
    package init(of name: String, in pairs: some Sequence<(key: String, value: String)>) {
        self = .absent
        for pair in pairs where pair.key.isSame(asFolded: name) { add(pair.value) }
    }

    /// Takes the value of a pair of this name.
    package mutating func add(_ value: String) { self = self == .absent ? .one(value) : .ambiguous }

    var all: [String] {
        switch self {
        case .absent, .ambiguous: []
        case .one(let value): [value]
        case .several(let values): values
        }
    }
}

/// A condition cannot be decided: what it asks for is ambiguous, or too long to be compared in bounded time.
///
/// A statement that denies then applies, and one that allows does not.
struct Undecidable: Error {}

/// A request, as conditions and policy variables see it.
///
/// Nothing is made before a policy asks for it.
package protocol ConditionSource: Sendable {
    func values(of key: ConditionKey) -> ConditionValues

    /// How long ``values(of:)`` takes for this key, in the steps of ``EvaluationBudget``.
    func steps(toFind key: ConditionKey) -> Int
}

extension ConditionSource {
    /// Nothing that counts: the value is not searched for.
    package func steps(toFind key: ConditionKey) -> Int { 0 }
}

/// A request that has nothing that a condition could ask for.
package struct NoConditions: ConditionSource {
    package init() {}

    /// Always absent.
    package func values(of key: ConditionKey) -> ConditionValues { .absent }
}

extension String {
    fileprivate func dropping(prefix: String) -> String? {
        guard utf8.starts(with: prefix.utf8) else { return nil }
        return String(decoding: utf8.dropFirst(prefix.utf8.count), as: UTF8.self)
    }
}
