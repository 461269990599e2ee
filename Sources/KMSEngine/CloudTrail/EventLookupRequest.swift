import Foundation
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
        // No record has marks in what is looked for.
        case .string(let text)?: return text.streamSafe
        default: throw KMSError(.serialization)
        }
    }
}
