import KMSModel

/// Quotas that an operator sets for single accounts, or for all of them.
///
///     {"123456789012": {"requests": {"symmetric": 500, "CreateKey": 10}, "resources": {"keys": 1000}}, "*": {…}}
///
/// What is said of an account goes before what is said of all, name by name.
package struct QuotaOverrides: Sendable {
    /// What stands for every account that is not named.
    private static let everybodyName = "*"

    private struct Limits: Sendable {
        var requests: [(quota: RequestQuota, rate: RequestRate)] = []
        var resources: [(name: ResourceName, limit: Int)] = []
    }

    private var everybody = Limits()
    private var accounts: [AccountID: Limits] = [:]

    /// Why a text is refused.
    package struct Failure: Error, CustomStringConvertible {
        /// One line, to be read behind the name of the file.
        package let description: String
    }

    /// None.
    package init() {}

    /// Reads JSON; what means nothing is refused rather than ignored, because a limit that nobody keeps protects nobody.
    ///
    /// - Throws: ``Failure``.
    package init(json: some Sequence<UInt8>) throws(Failure) {
        guard case .object(let object)? = try? JSONParser.parse(json, refusingDuplicates: true) else {
            throw Failure(description: "is not a JSON object, or names something twice")
        }
        for member in object.members {
            guard case .object(let value) = member.value else {
                throw Failure(description: "says of \"\(member.name)\" what is not a JSON object")
            }
            let limits = try Self.limits(in: value, of: member.name)
            if member.name == Self.everybodyName {
                everybody = limits
            } else if let account = AccountID(member.name) {
                accounts[account] = limits
            } else {
                throw Failure(
                    description: "names \"\(member.name)\", which is not an account of twelve digits or \"*\"")
            }
        }
    }

    var limitsRequests: Bool {
        !everybody.requests.isEmpty || accounts.values.contains { !$0.requests.isEmpty }
    }

    func applied(to rates: [RequestRate?], of account: AccountID) -> [RequestRate?] {
        var rates = rates
        for limits in limits(of: account) {
            for (quota, rate) in limits.requests { rates[quota.index] = rate }
        }
        return rates
    }

    func applied(to quotas: ResourceQuotas, of account: AccountID) -> ResourceQuotas {
        var quotas = quotas
        for limits in limits(of: account) {
            for (name, limit) in limits.resources { quotas[keyPath: name.place] = limit }
        }
        return quotas
    }

    /// What holds for an account; the later goes before the earlier.
    private func limits(of account: AccountID) -> [Limits] { [everybody] + [accounts[account]].compactMap(\.self) }

    // MARK: Reading

    private static func limits(in object: JSONObject, of account: String) throws(Failure) -> Limits {
        var limits = Limits()
        for member in object.members {
            guard case .object(let named) = member.value else {
                throw Failure(description: "says of \"\(member.name)\" of \"\(account)\" what is not a JSON object")
            }
            switch member.name {
            case "requests":
                for entry in named.members { limits.requests.append(try request(entry, of: account)) }
            case "resources":
                for entry in named.members { limits.resources.append(try resource(entry, of: account)) }
            default:
                throw Failure(
                    description: "has \"\(member.name)\" of \"\(account)\"; there are only: requests, resources")
            }
        }
        return limits
    }

    private static func request(
        _ entry: JSONObject.Member, of account: String
    ) throws(Failure) -> (quota: RequestQuota, rate: RequestRate) {
        guard let quota = RequestQuota.all.first(where: { $0.name == entry.name }) else {
            throw unknown(entry.name, of: account, amongst: RequestQuota.all.map(\.name))
        }
        guard case .number(let digits) = entry.value, let rate = Double(digits).flatMap(RequestRate.init) else {
            throw Failure(
                description: "says of \"\(entry.name)\" of \"\(account)\" what is not a number of requests a second "
                    + "from 0.001 to 1000000")
        }
        return (quota, rate)
    }

    private static func resource(
        _ entry: JSONObject.Member, of account: String
    ) throws(Failure) -> (name: ResourceName, limit: Int) {
        guard let name = ResourceName(rawValue: entry.name) else {
            throw unknown(entry.name, of: account, amongst: ResourceName.allCases.map(\.rawValue))
        }
        guard case .number(let digits) = entry.value, let limit = Int(digits), (0...name.most).contains(limit) else {
            throw Failure(
                description: "says of \"\(entry.name)\" of \"\(account)\" what is not a whole number from 0 to "
                    + "\(name.most)")
        }
        return (name, limit)
    }

    private static func unknown(_ name: String, of account: String, amongst names: [String]) -> Failure {
        Failure(
            description: "has the unknown quota \"\(name)\" of \"\(account)\"; there are: "
                + names.joined(separator: ", "))
    }
}

/// What operators call the quotas of resources.
private enum ResourceName: String, CaseIterable {
    case keys
    case aliasesPerKey
    case grantsPerKey
    case policyBytes
    case onDemandRotationsPerKey

    var place: WritableKeyPath<ResourceQuotas, Int> {
        switch self {
        case .keys: \.keysPerRealm
        case .aliasesPerKey: \.aliasesPerKey
        case .grantsPerKey: \.grantsPerKey
        case .policyBytes: \.policyByteCount
        case .onDemandRotationsPerKey: \.rotationsOnDemandPerKey
        }
    }

    /// The most that can be set; of a policy it is what the API model admits.
    var most: Int {
        switch self {
        case .keys, .grantsPerKey: 10_000_000
        case .aliasesPerKey, .onDemandRotationsPerKey: 10_000
        case .policyBytes: 131_072
        }
    }
}
