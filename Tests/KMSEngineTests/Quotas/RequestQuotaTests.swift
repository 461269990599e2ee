import KMSAccess
import KMSEngine
import KMSModel
import Testing

/// The tables of the developer guide's "Request quotas", copied here by hand.
private enum Guide {
    /// Requests a second of each operation that has a quota to itself.
    static let own: [Double: String] = [
        1: "GetParametersForImport",
        5: """
        CancelKeyDeletion ConnectCustomKeyStore CreateAlias CreateCustomKeyStore CreateKey DeleteCustomKeyStore \
        DescribeCustomKeyStores DisableKey DisableKeyRotation DisconnectCustomKeyStore EnableKey GetKeyLastUsage \
        ReplicateKey RotateKeyOnDemand UntagResource UpdateAlias UpdateCustomKeyStore UpdateKeyDescription \
        UpdatePrimaryRegion
        """,
        10: "TagResource",
        15: """
        DeleteAlias DeleteImportedKeyMaterial EnableKeyRotation ImportKeyMaterial PutKeyPolicy ScheduleKeyDeletion
        """,
        50: "CreateGrant RetireGrant RevokeGrant",
        100: "ListGrants ListKeyPolicies ListKeyRotations ListRetirableGrants",
        500: "ListAliases ListKeys",
        1000: "GetKeyPolicy GetKeyRotationStatus",
        2000: "DescribeKey GetPublicKey ListResourceTags",
    ]

    static var ownRates: [OperationName: Double] {
        Dictionary(
            own.flatMap { rate, names in
                names.split(separator: " ").compactMap { OperationName(rawValue: String($0)) }.map { ($0, rate) }
            }, uniquingKeysWith: min)
    }

    static let dataKeyPairs = ["GenerateDataKeyPair", "GenerateDataKeyPairWithoutPlaintext"]

    /// Requests of cryptography with what they count against.
    static let cryptographic: [(operation: String, body: [String: String], quotas: [String])] = [
        ("Decrypt", [:], ["symmetric"]), ("Encrypt", [:], ["symmetric"]), ("GenerateDataKey", [:], ["symmetric"]),
        ("GenerateDataKeyWithoutPlaintext", [:], ["symmetric"]), ("GenerateRandom", [:], ["symmetric"]),
        ("GenerateMac", ["MacAlgorithm": "HMAC_SHA_256"], ["symmetric"]),
        ("VerifyMac", ["MacAlgorithm": "HMAC_SHA_512"], ["symmetric"]), ("ReEncrypt", [:], ["symmetric"]),
        ("Encrypt", ["EncryptionAlgorithm": "SYMMETRIC_DEFAULT"], ["symmetric"]),
        ("Encrypt", ["EncryptionAlgorithm": "RSAES_OAEP_SHA_1"], ["RSA"]),
        ("Decrypt", ["EncryptionAlgorithm": "RSAES_OAEP_SHA_256"], ["RSA"]),
        ("Encrypt", ["EncryptionAlgorithm": "SM2PKE"], ["ECC"]),
        ("Decrypt", ["EncryptionAlgorithm": "SM2PKE"], ["ECC"]),
        ("Decrypt", ["EncryptionAlgorithm": "none such"], ["symmetric"]),
        ("ReEncrypt", ["SourceEncryptionAlgorithm": "RSAES_OAEP_SHA_256"], ["RSA", "symmetric"]),
        ("ReEncrypt", ["DestinationEncryptionAlgorithm": "SM2PKE"], ["symmetric", "ECC"]),
        (
            "ReEncrypt",
            [
                "SourceEncryptionAlgorithm": "RSAES_OAEP_SHA_1",
                "DestinationEncryptionAlgorithm": "RSAES_OAEP_SHA_256",
            ], ["RSA"]
        ),
        ("DeriveSharedSecret", ["KeyAgreementAlgorithm": "ECDH"], ["ECC"]),
        ("Sign", ["SigningAlgorithm": "RSASSA_PSS_SHA_256"], ["RSA"]),
        ("Verify", ["SigningAlgorithm": "RSASSA_PKCS1_V1_5_SHA_512"], ["RSA"]),
        ("Sign", ["SigningAlgorithm": "ECDSA_SHA_256"], ["ECC"]),
        ("Verify", ["SigningAlgorithm": "ECDSA_SHA_512"], ["ECC"]),
        ("Sign", ["SigningAlgorithm": "ED25519_SHA_512"], ["ECC"]),
        ("Sign", ["SigningAlgorithm": "SM2DSA"], ["ECC"]),
        ("Sign", ["SigningAlgorithm": "ML_DSA_SHAKE_256"], ["ML_DSA"]),
        ("Verify", ["SigningAlgorithm": "ML_DSA_SHAKE_256"], ["ML_DSA"]),
    ]

    /// The symmetric quota of some regions of each kind.
    static let symmetric: [(region: String, perSecond: Double)] = [
        ("us-east-1", 100_000), ("us-west-2", 100_000), ("eu-west-1", 100_000), ("us-east-2", 20_000),
        ("ap-southeast-1", 20_000), ("ap-southeast-2", 20_000), ("ap-northeast-1", 20_000),
        ("eu-central-1", 20_000), ("eu-west-2", 20_000), ("eu-west-3", 10_000), ("us-west-1", 10_000),
        ("us-gov-west-1", 10_000), ("cn-north-1", 10_000), ("own-site-1", 10_000),
    ]

