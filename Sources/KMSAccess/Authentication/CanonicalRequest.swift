import KMSCrypto
import KMSModel

/// The stages of Signature Version 4 as pure functions, under the specification's names.
///
/// Source: IAM User Guide, "Create a signed AWS API request". Paths are normalized and encoded twice, as every service
/// but S3 does.
package enum CanonicalRequest {
    /// What stands before a signature's scope.
    static let algorithm = "AWS4-HMAC-SHA256"

    /// The canonical form of a request.
    ///
    /// - Parameter excludedParameters: Query parameters that the signature does not cover: the signature itself.
    package static func bytes(
        of request: SignedRequest, signedHeaders: [String], payloadHash: String,
        excluding excludedParameters: [String]
    ) -> [UInt8] {
        var bytes = ByteWriter(capacity: 768)
        bytes.append(request.method)
        bytes.append(lineFeed)
        appendCanonicalURI(request.path, to: &bytes)
        bytes.append(lineFeed)
        appendCanonicalQuery(request.query, excluding: excludedParameters, to: &bytes)
        bytes.append(lineFeed)
        for name in signedHeaders { appendCanonicalHeader(name, of: request, to: &bytes) }
        bytes.append(lineFeed)
        for index in signedHeaders.indices {
            if index > 0 { bytes.append(UInt8(ascii: ";")) }
            bytes.append(signedHeaders[index])
        }
        bytes.append(lineFeed)
        bytes.append(payloadHash)
        return bytes.bytes
    }

    /// What is signed: algorithm, time, scope and the hash of the canonical request.
    package static func stringToSign(_ canonicalRequest: [UInt8], time: String, scope: String) -> [UInt8] {
        var bytes = ByteWriter(capacity: 192)
        bytes.append(algorithm)
        bytes.append(lineFeed)
        bytes.append(time)
        bytes.append(lineFeed)
        bytes.append(scope)
        bytes.append(lineFeed)
        Hex.append(Digest.sha256(canonicalRequest), to: &bytes)
        return bytes.bytes
    }

    private static let lineFeed: UInt8 = 0x0A

    // MARK: Path

    static func appendCanonicalURI(_ path: String, to bytes: inout ByteWriter) {
        guard !path.isSame(as: "/"), !path.isEmpty else {
            bytes.append(UInt8(ascii: "/"))
            return
        }
        var segments: [Substring.UTF8View] = []
        let parts = path.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).map { $0 }
        for part in parts {
            let part = Substring(part).utf8
            if part.isEmpty || part.elementsEqual(".".utf8) { continue }
            if part.elementsEqual("..".utf8) { _ = segments.popLast() } else { segments.append(part) }
        }
        for segment in segments {
            bytes.append(UInt8(ascii: "/"))
            for byte in segment { appendEncoded(byte, to: &bytes) }
        }
        let last = parts.last.map { Substring($0) } ?? ""
        if segments.isEmpty || last.isEmpty || last.isSame(as: ".") || last.isSame(as: "..") {
            bytes.append(UInt8(ascii: "/"))
        }
    }

    // MARK: Query

    static func appendCanonicalQuery(_ query: String, excluding excluded: [String], to bytes: inout ByteWriter) {
        guard !query.isEmpty else { return }
        var pairs: [(name: [UInt8], value: [UInt8])] = []
        for parameter in query.utf8.split(separator: UInt8(ascii: "&")) {
            let parts = parameter.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
            let name = reencoded(parts[0])
            if excluded.contains(where: { name.elementsEqual($0.utf8) }) { continue }
            pairs.append((name, parts.count > 1 ? reencoded(parts[1]) : []))
        }
        pairs.sort { left, right in
            left.name == right.name
                ? left.value.lexicographicallyPrecedes(right.value) : left.name.lexicographicallyPrecedes(right.name)
        }
        for (index, pair) in pairs.enumerated() {
            if index > 0 { bytes.append(UInt8(ascii: "&")) }
            bytes.append(pair.name)
            bytes.append(UInt8(ascii: "="))
            bytes.append(pair.value)
        }
    }

    /// The text with every byte encoded as the specification wants it, however it was encoded before.
    private static func reencoded(_ text: some Collection<UInt8>) -> [UInt8] {
        var result = ByteWriter(capacity: 3 * text.count)
        for byte in PercentEncoding.decode(text) { appendEncoded(byte, to: &result) }
        return result.bytes
    }

    private static func appendEncoded(_ byte: UInt8, to bytes: inout ByteWriter) {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."),
            UInt8(ascii: "~"):
            bytes.append(byte)
        default:
            let digits = Array("0123456789ABCDEF".utf8)
            bytes.append([UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]])
        }
    }

    // MARK: Headers

    /// A name that was signed but is not there gets an empty value: leaving it out would change what is signed.
    private static func appendCanonicalHeader(_ name: String, of request: SignedRequest, to bytes: inout ByteWriter) {
        bytes.append(name)
        bytes.append(UInt8(ascii: ":"))
        var isFirst = true
        for index in request.headers.indices where request.headers[index].name.isSame(as: name) {
            if !isFirst { bytes.append(UInt8(ascii: ",")) }
            isFirst = false
            appendTrimmed(request.headers[index].value, to: &bytes)
        }
        bytes.append(lineFeed)
    }

    /// Appends a value without white space around it, and with one space for each run inside.
    private static func appendTrimmed(_ value: String, to bytes: inout ByteWriter) {
        guard value.hasSpaceOrControl else { return bytes.append(value) }
        let start = bytes.count
        var pendingSpace = false
        for byte in value.utf8 {
            if isSpace(byte) {
                pendingSpace = bytes.count > start
            } else {
                if pendingSpace { bytes.append(0x20) }
                pendingSpace = false
                bytes.append(byte)
            }
        }
    }

    private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D }
}

/// Percent-encoding (RFC 3986, section 2.1).
enum PercentEncoding {
    /// The bytes that `text` stands for; a percent sign that begins no pair of hex digits stands for itself.
    static func decode(_ text: some Collection<UInt8>) -> [UInt8] {
        let text = Array(text)
        var result: [UInt8] = []
        result.reserveCapacity(text.count)
        var index = 0
        while index < text.count {
            if text[index] == UInt8(ascii: "%"), index + 2 < text.count, let high = value(text[index + 1]),
                let low = value(text[index + 2])
            {
                result.append(high << 4 | low)
                index += 3
            } else {
                result.append(text[index])
                index += 1
            }
        }
        return result
    }

    private static func value(_ digit: UInt8) -> UInt8? {
        Hex.value(of: (UInt8(ascii: "A")...UInt8(ascii: "F")).contains(digit) ? digit + 0x20 : digit)
    }
}
