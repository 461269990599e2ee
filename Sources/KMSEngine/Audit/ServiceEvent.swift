import Foundation
import KMSModel

/// Something that happens to a key by itself, or as the later effect of a call, with a record of its own.
///
/// Source: KMS Developer Guide, "Logging AWS KMS API calls with AWS CloudTrail".
package struct ServiceEvent: Sendable {
    let name: String
    /// Where it happened.
    let region: Region
    /// The key that the record names.
    let key: KeyARN
    let details: JSONObject?
    /// Whether CloudTrail shows it as a call of the service's own.
    private(set) var isShownAsCall = false

    private init(_ name: String, of key: KeyARN, in region: Region? = nil, details: [(String, String)]? = nil) {
        self.name = name
        self.region = region ?? key.region
        self.key = key
        self.details = details.map { JSONObject($0.map { JSONObject.Member(name: $0, value: .string($1)) }) }
    }

    /// A key was made for an AWS service.
    static func creation(of key: KeyARN) -> Self { Self("CreateKey", of: key) }

    /// The waiting period of a key is over.
    ///
    /// - Parameter backingKeys: Those of a key in a token, as in ``KeySnapshot/backingKeys``.
    static func deletion(of key: KeyARN, backingKeys: String?) -> Self {
        Self("DeleteKey", of: key, details: backingKeys.map { [("backingKeys", $0)] })
    }

    /// The material of a key was replaced.
    static func rotation(of key: KeyARN, by type: RotationType) -> Self {
        Self("RotateKey", of: key, details: [("rotationType", type.rawValue), ("keyId", key.keyID.description)])
    }

    /// Imported material ended.
    static func expiry(of key: KeyARN) -> Self {
        Self("DeleteExpiredKeyMaterial", of: key, details: [("keyId", key.keyID.description)])
    }

    /// What related keys share was brought to `region` from the primary.
    static func synchronization(with primary: KeyARN, in region: Region) -> Self {
        var event = Self("SynchronizeMultiRegionKey", of: primary, in: region)
        event.isShownAsCall = true
        return event
    }

    /// What a rotation of `key` puts down: one event for it, and one for each region that got the material.
    static func rotation(of key: KeySnapshot, in family: KeyFamily, by type: RotationType) -> [Self] {
        [rotation(of: key.arn, by: type)]
            + family.replicas.map { synchronization(with: key.arn, in: $0.arn.region) }
    }
}

/// The record that a call leaves in another region, beside its own: the replica's, or the new primary's.
package struct RecordElsewhere: Sendable {
    let eventName: String
    let region: Region
    let requestParameters: JSONObject?
    /// Nil for a record that does not tell.
    let resources: [KeyARN]?
    /// The key of that region that the call changed.
    let changed: KeyARN?
    /// The service that made the call there on the caller's behalf.
    let invokedBy: String?
}

extension AuditRecord {
    /// The record of something that happened by itself.
    init(of event: ServiceEvent, at time: Date) {
        self.init(
            time: time, eventName: event.name, eventID: RequestID.make(), region: event.region,
            account: event.key.account,
            origin: .service(details: event.details, requestID: event.isShownAsCall ? RequestID.make() : nil)
        )
        isReadOnly = false
        resources = [(event.key.account, event.key.description)]
    }

    /// The record that this call leaves in another region.
    func elsewhere(_ other: RecordElsewhere) -> AuditRecord {
        var record = AuditRecord(
            time: time, eventSource: eventSource, eventName: other.eventName, eventID: RequestID.make(),
            region: other.region, account: account, origin: origin
        )
        record.isReadOnly = isReadOnly
        record.requestParameters = other.requestParameters
        record.showsResources = other.resources != nil
        record.resources = (other.resources ?? []).map { ($0.account, $0.description) }
        if let changed = other.changed { record.responseElements = .keyID(changed.description) }
        record.invokedBy = other.invokedBy
        return record
    }
}
