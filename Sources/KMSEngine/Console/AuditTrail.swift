package import Foundation
package import KMSModel
import Synchronization

/// Reads the audit log backwards, the newest record first.
///
/// It reads no more than a bounded part of the log, on a thread of its own, one reader at a time: a search makes nobody wait
/// but other searches.
package final class AuditTrail: Sendable {
    /// How much of the log one search reads at most, in bytes.
    private static let mostBytes = 64 << 20

    /// What a search found.
    package struct Findings: Sendable {
        /// The newest first.
        package var events: [AuditEvent] = []
        /// How many calls there were on each of the last days, the earliest first.
        package var counts: [DayCount] = []
        /// Where older records go on; nil when there are no more that were looked for.
        package var next: AuditPosition?
        /// Whether there are older records that were not read.
        package var isCut = false
    }

    /// The calls of a day.
    package struct DayCount: Sendable {
        /// `yyyy-MM-dd`.
        package let date: String
        /// Those that were answered.
        package var succeeded = 0
        /// Those that were refused or failed.
        package var refused = 0
    }

    /// How many searches may wait for those before them.
    private static let mostWaiting = 8

    private let waiting = Mutex(0)
    private let files: AuditFiles
    private let readers = DispatchQueue(label: "audit-trail")

    /// - Parameter files: The log that `AuditLog` writes.
    package init(_ files: AuditFiles) { self.files = files }

    /// Searches the records of an account in a region.
    ///
    /// - Parameters:
    ///   - limit: How many records are returned at most.
    ///   - days: How many days up to `now` are counted.
    /// - Throws: ``AuditFailure`` when the log cannot be read, or too many others wait to read it.
    package func search(
        _ query: AuditQuery, account: AccountID, region: Region, limit: Int, days: Int, now: Date
    ) async throws(AuditFailure) -> Findings {
        let search = AuditSearch(query, account: account, region: region, limit: limit, days: days, now: now)
        return try await read { files throws(AuditFailure) in
            var search = search
            let end = try files.readBackwards(
                .init(start: query.start, latestDay: search.latestDay, mostBytes: Self.mostBytes),
                while: { !search.isDone(with: $0) }
            ) { line, place in
                search.look(at: line, place)
                return !search.isDone
            }
            if case .cut(let place) = end { search.end(at: place) }
            return search.findings
        }
    }

    /// Finds the events that are asked for by LookupEvents, from where the page before ended.
    ///
    /// - Throws: ``AuditFailure`` when the log cannot be read, or too many others wait to read it.
    func look(up lookup: EventLookup) async throws(AuditFailure) -> EventLookup.Page {
        try await read { files throws(AuditFailure) in try lookup.page(of: files) }
    }

    /// Reads the log on the thread of its own, after those who came before.
    private func read<Result: Sendable>(
        _ body: @escaping @Sendable (AuditFiles) throws(AuditFailure) -> Result
    ) async throws(AuditFailure) -> Result {
        let isAdmitted = waiting.withLock { waiting in
            guard waiting < Self.mostWaiting else { return false }
            waiting += 1
            return true
        }
        guard isAdmitted else { throw AuditFailure("Too many searches of the audit log are waiting.") }
        defer { waiting.withLock { $0 -= 1 } }
        let result: Swift.Result<Result, AuditFailure> = await withCheckedContinuation { continuation in
            readers.async { [files] in
                continuation.resume(
                    returning: Swift.Result { () throws(AuditFailure) in try body(files) })
            }
        }
        return try result.get()
    }
}
