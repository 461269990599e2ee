import Crypto
import KMSModel
import Synchronization

/// The keys that wrap what is stored: one for each region, and one for credentials, which belong to no region.
///
/// Material of one region does not open under the domain key of another, so nothing that is copied between regions in the
/// store becomes usable there.
final class DomainKeys: Sendable {
    private let rootKey: RootKey
    private let regions = Mutex<[Region: SymmetricKey]>([:])

    /// Wraps the secrets of access keys.
    let identity: SymmetricKey
    /// A mark by which the root key is recognised.
    let check: [UInt8]

    init(rootKey: RootKey) {
        self.rootKey = rootKey
        identity = Self.derive(from: rootKey, purpose: "identity", name: "")
        check = unsafe Self.derive(from: rootKey, purpose: "check", name: "").withUnsafeBytes { unsafe Array($0) }
    }

    /// The key that wraps the key material of `region`.
    func key(of region: Region) -> SymmetricKey {
        regions.withLock { regions in
            if let key = regions[region] { return key }
            let key = Self.derive(from: rootKey, purpose: "region", name: region.description)
            // Callers choose region names; the ones that are used again are soon back.
            if regions.count >= 256 { regions.removeAll() }
            regions[region] = key
            return key
        }
    }

    private static func derive(from rootKey: RootKey, purpose: String, name: String) -> SymmetricKey {
        var info = CanonicalEncoding(label: "chatelaine domain key")
        info.append([1])
        info.append(purpose)
        info.append(name)
        return unsafe rootKey.withBytes { unsafe Derivation.hkdf($0, info: info.bytes) }
    }
}
