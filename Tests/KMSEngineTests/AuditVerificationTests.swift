import Foundation
import KMSEngine
import KMSModel
import Testing

/// What can be done to a log without its key, and how it is found.
struct AuditVerificationTests {
    /// An edit of the lines of ten records, numbered from 1, and what is found then.
    struct Edit: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let findings: [String]
        let change: @Sendable (inout [String]) -> Void

        init(_ name: String, _ findings: [String], _ change: @escaping @Sendable (inout [String]) -> Void) {
            testDescription = name
            self.findings = findings
            self.change = change
        }
    }

    private static func place(_ lines: String, _ what: String) -> String { "audit.jsonl, \(lines): \(what)" }

    private static let changed = "not what was written"
    /// What is said of records that are missing, and of the one behind them.
    private static func gap(_ line: String, _ who: String, _ next: Int) -> String {
        place(line, "\(who) missing in front of this line, so record \(next) itself cannot be checked")
    }

    private static let moved = "not in place: later ones stand in front"

    static let edits = [
        Edit("nothing", []) { _ in },
        Edit("a record is changed", [place("line 4", "record 4 is \(changed)")]) {
            $0[3] = $0[3].replacing(#""E3""#, with: #""E9""#)
        },
        Edit("the first record is changed", [place("line 1", "record 1 is \(changed)")]) {
            $0[0] = $0[0].replacing(#""E0""#, with: #""E9""#)
        },
        Edit("the last record is changed", [place("line 10", "record 10 is \(changed)")]) {
            $0[9] = $0[9].replacing(#""E9""#, with: #""E0""#)
        },
        Edit("a code is changed", [place("line 4", "record 4 is \(changed)")]) { lines in
            let last = lines[3].index(lines[3].endIndex, offsetBy: -20)
            lines[3].replaceSubrange(last...last, with: lines[3][last] == "A" ? "B" : "A")
        },
        Edit("records are changed one after the other", [place("lines 4 to 5", "records 4 to 5 are \(changed)")]) {
            $0[3] = $0[3].replacing(#""E3""#, with: #""E9""#)
            $0[4] = $0[4].replacing(#""E4""#, with: #""E9""#)
        },
        Edit("a record is removed", [gap("line 4", "record 4 is", 5)]) { $0.remove(at: 3) },
        Edit("records are removed", [gap("line 4", "records 4 to 6 are", 7)]) { $0.removeSubrange(3..<6) },
        Edit("the first record is removed", [gap("line 1", "record 1 is", 2)]) { $0.removeFirst() },
        Edit("the end is cut off", ["at the end of the log: records 9 to 10 are missing"]) { $0.removeLast(2) },
        Edit("all is removed", ["at the end of the log: records 1 to 10 are missing"]) { $0.removeAll() },
        Edit("two records are swapped", [place("line 5", "record 4 is \(moved)")]) { $0.swapAt(3, 4) },
        Edit("a record is moved to the end", [place("line 10", "record 4 is \(moved)")]) {
            $0.append($0.remove(at: 3))
        },
        Edit("records are moved to the front", [place("lines 3 to 10", "records 1 to 8 are \(moved)")]) {
            $0 = Array($0[8...]) + $0[..<8]
        },
        Edit("a record is there twice", [place("line 5", "record 4 is there again")]) { $0.insert($0[3], at: 4) },
        Edit(
            "a record is there again at the end, changed",
            [place("line 11", "record 4 is there again"), place("line 11", "record 4 is \(changed)")]
        ) { $0.append($0[3].replacing(#""E3""#, with: #""E9""#)) },
        Edit(
            "a record is moved and changed",
            [
                place("line 6", "record 4 is not in place: later ones stand in front"),
                place("line 6", "record 4 is \(changed)"),
            ]
        ) { $0.insert($0.remove(at: 3).replacing(#""E3""#, with: #""E9""#), at: 5) },
        Edit("a record is there again at the end", [place("line 11", "record 4 is there again")]) { $0.append($0[3]) },
        Edit(
            "a forged record is inserted before the one of its number",
            [place("line 4", "record 4 is \(changed)"), place("line 5", "record 4 is there again")]
        ) { $0.insert($0[3].replacing(#""E3""#, with: #""E9""#), at: 3) },
        Edit(
            "a line without a place is inserted",
            [place("line 4", "a line is no part of the chain: inserted, or changed beyond recognition")]
        ) {
            $0.insert(#"{"eventName":"E9"}"#, at: 3)
        },
        Edit(
            "a record loses its place",
            [
                place("line 4", "a line is no part of the chain: inserted, or changed beyond recognition"),
                gap("line 5", "record 4 is", 5),
            ]
        ) { $0[3] = #"{"eventName":"E3"}"# },
        Edit(
            "an empty line is inserted",
            [place("line 4", "a line is no part of the chain: inserted, or changed beyond recognition")]
        ) {
            $0.insert("", at: 3)
        },
        Edit(
            "a number is written with a zero in front",
            [
                place("line 4", "a line is no part of the chain: inserted, or changed beyond recognition"),
                gap("line 5", "record 4 is", 5),
            ]
        ) { $0[3] = $0[3].replacing(#""sequence":4"#, with: #""sequence":04"#) },
        Edit(
            "a number is larger than any",
            [
                place("line 10", "a line is no part of the chain: inserted, or changed beyond recognition"),
                "at the end of the log: record 10 is missing",
            ]
        ) { $0[9] = $0[9].replacing(#""sequence":10"#, with: #""sequence":18446744073709551615"#) },
        Edit(
            "a record takes the number of a later one",
            [
                gap("line 4", "record 4 is", 5), place("lines 5 to 8", "records 5 to 8 are \(moved)"),
                place("line 9", "record 9 is there again"),
            ]
        ) { $0[3] = $0[3].replacing(#""sequence":4"#, with: #""sequence":9"#) },
        // The code of the record that was there is lost, so what follows cannot be told from something else.
        Edit(
            "a record of another log is put in the place of one",
            [place("lines 4 to 5", "records 4 to 5 are \(changed)")]
        ) { $0[3] = foreign[3] },
    ]

    /// Ten records that another key chained.
    private static let foreign: [String] = (1...10).map {
        #"{"eventName":"E\#($0 - 1)","chatelaineChain":{"sequence":\#($0),"mac":"\#(Base64.encode([UInt8](repeating: 7, count: 32)))"}}"#
    }

    @Test(arguments: edits) func `each edit is found, and where`(edit: Edit) async throws {
        try await withTemporaryDirectory { directory in
            let box = try AuditLogBox(in: directory)
            let last = try await box.write(0..<10)
            var lines = try box.lines()
            edit.change(&lines)
            try box.replaceLines(with: lines)
            let report = try box.verify(last)
            #expect(report.findings.map(\.description) == edit.findings)
            #expect(report.isWhole == edit.findings.isEmpty)
        }
    }

    @Test func `a log without records is whole when it never had any, and has none that is asked for`() async throws {
        try await withTemporaryDirectory { directory in
            let box = try AuditLogBox(in: directory)
            let log = try box.open()
            defer { log.close() }
            let report = try box.verify(log.durableHead)
            #expect(report.isWhole && report.recordCount == 0 && report.fileCount == 1)
            var extent = AuditVerification.Extent()
            extent.start = 1
            #expect(try box.verify(log.durableHead, extent).isWhole)
            extent.start = 2
            #expect(try box.verify(log.durableHead, extent).findings.map(\.sequences) == [2...2])
        }
    }

    @Test func `a log that was written anew with another key is found`() async throws {
        try await withTemporaryDirectory { directory in
            let box = try AuditLogBox(in: directory)
            let last = try await box.write(0..<10)
            try box.replaceLines(with: Self.foreign)
            let report = try box.verify(last)
            #expect(report.findings.first?.sequences == 1...10 && report.findings.map(\.kind) == [.changed])
        }
    }

    @Test func `an older copy of the log, which is whole, is found`() async throws {
        try await withTemporaryDirectory { directory in
            let box = try AuditLogBox(in: directory)
            let earlier = try await box.write(0..<5)
            let copy = try box.lines()
            let last = try await box.write(5..<10, after: .record(earlier))
            try box.replaceLines(with: copy)
            #expect(try box.verify(last).findings.map(\.sequences) == [6...10])
            #expect(try box.verify(earlier).isWhole, "with the store of that time it is what it was")
        }
    }

    @Test func `a log that went on from an older copy is found`() async throws {
        try await withTemporaryDirectory { directory in
            let box = try AuditLogBox(in: directory)
            let earlier = try await box.write(0..<5)
            let copy = try box.lines()
            let known = try await box.write(5..<10, after: .record(earlier))
            // The store was put back too, and the server went on from there; the real store knows better.
            try box.replaceLines(with: copy)
            let other = try await box.write(20..<30, after: .record(earlier))
            #expect(try box.verify(other).isWhole)
            #expect(try box.verify(known).findings.map(\.sequences) == [10...10])
        }
    }

    @Test func `a long log is read to its end, and it is told how far`() async throws {
        try await withTemporaryDirectory { directory in
            let box = try AuditLogBox(in: directory)
            let log = try box.open()
            let large =
                Array(#"{"eventName":"Large","pad":"\#(String(repeating: "x", count: 700_000))"}"#.utf8) + [0x0A]
            for number in 0..<20 { try await log.append(number % 2 == 0 ? large : box.record(number), .later) }
            log.close()
            var steps: [(Int, Int)] = []
            let report = try AuditVerification(directory: box.audit, chain: box.chain, known: log.durableHead)
                .run { steps.append(($0, $1)) }
            #expect(report.isWhole && report.recordCount == 20)
            #expect(steps.count >= 5 && zip(steps, steps.dropFirst()).allSatisfy { $0.0 < $1.0 })
        }
    }

    @Test func `a log that is being written can be verified`() async throws {
        try await withTemporaryDirectory { directory in
            let harness = try await EngineHarness(in: directory)
            let key = try await harness.makeKey()
            try await withThrowingTaskGroup { group in
                for _ in 0..<200 { group.addTask { _ = await harness.call(.describeKey, #"{"KeyId":"\#(key)"}"#) } }
                for _ in 0..<20 {
                    group.addTask {
                        let report = try harness.verifyAudit()
                        #expect(report.isWhole)
                    }
                }
                try await group.waitForAll()
            }
            try await harness.close()
        }
    }
}
