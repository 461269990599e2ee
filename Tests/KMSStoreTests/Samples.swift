import Foundation
import KMSModel
import Testing

/// Records to store.
///
/// Each value is different from every other, so that no column can be mistaken for its neighbour.
struct Samples {
    let account: AccountID
    let realm: Realm

    init(account: String = "111122223333", region: String = "eu-central-1") throws {
        self.account = try #require(AccountID(account))
        realm = Realm(account: self.account, region: try #require(Region(region)))
    }

    func date(_ milliseconds: Int64) -> Date { Date(timeIntervalSince1970: Double(milliseconds) / 1000) }

    func arn(_ number: Int) throws -> KeyARN {
        let bytes = withUnsafeBytes(of: UInt64(number).bigEndian) { Array(repeating: 0xab, count: 8) + Array($0) }
        let keyID = try #require(KeyID(bytes: bytes, isMultiRegion: false))
        return KeyARN(region: realm.region, account: account, keyID: keyID)
    }

    func key(_ number: Int, tags: [KMSModel.Tag] = [], version: Int64 = 1) throws -> KeyRecord {
        KeyRecord(
            arn: try arn(number), spec: .symmetricDefault, usage: .encryptDecrypt, origin: .awsKMS,
            creationDate: date(1_700_000_000_123), state: .enabled, description: "key \(number)",
            policy: #"{"Version":"2012-10-17"}"#, tags: tags, currentMaterial: nil, version: version
        )
    }

    /// A key in which nothing is nil and no two values are alike.
    func fullKey(_ number: Int = 2) throws -> KeyRecord {
        KeyRecord(
            arn: try arn(number), spec: .eccNISTP384, usage: .keyAgreement, origin: .external, manager: .aws,
            creationDate: date(1_700_000_000_001), primaryRegion: Region("us-west-2"), state: .pendingDeletion,
            description: "für 鍵 🔑 e\u{301} \u{e9} \u{0} \" ' \\ \n", deletionDate: date(1_700_000_000_002),
            pendingWindowInDays: 17, policy: "{\"Sid\":\"naïve\"}",
            tags: [
                KMSModel.Tag(key: "z", value: ""), KMSModel.Tag(key: "a", value: "Ω\u{0}"),
                KMSModel.Tag(key: "e\u{301}", value: "é"),
            ],
            rotation: RotationSchedule(periodInDays: 91, nextRotation: date(1_700_000_000_003)),
            currentMaterial: try materialID(7), version: 5
        )
    }

    /// A key of a custom key store, behind which is a key elsewhere.
    func externalKey(_ number: Int, store: Int = 1, id: String = "orders") throws -> KeyRecord {
        KeyRecord(
            arn: try arn(number), spec: .symmetricDefault, usage: .encryptDecrypt, origin: .externalKeyStore,
            customKeyStore: try keyStoreID(store), externalKeyID: ExternalKeyID(id), creationDate: date(5),
            state: .enabled, description: "", policy: "{}", currentMaterial: nil)
    }

    func keyStoreID(_ number: Int = 1) throws -> CustomKeyStoreID {
        try #require(CustomKeyStoreID("cks-" + String(repeating: "0", count: 16) + "\(number)"))
    }

    func keyStore(_ number: Int = 1, version: Int64 = 1) throws -> CustomKeyStoreRecord {
        CustomKeyStoreRecord(
            realm: realm, id: try keyStoreID(number), creationDate: date(1_700_000_000_777),
            name: "Speicher é \(number)",
            backing: .cluster(id: "cluster-2abcdefghij", trustAnchor: "PEM\n"),
            connection: .failed(code: "INTERNAL_ERROR"),
            wrappedSecret: [9, 8, UInt8(number)], version: version)
    }

    func materialID(_ number: Int) throws -> KeyMaterialID {
        let bytes = withUnsafeBytes(of: UInt64(number).bigEndian) { Array(repeating: 0xcd, count: 24) + Array($0) }
        return try #require(KeyMaterialID(bytes: bytes))
    }

    func material(_ number: Int, of key: Int = 1, wrapped: [UInt8]? = [1, 2, 3]) throws -> MaterialRecord {
        MaterialRecord(
            key: try arn(key), id: try materialID(number), spec: .hmac384,
            creationDate: date(1_700_000_100_000 + Int64(number)), wrapped: wrapped
        )
    }

    /// Material in which nothing is nil.
    func fullMaterial(_ number: Int, of key: Int = 1) throws -> MaterialRecord {
        var material = try material(number, of: key)
        material.stage = .rotated(at: date(1_700_000_300_001), by: .onDemand)
        material.validTo = date(1_700_000_300_002)
        material.description = "für 鍵 \u{0}"
        return material
    }

    func usage(of key: Int = 1, by operation: OperationName = .decrypt) throws -> KeyUsageRecord {
        KeyUsageRecord(
            key: try arn(key), operation: operation, date: date(1_700_000_400_001), eventID: "event",
            requestID: "request"
        )
    }

    func alias(_ name: String = "app", to key: Int = 1, version: Int64 = 1) throws -> AliasRecord {
        AliasRecord(
            arn: AliasARN(realm: realm, name: try #require(AliasName("alias/" + name))),
            creationDate: date(1_700_000_200_001), target: try arn(key).keyID,
            lastUpdatedDate: date(1_700_000_200_002), version: version
        )
    }

    func grant(_ number: Int = 1, on key: Int = 1) throws -> GrantRecord {
        GrantRecord(
            key: try arn(key), id: try grantID(number), name: nil, creationDate: date(1_700_000_000_123),
            grantee: "arn:aws:iam::\(account):root", retiring: nil, issuer: account, operations: [.encrypt],
            constraints: .none
        )
    }

    /// A grant with everything that a grant can have.
    func fullGrant(_ number: Int = 2, on key: Int = 1) throws -> GrantRecord {
        GrantRecord(
            key: try arn(key), id: try grantID(number), name: "a:b/c_d-9", creationDate: date(1_700_000_000_000),
            grantee: "arn:aws:iam::\(account):role/a/b", retiring: "arn:aws:sts::\(account):assumed-role/b/c",
            issuer: try #require(AccountID("999988887777")), operations: GrantOperation.allCases.reversed(),
            constraints: GrantConstraints(
                equals: EncryptionContext([("e\u{301}", "\u{0}\n=&"), ("é", ""), ("b", "1")]),
                subset: EncryptionContext([("A", "1"), ("a", "2")])
            )
        )
    }

    func grantID(_ number: Int) throws -> GrantID {
        let end = withUnsafeBytes(of: UInt64(number).bigEndian) { Array($0) }
        return try #require(
            GrantID(bytes: [UInt8](repeating: UInt8(truncatingIfNeeded: number), count: GrantID.byteCount - 8) + end))
    }

    var user: IdentityRecord {
        IdentityRecord(id: uniqueID(.user, 1), path: "/", name: "Ann", creationDate: date(1_700_000_000_000))
    }

    func uniqueID(_ kind: UniqueID.Kind, _ number: Int) -> UniqueID {
        UniqueID(kind, random: [UInt8](repeating: UInt8(truncatingIfNeeded: number), count: UniqueID.randomByteCount))
    }

    func accessKey(_ id: String = "AKIAIOSFODNN7EXAMPLE", user: UniqueID? = nil) -> AccessKeyRecord {
        AccessKeyRecord(
            id: id, account: account, user: user, creationDate: date(1_700_000_300_001), isActive: true,
            wrappedSecret: [9, 8, 7, 0]
        )
    }

    /// Bytes that stand nowhere by chance.
    static func secret(_ number: Int, count: Int = 96) -> [UInt8] {
        var generator = Generator(seed: UInt64(number))
        return (0..<count).map { _ in UInt8(truncatingIfNeeded: generator.next() >> 32) }
    }

    /// Numbers that look random and are the same in every run (the step and mix of SplitMix64).
    struct Generator: RandomNumberGenerator {
        private var state: UInt64

        init(seed: UInt64) { state = seed }

        mutating func next() -> UInt64 {
            state &+= 0x9e37_79b9_7f4a_7c15
            var mixed = state
            mixed = (mixed ^ mixed >> 30) &* 0xbf58_476d_1ce4_e5b9
            mixed = (mixed ^ mixed >> 27) &* 0x94d0_49bb_1331_11eb
            return mixed ^ mixed >> 31
        }
    }
}

extension MaterialRecord {
    /// A copy in which `edit` changed something.
    func with(_ edit: (inout MaterialRecord) -> Void) -> MaterialRecord {
        var copy = self
        edit(&copy)
        return copy
    }
}
