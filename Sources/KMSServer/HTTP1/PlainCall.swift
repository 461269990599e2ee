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

    /// What is done in microseconds as a rule: what changes something, or searches, wants to hear when the server ends.
    private static let targets = Set(
        [
            "Encrypt", "Decrypt", "ReEncrypt", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext", "GenerateRandom",
            "GenerateMac", "VerifyMac", "Sign", "Verify", "DescribeKey", "GetPublicKey",
        ].map { JSONProtocol.targetPrefix + $0 })

    /// Names in lower case, values as received.
    private(set) var headers: [(name: String, value: String)] = []
    private(set) var target = ""
    private(set) var contentType: String?
    private(set) var userAgent: String?
    private(set) var referer: String?
    private(set) var host: String?
    private(set) var bodyLength = 0

    /// Nil for any other request.
    init?(_ head: HTTPRequestHead) {
        guard head.method == .POST, head.version == .http1_1, head.uri == "/", head.isKeepAlive else { return nil }
        var (size, length): (Int, Int?) = (0, nil)
        var target: String?
        headers.reserveCapacity(head.headers.count)
        for (name, value) in head.headers {
            size += name.utf8.count + value.utf8.count + BodyAllowance.bytesBesideField
            guard size <= Self.largestHead, Self.isPlain(value) else { return nil }
            guard let field = PlainField(name) else {
                headers.append((name.foldingASCII, value))
                continue
            }
            headers.append((field.rawValue, value))
            switch field {
            case .target: guard Self.set(&target, value) else { return nil }
            case .contentType: guard Self.set(&contentType, value) else { return nil }
            case .userAgent: guard Self.set(&userAgent, value) else { return nil }
            case .referer: guard Self.set(&referer, value) else { return nil }
            case .host: guard Self.set(&host, value) else { return nil }
            case .contentLength:
                guard length == nil, let count = Int(value), (0...Self.largestBody).contains(count) else { return nil }
                length = count
            case .connection: guard value.isSame(asFolded: "keep-alive") else { return nil }
            case .authorization, .date, .token: continue
            case .forwardedFor, .forwardedProto, .transferEncoding, .expect, .cookie, .upgrade, .trailer, .te:
                return nil
            }
        }
        guard let length, let target, Self.targets.contains(target) else { return nil }
        (bodyLength, self.target) = (length, target)
    }

    /// The request with its body, as it was signed.
    func signed(_ body: [UInt8]) -> SignedRequest {
        SignedRequest(method: "POST", path: "/", query: "", headers: headers, body: body)
    }

    private static func set(_ text: inout String?, _ value: String) -> Bool {
        guard text == nil else { return false }
        text = value
        return true
    }

    /// Whether a value has only ASCII, and nothing around it that HTTP does not take for a part of it.
    private static func isPlain(_ value: String) -> Bool {
        guard value.isASCII, let first = value.utf8.first, let last = value.utf8.last else { return value.isEmpty }
        return first > 0x20 && last > 0x20
    }
}

/// The fields of a head that are looked at here, and those that signers send with nearly each request.
///
/// Each has its name in lower case, which therefore need not be made of what was received.
private enum PlainField: String, CaseIterable {
    case target = "x-amz-target"
    case contentType = "content-type"
    case userAgent = "user-agent"
    case referer
    case host
    case contentLength = "content-length"
    case connection
    case authorization
    case date = "x-amz-date"
    case token = "x-amz-security-token"
    // What proxies say of a client, and what the framework has rules for.
    case forwardedFor = "x-forwarded-for"
    case forwardedProto = "x-forwarded-proto"
    case transferEncoding = "transfer-encoding"
    case expect, cookie, upgrade, trailer, te

    /// Those of each length.
    private static let byLength: [[PlainField]] = {
        var lists = [[PlainField]](repeating: [], count: 24)
        for field in allCases { lists[field.rawValue.utf8.count].append(field) }
        return lists
    }()

    /// The field of this name, in whichever case that is.
    init?(_ name: String) {
        let length = name.utf8.count
        guard length < Self.byLength.count else { return nil }
        for field in Self.byLength[length] where name.isSame(asFolded: field.rawValue) {
            self = field
            return
        }
        return nil
    }
}
