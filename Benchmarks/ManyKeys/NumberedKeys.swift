import Crypto
import Foundation
import KMSAccess
import KMSCrypto
import KMSEngine
import KMSModel
import KMSStore

/// Keys that are known by their numbers, so that whoever drives the server can name any of millions without a list.
struct NumberedKeys {
    let account: AccountID
    /// One after the other, by the keys' numbers.
    let regions: [Region]
    let keyring: Keyring
    let now: Date

    /// Every so many-th key is rotated by itself, and another one has an alias.
    static let interval = 10

    /// - Parameters:
    ///   - regions: By commas.
    ///   - rootKey: The file with the root key of the store that they are for.
    init(account: String, regions: String, rootKey: String) throws {
        guard let account = AccountID(account) else { throw ValidationFailure.account }
        self.account = account
        self.regions = try regions.split(separator: ",").map { name in
            guard let region = Region(String(name)) else { throw ValidationFailure.region(String(name)) }
            return region
        }
        keyring = try Keyring(rootKey: try FileSeal(path: rootKey).open())
        now = Date(timeIntervalSince1970: Date().timeIntervalSince1970.rounded())
    }

    /// The first 128 bits of SHA-256 of the number's digits, as a UUID of version 4.
    static func keyID(_ number: Int) throws -> KeyID {
        var bytes = Array(SHA256.hash(data: Data("many-keys/\(number)".utf8)).prefix(16))
        bytes[6] = bytes[6] & 0x0F | 0x40
        bytes[8] = bytes[8] & 0x3F | 0x80
        guard let id = KeyID(bytes: bytes, isMultiRegion: false) else { throw ValidationFailure.keyID }
        return id
    }

    func arn(_ number: Int) throws -> KeyARN {
        KeyARN(region: regions[number % regions.count], account: account, keyID: try Self.keyID(number))
    }

    /// What CreateKey, and for some keys EnableKeyRotation or CreateAlias, would write.
    func change(_ number: Int) throws -> Change {
        let arn = try arn(number)
        let material = try MaterialRecord(generatedBy: keyring, for: arn, spec: .symmetricDefault, at: now)
        var record = KeyRecord(
            arn: arn, spec: .symmetricDefault, usage: .encryptDecrypt, origin: .awsKMS, creationDate: now,
            state: .enabled, description: "number \(number)",
            policy: StandardKeyPolicy.default(for: account, in: arn.region.partition), currentMaterial: material.id)
        if number % Self.interval == 0 {
            // The first is due tomorrow: nothing happens during the measurement.
            let next = now.addingTimeInterval(Double(1 + number / Self.interval % 364) * 86_400)
            record.rotation = RotationSchedule(periodInDays: 365, nextRotation: next)
        }
        var mutations = [Mutation.insertKey(record), .insertMaterial(material)]
        if number % Self.interval == 1, let name = AliasName("alias/number-\(number)") {
            let alias = AliasRecord(
                arn: AliasARN(realm: arn.realm, name: name), creationDate: now, target: arn.keyID,
                lastUpdatedDate: now)
            mutations.append(.insertAlias(alias))
        }
        return Change(mutations)
    }
}

/// What was given that cannot be.
enum ValidationFailure: Error {
    case account
    case region(String)
    case keyID
    /// A statement of the store that writes something else than rows.
    case statement(String)
}
