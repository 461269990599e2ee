import Foundation
import KMSModel

/// A search of the audit log, as it goes backwards through the lines.
struct AuditSearch: TrailReading {
    static let mostBytes = 64 << 20

    private static let sourceOfIAM = "iam."

    private let query: AuditQuery
    private let account: String
    private let sieve: RecordSieve
    private let region: String
    private let key: BytePattern?
    /// In lower case.
    private let principal: BytePattern?
    private let limit: Int
    /// The places of the days that are counted.
    private let days: [String: Int]
    private let from: Beginning?
    /// The first day that is counted.
    private let firstDay: Beginning?
    private(set) var findings = AuditTrail.Findings()
    /// Whether nothing older can be of use.
    private(set) var isDone = false
    private var lastTaken: AuditPosition?

    /// Since when calls are of use.
    private struct Beginning {
        /// A day or a moment, as ISO 8601 writes it.
        let moment: String
        /// Behind a record that is earlier than this there is none of use: records are dated when their calls began, and stand
        /// where those ended.
        let margin: String

        init(_ moment: String) {
            self.moment = moment
            let whole = moment + "0000-00-00T00:00:00Z".dropFirst(moment.utf8.count)
            margin =
                UTCTime.seconds(ofISO8601: whole).map { seconds in
                    UTCTime(Date(timeIntervalSince1970: Double(seconds) - EventLookup.longestCall)).iso8601
                } ?? moment
        }
    }

    init(_ query: AuditQuery, account: AccountID, region: Region, limit: Int, days: Int, now: Date) {
        self.query = query
        self.account = account.description
        sieve = RecordSieve(
            account: account,
            places: [
                ("awsRegion", "\(region)\""), ("eventSource", Self.sourceOfIAM),
                ("eventSource", ConsoleSignIn.eventSource),
            ])
        self.region = region.description
        key = query.key.map { BytePattern($0.utf8) }
        principal = query.principal.map { BytePattern($0.foldedBytes) }
        self.limit = limit
        findings.counts = (0..<days).map { day in
            AuditTrail.DayCount(date: String(UTCTime(now.adding(days: day + 1 - days)).iso8601.prefix(10)))
        }
        self.days = Dictionary(
            findings.counts.enumerated().map { ($0.element.date, $0.offset) }, uniquingKeysWith: { first, _ in first })
        firstDay = (findings.counts.first?.date).map(Beginning.init)
        from = query.from.map(Beginning.init)
    }

    var start: AuditPosition? { query.start }

    mutating func look(at line: ArraySlice<UInt8>, _ place: AuditPosition) -> Bool {
        if canBeWanted(line), case .object(let record)? = try? JSONParser.parse(line) {
            look(at: AuditEvent(record), place)
        }
        return !isDone
    }

    /// Notes that what is behind a place was not read.
    mutating func end(at place: AuditPosition) {
        findings.isCut = true
        if findings.next == nil { findings.next = place }
    }

    /// Whether a record has to be read to know whether it is looked for, or where the search ends.
    private func canBeWanted(_ line: ArraySlice<UInt8>) -> Bool {
        guard sieve.canBeOfAccount(line), key?.isFound(in: line) ?? true else { return false }
        guard let time = RecordSieve.time(of: line) else { return true }
        if isTooLate(time) { return false }
        return sieve.canBeInPlace(line) || [from, firstDay].contains { $0.map { time < $0.margin } ?? false }
    }

    /// The last day is included.
    private func isTooLate(_ time: String) -> Bool { query.to.map { time.prefix($0.count) > $0 } ?? false }

    var latestDay: Int? { query.to.flatMap { UTCTime.day(ofDate: String($0.prefix(10))) } }

    func isDone(with day: Int) -> Bool {
        isDone || beginning.map { UTCTime(day: day).date < $0.moment.prefix(10) } ?? false
    }

    /// Since when calls are of use; nil while all can be.
    private var beginning: Beginning? { from ?? (findings.next != nil || limit == 0 ? firstDay : nil) }

    private mutating func look(at event: AuditEvent, _ place: AuditPosition) {
        // What was due while the server was off is dated back, so that earlier lines can be of later calls.
        if let beginning, event.time < beginning.margin, !event.isServiceEvent { isDone = true }
        guard !isDone, admits(event) else { return }
        if findings.events.count < limit {
            findings.events.append(event)
            lastTaken = place
        } else if findings.next == nil {
            findings.next = lastTaken
        }
        if findings.next != nil, days.isEmpty { isDone = true }
        guard !query.countsUseOnly || event.isUse, let place = days[String(event.time.prefix(10))] else { return }
        if event.errorCode == nil { findings.counts[place].succeeded += 1 } else { findings.counts[place].refused += 1 }
    }

    private func admits(_ event: AuditEvent) -> Bool {
        // What a caller chose, such as an encryption context, can look like a member of the record.
        guard event.record.text("recipientAccountId") == account else { return false }
        // Users and roles, and who signs in, are of the whole account.
        let isOfAccount = event.source.hasPrefix(Self.sourceOfIAM) || event.source == ConsoleSignIn.eventSource
        guard isOfAccount || event.record.text("awsRegion") == region else { return false }
        if let principal, !principal.isFound(in: event.principal.foldedBytes[...]) { return false }
        if let name = query.name, !event.name.foldedBytes.starts(with: name.foldedBytes) { return false }
        if let key, !event.resources.contains(where: { key.isFound(in: Array($0.utf8)[...]) }) { return false }
        if let from = query.from, event.time < from { return false }
        if isTooLate(event.time) { return false }
        if query.omitsReads, event.record["readOnly"] == .bool(true), !event.isUse { return false }
        switch query.outcome {
        case .succeeded?: return event.errorCode == nil
        case .denied?: return event.errorCode == "AccessDenied"
        case .failed?: return event.errorCode != nil && event.errorCode != "AccessDenied"
        case nil: return true
        }
    }
}

extension AuditEvent {
    /// Whether it happened by itself, and is dated when it was due.
    var isServiceEvent: Bool {
        record.text("eventType") == "AwsServiceEvent"
            || record.object("userIdentity")?.text("invokedBy") == "AWS Internal"
    }

    /// Whether it is of cryptography with a key.
    var isUse: Bool {
        OperationName.named(name).flatMap(Catalogue.operation)?.description.usage != nil
    }

    /// Takes a record apart.
    init(_ record: JSONObject) {
        let identity = record.object("userIdentity")
        time = record.text("eventTime") ?? ""
        name = record.text("eventName") ?? ""
        source = record.text("eventSource") ?? ""
        principal =
            identity?.text("arn") ?? identity?.text("invokedBy") ?? identity?.text("accountId")
            ?? identity?.text("principalId") ?? ""
        errorCode = record.text("errorCode")
        errorMessage = record.text("errorMessage")
        address = record.text("sourceIPAddress") ?? ""
        id = record.text("eventID") ?? ""
        resources = record.objects("resources").compactMap { $0.text("ARN") }
        self.record = record
    }
}
