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
            let name = name.asciiLowercased
            headers.append((name, value))
            switch name {
            case "x-amz-target": guard Self.set(&target, value) else { return nil }
            case "content-type": guard Self.set(&contentType, value) else { return nil }
            case "user-agent": guard Self.set(&userAgent, value) else { return nil }
            case "referer": guard Self.set(&referer, value) else { return nil }
            case "host": guard Self.set(&host, value) else { return nil }
            case "content-length":
                guard length == nil, let count = Int(value), (0...Self.largestBody).contains(count) else { return nil }
                length = count
            // What proxies say of a client, and what the framework has rules for.
            case "x-forwarded-for", "x-forwarded-proto", "transfer-encoding", "expect", "cookie", "upgrade", "trailer",
                "te":
                return nil
            case "connection": guard value.asciiLowercased == "keep-alive" else { return nil }
            default: continue
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
        guard value.isASCII else { return false }
        return value.utf8.first.map { $0 > 0x20 } ?? true && value.utf8.last.map { $0 > 0x20 } ?? true
    }
}

extension String {
    /// The same with small letters of ASCII for capital ones.
    fileprivate var asciiLowercased: String {
        guard utf8.contains(where: { (0x41...0x5a).contains($0) }) else { return self }
        let bytes = utf8
        return unsafe String(unsafeUninitializedCapacity: bytes.count) { buffer in
            var count = 0
            for byte in bytes {
                unsafe buffer[count] = (0x41...0x5a).contains(byte) ? byte | 0x20 : byte
                count += 1
            }
            return count
        }
    }
}
