import Foundation
import Glibc
import KMSEngine
import KMSModel
import Synchronization
import Testing

struct AuditLogTests {
    /// What was handed over, without its place in the chain.
    private func names(_ box: AuditLogBox, _ file: String = "audit.jsonl") throws -> [String] {
        try box.lines(of: file).map { line in
            guard case .object(let record) = try JSONParser.parse(Array(line.utf8)) else { return "" }
            return record.text("eventName") ?? ""
        }
    }

    @Test(arguments: AuditConfiguration.SyncPolicy.allCases)
    func `what was kept is in the file, each line whole and in its place`(
        policy: AuditConfiguration.SyncPolicy
    ) async throws {
        try await withTemporaryDirectory { directory in
            let box = try AuditLogBox(in: directory)
            var configuration = AuditConfiguration()
            configuration.sync = policy
            let log = try box.open(.nothing, configuration)
            try await withThrowingTaskGroup { group in
                for number in 0..<500 {
                    group.addTask {
                        try await log.append(box.record(number), number % 7 == 0 ? .now : .byPolicy)
                    }
                }
                try await group.waitForAll()
            }
            if policy == .everyGroup { #expect(log.durableHead.sequence == 500) }
            log.close()
            #expect(try Set(names(box)) == Set((0..<500).map { "E\($0)" }))
            #expect(try box.verify(log.durableHead).isWhole)
        }
    }

    @Test func `memory that holds what was synced is given back, and the log is whole`() async throws {
        try await withTemporaryDirectory { directory in
            let box = try AuditLogBox(in: directory)
            let log = try box.open()
            let text = String(repeating: "a", count: 64 << 10)
            for number in 0..<60 {
                try await log.append(Array(#"{"eventName":"E\#(number)","text":"\#(text)"}"#.utf8) + [0x0A], .now)
            }
            // A file system in memory has nowhere else to keep a file.
            // A page that the system itself is using at that moment stays.
            if try forgets(in: directory) { #expect(try residentPages(of: box.current, upTo: 1 << 20) < 64) }
            log.close()
            #expect(try names(box) == (0..<60).map { "E\($0)" })
            #expect(try box.verify(log.durableHead).isWhole)
        }
    }

    @Test func `what nobody waits for is on the disk a second later`() async throws {
        try await withTemporaryDirectory { directory in
            let box = try AuditLogBox(in: directory)
            let log = try box.open()
            try await log.append(box.record(0))
            #expect(log.durableHead.sequence == 0)
            try await Task.sleep(for: .seconds(2.5))
            #expect(log.durableHead.sequence == 1)
            log.close()
        }
    }

    @Test func `who is told of a sync hears of it before those that ask later`() async throws {
        try await withTemporaryDirectory { directory in
            let box = try AuditLogBox(in: directory)
            let log = try box.open()
            let heard = Mutex<[Bool]>([])
            let note: @Sendable (Result<Void, AuditFailure>) -> Void = { result in
                heard.withLock { $0.append((try? result.get()) != nil) }
            }
            for number in 1...20 {
                try await log.append(box.record(number), .later)
                if number % 2 == 0 { log.whenSynced(note) } else { log.whenNextSynced(note) }
                if number % 4 == 0 {
                    try await log.sync()
                    #expect(heard.withLock { $0 } == Array(repeating: true, count: number))
                    #expect(log.durableHead.sequence == number)
                }
            }
            // Without anybody who asks for a sync, one comes soon.
            try await log.append(box.record(21), .later)
            log.whenNextSynced(note)
            let end = ContinuousClock.now + .seconds(5)
            while heard.withLock({ $0.count }) < 21, ContinuousClock.now < end {
                try await Task.sleep(for: .milliseconds(10))
            }
            #expect(log.durableHead.sequence == 21)
            log.close()
            log.whenNextSynced(note)
            #expect(heard.withLock { $0.last } == false, "a closed log brings nothing to the disk")
        }
    }

    @Test func `a closed log keeps nothing and says so`() async throws {
        try await withTemporaryDirectory { directory in
            let box = try AuditLogBox(in: directory)
            let log = try box.open()
            log.close()
            log.close()
            await #expect(throws: AuditFailure.self) { try await log.append(box.record(0)) }
            await #expect(throws: AuditFailure.self) { try await log.sync() }
        }
    }

    @Test(arguments: [3, 4095, 4096, 4097, 10_000])
    func `a line that a crash cut off is gone, and no other`(length: Int) async throws {
        try await withTemporaryDirectory { directory in
            let box = try AuditLogBox(in: directory)
            let last = try await box.write(0..<1)
            let whole = try Data(contentsOf: box.current)
            try (whole + Data(String(repeating: "h", count: length).utf8)).write(to: box.current)
            #expect(try box.verify(last).isWhole, "half a line at the end is what a kill leaves")
            #expect(try box.verify(last).endsWithHalfLine)
            let next = try await box.write(1..<2, after: .record(last))
            #expect(try names(box) == ["E0", "E1"])
            #expect(try box.verify(next).isWhole)
        }
    }

    @Test func `a log of whole lines is not touched at the start`() async throws {
        try await withTemporaryDirectory { directory in
            let box = try AuditLogBox(in: directory)
            let last = try await box.write(0..<1)
            let then = Date(timeIntervalSince1970: 1_000_000_000)
            try FileManager.default.setAttributes([.modificationDate: then], ofItemAtPath: box.current.path)
            try box.open(.record(last)).close()
            let attributes = try FileManager.default.attributesOfItem(atPath: box.current.path)
            #expect(attributes[.modificationDate] as? Date == then)
        }
    }

    @Test func `the file is its owner's alone`() async throws {
        try await withTemporaryDirectory { directory in
            let box = try AuditLogBox(in: directory)
            try box.open().close()
            for (path, mode) in [(box.audit.path, 0o700), (box.current.path, 0o600)] {
                #expect(try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int == mode)
            }
        }
    }

    @Test func `a directory that cannot be made is a failure`() throws {
        #expect(throws: AuditFailure.self) {
            let box = try AuditLogBox(
                in: FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString))
            defer { try? FileManager.default.removeItem(at: box.directory) }
            try Data().write(to: box.audit)
            _ = try box.open()
        }
    }

    // MARK: From before the chain

    @Test func `records from before the chain stay as they are, and are tied to it as a whole`() async throws {
        try await withTemporaryDirectory { directory in
            let box = try AuditLogBox(in: directory)
            try FileManager.default.createDirectory(at: box.audit, withIntermediateDirectories: true)
            try Data((0..<3).flatMap { box.record($0) }).write(to: box.current)
            let last = try await box.write(3..<5)
            let report = try box.verify(last)
            #expect(
                report.isWhole && report.olderLineCount == 3 && report.recordCount == 2 && report.sequences == 1...2)
            let older = try #require(try box.names().first { $0.hasSuffix("-00000000000000000000.jsonl") })
            var lines = try box.lines(of: older)
            lines[1] = lines[1].replacing("E1", with: "E9")
            try box.replaceLines(of: older, with: lines)
            let found = try box.verify(last).findings
            #expect(found.map(\.kind) == [.foreign, .changed] && found.last?.sequences == 1...1)
        }
    }

    // MARK: A log that is not what it was

    @Test func `a log whose end is missing is gone on with behind the numbers that it had`() async throws {
        try await withTemporaryDirectory { directory in
            let box = try AuditLogBox(in: directory)
            let last = try await box.write(0..<10)
            let all = try box.lines()
            try box.replaceLines(with: Array(all.prefix(6)))
            #expect(try box.verify(last).findings.map(\.sequences) == [7...10])
            let next = try await box.write(10..<12, after: .record(last))
            #expect(try names(box).suffix(3) == ["AuditLogDiscrepancy", "E10", "E11"])
            #expect(next.sequence == 13)
            #expect(try box.verify(next).findings.map(\.sequences) == [7...10])
            // Whoever finds the lines again has a whole log.
            try box.replaceLines(with: all + Array(box.lines().suffix(3)))
            #expect(try box.verify(next).isWhole)
        }
    }

    @Test func `a log that is gone is noticed`() async throws {
        try await withTemporaryDirectory { directory in
            let box = try AuditLogBox(in: directory)
            let last = try await box.write(0..<10)
            try FileManager.default.removeItem(at: box.audit)
            let next = try await box.write(10..<11, after: .record(last))
            #expect(try names(box) == ["AuditLogDiscrepancy", "E10"])
            #expect(try box.verify(next).findings.map(\.sequences) == [1...10])
        }
    }

    @Test(arguments: [KnownLog.nothing, .unknownRecord])
    func `a store that does not know the log is noticed`(note: KnownLog) async throws {
        try await withTemporaryDirectory { directory in
            let box = try AuditLogBox(in: directory)
            try await box.write(0..<3)
            let next = try await box.write(3..<4, after: note)
            #expect(try names(box) == ["E0", "E1", "E2", "AuditLogDiscrepancy", "E3"])
            #expect(try box.verify(next).isWhole, "nothing is missing from the log itself")
            #expect(try box.verify(nil).findings.map(\.kind) == [.unknownEnd])
        }
    }
}

/// How much of the beginning of a file the system holds in memory, in pages.
private func residentPages(of file: URL, upTo length: Int) throws -> Int {
    let descriptor = open(file.path, O_RDONLY | O_CLOEXEC)
    defer { close(descriptor) }
    guard descriptor >= 0, let start = mmap(nil, length, PROT_READ, MAP_SHARED, descriptor, 0), start != MAP_FAILED
    else {
        throw CocoaError(.fileReadUnknown)
    }
    defer { munmap(start, length) }
    var pages = [UInt8](repeating: 0, count: length / Int(getpagesize()))
    guard mincore(start, length, &pages) == 0 else { throw CocoaError(.fileReadUnknown) }
    return pages.count { $0 & 1 == 1 }
}

/// Whether files of this directory are elsewhere than in memory.
private func forgets(in directory: URL) throws -> Bool {
    let (file, length) = (directory.appendingPathComponent("probe"), 1 << 20)
    try Data(count: length).write(to: file)
    let descriptor = open(file.path, O_RDWR | O_CLOEXEC)
    defer { close(descriptor) }
    guard fsync(descriptor) == 0, posix_fadvise(descriptor, 0, 0, POSIX_FADV_DONTNEED) == 0 else { return false }
    return try residentPages(of: file, upTo: length) == 0
}
