import Foundation
import KMSModel

/// Something that happened to the audit log itself, with a record in it that belongs to no account.
///
/// It has the shape of CloudTrail's service events.
struct AuditLogEvent {
    static let eventSource = "chatelaine"
    static let removal = "RemoveAuditFile"
    static let discrepancy = "AuditLogDiscrepancy"

    /// What stands in each record of a removal, and seldom in others.
    static let removalMark = BytePattern(removal.utf8)
    private static let discrepancyMark = BytePattern(discrepancy.utf8)

    private let time: Date
    private let name: String
    private let details: JSONObject

    private init(_ name: String, at time: Date, details: JSONObject) {
        self.time = time
        self.name = name
        self.details = details
    }

    /// A file that is old enough is about to be removed.
    ///
    /// - Parameter last: Its last record: the chain of what is left begins there.
    static func removal(of file: AuditFiles.Closed, endingWith last: ChainLink, at time: Date) -> Self {
        Self(
            removal, at: time,
            details: JSONObject([
                "file": .string(file.name), "lastSequence": .number(String(last.sequence)),
                "lastMac": .string(Base64.encode(last.code)),
            ]))
    }

    /// The log was not what the server knew of it.
    ///
    /// - Parameter previous: The record in front of this one, when it may be lost: then the event says itself what it follows.
    static func discrepancy(
        _ discrepancy: AuditDiscrepancy, behind previous: ChainLink? = nil, at time: Date
    ) -> Self {
        var details = JSONObject(["reason": .string(discrepancy.reason)])
        if let known = discrepancy.known { details.append("knownSequence", .number(String(known.sequence))) }
        details.append("foundSequence", .number(String(discrepancy.found?.sequence ?? 0)))
        if let previous {
            details.append("lastSequence", .number(String(previous.sequence)))
            details.append("lastMac", .string(Base64.encode(previous.code)))
        }
        return Self(Self.discrepancy, at: time, details: details)
    }

    /// Where the chain goes on after a file that was removed; nil for any other record.
    ///
    /// - Parameter record: A record that is known to be the log's own.
    static func base(statedIn record: JSONObject) -> ChainLink? {
        link(statedIn: record, of: removal)
    }

    /// What a line says that it stands behind, which its code then has to prove; nil when it says nothing.
    static func predecessor(statedIn line: ChainedLine) -> ChainLink? {
        guard discrepancyMark.isFound(in: line.record),
            case .object(let record)? = try? JSONParser.parse(Array(line.record) + [UInt8(ascii: "}")])
        else { return nil }
        return link(statedIn: record, of: discrepancy)
    }

    /// The day of a record, in days since 1970; nil when it has none.
    static func day(of line: ChainedLine) -> Int? {
        guard case .object(let record)? = try? JSONParser.parse(Array(line.record) + [UInt8(ascii: "}")]),
            let time = record.text("eventTime")
        else { return nil }
        return UTCTime.day(ofDate: String(time.prefix(10)))
    }

    private static func link(statedIn record: JSONObject, of event: String) -> ChainLink? {
        // Requests cannot have this source: it is the server that names it.
        guard record.text("eventSource") == eventSource, record.text("eventName") == event,
            record.text("eventType") == "AwsServiceEvent", let details = record.object("serviceEventDetails"),
            case .number(let digits)? = details["lastSequence"], let sequence = UInt64(digits),
            let code = details.text("lastMac").flatMap(Base64.decode)
        else { return nil }
        return ChainLink(sequence: sequence, code: code)
    }

    /// The record as one line of JSON.
    func line() -> [UInt8] {
        var writer = JSONWriter()
        writer.object { writer in
            writer.member("eventVersion", AuditRecord.eventVersion)
            writer.name("userIdentity")
            writer.object { $0.member("invokedBy", "AWS Internal") }
            writer.member("eventTime", UTCTime(time).iso8601)
            writer.member("eventSource", Self.eventSource)
            writer.member("eventName", name)
            for name: StaticString in ["sourceIPAddress", "userAgent"] { writer.member(name, "AWS Internal") }
            for name: StaticString in ["requestParameters", "responseElements"] {
                writer.name(name)
                writer.null()
            }
            writer.member("eventID", RequestID.make())
            writer.name("readOnly")
            writer.bool(false)
            writer.member("eventType", "AwsServiceEvent")
            writer.name("serviceEventDetails")
            writer.value(.object(details))
            writer.name("managementEvent")
            writer.bool(true)
            writer.member("eventCategory", "Management")
        }
        writer.lineFeed()
        return writer.bytes
    }
}
