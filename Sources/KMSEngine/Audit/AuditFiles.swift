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
    package struct Closed: Sendable, Equatable {
        /// The day of its last record, in days since 1970.
        package let day: Int
        /// The number of its first record; zero when they are older than the chain.
        package let firstSequence: UInt64

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
    /// The file that is written.
    var current: URL { directory.appendingPathComponent("audit.jsonl") }

    /// The files of the log in `directory`.
    package init(directory: URL) { self.directory = directory }

    /// The closed files that are there, the oldest first.
    ///
    /// They are in the order of their records' numbers: days can go back when the machine's clock is put right.
    ///
    /// - Throws: ``AuditFailure`` when the directory cannot be read.
    func closed() throws(AuditFailure) -> [Closed] {
        do {
            return try FileManager.default.contentsOfDirectory(atPath: directory.path).compactMap(Closed.init)
                .sorted { ($0.firstSequence, $0.day) < ($1.firstSequence, $1.day) }
        } catch {
            throw AuditFailure("Cannot list the files in \(directory.path).")
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
