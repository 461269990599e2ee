import Crypto
import KMSModel

/// The keys that wrap what is stored: one for each region, and one for credentials, which belong to no region.
///
/// Material of one region does not open under the domain key of another, so nothing that is copied between regions in the
/// store becomes usable there.
///
/// None of them is kept: each is derived where it is needed, which is seldom, and zeroed after that. Only the root key
/// stays, in guarded memory.
struct DomainKeys: Sendable {
    let rootKey: RootKey

    /// The length of ``check``, in bytes.
    static let checkByteCount = 32

    /// A mark by which the root key is recognised.
    let check: [UInt8]

    init(rootKey: RootKey) {
        self.rootKey = rootKey
        let check = unsafe rootKey.withBytes { unsafe Self.derive(from: $0, purpose: "check", name: "") }
        self.check = unsafe check.withUnsafeBytes { unsafe Array($0) }
    }

    /// The mark, followed by one that only this root key makes of `generation`: of the record of the root key before it.
    func check(naming generation: [UInt8]) -> [UInt8] {
        let mark = derive(purpose: "predecessor", name: Hex.encode(generation))
        return unsafe mark.withUnsafeBytes { unsafe check + $0 }
    }

    /// Whether `check` is this root key's, whichever generation it names.
    func matches(check: [UInt8]) -> Bool {
        [1, 2].contains { check.count == $0 * Self.checkByteCount }
            && Digest.areEqual(Array(check.prefix(Self.checkByteCount)), self.check)
    }

    /// Whether the root key is locked in memory.
    var isLocked: Bool { rootKey.isLocked }

    /// Wraps the secrets of access keys.
    var identity: SymmetricKey { derive(purpose: "identity", name: "") }

    /// Wraps the key that chains the audit log.
    var audit: SymmetricKey { derive(purpose: "audit", name: "") }

    /// The key that wraps the key material of `region`.
    func key(of region: Region) -> SymmetricKey {
        derive(purpose: "region", name: region.description)
    }

    /// Seals the tokens for imports into `region`.
    func importTokens(of region: Region) -> SymmetricKey { derive(purpose: "import", name: region.description) }

    /// Authenticates the grant tokens of `region`.
    func grantTokens(of region: Region) -> SymmetricKey { derive(purpose: "grant token", name: region.description) }

    /// Seals session tokens, and makes the secrets that go with them.
    var sessions: SymmetricKey { derive(purpose: "session", name: "") }

    /// Wraps root keys, of which one is replacing another, and what outlives them.
    var rootKeys: SymmetricKey { derive(purpose: "root key", name: "") }

    /// Encrypts backups.
    var backups: SymmetricKey { derive(purpose: "backup", name: "") }

    /// Makes identifiers of imported material; they are the same in every region.
    var materialIdentifiers: SymmetricKey { derive(purpose: "material identifier", name: "") }

    private func derive(purpose: String, name: String) -> SymmetricKey {
        unsafe rootKey.withBytes { unsafe Self.derive(from: $0, purpose: purpose, name: name) }
    }

    static func derive(from rootKey: UnsafeRawBufferPointer, purpose: String, name: String) -> SymmetricKey {
        var info = CanonicalEncoding(label: "chatelaine domain key")
        info.append([1])
        info.append(purpose)
        info.append(name)
        return unsafe Derivation.hkdf(rootKey, info: info.bytes)
    }
}
