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

    @Test func `files that are kept elsewhere are verified with the log`() async throws {
        try await withTemporaryDirectory { directory in
            let box = try AuditLogBox(in: directory, startingAt: Self.start)
            let last = try await makeDays(5, box)
            var extent = AuditVerification.Extent()
            for (place, name) in try box.names().dropLast().enumerated() {
                let other = directory.appendingPathComponent("other-\(place % 2)")
                try FileManager.default.createDirectory(at: other, withIntermediateDirectories: true)
                // Of one both are there.
                let source = box.audit.appendingPathComponent(name)
                try FileManager.default.copyItem(at: source, to: other.appendingPathComponent(name))
                if place != 2 { try FileManager.default.removeItem(at: source) }
                if place < 2 { extent.otherDirectories.append(other) }
            }
            #expect(try !box.verify(last).isWhole)
            let report = try box.verify(last, extent)
            #expect(report.isWhole && report.recordCount == 10 && report.fileCount == 5)
        }
    }

    @Test func `a log is verified from a record on, when what is in front of it is lost`() async throws {
        try await withTemporaryDirectory { directory in
            let box = try AuditLogBox(in: directory, startingAt: Self.start)
            let last = try await makeDays(5, box)
            let names = try box.names()
            try FileManager.default.removeItem(at: box.audit.appendingPathComponent(names[1]))
            func verify(_ start: UInt64) throws -> AuditReport {
                var extent = AuditVerification.Extent()
                extent.start = start
                return try box.verify(last, extent)
            }
            #expect(try !verify(1).isWhole && !verify(3).isWhole)
            var report = try verify(5)
            #expect(report.isWhole && report.uncheckedStart == 5 && report.sequences == 5...10)
            report = try verify(6)
            #expect(report.isWhole && report.uncheckedStart == nil && report.sequences == 6...10)
            #expect(try verify(4).findings.map(\.sequences) == [4...4])
            try box.replaceLines(of: names[3], with: box.lines(of: names[3]).map { $0.replacing("E7", with: "E9") })
            #expect(try verify(6).findings.map(\.kind) == [.changed])
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

    /// Removes what is older than 90 days, with a store that learns at once where the log begins.
    ///
    /// - Parameter isDone: Whether nothing more is waited for.
    private func retain(
        _ box: AuditLogBox, after last: ChainLink, base: ChainLink? = nil, until isDone: (AuditLog) throws -> Bool
    ) async throws -> AuditLog {
        let log = try box.open(.record(last), configuration(retention: 90), base: base)
        try await waitUntil {
            if let base = log.base { log.noteStored(base: base) }
            return try isDone(log)
        }
        try await log.append(box.record(100), .now)
        log.close()
        return log
    }

    /// The events of the log itself, without their places in it.
    private func events(_ box: AuditLogBox) throws -> [String] {
        try box.names().flatMap { try box.lines(of: $0) }.compactMap { line in
            guard case .object(let record) = try JSONParser.parse(Array(line.utf8)),
                record.text("eventSource") == "chatelaine"
            else { return nil }
            return record.text("eventName")
        }
    }

    /// Who has no key puts lines of the log under an old name, so that the server says of them that they go.
    @Test func `an old name makes no old file`() async throws {
        try await withTemporaryDirectory { directory in
            let box = try AuditLogBox(in: directory, startingAt: Self.start)
            let last = try await box.write(0..<20)
            let forged = "audit-2020-01-01-00000000000000000001.jsonl"
            let lines = try box.lines()
            for content in [[lines[9]], Array(lines[..<10]), Array(lines[..<9]) + [lines[12]], []] {
                try box.replaceLines(of: forged, with: content)
                let log = try await retain(box, after: last) { _ in
                    try content.isEmpty || events(box).contains("AuditLogDiscrepancy")
                }
                #expect(log.base == nil)
                #expect(try box.names().contains(forged))
                #expect(try !events(box).contains("RemoveAuditFile"))
                try box.replaceLines(with: lines)
            }
        }
    }

    @Test func `a file that was changed stays, and so do those behind it`() async throws {
        try await withTemporaryDirectory { directory in
            let box = try AuditLogBox(in: directory, startingAt: Self.start)
            let last = try await makeDays(4, box)
            let names = try box.names()
            try box.replaceLines(
                of: names[1], with: try box.lines(of: names[1]).map { $0.replacing("E3", with: "E9") })
            box.clock.advance(days: 100)
            let log = try await retain(box, after: last) { try $0.base != nil && !box.names().contains(names[0]) }
            #expect(log.base?.sequence == 2)
            #expect(try box.names().contains(names[1]) && box.names().contains(names[2]))
            #expect(try events(box).sorted() == ["AuditLogDiscrepancy", "RemoveAuditFile"])
            #expect(try box.verify(log.durableHead, base: log.base).findings.map(\.kind) == [.changed])
        }
    }

    @Test func `nothing goes before the store knows where the log begins`() async throws {
        try await withTemporaryDirectory { directory in
            let box = try AuditLogBox(in: directory, startingAt: Self.start)
            let last = try await makeDays(4, box)
            let names = try box.names()
            box.clock.advance(days: 100)
            var log = try box.open(.record(last), configuration(retention: 90))
            try await waitUntil { log.base != nil }
            let base = try #require(log.base)
            try await Task.sleep(for: .seconds(1.5))
            log.close()
            #expect(try Set(names).isSubset(of: box.names()))
            let known = log.durableHead
            for base in [nil, base] {
                #expect(try box.verify(known, base: base).isWhole, "\(String(describing: base))")
            }
            // The store learned it, and then the process ended.
            log = try await retain(box, after: known, base: base) { _ in
                try box.names().allSatisfy { !names.contains($0) || $0 == "audit.jsonl" }
            }
            #expect(try events(box).allSatisfy { $0 == "RemoveAuditFile" })
            #expect(try box.verify(log.durableHead, base: base).isWhole)
            #expect(try box.verify(log.durableHead).isWhole, "the log says it itself")
        }
    }

    /// Who has the log of before, and the store of before, does not lose what is old enough again.
    @Test func `a store that is older than the log learns from it where it begins`() async throws {
        try await withTemporaryDirectory { directory in
            let box = try AuditLogBox(in: directory, startingAt: Self.start)
            let last = try await makeDays(4, box)
            box.clock.advance(days: 87)
            var log = try await retain(box, after: last) { _ in try box.names().count { $0.contains("2027-01") } == 3 }
            #expect(log.base?.sequence == 2)
            box.clock.advance(days: 1)
            log = try await retain(box, after: log.durableHead) { _ in
                try box.names().count { $0.contains("2027-01") } == 2
            }
            #expect(log.base?.sequence == 4)
            #expect(try box.verify(log.durableHead).isWhole)
        }
    }

    @Test func `what is older than the chain goes too`() async throws {
        try await withTemporaryDirectory { directory in
            let box = try AuditLogBox(in: directory, startingAt: Self.start)
            try FileManager.default.createDirectory(at: box.audit, withIntermediateDirectories: true)
            try Data((0..<3).flatMap { box.record($0) }).write(to: box.current)
            let then = [FileAttributeKey.modificationDate: Self.start]
            try FileManager.default.setAttributes(then, ofItemAtPath: box.current.path)
            let last = try await makeDays(3, box)
            let forged = "audit-2020-01-01-00000000000000000000.jsonl"
            try box.replaceLines(of: forged, with: [#"{"eventName":"Forged","eventTime":"2020-01-01T00:00:00Z"}"#])
            #expect(try box.verify(last).findings.map(\.place?.file) == [forged])
            box.clock.advance(days: 88)
            let log = try await retain(box, after: last) { _ in try box.names().count { $0.contains("2027-01-15") } == 0
            }
            #expect(log.base?.sequence == 2)
            #expect(try box.names().contains(forged))
            let findings = try box.verify(log.durableHead, base: log.base).findings
            #expect(findings.map(\.kind) == [.foreign] && findings.first?.place?.file == forged)
        }
    }

    @Test func `the beginning of a log is proven, not stated`() async throws {
        try await withTemporaryDirectory { directory in
            let box = try AuditLogBox(in: directory, startingAt: Self.start)
            let last = try await box.write(0..<12)
            let lines = try box.lines()
            let code = lines[9].suffix(47).prefix(44)
            let removal =
                #"{"eventSource":"chatelaine","eventName":"RemoveAuditFile","eventType":"AwsServiceEvent","#
                + #""serviceEventDetails":{"file":"x","lastSequence":10,"lastMac":"\#(code)"},"#
                + #""chatelaineChain":{"sequence":11,"mac":"\#(code)"}}"#
            try box.replaceLines(with: [removal] + lines[11...])
            #expect(try box.verify(last).findings.first?.sequences == 1...10)
            // A store that says that more was removed than was.
            try box.replaceLines(with: lines)
            let other = ChainLink(sequence: 5, code: [UInt8](repeating: 1, count: 32))
            #expect(try box.verify(last, base: other).findings.map(\.kind) == [.misstated])
        }
    }

    @Test func `old files go, the log says so, and what is left is whole`() async throws {
        try await withTemporaryDirectory { directory in
            let box = try AuditLogBox(in: directory, startingAt: Self.start)
            var last = try await makeDays(4, box)
            // 2027-04-16: of the files of January the first one's day is 91 days ago.
            box.clock.advance(days: 87)
            let log = try await retain(box, after: last) { _ in
                try !box.names().contains { $0.contains("2027-01-15") }
            }
            last = log.durableHead
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