    /// The data key pairs a second of each spec, outside China and there.
    static let pairs: [(spec: String, perSecond: Double?, inChina: Double)] = [
        ("ECC_NIST_P256", 100, 100), ("ECC_NIST_P384", 100, 100), ("ECC_NIST_P521", 100, 100),
        ("ECC_SECG_P256K1", 100, 100), ("ECC_NIST_EDWARDS25519", 100, 100), ("RSA_2048", 20, 1),
        ("RSA_3072", 4, 0.5), ("RSA_4096", 1, 0.1), ("SM2", nil, 25),
    ]
}

struct RequestQuotaTests {
    private static func charges(
        _ operation: String, _ body: [String: String], in region: String = "eu-central-1",
        amongst hosted: HostedRegions = .anyWellFormed
    ) throws -> [QuotaCharge] {
        let name = try #require(OperationName(rawValue: operation))
        let description = try #require(Catalogue.operation(name)).description
        let members = body.map { JSONObject.Member(name: $0.key, value: .string($0.value)) }
        return ChargedOperation(description)
            .charges(for: JSONObject(members), in: try Sample.region(region), amongst: hosted)
    }

    @Test func `each operation counts against the quota that the guide gives it`() throws {
        for (name, rate) in Guide.ownRates {
            if Catalogue.operation(name) != nil {
                let charges = try Self.charges(name.rawValue, [:])
                #expect(charges.map(\.quota.name) == [name.rawValue] && charges.map(\.count) == [1], "\(name)")
            }
            let rates = Throttle(QuotaSettings(profile: .aws))
                .rates(of: try Sample.account(), in: try Sample.region())
            #expect(rates[name.rawValue] == rate, "\(name)")
        }
        for (operation, body, quotas) in Guide.cryptographic {
            let charges = try Self.charges(operation, body)
            #expect(charges.map(\.quota.name) == quotas, "\(operation) \(body)")
            #expect(charges.allSatisfy { $0.count == 1 && $0.region.description == "eu-central-1" })
        }
        for operation in Guide.dataKeyPairs {
            for pair in Guide.pairs {
                let charges = try Self.charges(operation, ["KeyPairSpec": pair.spec])
                // What AWS has no quota for is refused, and counts as something all the same.
                let further = pair.perSecond == nil ? ["symmetric"] : []
                #expect(charges.map(\.quota.name) == ["GenerateDataKeyPair.\(pair.spec)"] + further)
            }
            for body in [[:], ["KeyPairSpec": "SYMMETRIC_DEFAULT"], ["KeyPairSpec": "none such"]] {
                #expect(try Self.charges(operation, body).map(\.quota.name) == ["symmetric"])
            }
        }
    }

    @Test func `the guide speaks of every operation`() {
        let named = Set(
            Guide.ownRates.keys.map(\.rawValue) + Guide.cryptographic.map(\.operation) + Guide.dataKeyPairs)
        #expect(named == Set(OperationName.allCases.map(\.rawValue)))
    }

    @Test func `rates are those of the region's kind, and no others`() throws {
        let throttle = Throttle(QuotaSettings(profile: .aws))
        for (region, symmetric) in Guide.symmetric {
            var expected: [String: Double] = ["symmetric": symmetric, "RSA": 1000, "ECC": 1000, "ML_DSA": 1000]
            (expected["LookupEvents"], expected["IAM"], expected["STS"]) = (2, 100, 600)
            for pair in Guide.pairs {
                let isChina = region.hasPrefix("cn-")
                expected["GenerateDataKeyPair.\(pair.spec)"] = isChina ? pair.inChina : pair.perSecond
            }
            for (name, rate) in Guide.ownRates { expected[name.rawValue] = rate }
            #expect(throttle.rates(of: try Sample.account(), in: try Sample.region(region)) == expected, "\(region)")
        }
    }

    @Test func `names are unique`() {
        #expect(Set(RequestQuota.all.map(\.name)).count == RequestQuota.all.count)
    }

    @Test func `making a replica counts in its region too`() throws {
        let replica = try Self.charges("ReplicateKey", ["ReplicaRegion": "eu-west-1"])
        #expect(replica.map(\.quota.name) == ["ReplicateKey", "CreateKey"])
        #expect(replica.map(\.region.description) == ["eu-central-1", "eu-west-1"])
        #expect(replica.map(\.count) == [1, 2])
        let primary = try Self.charges("UpdatePrimaryRegion", ["PrimaryRegion": "eu-west-1"])
        #expect(primary.map(\.quota.name) == ["UpdatePrimaryRegion", "UpdatePrimaryRegion"])
        #expect(primary.map(\.region.description) == ["eu-central-1", "eu-west-1"])
        #expect(primary.map(\.count) == [1, 1])
    }

    /// What is refused anyway must not make buckets in regions that are not served.
    @Test(arguments: ["eu-central-1", "own-site-1", "no region", ""])
    func `a region where the call does nothing is not charged`(region: String) throws {
        #expect(try Self.charges("ReplicateKey", ["ReplicaRegion": region]).count == 1)
        let listed = HostedRegions.only([try Sample.region(), try Sample.region("own-site-1")])
        #expect(
            try Self.charges("UpdatePrimaryRegion", ["PrimaryRegion": region], amongst: listed).count
                == (region == "own-site-1" ? 2 : 1))
    }
}
