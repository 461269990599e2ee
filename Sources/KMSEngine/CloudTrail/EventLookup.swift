import Foundation
import KMSCrypto
import KMSModel

/// What LookupEvents is asked for, and how the log is searched for it.
///
/// Source: CloudTrail API Reference, LookupEvents.
struct EventLookup: Sendable {
    /// How much earlier than its place in the log the time of a call can be: it waits in turn, or makes a key.
    static let longestCall: TimeInterval = 3600
    /// How far back events are found.
    static let windowInDays = 90

    /// The records of one account that a page shows.
    struct Page: Sendable {
        /// The records' text, without their place in the chain, and what they say.
        var events: [(record: JSONObject, text: String)] = []
        /// Where the next page begins; nil when nothing older is left.
        var next: AuditPosition?
    }

    let account: AccountID
    let region: Region
    let request: EventLookupRequest
    /// Where to begin; nil for the first page.
    let start: AuditPosition?
    /// The first and the last second of the events, as records tell times.
    private let times: (from: String, to: String?)
    /// What no event of interest comes behind, except one that is dated back.
    private let earliest: String
    private let sieve: RecordSieve
    /// What stands in each record that is looked for.
    private let marks: [BytePattern]

    init(_ request: EventLookupRequest, account: AccountID, region: Region, start: AuditPosition?, now: Date) {
        self.request = request
        self.account = account
        self.region = region
        self.start = start
        let from = max(request.start ?? .distantPast, now.adding(days: -Self.windowInDays))
        let first = Date(timeIntervalSince1970: from.timeIntervalSince1970.rounded(.up))
        times = (UTCTime(first).iso8601, request.end.map { UTCTime($0).iso8601 })
        earliest = UTCTime(first.addingTimeInterval(-Self.longestCall)).iso8601
        sieve = RecordSieve(account: account, places: [("awsRegion", "\(region)\"")])
        marks = request.attribute.map { Self.marks(of: $0) } ?? []
    }

    private var latestDay: Int? { times.to.flatMap { UTCTime.day(ofDate: String($0.prefix(10))) } }

    /// What a record's bytes alone say of it.
    private enum Impression {
        /// It is of no interest.
        case unwanted
        /// Neither it nor anything older is.
        case tooOld
        /// It has to be read.
        case promising
    }

    private func impression(of line: ArraySlice<UInt8>) -> Impression {
        guard sieve.canBeOfAccount(line) else { return .unwanted }
        if let time = RecordSieve.time(of: line) {
            if time < earliest, !RecordSieve.canBeServiceEvent(line) { return .tooOld }
            guard isInTime(time) else { return .unwanted }
        }
        return sieve.canBeInPlace(line) && marks.allSatisfy { $0.isFound(in: line) } ? .promising : .unwanted
    }

    private func isInTime(_ time: String) -> Bool { time >= times.from && times.to.map { time <= $0 } ?? true }

    private static func event(in line: ArraySlice<UInt8>) -> (AuditEvent, text: String)? {
        let text = ChainedLine(line).map { Array($0.record) + [UInt8(ascii: "}")] } ?? Array(line)
        guard case .object(let record)? = try? JSONParser.parse(text) else { return nil }
        return (AuditEvent(record), String(decoding: text, as: UTF8.self))
    }

    /// The search for a page, as it goes backwards through the lines.
    struct Reading: TrailReading {
        /// A page may be empty and not the last, as CloudTrail's may.
        static let mostBytes = 128 << 20

        private let lookup: EventLookup
        private var page = Page()
        private var lastTaken: AuditPosition?

        init(_ lookup: EventLookup) { self.lookup = lookup }

        var start: AuditPosition? { lookup.start }
        var latestDay: Int? { lookup.latestDay }

        func isDone(with day: Int) -> Bool { UTCTime(day: day).date < lookup.earliest.prefix(10) }

        mutating func look(at line: ArraySlice<UInt8>, _ place: AuditPosition) -> Bool {
            switch lookup.impression(of: line) {
            case .unwanted: return true
            case .tooOld: return false
            case .promising: break
            }
            guard let (event, text) = EventLookup.event(in: line), lookup.admits(event) else { return true }
            guard page.events.count < lookup.request.limit else {
                page.next = lastTaken
                return false
            }
            page.events.append((event.record, text))
            lastTaken = place
            return true
        }

        /// What was found, once the reading has ended like this.
        func page(endingAt end: AuditFiles.End) -> Page {
            var page = page
            if case .cut(let place) = end { page.next = page.events.count == lookup.request.limit ? lastTaken : place }
            return page
        }
    }

    private func admits(_ event: AuditEvent) -> Bool {
        // What a caller chose, such as an encryption context, can look like a member of the record.
        guard event.record.text("recipientAccountId") == account.description,
            event.record.text("awsRegion") == region.description, isInTime(event.time)
        else { return false }
        guard let (key, value) = request.attribute else { return true }
        switch key {
        case .eventID: return event.id == value
        case .eventName: return event.name == value
        case .readOnly: return event.record["readOnly"] == .bool(value == "true")
        case .userName: return event.userName == value
        case .resourceType: return event.record.objects("resources").contains { $0.text("type") == value }
        case .resourceName: return event.resources.contains(value)
        case .eventSource: return event.source == value
        case .accessKeyID: return event.accessKeyID == value
        }
    }

    /// What stands in a record with this attribute; nothing for what may stand there in another form.
    private static func marks(of attribute: (key: EventLookupRequest.Key, value: String)) -> [BytePattern] {
        switch attribute.key {
        case .readOnly: return [BytePattern("\"readOnly\":\(attribute.value)".utf8)]
        case .eventID, .eventName, .userName, .resourceType, .resourceName, .eventSource, .accessKeyID:
            let isPlain = attribute.value.utf8.allSatisfy { (0x20...0x7E).contains($0) && $0 != 0x22 && $0 != 0x5C }
            return isPlain ? [BytePattern(attribute.value.utf8)] : []
        }
    }
}

extension AuditEvent {
    /// Who called, as CloudTrail's event history names it: a user's name, that of a role's session, or `root`.
    var userName: String? {
        guard let identity = record.object("userIdentity") else { return nil }
        switch identity.text("type") {
        case "Root": return "root"
        case "AssumedRole":
            guard let arn = identity.text("arn"), let slash = arn.utf8.lastIndex(of: UInt8(ascii: "/")) else {
                return nil
            }
            return String(arn[arn.utf8.index(after: slash)...])
        default: return identity.text("userName")
        }
    }

    /// The access key that the request was signed with.
    var accessKeyID: String? { record.object("userIdentity")?.text("accessKeyId") }
}
