package import KMSAccess
package import KMSModel

/// Which request quotas a call counts against.
///
/// The request alone tells: a caller who names somebody else's key must not learn by being slowed down whether there is such
/// a key, or of which kind it is.
package enum OperationQuota: Sendable {
    /// One that the operation has to itself.
    ///
    /// - Parameters:
    ///   - perSecond: What AWS admits.
    ///   - elsewhere: What the call counts as in another region besides.
    case own(perSecond: Double, elsewhere: RegionalCharge? = nil)
    /// One that it shares with others, whatever the request is.
    case shared(RequestQuota)
    /// Those of the kinds of keys that have the algorithms which these members name; without a name it is a symmetric one.
    case ofAlgorithms([String])
    /// The one of the data key pairs that are asked for.
    case ofKeyPairSpec
}

/// What a call counts as in another region.
package struct RegionalCharge: Sendable {
    /// As how many requests.
    let count: Int
    /// Of which operation.
    let operation: OperationName
    /// The member of the request that names the region.
    let regionMember: String

    init(_ count: Int, of operation: OperationName, inRegionOf member: String) {
        self.count = count
        self.operation = operation
        regionMember = member
    }
}

/// What one request takes of one quota.
package struct QuotaCharge: Sendable, Equatable {
    /// The quota.
    package let quota: RequestQuota
    /// In which region.
    package let region: Region
    /// As how many requests it counts.
    package let count: Int

    /// One request, unless it is said otherwise.
    package init(_ quota: RequestQuota, in region: Region, count: Int = 1) {
        self.quota = quota
        self.region = region
        self.count = count
    }
}

/// The quota of an operation, ready to be charged.
package struct ChargedOperation: Sendable {
    private let rule: OperationQuota
    private let own: RequestQuota
    private let elsewhere: RequestQuota?

    /// Looks up once what each call needs.
    package init(_ description: OperationDescription) {
        rule = description.quota
        own = .own(description.name)
        if case .own(_, let charge?) = rule { elsewhere = .own(charge.operation) } else { elsewhere = nil }
    }

    /// What a request counts as: in its own region, and in another one of `hosted` where it works there too.
    package func charges(for request: JSONObject, in region: Region, amongst hosted: HostedRegions) -> [QuotaCharge] {
        switch rule {
        case .own(_, let charge):
            guard let charge, let elsewhere, let name = request.text(charge.regionMember),
                let other = Region(name), other != region, hosted.admitsReplica(in: other)
            else { return [QuotaCharge(own, in: region)] }
            return [
                QuotaCharge(own, in: region), QuotaCharge(elsewhere, in: other, count: charge.count),
            ]
        case .shared(let quota): return [QuotaCharge(quota, in: region)]
        case .ofAlgorithms(let members):
            var charges: [QuotaCharge] = []
            for member in members {
                let quota = request.text(member).map(RequestQuota.ofKeys(with:)) ?? .symmetric
                guard charges.first?.quota.index != quota.index else { continue }
                charges.append(QuotaCharge(quota, in: region))
            }
            return charges
        case .ofKeyPairSpec:
            let spec = request.text("KeyPairSpec").flatMap { KeySpec(spelled: $0) }
            let quota = spec.flatMap { RequestQuota.dataKeyPairs[$0] }
            guard let quota, RequestQuota.isLimited(quota, in: region) else {
                // It will be refused, which costs something too.
                return [quota, .symmetric].compactMap(\.self).map { QuotaCharge($0, in: region) }
            }
            return [QuotaCharge(quota, in: region)]
        }
    }
}
