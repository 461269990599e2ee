package import Foundation
package import KMSModel
import ServiceLifecycle

/// Reads the audit log backwards, the newest record first.
///
/// A search reads no more than a bounded part of the log, piece by piece. Between the pieces others have their turns: it makes
/// nobody wait but other searches, and those of other accounts only for a piece.
package final class AuditTrail: Sendable {
    /// How much is read in a turn, in bytes: some hundredths of a second.
    private static let turnBytes = 4 << 20

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

    /// Why a search found nothing out.
    package enum Failure: Error, Sendable {
        /// The account has as many searches under way as it may have.
        case crowded
        /// The server ends, or nobody waits for the answer any more.
        case ending
        /// The log cannot be read.
        case unreadable(AuditFailure)
    }

    private let files: AuditFiles
    private let turns = SearchTurns()

    /// - Parameter files: The log that `AuditLog` writes.
    package init(_ files: AuditFiles) { self.files = files }

    /// Searches the records of an account in a region.
    ///
    /// - Parameters:
    ///   - limit: How many records are returned at most.
    ///   - days: How many days up to `now` are counted.
    /// - Throws: ``Failure``.
    package func search(
        _ query: AuditQuery, account: AccountID, region: Region, limit: Int, days: Int, now: Date
    ) async throws(Failure) -> Findings {
        let search = AuditSearch(query, account: account, region: region, limit: limit, days: days, now: now)
        var (done, end) = try await read(search, for: account)
        if case .cut(let place) = end { done.end(at: place) }
        return done.findings
    }

    /// Finds the events that are asked for by LookupEvents, from where the page before ended.
    ///
    /// - Throws: ``Failure``.
    func look(up lookup: EventLookup) async throws(Failure) -> EventLookup.Page {
        let (reading, end) = try await read(EventLookup.Reading(lookup), for: lookup.account)
        return reading.page(endingAt: end)
    }

    /// Reads the log in the account's turns, until nothing older is of use or as much was read as may be.
    private func read<Reading: TrailReading>(
        _ reading: Reading, for account: AccountID
    ) async throws(Failure) -> (Reading, AuditFiles.End) {
        guard turns.begin(account) else { throw .crowded }
        defer { turns.end(account) }
        var (reading, start, readCount) = (reading, reading.start, 0)
        while true {
            guard !Task.isCancelled, !Task.isShuttingDownGracefully else { throw .ending }
            let piece = await turns.take(account) { [files, reading, start] in
                Result { () throws(AuditFailure) in try Self.piece(of: files, from: start, reading) }
            }
            let end: AuditFiles.End
            do throws(AuditFailure) {
                let count: Int
                (reading, end, count) = try piece.get()
                readCount += count
            } catch {
                throw .unreadable(error)
            }
            guard case .cut(let place) = end, readCount < Reading.mostBytes else { return (reading, end) }
            start = place
        }
    }

    /// Reads a turn's part of the log.
    ///
    /// - Returns: What is known then, how it ended, and how many bytes of lines there were.
    private static func piece<Reading: TrailReading>(
        of files: AuditFiles, from start: AuditPosition?, _ reading: Reading
    ) throws(AuditFailure) -> (Reading, AuditFiles.End, Int) {
        var (reading, count) = (reading, 0)
        let extent = AuditFiles.Extent(start: start, latestDay: reading.latestDay, mostBytes: turnBytes)
        let known = reading
        let end = try files.readBackwards(extent, while: { !known.isDone(with: $0) }) { line, place in
            count += line.count + 1
            return reading.look(at: line, place)
        }
        return (reading, end, count)
    }
}

/// A search, as it goes backwards through the lines of the log.
protocol TrailReading: Sendable {
    /// How much of the log it reads at most, in bytes.
    static var mostBytes: Int { get }
    /// Where it begins; nil for the end of the log.
    var start: AuditPosition? { get }
    /// The last day that anything of use is of, counted from 1970-01-01; nil for all days.
    var latestDay: Int? { get }

    /// Whether nothing of this day, which is counted from 1970-01-01, or of an earlier one can be of use.
    func isDone(with day: Int) -> Bool

    /// Looks at a line and its place; those of later records came before.
    ///
    /// - Returns: Whether anything older can be of use.
    mutating func look(at line: ArraySlice<UInt8>, _ place: AuditPosition) -> Bool
}
