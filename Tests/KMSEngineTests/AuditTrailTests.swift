import Dispatch
import Foundation
import Glibc
import KMSEngine
import KMSModel
import Synchronization
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
        try await search(["audit.jsonl": lines.map(\.text).joined()], query, limit: limit, days: days)
    }

    /// Searches a log of files with these names and contents.
    private func search(
        _ files: [String: String], _ query: AuditQuery, limit: Int = 100, days: Int = 0
    ) async throws -> AuditTrail.Findings {
        try await withTemporaryDirectory { directory in
            try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
            for (name, text) in files { try Data(text.utf8).write(to: directory.appendingPathComponent(name)) }
            return try await AuditTrail(AuditFiles(directory: directory)).search(
                query, account: try #require(AccountID("111122223333")), region: try #require(Region("eu-central-1")),
                limit: limit, days: days, now: Self.now)
        }
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
        var (pages, query, log) = ([[String]](), AuditQuery(), Self.log)
        repeat {
            let found = try await search(log, query, limit: 2)
            pages.append(found.events.map(\.id))
            query.start = found.next
            // Whatever is recorded meanwhile is on none of the pages.
            log.append(Line())
        } while query.start != nil && pages.count < 9
        #expect(pages == [["1", "20"], ["30", "60"], ["80", "90"]])
        let changes = try await search(Self.log, AuditQuery(omitsReads: true))
        #expect(changes.events.map(\.id) == ["1", "20", "30", "60", "80", "90"], "none is marked as a read")
    }

    /// What a caller chooses is recorded too, and can look like a member of the record.
    @Test func `no account gets records into another's trail`() async throws {
        let forged = Line(account: "444455556666", who: "user/eve", padding: 1).text.replacing(
            #""pad":"x""#, with: #""encryptionContext":{"recipientAccountId":"111122223333"}"#)
        let found = try await search(["audit.jsonl": forged + Line(age: 1).text], AuditQuery(), limit: 10, days: 3)
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

    @Test func `the pages of a log that is cut go on behind the cut`() async throws {
        let lines = (0..<70).reversed().map { Line(age: $0, padding: 1_000_000) }
        let first = try await search(lines, AuditQuery())
        let rest = try await search(lines, AuditQuery(start: first.next))
        #expect((first.events + rest.events).map(\.id) == (0..<70).map(String.init))
        #expect(!rest.isCut && rest.next == nil)
    }

    /// A record is dated when its call began, and stands where that ended.
    @Test(arguments: [
        ("2027-01-14T12:30", ["19"]), ("2027-01-14T12:00:00", ["20", "19"]), ("2027-01-14", ["20", "19"]),
    ])
    func `a call that took long does not hide those that were recorded before it`(from: String, ids: [String])
        async throws
    {
        let log = [Line(age: 90), Line(age: 19), Line(age: 20)]
        #expect(try await search(log, AuditQuery(from: from)).events.map(\.id) == ids)
    }

    @Test func `a call that took long does not hide those of the first day that is counted`() async throws {
        // 00:00 of that day, and 23:00 of the one before.
        let log = [Line(age: 90), Line(age: 56), Line(age: 57)]
        #expect(try await search(log, AuditQuery(), limit: 0, days: 3).counts.map(\.succeeded) == [1, 0, 0])
    }

    /// A log in which the account has the two newest records, and another account all the others.
    private func withCrowdedLog(_ body: (AuditTrail, URL) async throws -> Void) async throws {
        try await withTemporaryDirectory { directory in
            try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
            let theirs = (2..<41).reversed().map { Line(account: "444455556666", age: $0, padding: 1_000_000).text }
            let text = theirs.joined() + Line(age: 1).text + Line().text
            try Data(text.utf8).write(to: directory.appendingPathComponent("audit.jsonl"))
            try await body(AuditTrail(AuditFiles(directory: directory)), directory)
        }
    }

    private static func search(
        _ trail: AuditTrail, account: String, limit: Int = 100
    ) async throws -> AuditTrail.Findings {
        try await trail.search(
            AuditQuery(), account: try #require(AccountID(account)), region: try #require(Region("eu-central-1")),
            limit: limit, days: 0, now: Self.now)
    }

    @Test func `an account that searches much waits for itself and not others for it`() async throws {
        try await withCrowdedLog { trail, _ in
            let order = try await withThrowingTaskGroup(of: String.self) { group in
                for _ in 0..<9 {
                    group.addTask {
                        do {
                            return try await Self.search(trail, account: "444455556666").isCut ? "cut" : "long"
                        } catch AuditTrail.Failure.crowded {
                            return "refused"
                        }
                    }
                }
                // It begins when the others have begun: those that are too many have come back.
                var order: [String] = []
                while order.count(where: { $0 == "refused" }) < 6, let next = try await group.next() {
                    order.append(next)
                }
                group.addTask {
                    let found = try await Self.search(trail, account: "111122223333", limit: 1)
                    return found.next == nil ? "nothing" : "short"
                }
                for try await next in group { order.append(next) }
                return order
            }
            #expect(order == Array(repeating: "refused", count: 6) + ["short", "long", "long", "long"])
        }
    }

    @Test func `a search ends when nobody waits for it`() async throws {
        try await withCrowdedLog { trail, _ in
            let search = Task { try await Self.search(trail, account: "444455556666") }
            search.cancel()
            await #expect(throws: AuditTrail.Failure.self) { try await search.value }
            let found = try await Self.search(trail, account: "111122223333")
            #expect(found.events.count == 2)
        }
    }

    @Test func `what is no record is passed over`() async throws {
        let text = #"{"recipientAccountId":"111122223333""# + "\n\n[]\n" + Line().text + "half"
        #expect(try await search(["audit.jsonl": text], AuditQuery()).events.map(\.id) == ["0"])
    }

    // MARK: Several files

    /// The log in three files, of three days, the middle one of which has lines in it that are dated back.
    private static let files = [
        "audit-2027-01-13-00000000000000000001.jsonl": log[..<5].map(\.text).joined(),
        "audit-2027-01-14-00000000000000000006.jsonl":
            log[5..<7].map(\.text).joined()
            + Line(age: 85).text.replacing(
                #","recipientAccountId""#, with: #","eventType":"AwsServiceEvent","recipientAccountId""#),
        "audit.jsonl": log[7...].map(\.text).joined(),
    ]

    @Test func `closed files are read behind the one that is written`() async throws {
        let found = try await search(Self.files, AuditQuery())
        #expect(found.events.map(\.id) == ["1", "85", "20", "30", "60", "80", "90"] && !found.isCut)
        let closed = Self.files.filter { $0.key != "audit.jsonl" }
        let first = try await search(closed, AuditQuery(), limit: 2)
        let next = try await search(closed, AuditQuery(start: first.next), limit: 2)
        let last = try await search(closed, AuditQuery(start: next.next), limit: 2)
        #expect([first, next, last].map { $0.events.map(\.id) } == [["85", "20"], ["30", "60"], ["80", "90"]])
        #expect(last.next == nil)
        #expect(try await search(Self.files, AuditQuery(name: "Decrypt")).events.map(\.id) == ["30", "60"])
    }

    @Test func `what is dated back does not hide calls that were recorded before it`() async throws {
        #expect(try await search(Self.files, AuditQuery(from: "2027-01-13")).events.map(\.id) == ["1", "20", "30"])
    }

    @Test func `files of days that are not asked for are not opened`() async throws {
        try await withTemporaryDirectory { directory in
            // A directory in the place of a file cannot be read.
            let unreadable = directory.appendingPathComponent("audit-2027-01-12-00000000000000000000.jsonl")
            try FileManager.default.createDirectory(at: unreadable, withIntermediateDirectories: true)
            for (name, text) in Self.files {
                try Data(text.utf8).write(to: directory.appendingPathComponent(name))
            }
            let trail = AuditTrail(AuditFiles(directory: directory, older: unreadable.lastPathComponent))
            let account = try #require(AccountID("111122223333"))
            let region = try #require(Region("eu-central-1"))
            let found = try await trail.search(
                AuditQuery(from: "2027-01-13"), account: account, region: region, limit: 100, days: 0, now: Self.now)
            #expect(found.events.count == 3)
            await #expect(throws: AuditTrail.Failure.self) {
                try await trail.search(
                    AuditQuery(), account: account, region: region, limit: 100, days: 0, now: Self.now)
            }
        }
    }

    @Test(.timeLimit(.minutes(1))) func `a page never goes on in a file without a number`() async throws {
        try await withTemporaryDirectory { directory in
            try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
            let writing = FilesThatBegin(in: directory, [Line(age: 2), Line(age: 1)].map(\.text))
            defer { writing.end() }
            let trail = AuditTrail(AuditFiles(directory: directory))
            let (account, region) = (try #require(AccountID("111122223333")), try #require(Region("eu-central-1")))
            var pages: [String: Int] = [:]
            for _ in 0..<20_000 {
                let next = try await trail.search(
                    AuditQuery(), account: account, region: region, limit: 1, days: 0, now: Self.now
                ).next
                pages[next?.description.split(separator: ".").first.map(String.init) ?? "none", default: 0] += 1
            }
            #expect(pages["7", default: 0] > 0)
            #expect(Set(pages.keys).isSubset(of: ["7", "none"]), "\(pages)")
        }
    }

    /// A thread that puts an empty file in the place of the one that is written, and then writes records into it, over and
    /// over, as a log does that begins files.
    private final class FilesThatBegin: Sendable {
        private let isDone = Atomic(false)
        private let hasEnded = DispatchSemaphore(value: 0)

        /// - Parameter lines: Records without a place in a chain; they get numbers from 7 on.
        init(in directory: URL, _ lines: [String]) {
            let code = Data(repeating: 1, count: 32).base64EncodedString()
            let text = lines.enumerated().map { number, line in
                String(line.dropLast(2)) + #","chatelaineChain":{"sequence":\#(number + 7),"mac":"\#(code)"}}"# + "\n"
            }.joined()
            let (new, current) = (directory.path + "/new", directory.path + "/audit.jsonl")
            let thread = Thread { [self] in
                while !isDone.load(ordering: .relaxed) {
                    let descriptor = open(new, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
                    rename(new, current)
                    _ = Array(text.utf8).withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
                    close(descriptor)
                }
                hasEnded.signal()
            }
            thread.start()
        }

        func end() {
            isDone.store(true, ordering: .relaxed)
            hasEnded.wait()
        }
    }
}
