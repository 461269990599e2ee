import Foundation
import KMSModel

/// What a seal other than a file needs, beside what people and tokens keep: the document `seal.json`.
///
/// `docs/formats.md` describes it. All that it says is additional data of the wrapped root key, so nothing of it can be
/// edited without the sealing key.
package struct SealDocument: Equatable, Sendable {
    static let version = 1
    /// More than any document of this version has: the largest part is a token's wrapped key, as long as an RSA modulus.
    static let largestFile = 8192

    /// In which way the root key is sealed, and with what.
    package let parameters: SealParameters
    /// The root key under the sealing key.
    let wrapped: [UInt8]

    /// The document at `path`.
    ///
    /// - Throws: ``SealFailure``: ``SealFailure/missing(path:)`` when there is none.
    package init(at path: String) throws(SealFailure) {
        let (text, count) = try SealFile(path: path).read(atMost: Self.largestFile)
        try self.init(unsafe text.withBytes { unsafe Array($0[..<count]) }, from: path)
    }

    /// The document of these bytes, as ``bytes`` gives them.
    ///
    /// - Parameter path: Where they are from, for the message of a failure.
    /// - Throws: ``SealFailure``.
    package init(_ bytes: [UInt8], from path: String) throws(SealFailure) {
        guard bytes.count <= Self.largestFile else { throw .damaged(path: path) }
        guard case .object(let object)? = try? JSONParser.parse(bytes, refusingDuplicates: true),
            case .number(let version)? = object["version"]
        else { throw .damaged(path: path) }
        guard version == String(Self.version) else { throw .unknownVersion(path: path) }
        // What this program would not have written in these very bytes is refused, and so is an accident.
        guard let document = SealDocument(object), document.bytes == bytes else { throw .damaged(path: path) }
        self = document
    }

    init(_ parameters: SealParameters, wrapped: [UInt8]) {
        self.parameters = parameters
        self.wrapped = wrapped
    }

    private init?(_ object: JSONObject) {
        guard let kind = object.text("kind").flatMap(SealKind.init(rawValue:)),
            let parameters = object.object("parameters").flatMap({ SealParameters(kind, $0) }),
            let wrapped = object.text("wrappedRootKey").flatMap({ Base64.decode($0) }),
            wrapped.count == SealingKey.wrappedByteCount
        else { return nil }
        self.init(parameters, wrapped: wrapped)
    }

    /// The document as it is in its file: an object on one line.
    package var bytes: [UInt8] {
        let object = JSONObject([
            "version": .number(String(Self.version)),
            "kind": .string(parameters.kind.rawValue),
            "parameters": .object(parameters.object),
            "wrappedRootKey": .string(Base64.encode(wrapped)),
            "checksum": .string(checksum),
        ])
        var writer = JSONWriter(capacity: 1024)
        writer.value(.object(object))
        writer.lineFeed()
        return writer.bytes
    }

    /// Tells a document that was damaged by accident from a wrong passphrase or a wrong share.
    private var checksum: String {
        var encoding = CanonicalEncoding(after: parameters.binding, capacity: 80)
        encoding.append(wrapped)
        return Hex.encode(Array(unsafe encoding.withBytes { unsafe Digest.sha256($0) }.prefix(4)))
    }
}
