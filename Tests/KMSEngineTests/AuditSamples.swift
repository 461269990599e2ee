import Foundation
import KMSCrypto
import KMSEngine
import KMSModel
import Logging
import Synchronization
import Testing

/// A clock that shows what a test sets.
final class SetClock: Clock {
    private let time: Mutex<Date>

    init(_ time: Date) { self.time = Mutex(time) }

    var now: Date { time.withLock { $0 } }
    var signingTime: Date { now }

    func set(_ date: Date) { time.withLock { $0 = date } }
    func advance(days: Int) { time.withLock { $0 = $0.adding(days: days) } }
}

/// An audit log in a directory of its own, and the key that chains it.
final class AuditLogBox: Sendable {
    let directory: URL
    let chain: AuditChain
    let clock: SetClock

    init(in directory: URL, startingAt start: Date = Date()) throws {
        self.directory = directory
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        let seal = FileSeal(path: directory.appendingPathComponent("root.key").path)
        try seal.create()
        let keyring = try Keyring(rootKey: seal.open(), capacity: 1)
        chain = try keyring.openAuditKey(keyring.makeAuditKey())
        clock = SetClock(start)
    }

    var audit: URL { directory.appendingPathComponent("audit") }
    var current: URL { audit.appendingPathComponent("audit.jsonl") }

    func open(
        _ note: KnownLog = .nothing, _ configuration: AuditConfiguration = AuditConfiguration(), base: ChainLink? = nil
    ) throws -> AuditLog {
        try AuditLog(
            directory: audit, chain: chain, note: note, base: base, configuration: configuration, clock: clock,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    }

    /// Makes a log of so many records, and closes it.
    ///
    /// - Returns: The last record.
    @discardableResult
    func write(_ numbers: Range<Int>, after note: KnownLog = .nothing) async throws -> ChainLink {
        let log = try open(note)
        for number in numbers { try await log.append(record(number), .later) }
        log.close()
        return log.durableHead
    }

    /// A record of this moment.
    func record(_ number: Int) -> [UInt8] {
        Array(#"{"eventTime":"\#(UTCTime(clock.now).iso8601)","eventName":"E\#(number)"}"#.utf8) + [0x0A]
    }

    func verify(
        _ known: ChainLink?, base: ChainLink? = nil, _ extent: AuditVerification.Extent = .init()
    ) throws -> AuditReport {
        try AuditVerification(directory: audit, chain: chain, known: known, base: base, extent: extent).run()
    }

    /// The names of the files, the oldest first.
    func names() throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: audit.path).sorted()
    }

    /// The lines of a file.
    func lines(of name: String = "audit.jsonl") throws -> [String] {
        String(decoding: try Data(contentsOf: audit.appendingPathComponent(name)), as: UTF8.self)
            .split(separator: "\n", omittingEmptySubsequences: false).dropLast().map(String.init)
    }

    func replaceLines(of name: String = "audit.jsonl", with lines: [String]) throws {
        try Data(lines.map { $0 + "\n" }.joined().utf8).write(to: audit.appendingPathComponent(name))
    }
}
