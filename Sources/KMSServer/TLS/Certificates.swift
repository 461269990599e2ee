package import Foundation
package import KMSEngine
package import Logging
import NIOPosix
import NIOSSL
import ServiceLifecycle
import Synchronization

/// The certificate that new connections are made with; it is replaced while the server runs.
///
/// The files are looked at every few seconds, and taken when they were replaced and then left alone between two looks:
/// whoever writes them writes one after the other. What cannot be used is said once, and what was used before stays.
/// Connections that are open go on with what they were made with.
package final class Certificates: Service {
    /// How long to wait between two looks.
    package static let interval: Duration = .seconds(5)

    private let files: TLSFiles
    private let interval: Duration
    private let metrics: Metrics
    private let logger: Logger
    private let present: Mutex<TLSFiles.Loaded>
    /// The files that were last taken, or refused.
    private let taken: Mutex<TLSFiles.Version>
    /// When the files are to be looked at again although they are the same: what they hold is valid from then on.
    private let next: Mutex<Date?> = Mutex(nil)

    /// Reads the files for the first time.
    ///
    /// - Throws: ``TLSFailure``.
    package init(
        _ files: TLSFiles, every interval: Duration = Certificates.interval, metrics: Metrics, logger: Logger
    ) throws(TLSFailure) {
        self.files = files
        self.interval = interval
        self.metrics = metrics
        self.logger = logger
        taken = Mutex(TLSFiles.Version(of: files))
        let loaded = try files.load()
        present = Mutex(loaded)
        metrics.transport.certificateEnd = loaded.end
        let now = Date()
        if loaded.end < now { logger.warning("The TLS certificate has expired", metadata: ["end": "\(loaded.end)"]) }
        if loaded.start > now {
            logger.warning("The TLS certificate is not valid yet", metadata: ["start": "\(loaded.start)"])
        }
    }

    /// What a new connection is made with.
    var context: NIOSSLContext { present.withLock { $0.context } }

    /// When the first of the certificates ends that are shown.
    package var end: Date { present.withLock { $0.end } }

    /// Looks at the files until the server shuts down.
    package func run() async {
        await cancelWhenGracefulShutdown {
            var last = self.taken.withLock { $0 }
            while (try? await Task.sleep(for: self.interval)) != nil {
                let version = await NIOThreadPool.singleton.away { TLSFiles.Version(of: self.files) }
                if version == last, self.isDue(version) { await self.reload() }
                last = version
            }
        }
    }

    /// Whether files of this version are to be taken.
    private func isDue(_ version: TLSFiles.Version) -> Bool {
        version != taken.withLock { $0 } || next.withLock { $0.map { $0 <= Date() } ?? false }
    }

    /// Takes the files as they are now, or says why not.
    package func reload() async {
        let (version, result) = await NIOThreadPool.singleton.away {
            let version = TLSFiles.Version(of: self.files)
            return (version, Result { () throws(TLSFailure) in try self.files.load() })
        }
        taken.withLock { $0 = version }
        let now = Date()
        let start = (try? result.get())?.start
        next.withLock { $0 = start.flatMap { $0 > now ? $0 : nil } }
        switch result.flatMap({ loaded in files.replacement(loaded, at: now) }) {
        case .success(let loaded):
            present.withLock { $0 = loaded }
            metrics.transport.certificateEnd = loaded.end
            metrics.transport.certificateReplaced()
            logger.notice("The TLS certificate was replaced", metadata: ["end": "\(loaded.end)"])
        case .failure(let failure):
            metrics.transport.certificateKept()
            logger.error(
                "The TLS certificate was not replaced; the one before it stays", metadata: ["reason": "\(failure)"])
        }
    }
}

extension TLSFiles {
    /// A certificate that has ended, or is not valid yet, replaces no other.
    fileprivate func replacement(_ loaded: Loaded, at now: Date) -> Result<Loaded, TLSFailure> {
        if loaded.end <= now { return .failure(TLSFailure("a certificate in \(certificate) has expired")) }
        if loaded.start > now {
            return .failure(
                TLSFailure(
                    "a certificate in \(certificate) is not valid before "
                        + "\(loaded.start.formatted(.iso8601)); it is looked at again then"))
        }
        return .success(loaded)
    }
}
