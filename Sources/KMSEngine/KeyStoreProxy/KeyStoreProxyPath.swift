import KMSModel

/// What the External Key Store Proxy API can be asked for.
///
/// Source: AWS KMS External Key Store Proxy API Specification 1.0.2, "API operations".
enum KeyStoreProxyOperation: String, Sendable, CaseIterable {
    case getHealthStatus = "GetHealthStatus"
    case getKeyMetadata = "GetKeyMetadata"
    case encrypt = "Encrypt"
    case decrypt = "Decrypt"

    /// What its paths end with.
    var indicator: String {
        switch self {
        case .getHealthStatus: "health"
        case .getKeyMetadata: "metadata"
        case .encrypt: "encrypt"
        case .decrypt: "decrypt"
        }
    }

    /// The operations on a key, by what their paths end with.
    static func onKey(_ indicator: some StringProtocol) -> Self? {
        [.getKeyMetadata, .encrypt, .decrypt].first { $0.indicator == indicator }
    }

    /// What rules call the operation; nil for the one that no rule is asked for.
    var ruleName: String? { self == .getHealthStatus ? nil : indicator }
}

/// The path of a request to a key store proxy: where the proxy is, and what stands behind that.
package struct KeyStoreProxyPath: Sendable {
    /// What the path of every proxy ends with.
    static let ending = "/kms/xks/v1"
    private static let mark = BytePattern("\(ending)/".utf8)
    /// The most characters of such a URI.
    private static let longest = 256

    /// A request that the API has.
    struct Call: Sendable {
        let operation: KeyStoreProxyOperation
        /// What the other side calls the key; nil for the operation that is about none.
        let externalKeyID: String?
    }

    /// The path of the proxy, up to the version.
    let uriPath: String
    private let rest: String
    private let isTooLong: Bool

    /// Nil for a path that no proxy can have.
    ///
    /// - Parameter path: Still percent-encoded.
    package init?(_ path: String) {
        guard path.isASCII else { return nil }
        let bytes = Array(path.utf8)
        guard let end = Self.mark.end(in: bytes[...]) else { return nil }
        uriPath = String(decoding: bytes[..<(end - 1)], as: UTF8.self)
        rest = String(decoding: bytes[end...], as: UTF8.self)
        isTooLong = bytes.count > Self.longest
    }

    /// What is asked for; nil for what the API does not have.
    var call: Call? {
        guard !isTooLong else { return nil }
        if rest == "health" { return Call(operation: .getHealthStatus, externalKeyID: nil) }
        let parts = rest.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 3, parts[0] == "keys", let id = ExternalKeyID(parts[1]),
            let operation = KeyStoreProxyOperation.onKey(parts[2])
        else { return nil }
        return Call(operation: operation, externalKeyID: id.description)
    }

    /// Whether a proxy can be there.
    static func isURIPath(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        return bytes.count <= 128 && text.hasBytePrefix("/") && text.hasSuffix(ending)
            && bytes.allSatisfy { isLetterOrDigit($0) || "/-_".utf8.contains($0) }
            && !BytePattern("//".utf8).isFound(in: bytes[...]) && !mark.isFound(in: bytes[...])
    }

    private static func isLetterOrDigit(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: false
        }
    }
}
