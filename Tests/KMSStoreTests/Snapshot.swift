import Foundation
import KMSModel
import KMSStore

/// The contents of a store, comparable whatever the order in which they were read.
struct Snapshot: Equatable {
    private let accounts: [AccountID: AccountRecord]
    private let accessKeys: [String: AccessKeyRecord]
    private let identities: [UniqueID: StoredIdentity]
    private let keyStores: [CustomKeyStoreID: CustomKeyStoreRecord]
    private let keys: [KeyARN: Fields]
    private let materials: [MaterialRecord]
    private let usages: [KeyARN: KeyUsageRecord]
    private let aliases: [AliasARN: AliasRecord]
    private let grants: [GrantRecord]
    private let auditLines: [KeptAuditLines]
    private let settings: [String: [UInt8]]

    init(_ contents: StoreContents) {
        accounts = Dictionary(uniqueKeysWithValues: contents.accounts.map { ($0.id, $0) })
        accessKeys = Dictionary(uniqueKeysWithValues: contents.accessKeys.map { ($0.id, $0) })
        identities = Dictionary(uniqueKeysWithValues: contents.identities.map { ($0.id, $0) })
        keyStores = Dictionary(uniqueKeysWithValues: contents.keyStores.map { ($0.id, $0) })
        keys = Dictionary(uniqueKeysWithValues: contents.keys.map { ($0.arn, Fields($0)) })
        materials = contents.materials
        usages = Dictionary(uniqueKeysWithValues: contents.usages.map { ($0.key, $0) })
        aliases = Dictionary(uniqueKeysWithValues: contents.aliases.map { ($0.arn, $0) })
        grants = contents.grants.sorted { ($0.key.description, $0.id) < ($1.key.description, $1.id) }
        auditLines = contents.auditLines
        settings = contents.settings
    }
}

/// A key record whose texts are compared byte for byte: for Swift two spellings of one accented letter are equal.
struct Fields: Equatable {
    private let record: KeyRecord
    private let texts: [[UInt8]]

    init(_ key: KeyRecord) {
        record = key
        texts = ([key.description, key.policy] + key.tags.flatMap { [$0.key, $0.value] }).map { Array($0.utf8) }
    }
}
