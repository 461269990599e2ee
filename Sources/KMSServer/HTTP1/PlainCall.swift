import KMSAccess
import KMSModel
import NIOCore
import NIOHTTP1

/// The head of a request as SDKs send calls that memory answers: small, and with nothing in it that more than one reading of
/// HTTP is possible of.
struct PlainCall {
    /// The longest body, in bytes: one that is always admitted.
    private static let largestBody = BodyAllowance.always
    /// The longest head, in bytes, by the same rule.
    private static let largestHead = BodyAllowance.always

    /// What a head ends with.
    private static let end = Array("\r\n".utf8)
    /// About how many fields an SDK sends.
    private static let usualCount = 16

    /// The operations that memory answers, by their targets.
    ///
    /// They are done in microseconds as a rule: what changes something, or searches, wants to hear when the server ends. And
    /// what makes keys is among them: of some kinds in microseconds and a commit, of others in seconds.
    private static let operations: [String: OperationName] = {
        let names: [OperationName] = [
            .encrypt, .decrypt, .reEncrypt, .generateDataKey, .generateDataKeyWithoutPlaintext, .generateRandom,
            .generateMac, .verifyMac, .sign, .verify, .describeKey, .getPublicKey, .createKey,
        ]
        return Dictionary(uniqueKeysWithValues: names.map { (JSONProtocol.targetPrefix + $0.rawValue, $0) })
    }()
    /// What stands in the body of each request for a key of another kind than the usual one, or in another place; or, where a
    /// name is spelled with escapes, may.
    private static let ofSlowCreation = ["Spec", "CustomKeyStore", "\\u"].map { BytePattern($0.utf8) }

    /// Names in lower case, values as received.
    let headers: [(name: String, value: String)]
    let contentType: String?
    let userAgent: String?
    let referer: String?
    let host: String?
    /// What is called.
    let operation: OperationName
    /// The length of the body, in bytes.
    let bodyLength: Int

    /// Nil for any other request.
    init?(_ head: HTTPRequestHead) {
        guard head.method == .POST, head.version == .http1_1, head.uri == "/", head.isKeepAlive else { return nil }
        var fields = Fields(capacity: head.headers.count)
        for (name, value) in head.headers {
            guard Self.isPlain(value), fields.take(HeadField(PlainField(name), name, value)) else { return nil }
        }
        self.init(fields)
        guard operation != .createKey else { return nil }
    }

    /// The call whose head, behind its first line, begins these bytes; nil for any other beginning.
    ///
    /// - Parameters:
    ///   - bytes: Becomes what stands behind the head.
    ///   - known: The head of the call before on the connection; becomes this one's.
    init?(takenFrom bytes: inout UnsafeBufferPointer<UInt8>, knowing known: inout RememberedHead) {
        var fields = Fields(capacity: Self.usualCount)
        while !bytes.begins(with: Self.end) {
            guard let (field, length) = known.field(fields.headers.count, beginning: bytes), fields.take(field) else {
                return nil
            }
            bytes = UnsafeBufferPointer(rebasing: bytes[length...])
        }
        known.end(after: fields.headers.count)
        bytes = UnsafeBufferPointer(rebasing: bytes[Self.end.count...])
        self.init(fields)
        guard host != nil else { return nil }
    }

    private init?(_ fields: Fields) {
        guard let length = fields.length, let operation = fields.operation else { return nil }
        headers = fields.headers
        contentType = fields.contentType
        userAgent = fields.userAgent
        referer = fields.referer
        host = fields.host
        self.operation = operation
        bodyLength = length
    }

    /// What a call is of, if memory answers it; nil for any other target.
    static func operation(of target: String) -> OperationName? { operations[target] }

    /// Whether it is answered soon with this body.
    func isQuick(with body: [UInt8]) -> Bool {
        operation != .createKey || !Self.ofSlowCreation.contains { $0.isFound(in: body[...]) }
    }

    /// The request with its body, as it was signed.
    func signed(_ body: [UInt8]) -> SignedRequest {
        SignedRequest(method: "POST", path: "/", query: "", headers: headers, body: body)
    }

    /// Whether a value has only ASCII, and nothing around it that HTTP does not take for a part of it.
    private static func isPlain(_ value: String) -> Bool {
        guard value.isASCII, let first = value.utf8.first, let last = value.utf8.last else { return value.isEmpty }
        return first > 0x20 && last > 0x20
    }
}

extension PlainCall {
    /// The fields of a head so far.
    private struct Fields {
        var headers: [(name: String, value: String)] = []
        // Nil as long as nothing was said of them.
        var contentType: String?
        var userAgent: String?
        var referer: String?
        var host: String?
        var length: Int?
        var operation: OperationName?
        /// In bytes.
        private var size = 0

        init(capacity: Int) { headers.reserveCapacity(capacity) }

        /// Takes a field, and says whether there is only one reading of it and of those before it.
        mutating func take(_ field: HeadField) -> Bool {
            let value = field.value
            size += field.name.utf8.count + value.utf8.count + BodyAllowance.bytesBesideField
            guard size <= PlainCall.largestHead else { return false }
            headers.append((field.name, value))
            switch field.known {
            case nil: return true
            case .target: return Self.set(&operation, field.operation)
            case .contentType: return Self.set(&contentType, value)
            case .userAgent: return Self.set(&userAgent, value)
            case .referer: return Self.set(&referer, value)
            case .host: return Self.set(&host, value)
            case .contentLength:
                // Digits alone: `Int` would take a sign (RFC 9112, section 6.3).
                guard value.utf8.allSatisfy((UInt8(ascii: "0")...UInt8(ascii: "9")).contains), let count = Int(value),
                    count <= PlainCall.largestBody
                else { return false }
                return Self.set(&length, count)
            case .connection: return value.isSame(asFolded: "keep-alive")
            case .authorization, .date, .token: return true
            case .forwardedFor, .forwardedProto, .transferEncoding, .expect, .cookie, .upgrade, .trailer, .te:
                return false
            }
        }

        private static func set<Value>(_ member: inout Value?, _ value: Value?) -> Bool {
            guard member == nil, let value else { return false }
            member = value
            return true
        }
    }
}
