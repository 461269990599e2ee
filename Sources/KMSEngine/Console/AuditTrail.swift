package import Foundation
import Glibc
package import KMSModel
import Synchronization

/// What is looked for in the audit log; all of it has to be so.
package struct AuditQuery: Sendable {
    /// How a call ended.
    package enum Outcome: String, Sendable {
        case succeeded, denied, failed
    }

    /// A part of the caller's ARN.
    var principal: String?
    /// The operation, or its beginning.
    var name: String?
    /// The identifier or the ARN of a key that the call was about.
    package var key: String?
    /// The first day, or moment, as ISO 8601 writes it.
    package var from: String?
    /// The last day, or moment; all of it is included.
    package var to: String?
    var outcome: Outcome?
    /// Nothing later than this moment, so that pages of a search stay what they were while the log grows.
    var until: String?
    /// How many records are passed over.
    var skip: Int
    /// Whether what only looks at keys is left out.
    var omitsReads: Bool
    /// Whether only the use of keys is counted, and not what administers or looks at them.
    var countsUseOnly: Bool

    package init(
        principal: String? = nil, name: String? = nil, key: String? = nil, from: String? = nil, to: String? = nil,
        outcome: Outcome? = nil, until: String? = nil, skip: Int = 0, omitsReads: Bool = false,
        countsUseOnly: Bool = false
    ) {
        self.until = until
        self.skip = skip
        self.omitsReads = omitsReads
        self.countsUseOnly = countsUseOnly
        self.principal = principal
        self.name = name
        self.key = key
        self.from = from
        self.to = to
        self.outcome = outcome
    }
}

/// One record of the audit log.
package struct AuditEvent: Sendable {
    /// `yyyy-MM-ddTHH:mm:ssZ`.
    package let time: String
    /// The operation.
    package let name: String
    /// The service, as CloudTrail names it.
    package let source: String
    /// The caller's ARN, or the service or account that stands in its place.
    package let principal: String
    /// Why the call failed; nil after a success.
    package let errorCode: String?
    /// The sentence of the refusal.
    package let errorMessage: String?
    /// The ARNs that the call was about.
    package let resources: [String]
    /// Where the call came from.
    package let address: String
    /// The record's own identifier.
    package let id: String
    /// All of the record.
    package let record: JSONObject
}

/// Reads the audit log backwards, the newest record first.
///
/// It reads no more than a bounded part of the log, on a thread of its own, one reader at a time: a search makes nobody wait
/// but other searches.
package final class AuditTrail: Sendable {
    /// How much of the log one search reads at most, and how much at once, in bytes.
    private static let (mostBytes, pieceSize) = (64 << 20, 1 << 20)

    /// What a search found.
    package struct Findings: Sendable {
        /// The newest first.
        package var events: [AuditEvent] = []
        /// How many calls there were on each of the last days, the earliest first.
        package var counts: [DayCount] = []
        /// Whether more was found than returned.
        package var hasMore = false
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
    private let file: URL
    private let readers = DispatchQueue(label: "audit-trail")

    /// - Parameter file: The log that `AuditLog` writes.
    package init(file: URL) { self.file = file }

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
        let isAdmitted = waiting.withLock { waiting in
            guard waiting < Self.mostWaiting else { return false }
            waiting += 1
            return true
        }
        guard isAdmitted else { throw AuditFailure("Too many searches of the audit log are waiting.") }
        defer { waiting.withLock { $0 -= 1 } }
        let result: Result<Findings, AuditFailure> = await withCheckedContinuation { continuation in
            readers.async { [file] in
                continuation.resume(returning: Result { () throws(AuditFailure) in try Self.read(file, for: search) })
            }
        }
        return try result.get()
    }

    private static func read(_ file: URL, for search: AuditSearch) throws(AuditFailure) -> Findings {
        let descriptor = open(file.path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw AuditFailure("Cannot open the audit log to read it.") }
        defer { close(descriptor) }
        var search = search
        var end = lseek(descriptor, 0, SEEK_END)
        var read = 0
        /// What stands before the first line feed of the piece that was read last.
        var rest: [UInt8] = []
        while end > 0, !search.isDone {
            guard read < mostBytes else {
                search.findings.isCut = true
                break
            }
            let count = Int(min(end, off_t(pieceSize)))
            var piece = [UInt8](repeating: 0, count: count)
            guard pread(descriptor, &piece, count, end - off_t(count)) == count else {
                throw AuditFailure("Cannot read the audit log.")
            }
            end -= off_t(count)
            read += count
            piece += rest
            let first = end == 0 ? 0 : (piece.firstIndex(of: 0x0A).map { $0 + 1 } ?? piece.count)
            rest = Array(piece[..<first])
            search.look(at: piece[first...])
        }
        return search.findings
    }
}
