import KMSAccess
package import KMSModel

/// What accounts may have, and how often they may ask.
package struct Quotas: Sendable {
    private let settings: QuotaSettings
    /// Holds accounts to how often they may ask.
    package let throttle: Throttle

    /// - Parameters:
    ///   - settings: What the operator decided.
    ///   - isEstablished: Whether an account may be expected to call in a region; see ``Throttle``.
    package init(
        _ settings: QuotaSettings, isEstablished: @escaping @Sendable (AccountID, Region) -> Bool = { _, _ in false }
    ) {
        self.settings = settings
        throttle = Throttle(settings, isEstablished: isEstablished)
    }

    /// How many there may be of each resource of `account`.
    package func resources(of account: AccountID) -> ResourceQuotas { settings.resources(of: account) }

    /// Counts a request of `account`.
    ///
    /// - Throws: ``KMSError`` with `ThrottlingException` when one of its quotas is used up: then nothing is counted.
    func admit(_ charges: [QuotaCharge], of account: AccountID) throws(KMSError) {
        if throttle.refusal(of: charges, to: account) != nil { throw .throttled }
    }
}

/// What an operator decides about quotas.
package struct QuotaSettings: Sendable {
    /// How often accounts may ask where nothing else is said.
    package enum Profile: String, Sendable, CaseIterable {
        /// As often as AWS admits.
        case aws
        /// As often as they like.
        case unlimited
    }

    /// What holds for everybody.
    package var profile: Profile
    /// What holds for some, or for all, instead.
    package var overrides: QuotaOverrides

    /// As often as they like, unless it is said otherwise.
    package init(profile: Profile = .unlimited, overrides: QuotaOverrides = QuotaOverrides()) {
        self.profile = profile
        self.overrides = overrides
    }

    /// Whether anybody's requests are limited at all.
    var limitsRequests: Bool { profile == .aws || overrides.limitsRequests }

    /// How often `account` may ask in `region`, by the places of the quotas; nil where nothing limits it.
    func rates(of account: AccountID, in region: Region) -> [RequestRate?] {
        let base =
            profile == .aws
            ? RequestQuota.ratesOfAWS(in: RegionKind(region))
            : Array(repeating: nil, count: RequestQuota.placeCount)
        return overrides.applied(to: base, of: account)
    }

    /// How many there may be of each resource of `account`.
    func resources(of account: AccountID) -> ResourceQuotas { overrides.applied(to: ResourceQuotas(), of: account) }
}

/// How many there may be of each resource.
///
/// Unlike the rates they hold in every profile: what AWS would refuse is refused in development too.
///
/// Source: KMS Developer Guide, "Resource quotas".
package struct ResourceQuotas: Sendable, Equatable {
    /// Customer managed keys in an account and region, in every state.
    package var keysPerRealm = 100_000
    /// Aliases of one key, without those of AWS managed keys.
    package var aliasesPerKey = 50
    /// Grants on one key.
    package var grantsPerKey = 50_000
    /// The length of a key policy, in bytes of UTF-8, white space counted.
    package var policyByteCount = PolicyDocument.maximumByteCount
    /// Rotations of one key on demand in all its life; automatic ones do not count.
    package var rotationsOnDemandPerKey = 25

    /// Custom key stores in an account and region: AWS's, which nobody has more of here.
    package static let customKeyStores = 10

    /// Tags on one key: a rule of the API and not a quota, so nobody has more.
    package static let tagsPerKey = 50

    package init() {}
}

extension KMSError {
    /// AWS's answer to what comes too fast; its SDKs then try again.
    static let throttled = KMSError(
        .throttling, "You have exceeded the rate at which you may call KMS. Reduce the frequency of your calls.")
}
