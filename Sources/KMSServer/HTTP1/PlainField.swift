import KMSModel

/// The fields of a head that are looked at here, and those that signers send with nearly each request.
///
/// Each has its name in lower case, which therefore need not be made of what was received.
enum PlainField: String, CaseIterable {
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
        var name = name
        guard let field = name.withUTF8({ PlainField($0) }) else { return nil }
        self = field
    }

    /// The field of the name that these bytes are.
    init?(_ name: UnsafeBufferPointer<UInt8>) {
        guard name.count < Self.byLength.count else { return nil }
        for field in Self.byLength[name.count] where name.elementsEqual(field.rawValue.utf8, by: Self.isSame) {
            self = field
            return
        }
        return nil
    }

    private static func isSame(_ byte: UInt8, _ folded: UInt8) -> Bool { byte.asciiLowercased == folded }

    /// The name and the value that a line of a head has: a name as all names are, and a value that begins and ends with what
    /// can be seen; nil for any other line, that others may take apart in another way.
    static func parts(
        of line: UnsafeBufferPointer<UInt8>
    ) -> (name: UnsafeBufferPointer<UInt8>, value: UnsafeBufferPointer<UInt8>)? {
        guard let colon = line.firstIndex(of: UInt8(ascii: ":")), colon > 0, colon + 1 < line.count else { return nil }
        let begin = line[colon + 1] == UInt8(ascii: " ") ? colon + 2 : colon + 1
        let name = UnsafeBufferPointer(rebasing: line[..<colon])
        let value = UnsafeBufferPointer(rebasing: line[begin...])
        guard name.allSatisfy(\.isOfFieldName), let first = value.first, let last = value.last,
            first != UInt8(ascii: " "), last != UInt8(ascii: " "), value.isPrintable
        else { return nil }
        return (name, value)
    }
}

extension UnsafeBufferPointer<UInt8> {
    /// Whether there is nothing but ASCII that is printed, and spaces.
    fileprivate var isPrintable: Bool {
        // In one pass that does not end early, for which the processor takes many bytes at a time.
        var most: UInt8 = 0
        for byte in self { most = Swift.max(most, byte &- 0x20) }
        return most < 0x7f - 0x20
    }
}

extension UInt8 {
    /// Whether it is a letter, a digit or a hyphen.
    fileprivate var isOfFieldName: Bool {
        switch self {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"):
            true
        default: false
        }
    }
}
