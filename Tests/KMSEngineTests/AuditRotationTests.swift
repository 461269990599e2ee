import Foundation
import KMSEngine
import KMSModel
import Testing

/// The files of a log: when another one begins, and how long they are kept.
struct AuditRotationTests {
    private static let start = Date(timeIntervalSince1970: 1_800_000_000)  // 2027-01-15T08:00:00Z

    private func configuration(size: Int = 1 << 20, retention: Int? = nil) -> AuditConfiguration {
        var configuration = AuditConfiguration()
        (configuration.fileSize, configuration.retentionInDays) = (size, retention)
        return configuration
    }

    @Test func `a new day has a new file, and the chain goes on`() async throws {
        try await withTemporaryDirectory { directory in
            let box = try AuditLogBox(in: directory, startingAt: Self.start)
            let log = try box.open(.nothing, configuration())
            for day in 0..<3 {
                for number in 0..<4 { try await log.append(box.record(4 * day + number)) }
                box.clock.advance(days: 1)
            }
            log.close()
            #expect(
                try box.names() == [
                    "audit-2027-01-15-00000000000000000001.jsonl", "audit-2027-01-16-00000000000000000005.jsonl",
                    "audit.jsonl",
                ])
            let report = try box.verify(log.durableHead)
            #expect(report.isWhole && report.recordCount == 12 && report.fileCount == 3)
        }
    }

    @Test func `a file that is full gives way, and nothing is lost when many write`() async throws {
        try await withTemporaryDirectory { directory in
            let box = try AuditLogBox(in: directory, startingAt: Self.start)
            let log = try box.open(.nothing, configuration(size: 4096))
            try await withThrowingTaskGroup { group in
                for number in 0..<1000 {
                    group.addTask { try await log.append(box.record(number), number % 5 == 0 ? .now : .later) }
                }
                try await group.waitForAll()
            }
            log.close()
            let report = try box.verify(log.durableHead)
            #expect(report.isWhole && report.recordCount == 1000 && report.fileCount > 20)
            for name in try box.names() {
                let size = try FileManager.default.attributesOfItem(
                    atPath: box.audit.appendingPathComponent(name).path)[.size]
                #expect(try #require(size as? Int) < 4096 + 400)
            }
        }
    }

    @Test func `a clock that goes back begins no new file`() async throws {
        try await withTemporaryDirectory { directory in
            let box = try AuditLogBox(in: directory, startingAt: Self.start)
            let log = try box.open(.nothing, configuration())
            try await log.append(box.record(0))
            box.clock.advance(days: -3)
            try await log.append(box.record(1))
            log.close()
            #expect(try box.names() == ["audit.jsonl"])
        }
    }

    @Test func `a start on another day closes the file of the day before under its own day`() async throws {
        try await withTemporaryDirectory { directory in
            let box = try AuditLogBox(in: directory, startingAt: Date())
            let last = try await box.write(0..<3)
            let day = ISO8601DateFormatter().string(from: box.clock.now).prefix(10)
            box.clock.advance(days: 2)
            let next = try await box.write(3..<5, after: .record(last))
            #expect(try box.names() == ["audit-\(day)-00000000000000000001.jsonl", "audit.jsonl"])
            #expect(try box.verify(next).isWhole)
        }
    }

    @Test func `a process that ended between the two files goes on`() async throws {
        try await withTemporaryDirectory { directory in
            let box = try AuditLogBox(in: directory, startingAt: Self.start)
            let last = try await box.write(0..<3)
            let closed = box.audit.appendingPathComponent("audit-2027-01-15-00000000000000000001.jsonl")
            try FileManager.default.moveItem(at: box.current, to: closed)
            #expect(try box.verify(last).isWhole)
            var next = try await box.write(3..<5, after: .record(last))
            #expect(try box.verify(next).isWhole)
            // And one that made the file, but wrote nothing.
            try FileManager.default.moveItem(
                at: box.current, to: box.audit.appendingPathComponent("audit-2027-01-15-00000000000000000004.jsonl"))
            try Data().write(to: box.current)
            next = try await box.write(5..<6, after: .record(next))
            #expect(try box.verify(next).isWhole && box.verify(next).recordCount == 6)
        }
    }

    @Test func `the log goes on in the same file when there cannot be another`() async throws {
        try await withTemporaryDirectory { directory in
            let box = try AuditLogBox(in: directory, startingAt: Self.start)
            let log = try box.open(.nothing, configuration())
            try await log.append(box.record(0))
            let blocked = box.audit.appendingPathComponent("audit-2027-01-15-00000000000000000001.jsonl")
            try FileManager.default.createDirectory(at: blocked, withIntermediateDirectories: false)
            box.clock.advance(days: 1)
            try await log.append(box.record(1), .now)
            try FileManager.default.removeItem(at: blocked)
            box.clock.advance(days: 1)
            try await log.append(box.record(2))
            log.close()
            #expect(try box.names() == ["audit-2027-01-16-00000000000000000001.jsonl", "audit.jsonl"])
            #expect(try box.verify(log.durableHead).isWhole)
        }
    }

    // MARK: Missing files

    private func makeDays(_ count: Int, _ box: AuditLogBox, retention: Int? = nil) async throws -> ChainLink {
        let log = try box.open(.nothing, configuration(retention: retention))
        for day in 0..<count {
            for number in 0..<2 { try await log.append(box.record(2 * day + number), .now) }
            box.clock.advance(days: 1)
        }
        log.close()
        return log.durableHead
    }

    @Test(arguments: [(0, 1...2), (2, 5...6)])
    func `a file that is missing is found`(index: Int, records: ClosedRange<UInt64>) async throws {
        try await withTemporaryDirectory { directory in
            let box = try AuditLogBox(in: directory, startingAt: Self.start)
            let last = try await makeDays(5, box)
            let names = try box.names()
            try FileManager.default.removeItem(at: box.audit.appendingPathComponent(names[index]))
            let found = try box.verify(last).findings
            #expect(found.map(\.kind) == [.missing] && found.first?.sequences == records)
            #expect(found.first?.place?.file == names[index + 1])
        }
    }

    @Test func `the file that is written is missed too`() async throws {
        try await withTemporaryDirectory { directory in
            let box = try AuditLogBox(in: directory, startingAt: Self.start)
            let last = try await makeDays(5, box)
            try FileManager.default.removeItem(at: box.current)
            #expect(try box.verify(last).findings.map(\.sequences) == [9...10])
        }
    }

    // MARK: Retention

    @Test func `old files go, the log says so, and what is left is whole`() async throws {
        try await withTemporaryDirectory { directory in
            let box = try AuditLogBox(in: directory, startingAt: Self.start)
            var last = try await makeDays(4, box)
            // 2027-04-16: of the files of January the first one's day is 91 days ago.
            box.clock.advance(days: 87)
            let log = try box.open(.record(last), configuration(retention: 90))
            try await waitUntil { try !box.names().contains { $0.contains("2027-01-15") } }
            try await log.append(box.record(100), .now)
            last = log.durableHead
            log.close()
            #expect(try box.names().filter { $0.contains("2027-01") }.count == 3)
            var report = try box.verify(last)
            #expect(report.isWhole && report.sequences?.lowerBound == 3)
            // Whoever takes one file more is found.
            let next = try #require(try box.names().first)
            try FileManager.default.removeItem(at: box.audit.appendingPathComponent(next))
            report = try box.verify(last)
            #expect(report.findings.map(\.sequences) == [3...4])
        }
    }

    @Test func `nothing is removed that is not older than that`() async throws {
        try await withTemporaryDirectory { directory in
            let box = try AuditLogBox(in: directory, startingAt: Self.start)
            let last = try await makeDays(3, box)
            box.clock.advance(days: 87)
            let log = try box.open(.record(last), configuration(retention: 90))
            try await Task.sleep(for: .seconds(1.5))
            log.close()
            #expect(try box.names().count == 3)
        }
    }

    private func waitUntil(_ condition: () throws -> Bool) async throws {
        for _ in 0..<100 {
            if try condition() { return }
            try await Task.sleep(for: .milliseconds(100))
        }
        Issue.record("it did not happen within ten seconds")
    }
}
