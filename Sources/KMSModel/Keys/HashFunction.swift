/// A hash function, under signatures, message authentication codes and OAEP.
package enum HashFunction: Sendable, Hashable, CaseIterable {
    /// Only under RSAES-OAEP, where its weakness against collisions does not matter (RFC 8017, appendix B.1).
    case sha1
    case sha224
    case sha256
    case sha384
    case sha512
    case sm3

    /// The length of a digest.
    package var byteCount: Int {
        switch self {
        case .sha1: 20
        case .sha224: 28
        case .sha256, .sm3: 32
        case .sha384: 48
        case .sha512: 64
        }
    }
}
