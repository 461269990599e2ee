import Foundation
import Glibc
import KMSModel
import Logging
import Synchronization

/// What is known of the beginning of an audit log, and of the old files that are to be removed.
struct AuditRetention {
    /// The last record that was removed, or is about to be; nil when there is none.
    var base: ChainLink?
    /// The one that the store knows of: what is behind it is not removed.
    var storedBase: ChainLink?
    /// What the last search found, until the log says it.
    var found: OldFileSearch.Outcome?
    /// The files that may be removed when the store knows of it.
    var announced: [OldFile] = []
    /// What was complained of already.
    var told: Set<String> = []
    /// Whether somebody looks for old files.
    var isSearching = false
}

// The removal of old files. A file is verified by a thread of its own; then the log says that it goes, then the store learns
// that the log begins behind it, and then it goes. What ends on the way is gone on with by the next search.

extension AuditLog {
    /// The last record that was removed because it was old enough, or is about to be; nil when there is none.
    package var base: ChainLink? { retention.withLock { $0.base } }

    /// Lets files be removed up to this record: the store knows that the log begins behind it.
    package func noteStored(base: ChainLink) { retention.withLock { $0.storedBase = base } }

    /// Looks for files that are older than they have to be kept.
    ///
    /// - Returns: False while another search is under way.
    func beginSearch(on today: Int) -> Bool {
        guard let days = configuration.retentionInDays else { return true }
        let isFree = retention.withLock { retention in
            defer { retention.isSearching = true }
            return !retention.isSearching
        }
        guard isFree else { return false }
        let search = OldFileSearch(
            files: files, chain: chain, base: base, known: durableHead, firstKeptDay: today - days)
        let thread = Thread { [self] in
            var outcome = OldFileSearch.Outcome()
            do throws(AuditFailure) { outcome = try search.run() } catch { outcome.obstacles = [error.description] }
            retention.withLock { $0.found = outcome }
            wake()
        }
        thread.name = "audit-retention"
        thread.start()
        return true
    }

    /// Writes down what a search found, if one came to its end.
    func announceOldFiles(on today: Int) {
        let news = retention.withLock { retention in
            retention.found.map { found in
                (retention.found, retention.isSearching) = (nil, false)
                let obstacles = found.obstacles.filter { retention.told.insert($0).inserted }
                return (found, obstacles)
            }
        }
        guard let (found, obstacles) = news else { return }
        do throws(AuditFailure) {
            for obstacle in obstacles {
                logger.error("An old file of the audit log is still kept", metadata: ["reason": "\(obstacle)"])
                let discrepancy = AuditDiscrepancy(reason: obstacle, known: base, found: nil)
                try write(.discrepancy(discrepancy, at: clock.now), on: today)
            }
            for file in found.due {
                try write(.removal(of: file.file, endingWith: file.last, at: clock.now), on: today)
            }
            try makeDurable().get()
            retention.withLock { retention in
                retention.announced += found.removed + found.due
                retention.base = found.due.last?.last ?? found.base ?? retention.base
            }
        } catch {
            logger.error("An old file of the audit log is still kept", metadata: ["reason": "\(error)"])
        }
    }

    /// Removes the files of which the log and the store say that they go.
    func removeOldFiles() {
        let files = retention.withLock { retention -> [OldFile] in
            guard let base = retention.storedBase else { return [] }
            let count = retention.announced.prefix { $0.last.sequence <= base.sequence }.count
            defer { retention.announced.removeFirst(count) }
            return Array(retention.announced.prefix(count))
        }
        for file in files where unlink(self.files.url(of: file.file).path) != 0 && errno != ENOENT {
            logger.error(
                "An old file of the audit log is still kept",
                metadata: ["reason": "\(AuditFailure.system("remove \(file.file.name)"))"])
        }
    }

    /// Writes an event of the log's own; only the thread of the log may.
    func write(_ event: AuditLogEvent, on today: Int) throws(AuditFailure) {
        let records = UnchainedRecords(event.line())
        while try !tail.withLock({ tail throws(AuditFailure) in try tail.append(records, on: today, with: chain) }) {
            rotate()
        }
    }
}
