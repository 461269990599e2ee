package import struct Foundation.Date

/// Everything about a key that is not secret, as the store keeps it.
///
/// Dates are exact to the millisecond: that is what the wire shows and what the store keeps.
package struct KeyRecord: Sendable, Equatable {
    /// Where the record belongs, and its name there.
    package let arn: KeyARN
    /// What kind of key material it is.
    package let spec: KeySpec
    /// What the key may be used for.
    package let usage: KeyUsage
    /// Where the key's material comes from.
    package let origin: KeyOrigin
    /// Who administers the key.
    package let manager: KeyManager
    /// One reference, for most keys are here and there are many of them.
    private let elsewhere: Elsewhere?
    /// The condition that the key is in.
    package var state: KeyState
    /// When it was made.
    package let creationDate: Date
    /// Where the primary of a multi-Region key is, which may be this one; nil for a single-Region key.
    package var primaryRegion: Region?
    package var description: String
    /// When the key ends; only while its deletion is pending.
    package var deletionDate: Date?
    /// The waiting period that was asked for, in days; only while its deletion is pending.
    package var pendingWindowInDays: Int?
    /// The policy document without white space, users and roles by their unique identifiers.
    package var policy: String
    /// In the order in which the tags were first set.
    package var tags: [Tag]
    /// The schedule of automatic rotation, when it is on.
    package var rotation: RotationSchedule?
    /// Grows by one with each change; the store refuses a change that was made from an older version.
    package var version: Int64
    /// The material that encrypts; nil before the first import.
    package var currentMaterial: KeyMaterialID?

    /// - Parameters:
    ///   - customKeyStore: Nil for a key that is here.
    ///   - externalKeyID: Only of a key in an external key store.
    package init(
        arn: KeyARN, spec: KeySpec, usage: KeyUsage, origin: KeyOrigin, manager: KeyManager = .customer,
        customKeyStore: CustomKeyStoreID? = nil, externalKeyID: ExternalKeyID? = nil, creationDate: Date,
        primaryRegion: Region? = nil, state: KeyState,
        description: String,
        deletionDate: Date? = nil, pendingWindowInDays: Int? = nil, policy: String, tags: [Tag] = [],
        rotation: RotationSchedule? = nil, currentMaterial: KeyMaterialID?, version: Int64 = 1
    ) {
        self.arn = arn
        self.spec = spec
        self.usage = usage
        self.origin = origin
        self.manager = manager
        elsewhere = customKeyStore.map { Elsewhere($0, externalKeyID) }
        self.creationDate = creationDate
        self.primaryRegion = primaryRegion
        self.state = state
        self.description = description
        self.deletionDate = deletionDate
        self.pendingWindowInDays = pendingWindowInDays
        self.policy = policy
        self.tags = tags
        self.rotation = rotation
        self.currentMaterial = currentMaterial
        self.version = version
    }

    /// Where the key's material is, if it is not here.
    package var customKeyStore: CustomKeyStoreID? { elsewhere?.store }

    /// What the proxy of an external key store calls the key behind this one (the API's `XksKeyId`); nil for other keys.
    package var externalKeyID: ExternalKeyID? { elsewhere?.externalKeyID }

    /// Whether related keys of other regions may share its material.
    package var isMultiRegion: Bool { primaryRegion != nil }

    /// Whether this is a multi-Region key whose primary is elsewhere.
    package var isReplica: Bool { primaryRegion != nil && primaryRegion != arn.region }
}

extension KeyRecord {
    /// Where a key is that is not here.
    fileprivate final class Elsewhere: Sendable, Equatable {
        let store: CustomKeyStoreID
        let externalKeyID: ExternalKeyID?

        init(_ store: CustomKeyStoreID, _ externalKeyID: ExternalKeyID?) {
            self.store = store
            self.externalKeyID = externalKeyID
        }

        static func == (left: Elsewhere, right: Elsewhere) -> Bool {
            left.store == right.store && left.externalKeyID == right.externalKeyID
        }
    }
}

/// A label that a customer puts on a key.
///
/// Keys are compared by their UTF-8 bytes.
package struct Tag: Sendable, Equatable {
    /// What it is of.
    package let key: String
    /// The text behind the label; it may be empty.
    package var value: String

    package init(key: String, value: String) {
        self.key = key
        self.value = value
    }
}

/// When a key's material is replaced.
package struct RotationSchedule: Sendable, Equatable {
    /// 90 to 2560.
    package var periodInDays: Int
    /// When the material will be replaced.
    package var nextRotation: Date

    package init(periodInDays: Int, nextRotation: Date) {
        self.periodInDays = periodInDays
        self.nextRotation = nextRotation
    }
}

/// A name that points to a key of the same realm.
package struct AliasRecord: Sendable, Equatable {
    /// Where the record belongs, and its name there.
    package let arn: AliasARN
    /// When it was made.
    package let creationDate: Date
    /// The key that the alias points to.
    package var target: KeyID
    /// When it last began to point to another key.
    package var lastUpdatedDate: Date
    /// Grows by one with each change; the store refuses a change that was made from an older version.
    package var version: Int64

    package init(arn: AliasARN, creationDate: Date, target: KeyID, lastUpdatedDate: Date, version: Int64 = 1) {
        self.arn = arn
        self.creationDate = creationDate
        self.target = target
        self.lastUpdatedDate = lastUpdatedDate
        self.version = version
    }

    /// The key that the alias points to, which is always of the alias's own realm.
    package var targetARN: KeyARN { KeyARN(region: arn.realm.region, account: arn.realm.account, keyID: target) }
}
