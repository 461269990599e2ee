import KMSModel
import Synchronization

/// The proxies of a server, as they are configured now.
package final class KeyStoreProxies: Sendable {
    /// A proxy, with what it has admitted.
    struct Entry: Sendable {
        let proxy: KeyStoreProxy
        let admission: Admission
    }

    /// The version of the program, which the other side is told.
    let version: String
    private let entries: Mutex<[String: Entry]> = Mutex([:])
    private let nodes = Atomic(1)

    /// - Parameter version: That of the program.
    package init(_ configuration: KeyStoreProxyConfiguration, version: String) {
        self.version = version
        replace(with: configuration)
    }

    /// Puts another configuration into the place of the present one; requests that are being answered are answered by that.
    package func replace(with configuration: KeyStoreProxyConfiguration) {
        entries.withLock { entries in
            let old = entries
            entries = [:]
            for proxy in configuration.proxies {
                // What is owed at one rate would take too long to be earned at another.
                let known = old[proxy.uriPath].flatMap { $0.proxy.rate == proxy.rate ? $0.admission : nil }
                entries[proxy.uriPath] = Entry(proxy: proxy, admission: known ?? Admission())
            }
        }
    }

    /// The proxy at a path, if there is one.
    func entry(at uriPath: String) -> Entry? { entries.withLock { $0[uriPath] } }

    /// Among how many nodes what a proxy may be asked is shared.
    var nodeCount: Int { nodes.load(ordering: .relaxed) }

    /// Says how many nodes there are.
    func share(among nodeCount: Int) { nodes.store(max(1, nodeCount), ordering: .relaxed) }
}
