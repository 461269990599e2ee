package import KMSModel

/// A number that equal names share and different ones almost never: it spares a policy most comparisons of text.
///
/// It decides nothing by itself. Whoever finds another name with the same number has gained one comparison.
package struct PrincipalFingerprint: Hashable, Sendable {
    private var value: UInt64

    /// Stands for no name that a caller has.
    package static let none = Self(value: 0)

    /// The fingerprint of an account's name.
    package static func account(_ account: AccountID) -> Self { Self(value: 1).adding(account.description) }

    /// The fingerprint of a service's domain name.
    package static func service(_ name: String) -> Self { Self(value: 5).adding(name) }

    /// The fingerprint of a user or role by its unique identifier, or with a session's name of that session.
    package static func unique(_ id: UniqueID, session: String = "") -> Self {
        Self(value: 6).adding(id.description).adding(session)
    }

    private func adding(_ text: String) -> Self {
        var result = self
        text.withUTF8Lent { bytes in
            let raw = UnsafeRawBufferPointer(bytes)
            var position = 0
            while position + 8 <= raw.count {
                result.add(raw.loadUnaligned(fromByteOffset: position, as: UInt64.self))
                position += 8
            }
            var last = UInt64(raw.count)
            while position < raw.count {
                last = last << 8 | UInt64(raw[position])
                position += 1
            }
            result.add(last)
        }
        return result
    }

    /// Multiplication by an odd number loses nothing; the shift brings the well-mixed high bits down.
    private mutating func add(_ word: UInt64) {
        value = (value ^ word) &* 0x9E37_79B9_7F4A_7C15
        value ^= value >> 32
    }
}

/// A caller taken apart once for all statements: its layers, and a fingerprint of each.
struct FingerprintedCaller {
    let caller: AccessCaller
    let isService: Bool
    /// All that the caller is made of.
    let layers: PrincipalLayers
    /// The layer that is this caller and nobody else.
    let ownLayer: PrincipalLayers
    private let account: PrincipalFingerprint
    private let identity: PrincipalFingerprint
    private let session: PrincipalFingerprint

    init(_ caller: AccessCaller) {
        self.caller = caller
        account = caller.account.map(PrincipalFingerprint.account) ?? .none
        switch caller {
        case .principal(.root(_)):
            (isService, layers, ownLayer) = (false, .account, .account)
            (identity, session) = (.none, .none)
        case .principal(.user(_, _, _, let id)):
            (isService, layers, ownLayer) = (false, [.account, .identity], .identity)
            (identity, session) = (.unique(id), .none)
        case .principal(.roleSession(_, _, _, let name, let id)):
            (isService, layers, ownLayer) = (false, [.account, .identity, .session], .session)
            (identity, session) = (.unique(id), .unique(id, session: name))
        case .service(let name):
            (isService, layers, ownLayer) = (true, .identity, .identity)
            (identity, session) = (.service(name), .none)
        }
    }

    /// Whether the principal that `print` was made of may be this caller; if not, it surely is not.
    func mayBe(_ print: PrincipalFingerprint) -> Bool {
        print == account || print == identity || print == session
    }
}

/// What a caller is made of, as policies can name it.
struct PrincipalLayers: OptionSet, Sendable {
    let rawValue: UInt8

    static let account = Self(rawValue: 1)
    /// The user, the role, or the service.
    static let identity = Self(rawValue: 2)
    static let session = Self(rawValue: 4)
}

extension PolicyPrincipal {
    /// What ``FingerprintedCaller/mayBe(_:)`` compares; nil for what is not one name, or nobody's.
    var fingerprint: PrincipalFingerprint? {
        switch self {
        case .account(let account): .account(account)
        case .service(let name): .service(name)
        case .uniqueID(let id): .unique(id)
        case .uniqueSession(let id, let session): .unique(id, session: session)
        // Nobody is known by an ARN, and nothing here issues federated sessions.
        case .anyone, .anyIdentity, .user, .role, .roleSession, .federatedUser, .federatedProvider: nil
        }
    }
}
