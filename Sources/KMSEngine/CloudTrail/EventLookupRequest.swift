import Foundation
import KMSCrypto
import KMSModel

/// A request of LookupEvents.
///
/// Source: the CloudTrail API's model (2013-11-01), and the API Reference, LookupEvents.
struct EventLookupRequest: Sendable {
    /// What can be looked for.
    enum Key: String, Sendable {
        case eventID = "EventId"
        case eventName = "EventName"
        case readOnly = "ReadOnly"
        case userName = "Username"
        case resourceType = "ResourceType"
        case resourceName = "ResourceName"
        case eventSource = "EventSource"
        case accessKeyID = "AccessKeyId"
    }

    private static let (mostResults, longestValue) = (50, 2000)
    /// What has a year of four digits, in seconds since 1970.
    private static let seconds = 0..<253_402_300_800.0

    let attribute: (key: Key, value: String)?
    let start: Date?
    let end: Date?
    /// How many events a page has at most.
    let limit: Int
    /// Whether only insights are asked for: events of other services, of which there are none here.
    let wantsInsights: Bool
    /// Where the page before ended, as it said; nil for the first page.
    let token: String?

    /// - Throws: ``KMSError`` with `SerializationException` for members of other types than the model's, or one of
    ///   CloudTrail's exceptions for values that it does not have.
    init(_ body: JSONObject) throws(KMSError) {
        attribute = try Self.attribute(in: body)
        start = try Self.date("StartTime", in: body)
        end = try Self.date("EndTime", in: body)
        if let start, let end, start > end {
            throw KMSError(.invalidTimeRange, "The start time must not be after the end time.")
        }
        let category = try Self.text("EventCategory", in: body)
        wantsInsights = category != nil
        guard category ?? "insight" == "insight" else {
            throw KMSError(.invalidEventCategory, "The only event category that can be specified is insight.")
        }
        limit = try Self.limit(in: body)
        token = try Self.text("NextToken", in: body)
    }

    private static func attribute(in body: JSONObject) throws(KMSError) -> (key: Key, value: String)? {
        let list: [JSONValue]
        switch body["LookupAttributes"] {
        case nil, .null?: return nil
        case .array(let values)?: list = values
        default: throw KMSError(.serialization)
        }
        guard list.count <= 1 else {
            throw KMSError(.invalidLookupAttributes, "Only one lookup attribute can be specified.")
        }
        guard let first = list.first else { return nil }
        guard case .object(let attribute) = first else { throw KMSError(.serialization) }
        guard let name = try text("AttributeKey", in: attribute), let key = Key(rawValue: name) else {
            throw KMSError(.invalidLookupAttributes, "The key of a lookup attribute is not one that can be looked up.")
        }
        guard let value = try text("AttributeValue", in: attribute),
            (1...longestValue).contains(value.unicodeScalars.count)
        else {
            throw KMSError(
                .invalidLookupAttributes, "The value of a lookup attribute must have 1 to \(longestValue) characters.")
        }
        guard key != .readOnly || ["true", "false"].contains(value) else {
            throw KMSError(.invalidLookupAttributes, "The value of ReadOnly must be true or false.")
        }
        return (key, value)
    }

    private static func limit(in body: JSONObject) throws(KMSError) -> Int {
        switch body["MaxResults"] {
        case nil, .null?: return mostResults
        case .number(let digits)?:
            guard let count = Int(digits), (1...mostResults).contains(count) else {
                throw KMSError(.invalidMaxResults, "MaxResults must be from 1 to \(mostResults).")
            }
            return count
        default: throw KMSError(.serialization)
        }
    }

    private static func date(_ name: String, in body: JSONObject) throws(KMSError) -> Date? {
        switch body[name] {
        case nil, .null?: return nil
        case .number(let digits)?:
            guard let value = Double(digits), seconds.contains(value) else {
                throw KMSError(.invalidTimeRange, "\(name) is outside of the range of possible values.")
            }
            return Date(timeIntervalSince1970: value)
        default: throw KMSError(.serialization)
        }
    }

    private static func text(_ name: String, in body: JSONObject) throws(KMSError) -> String? {
        switch body[name] {
        case nil, .null?: return nil
        case .string(let text)?: return text
        default: throw KMSError(.serialization)
        }
    }

    // MARK: Token

    // What a token says is where to read on, and what it is of. It lets nobody read more than without it: of what is read
    // the account's own records are shown.

    private static let tokenVersion: UInt8 = 1
    private static let digestByteCount = 16
    private static let numberByteCount = 8

    /// The token for the page behind `position`.
    static func token(for position: AuditPosition, of body: JSONObject, by account: AccountID, in region: Region)
        -> String
    {
        let numbers = [position.file, UInt64(position.offset)].flatMap { number in
            stride(from: 56, through: 0, by: -8).map { UInt8(truncatingIfNeeded: number >> UInt64($0)) }
        }
        return Base64.encode([tokenVersion] + numbers + digest(of: body, account, region))
    }

    /// Where the page of this token begins.
    ///
    /// - Throws: ``KMSError`` with `InvalidNextTokenException` for a token of another request, and for any other text.
    static func position(
        in token: String, of body: JSONObject, by account: AccountID, in region: Region
    ) throws(KMSError) -> AuditPosition {
        let invalid = KMSError(
            .invalidNextToken, "The token is not valid, or was used with other parameters than it was made for.")
        guard let bytes = Base64.decode(token), bytes.count == 1 + 2 * numberByteCount + digestByteCount,
            bytes[0] == tokenVersion, bytes.suffix(digestByteCount).elementsEqual(digest(of: body, account, region))
        else { throw invalid }
        func number(_ index: Int) -> UInt64 {
            bytes[(1 + index * numberByteCount)...].prefix(numberByteCount).reduce(0) { $0 << 8 | UInt64($1) }
        }
        guard let offset = Int(exactly: number(1)) else { throw invalid }
        return AuditPosition(file: number(0), offset: offset)
    }

    /// A hash of all parameters but the token and the size of the page.
    private static func digest(of body: JSONObject, _ account: AccountID, _ region: Region) -> ArraySlice<UInt8> {
        var writer = JSONWriter()
        writer.array { writer in
            writer.string(account.description)
            writer.string(region.description)
            for name in ["LookupAttributes", "StartTime", "EndTime", "EventCategory"] {
                writer.value(body[name] ?? .null)
            }
        }
        return Digest.sha256(writer.bytes).prefix(digestByteCount)
    }
}
