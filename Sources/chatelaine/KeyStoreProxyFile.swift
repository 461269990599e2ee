import Foundation
import KMSEngine
import KMSServer
import Logging
import NIOPosix
import ServiceLifecycle
import Synchronization

/// The file that says which keys are offered to another KMS; it is taken anew when it was replaced.
///
/// It is looked at every few seconds, and taken when it was replaced and then left alone between two looks. What cannot be
/// used is said once, and what was used before stays.
final class KeyStoreProxyFile: Service {
    private static let interval: Duration = .seconds(2)
    /// More than the keys of any proxy.
    private static let largest = 4 << 20

    /// What the file says.
    let proxies: KeyStoreProxies
    private let file: OperatorFile
    /// The file that was last taken, or refused.
    private let taken: Mutex<OperatorFile.Version?>
    private let logger: Logger

    /// Reads the file for the first time.
    ///
    /// - Throws: ``CommandFailure``.
    init(_ path: String, logger: Logger) throws(CommandFailure) {
        file = OperatorFile(path)
        self.logger = logger
        taken = Mutex(file.version)
        proxies = KeyStoreProxies(try Self.read(file), version: Chatelaine.version)
    }

    private static func read(_ file: OperatorFile) throws(CommandFailure) -> KeyStoreProxyConfiguration {
        var bytes: [UInt8]
        do throws(OperatorFile.Failure) {
            bytes = try file.read(isSecret: true, atMost: largest)
        } catch {
            throw .configuration("\(error)")
        }
        // There are secrets in it.
        defer { for index in bytes.indices { bytes[index] = 0 } }
        do throws(KeyStoreProxyConfiguration.Failure) {
            return try KeyStoreProxyConfiguration(json: bytes)
        } catch {
            throw .configuration("\(file.path) \(error)")
        }
    }

    /// Looks at the file until the server shuts down.
    func run() async {
        await cancelWhenGracefulShutdown {
            var last = self.taken.withLock { $0 }
            while (try? await Task.sleep(for: Self.interval)) != nil {
                let version = await NIOThreadPool.singleton.away { self.file.version }
                if version == last, version != self.taken.withLock({ $0 }) { await self.reload() }
                last = version
            }
        }
    }

    /// Takes the file as it is now, or says why not.
    func reload() async {
        let (version, result) = await NIOThreadPool.singleton.away {
            (self.file.version, Result { () throws(CommandFailure) in try Self.read(self.file) })
        }
        taken.withLock { $0 = version }
        switch result {
        case .success(let configuration):
            proxies.replace(with: configuration)
            logger.notice("The key store proxies were replaced", metadata: ["file": "\(file.path)"])
        case .failure(let failure):
            logger.error(
                "The key store proxies were not replaced; those of before stay",
                metadata: ["reason": "\(failure.message)"])
        }
    }
}

extension Settings {
    /// The keys that are offered to another KMS; nil where none are.
    ///
    /// - Throws: ``CommandFailure``.
    func keyStoreProxies(_ options: ServerOptions, logger: Logger) throws -> KeyStoreProxyFile? {
        try value("xks-proxy", flag: options.xksProxy).map { try KeyStoreProxyFile($0, logger: logger) }
    }
}
