import Foundation
import KMSModel

/// What a signed request to a key store proxy was and how it ended, in the shape of a CloudTrail record.
///
/// It is the record of the account that owns the key; where there is no key, of no account. `docs/external-key-store.md`
/// says what is in it.
struct KeyStoreProxyRecord {
    static let eventSource = "xks-proxy.chatelaine"
    /// What calls, as records name it.
    private static let caller = "kms-xks-proxy"
    private static let longestUserAgent = 1024

    let time: Date
    let accessKeyID: String
    let uriPath: String
    let eventID = RequestID.make()
    let requestID: String
    let client: Client
    /// From where the other side calls.
    let callingRegion: Region
    var operation: KeyStoreProxyOperation?
    var externalKeyID: String?
    var key: KeyARN?
    /// What the other side told.
    var metadata = JSONObject()
    var error: KeyStoreProxyError?

    /// What the request is called that the API does not have.
    static let unknown = "Unknown"

    /// The record as one line of JSON, members in CloudTrail's order.
    func line() -> [UInt8] {
        var writer = JSONWriter(capacity: AuditRecord.usualLength)
        writer.object { writer in
            writer.member("eventVersion", AuditRecord.eventVersion)
            writer.name("userIdentity")
            writer.object { writer in
                writer.member("type", "AWSService")
                writer.member("accessKeyId", accessKeyID)
                writer.member("invokedBy", Self.caller)
            }
            writer.member("eventTime", UTCTime(time).iso8601)
            writer.member("eventSource", Self.eventSource)
            writer.member("eventName", operation?.rawValue ?? Self.unknown)
            writer.member("awsRegion", (key?.region ?? callingRegion).description)
            writer.member("sourceIPAddress", client.address)
            if let agent = client.userAgent {
                writer.member("userAgent", String(decoding: agent.utf8.prefix(Self.longestUserAgent), as: UTF8.self))
            }
            if let error {
                // As CloudTrail calls it, whatever the service's own exception is called.
                writer.member("errorCode", error.name == .accessDenied ? "AccessDenied" : error.name.rawValue)
                writer.member("errorMessage", error.message)
            }
            write(requestTo: &writer)
            write(resourcesTo: &writer)
        }
        writer.lineFeed()
        return writer.bytes
    }

    private func write(requestTo writer: inout JSONWriter) {
        writer.name("requestParameters")
        writer.object { writer in
            writer.member("uriPath", uriPath)
            if let externalKeyID { writer.member("externalKeyId", externalKeyID) }
            writer.name("requestMetadata")
            writer.value(.object(metadata))
        }
        writer.name("responseElements")
        writer.null()
        writer.member("requestID", requestID)
        writer.member("eventID", eventID)
    }

    private func write(resourcesTo writer: inout JSONWriter) {
        writer.name("readOnly")
        writer.bool(true)
        writer.name("resources")
        writer.array { writer in
            guard let key else { return }
            writer.object { writer in
                writer.member("accountId", key.account.description)
                writer.member("type", "AWS::KMS::Key")
                writer.member("ARN", key.description)
            }
        }
        writer.member("eventType", "AwsApiCall")
        writer.name("managementEvent")
        writer.bool(true)
        if let key { writer.member("recipientAccountId", key.account.description) }
        writer.member("eventCategory", "Management")
        client.tls?.write(to: &writer)
    }
}
