import KMSModel

/// A limit on how often an account may ask for something in a region, in requests a second.
///
/// Each account has it in each region for itself.
///
/// Source: KMS Developer Guide, "Request quotas"; of LookupEvents, CloudTrail User Guide, "Quotas"; of STS, IAM User Guide,
/// "IAM and STS quotas".
package struct RequestQuota: Sendable, Equatable {
    /// What operators call it: a kind of key, `GenerateDataKeyPair.` and a spec, or an operation.
    package let name: String
    /// Its place amongst all quotas.
    let index: Int

    private init(_ name: String, _ index: Int) {
        self.name = name
        self.index = index
    }

    // What cryptography with a kind of key is counted against.
    static let symmetric = RequestQuota("symmetric", 0)
    static let rsa = RequestQuota("RSA", 1)
    /// Of the NIST curves, secp256k1, Ed25519 and SM2.
    static let ecc = RequestQuota("ECC", 2)
    static let mlDSA = RequestQuota("ML_DSA", 3)

    /// What searches of the audit log are counted against.
    package static let lookUpEvents = RequestQuota("LookupEvents", 4)
    /// What all calls of the IAM API are counted against together, in the region that stands for all.
    static let iam = RequestQuota("IAM", 5)
    /// What all calls of the STS API are counted against together.
    static let sts = RequestQuota("STS", 6)
    /// What cryptography with the keys of one custom key store is counted against besides, whoever asks.
    ///
    /// Each store has it for itself, by the rate of the account that it is of.
    static let customKeyStore = RequestQuota("customKeyStore", 7)
    /// How many of the above there are.
    private static let fixedCount = 8

    /// What the two operations that make data key pairs share, for each spec that pairs can have.
    static let dataKeyPairs: [KeySpec: RequestQuota] = {
        let specs = KeySpec.allCases.filter { !$0.isSymmetric && !$0.isMLDSA }
        let quotas = specs.enumerated().map { RequestQuota("GenerateDataKeyPair.\($1.rawValue)", fixedCount + $0) }
        return Dictionary(zip(specs, quotas)) { first, _ in first }
    }()

    /// What `operation` has to itself.
    static func own(_ operation: OperationName) -> RequestQuota {
        RequestQuota(operation.rawValue, fixedCount + dataKeyPairs.count + operation.index)
    }

    /// How many places there are; that of an operation which has no quota of its own stays empty.
    static let placeCount = fixedCount + dataKeyPairs.count + OperationName.allCases.count

    /// All of them, those of kinds of keys first.
    package static let all: [RequestQuota] =
        [symmetric, rsa, ecc, mlDSA] + dataKeyPairs.values.sorted { $0.index < $1.index } + ownRates.map(\.quota)
        + [lookUpEvents, iam, sts, customKeyStore]

    /// The quotas of single operations with what AWS admits a second, as the operations' descriptions say.
    private static let ownRates: [(quota: RequestQuota, perSecond: Double)] =
        Catalogue.operations.map { $0.description }.compactMap {
            guard case .own(let perSecond, _) = $0.quota else { return nil }
            return (own($0.name), perSecond)
        }

    /// The quota of the kind of key that has the algorithm of this name.
    ///
    /// Only such a key can be used with it, so that nobody has to look at the key.
    static func ofKeys(with algorithm: String) -> RequestQuota {
        (algorithm.isASCII ? byAlgorithm[algorithm] : nil) ?? symmetric
    }

    private static let byAlgorithm: [String: RequestQuota] = {
        let pairs = KeySpec.allCases.flatMap { spec in
            spec.usages.filter { $0 != .keyAgreement }.flatMap { usage in
                spec.algorithms(for: usage).map { ($0, ofKeys(of: spec)) }
            }
        }
        return Dictionary(pairs) { first, _ in first }
    }()

    private static func ofKeys(of spec: KeySpec) -> RequestQuota {
        if spec.isSymmetric { return symmetric }
        if spec.isMLDSA { return mlDSA }
        return spec.modulusBits == nil ? ecc : rsa
    }
}

// What AWS admits.
extension RequestQuota {
    /// The requests a second that AWS admits in regions of a kind, by the places of the quotas; nil where it has no limit.
    static func ratesOfAWS(in regions: RegionKind) -> [RequestRate?] { tables[regions] ?? [] }

    /// Whether AWS has a limit for `quota` in `region`.
    static func isLimited(_ quota: RequestQuota, in region: Region) -> Bool {
        ratesOfAWS(in: RegionKind(region))[quota.index] != nil
    }

    private static let tables = Dictionary(
        RegionKind.allCases.map { ($0, table(for: $0)) }, uniquingKeysWith: { first, _ in first })

    private static func table(for regions: RegionKind) -> [RequestRate?] {
        var rates: [RequestRate?] = Array(repeating: nil, count: placeCount)
        rates[symmetric.index] = RequestRate(perSecond: regions.symmetricRate)
        for quota in [rsa, ecc, mlDSA] { rates[quota.index] = RequestRate(perSecond: 1000) }
        rates[lookUpEvents.index] = RequestRate(perSecond: 2)
        rates[sts.index] = RequestRate(perSecond: 600)
        rates[customKeyStore.index] = RequestRate(perSecond: 1800)
        // AWS tells nobody what it admits; Terraform with its ten requests at a time asks for less than this.
        rates[iam.index] = RequestRate(perSecond: 100)
        for (spec, quota) in dataKeyPairs {
            rates[quota.index] = spec.dataKeyPairRate(in: regions).flatMap(RequestRate.init)
        }
        for own in ownRates { rates[own.quota.index] = RequestRate(perSecond: own.perSecond) }
        return rates
    }
}

/// Regions in which AWS has the same request quotas.
enum RegionKind: CaseIterable {
    case largest
    case large
    case other
    case china

    init(_ region: Region) {
        switch region.description {
        case "us-east-1", "us-west-2", "eu-west-1": self = .largest
        case "us-east-2", "ap-southeast-1", "ap-southeast-2", "ap-northeast-1", "eu-central-1", "eu-west-2":
            self = .large
        default: self = region.partition == .china ? .china : .other
        }
    }

    fileprivate var symmetricRate: Double {
        switch self {
        case .largest: 100_000
        case .large: 20_000
        case .other, .china: 10_000
        }
    }
}

extension KeySpec {
    /// The data key pairs a second that AWS admits; nil where it offers none.
    fileprivate func dataKeyPairRate(in regions: RegionKind) -> Double? {
        let isChina = regions == .china
        return switch self {
        case .rsa2048: isChina ? 1 : 20
        case .rsa3072: isChina ? 0.5 : 4
        case .rsa4096: isChina ? 0.1 : 1
        case .sm2: isChina ? 25 : nil
        default: 100
        }
    }
}
