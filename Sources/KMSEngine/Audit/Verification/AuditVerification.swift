package import Foundation
import Glibc
package import KMSCrypto

/// Verifies that an audit log is what the server wrote: no record is missing, changed, added or in another place.
///
/// It only reads, and can be done while the server writes.
package struct AuditVerification: Sendable {
    /// How much is verified between two calls of `progress`, in bytes.
    private static let stride = 1 << 20

    /// What of a log is verified.
    package struct Extent: Sendable {
        /// Where closed files are that are no longer with the log, or copies of them.
        package var otherDirectories: [URL] = []
        /// The number of the first record; what is in front of it is neither looked at nor missed.
        package var start: UInt64?

        package init() {}
    }

    private let files: AuditFiles
    private let chain: AuditChain
    private let known: ChainLink?
    private let base: ChainLink?
    private let extent: Extent

    /// - Parameters:
    ///   - known: A record that the log must have: what the store or the running server knows of it. Nil when nothing is
    ///     known, which is a finding of its own.
    ///   - base: The last record that was removed because it was old enough; nil when none is known.
    package init(
        directory: URL, chain: AuditChain, known: ChainLink?, base: ChainLink? = nil, extent: Extent = Extent()
    ) {
        files = AuditFiles(directory: directory)
        self.chain = chain
        self.known = known
        self.base = base
        self.extent = extent
    }

    /// Reads all of the log.
    ///
    /// - Parameter progress: Called now and then with how many bytes of how many were read.
    /// - Throws: ``AuditFailure`` when a file cannot be read.
    package func run(progress: (Int, Int) -> Void = { _, _ in }) throws(AuditFailure) -> AuditReport {
        let snapshot = try files.snapshot()
        defer { if let current = snapshot.current { close(current) } }
        let closed = try places(of: snapshot.closed)
        let older = try extent.start == nil ? olderFiles(closed) : []
        var run = VerificationRun(
            inspection: ChainInspection(
                chain: chain, known: known, origins: [.origin] + older.map(\.origin), base: base),
            start: extent.start, older: older, stride: Self.stride, total: size(of: closed))
        for (file, url) in closed where file.firstSequence > 0 {
            // It was too old to be kept; then the log itself says so.
            guard FileManager.default.fileExists(atPath: url.path) else { continue }
            var reader = try AuditLineReader(url)
            try run.read(&reader, name: file.name, isLast: false, progress)
        }
        if let current = snapshot.current {
            var reader = try AuditLineReader(reading: current)
            try run.read(&reader, name: files.current.lastPathComponent, isLast: true, progress)
        }
        return run.finish()
    }

    /// Where the closed files are: those of the log itself, and of the others what is not among them.
    private func places(of closed: [AuditFiles.Closed]) throws(AuditFailure) -> [(file: AuditFiles.Closed, url: URL)] {
        var places = closed.map { (file: $0, url: files.url(of: $0)) }
        for directory in extent.otherDirectories {
            let others = AuditFiles(directory: directory)
            for file in try others.closed() where !places.contains(where: { $0.file.isSameRange(as: file) }) {
                places.append((file, others.url(of: file)))
            }
        }
        return places.sorted { $0.file < $1.file }
    }

    /// The files from before the chain, and what a chain would begin with that begins behind each of them.
    private func olderFiles(
        _ closed: [(file: AuditFiles.Closed, url: URL)]
    ) throws(AuditFailure) -> [VerificationRun.Older] {
        var older: [VerificationRun.Older] = []
        for (file, url) in closed where file.firstSequence == 0 {
            var reader = try AuditLineReader(url)
            var count = 0
            while try reader.next() != nil { count += 1 }
            older.append(.init(name: file.name, lineCount: count, origin: try AuditFiles.origin(at: url)))
        }
        return older
    }

    private func size(of closed: [(file: AuditFiles.Closed, url: URL)]) -> Int {
        (closed.filter { $0.file.firstSequence > 0 }.map(\.url) + [files.current]).reduce(0) { size, url in
            let attributes = try? FileManager.default.attributesOfItem(atPath: url.path)
            return size + ((attributes?[.size] as? Int) ?? 0)
        }
    }
}
