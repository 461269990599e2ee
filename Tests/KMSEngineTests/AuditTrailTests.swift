import Foundation
import KMSEngine
import KMSModel
import Testing

/// The search of an audit log that is larger than what is read at once.
struct AuditTrailTests {
    private static let now = Date(timeIntervalSince1970: 1_800_000_000)

    /// A line of the log.
    private struct Line {
        var name = "Encrypt"
        var account = "111122223333"
        var region = "eu-central-1"
        var who = "user/ana"
        var key = "key-0"
        var error: String?
        /// Hours before now.
        var age = 0
        var padding = 0

        var text: String {
            let time = ISO8601DateFormatter().string(from: AuditTrailTests.now.addingTimeInterval(-3600 * Double(age)))
            let failure = error.map { #""errorCode":"\#($0)","# } ?? ""
            let pad = String(repeating: "x", count: padding)
            return #"{"userIdentity":{"arn":"arn:aws:iam::111122223333:\#(who)"},"eventTime":"\#(time)","#
                + #""eventSource":"kms.amazonaws.com","eventName":"\#(name)","awsRegion":"\#(region)",\#(failure)"#
                + #""requestParameters":{"pad":"\#(pad)"},"eventID":"\#(age)","#
                + #""resources":[{"ARN":"arn:aws:kms:eu-central-1:111122223333:key/\#(key)"}],"#
                + #""recipientAccountId":"\#(account)"}"# + "\n"
        }
    }

    private func search(
        _ lines: [Line], _ query: AuditQuery, limit: Int = 100, days: Int = 0
    ) async throws -> AuditTrail.Findings {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("trail-\(UUID().uuidString)")
        try Data(lines.map(\.text).joined().utf8).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        return try await AuditTrail(file: file).search(
            query, account: try #require(AccountID("111122223333")), region: try #require(Region("eu-central-1")),
            limit: limit, days: days, now: Self.now)
    }

    private static let log = [
        Line(name: "CreateKey", age: 90), Line(who: "user/ben", age: 80),
        Line(name: "Decrypt", key: "key-1", error: "AccessDenied", age: 60), Line(account: "444455556666", age: 50),
        Line(region: "us-east-1", age: 40), Line(name: "Decrypt", error: "InvalidCiphertextException", age: 30),
        Line(age: 20), Line(name: "DescribeKey", age: 1),
    ]

    static let rows: [(name: String, query: AuditQuery, expected: [String])] = [
        ("everything of the account and region", AuditQuery(), ["1", "20", "30", "60", "80", "90"]),
        ("who", AuditQuery(principal: "BEN"), ["80"]), ("what", AuditQuery(name: "de"), ["1", "30", "60"]),
        ("which key", AuditQuery(key: "key-1"), ["60"]), ("no such key", AuditQuery(key: "key-2"), []),
        ("success", AuditQuery(outcome: .succeeded), ["1", "20", "80", "90"]),
        ("denial", AuditQuery(outcome: .denied), ["60"]), ("failure", AuditQuery(outcome: .failed), ["30"]),
        ("both", AuditQuery(name: "Decrypt", outcome: .denied), ["60"]),
        ("from a day", AuditQuery(from: "2027-01-13"), ["1", "20", "30"]),
        ("to a day, which is included", AuditQuery(to: "2027-01-12"), ["60", "80", "90"]),
    ]

    @Test(arguments: rows.map(\.name)) func `records are found, the newest first`(name: String) async throws {
        let row = try #require(Self.rows.first { $0.name == name })
        #expect(try await search(Self.log, row.query).events.map(\.id) == row.expected)
    }

    @Test func `no more are returned than asked for, and the rest comes page by page`() async throws {
        let found = try await search(Self.log, AuditQuery(), limit: 2)
        #expect(found.events.map(\.id) == ["1", "20"] && found.hasMore)
        let next = try await search(Self.log, AuditQuery(skip: 4), limit: 2)
        #expect(next.events.map(\.id) == ["80", "90"] && !next.hasMore)
        let earlier = try await search(Self.log, AuditQuery(until: "2027-01-14T03:00:00Z"), limit: 2)
        #expect(earlier.events.map(\.id) == ["30", "60"])
        let changes = try await search(Self.log, AuditQuery(omitsReads: true))
        #expect(changes.events.map(\.id) == ["1", "20", "30", "60", "80", "90"], "none is marked as a read")
    }

    /// What a caller chooses is recorded too, and can look like a member of the record.
    @Test func `no account gets records into another's trail`() async throws {
        let forged = Line(account: "444455556666", who: "user/eve", padding: 1).text.replacing(
            #""pad":"x""#, with: #""encryptionContext":{"recipientAccountId":"111122223333"}"#)
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("trail-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: file) }
        try Data((forged + Line(age: 1).text).utf8).write(to: file)
        let found = try await AuditTrail(file: file).search(
            AuditQuery(), account: try #require(AccountID("111122223333")),
            region: try #require(Region("eu-central-1")),
            limit: 10, days: 3, now: Self.now)
        #expect(found.events.map(\.id) == ["1"])
        #expect(found.counts.map(\.succeeded).reduce(0, +) == 1)
    }

    @Test func `the calls of the last days are counted, also behind the records that are returned`() async throws {
        let found = try await search(Self.log, AuditQuery(countsUseOnly: true), limit: 1, days: 3)
        #expect(found.counts.map(\.date) == ["2027-01-13", "2027-01-14", "2027-01-15"])
        #expect(found.counts.map(\.succeeded) == [0, 1, 0])
        #expect(found.counts.map(\.refused) == [0, 1, 0])
        #expect(found.events.map(\.id) == ["1"])
    }

    /// Lines that are cut by the pieces in which the file is read.
    @Test(arguments: [0, 1, 7, 1000, 300_000])
    func `no line is lost or read twice`(padding: Int) async throws {
        let count = padding > 100_000 ? 12 : 4000
        let lines = (0..<count).reversed().map { Line(age: $0, padding: padding) }
        let found = try await search(lines, AuditQuery(), limit: count + 1)
        #expect(found.events.map(\.id) == (0..<count).map(String.init))
        #expect(!found.isCut)
    }

    @Test func `a log that is larger than what one search reads says that it was cut`() async throws {
        let lines = (0..<70).reversed().map { Line(age: $0, padding: 1_000_000) }
        let found = try await search(lines, AuditQuery(), limit: 100)
        #expect(found.isCut && found.events.count < 70 && found.events.first?.id == "0")
    }

    @Test func `what is no record is passed over`() async throws {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("trail-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: file) }
        try Data((#"{"recipientAccountId":"111122223333""# + "\n\n[]\n" + Line().text + "half").utf8).write(to: file)
        let found = try await AuditTrail(file: file).search(
            AuditQuery(), account: try #require(AccountID("111122223333")),
            region: try #require(Region("eu-central-1")),
            limit: 10, days: 0, now: Self.now)
        #expect(found.events.map(\.id) == ["0"])
    }
}
