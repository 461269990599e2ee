package import Foundation
import Glibc

/// The files of an audit log: the one that is written, and those that are closed.
///
/// A closed file's name has the UTC day of its records and the number of its first record, `audit-2026-11-28-…123.jsonl`;
/// the number is zero when its records are older than the chain.
package struct AuditFiles: Sendable {
    private static let digitCount = 20
    private static let (prefix, suffix) = ("audit-", ".jsonl")

    /// A closed file.
    package struct Closed: Sendable, Comparable {
        /// The day of its last record, in days since 1970.
        package let day: Int
        /// The number of its first record; zero when they are older than the chain.
        package let firstSequence: UInt64

        /// In the order of the log: days can go back when the machine's clock is put right.
        package static func < (left: Closed, right: Closed) -> Bool {
            (left.firstSequence, left.day) < (right.firstSequence, right.day)
        }

        /// Whether both are of the same records, by their names.
        func isSameRange(as other: Closed) -> Bool {
            firstSequence == other.firstSequence && (firstSequence > 0 || day == other.day)
        }

        /// The name of the file.
        package var name: String {
            let digits = String(firstSequence)
            let zeros = String(repeating: "0", count: AuditFiles.digitCount - digits.count)
            return "\(AuditFiles.prefix)\(UTCTime(day: day).date)-\(zeros)\(digits)\(AuditFiles.suffix)"
        }

        init(day: Int, firstSequence: UInt64) {
            self.day = day
            self.firstSequence = firstSequence
        }

        /// The file of this name; nil for a name that no closed file has.
        init?(name: String) {
            guard name.hasPrefix(AuditFiles.prefix), name.hasSuffix(AuditFiles.suffix) else { return nil }
            let parts = name.dropFirst(AuditFiles.prefix.count).dropLast(AuditFiles.suffix.count)
            let numbers = parts.split(separator: "-", omittingEmptySubsequences: false)
            guard numbers.count == 4, numbers[3].utf8.count == AuditFiles.digitCount,
                let day = UTCTime.day(ofDate: numbers.prefix(3).joined(separator: "-")),
                let sequence = UInt64(numbers[3])
            else { return nil }
            self.init(day: day, firstSequence: sequence)
            guard self.name == name else { return nil }
        }
    }

    /// Where they are.
    let directory: URL
    /// The name of the file from before the chain that the chain begins with; nil when there is none.
    ///
    /// Anybody can put another file of that kind there.
    let older: String?
    /// The file that is written.
    var current: URL { directory.appendingPathComponent("audit.jsonl") }

    /// The files of the log in `directory`.
    ///
    /// - Parameter older: The name of the file from before the chain that the chain is known to begin with.
    package init(directory: URL, older: String? = nil) {
        self.directory = directory
        self.older = older
    }

    /// The closed files that are there, the oldest first.
    ///
    /// - Throws: ``AuditFailure`` when the directory cannot be read.
    func closed() throws(AuditFailure) -> [Closed] {
        do {
            return try FileManager.default.contentsOfDirectory(atPath: directory.path).compactMap(Closed.init)
                .sorted()
        } catch {
            throw AuditFailure("Cannot list the files in \(directory.path).")
        }
    }

    /// A name that no file has, for lines that somebody else wrote into the log; nobody takes it for a part of the log.
    func nameForStrangers() -> String {
        var number = 1
        func name() -> String { "\(current.lastPathComponent).set-aside-\(number)" }
        while access(directory.appendingPathComponent(name()).path, F_OK) == 0 { number += 1 }
        return name()
    }

    /// The log as it is at one moment.
    struct Snapshot {
        /// The file that is written, open to be read; nil when there is none.
        ///
        /// Whoever asked closes it.
        let current: Int32?
        /// The number of its first record, when it was closed meanwhile and its name says so.
        let currentSequence: UInt64?
        /// The closed files in front of it, the oldest first.
        let closed: [Closed]
    }

    /// How long to look for the file that is written, in steps of a millisecond: between two of them there is none.
    private static let mostLooks = 50

    /// Opens the log so that a file that is closed meanwhile is in it once.
    ///
    /// It may wait for some milliseconds.
    ///
    /// - Throws: ``AuditFailure`` when it cannot be read.
    func snapshot() throws(AuditFailure) -> Snapshot {
        for _ in 0..<Self.mostLooks {
            // First of all, so that it is read also when it is closed in this moment.
            let descriptor = open(current.path, O_RDONLY | O_CLOEXEC)
            guard descriptor < 0 else { return try snapshot(with: descriptor) }
            guard errno == ENOENT else { throw .system("open \(current.path)") }
            usleep(1000)
        }
        return Snapshot(current: nil, currentSequence: nil, closed: try closed())
    }

    private func snapshot(with descriptor: Int32) throws(AuditFailure) -> Snapshot {
        do throws(AuditFailure) {
            let closed = try closed()
            let place = closed.lastIndex { Self.isSame(descriptor, url(of: $0).path) }
            // What was closed behind it is of later than this moment.
            return Snapshot(
                current: descriptor, currentSequence: place.map { closed[$0].firstSequence },
                closed: Array(closed[..<(place ?? closed.endIndex)]))
        } catch {
            close(descriptor)
            throw error
        }
    }

    func url(of file: Closed) -> URL { directory.appendingPathComponent(file.name) }

    /// Makes durable which files there are.
    ///
    /// - Throws: ``AuditFailure``.
    func sync() throws(AuditFailure) {
        let descriptor = open(directory.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .system("open \(directory.path)") }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw .system("sync \(directory.path)") }
    }
}
