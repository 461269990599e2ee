/// Why a text is not JSON that this server reads.
package enum JSONFailure: Error, Equatable, Sendable {
    /// Not JSON (RFC 8259) at this byte.
    case syntax(offset: Int)
    /// Bytes that are not UTF-8, or an escape that names half of a surrogate pair.
    case invalidUnicode(offset: Int)
    /// More than ``JSONParser/maximumDepth`` arrays and objects inside each other.
    case tooDeep
    /// An object with two members of one name, where that is refused.
    case duplicateMember(String)
}

/// Reads JSON (RFC 8259) with bounds on what an attacker can make it do: one pass, no backtracking, limited depth.
package struct JSONParser {
    /// How deep arrays and objects may nest.
    ///
    /// No request or policy of the API nests deeper than seven.
    package static let maximumDepth = 64

    private let bytes: UnsafeBufferPointer<UInt8>
    private let refusesDuplicates: Bool
    private var position = 0
    private var depth = 0

    /// Parses all of `bytes` as one JSON value, with white space around it.
    ///
    /// - Parameter refusingDuplicates: Whether two members of one name in an object are an error, as in policies.
    /// - Throws: ``JSONFailure``.
    package static func parse(
        _ bytes: some Sequence<UInt8>, refusingDuplicates: Bool = false
    ) throws(JSONFailure) -> JSONValue {
        let result =
            bytes.withContiguousStorageIfAvailable { parseResult($0, refusingDuplicates) }
            ?? Array(bytes).withUnsafeBufferPointer { parseResult($0, refusingDuplicates) }
        return try result.get()
    }

    private static func parseResult(
        _ bytes: UnsafeBufferPointer<UInt8>, _ refusesDuplicates: Bool
    ) -> Result<JSONValue, JSONFailure> {
        var parser = JSONParser(bytes: bytes, refusesDuplicates: refusesDuplicates)
        return Result { () throws(JSONFailure) in try parser.document() }
    }

    private init(bytes: UnsafeBufferPointer<UInt8>, refusesDuplicates: Bool) {
        self.bytes = bytes
        self.refusesDuplicates = refusesDuplicates
    }

    private mutating func document() throws(JSONFailure) -> JSONValue {
        let value = try value()
        skipWhiteSpace()
        guard position == bytes.count else { throw .syntax(offset: position) }
        return value
    }

    private mutating func value() throws(JSONFailure) -> JSONValue {
        skipWhiteSpace()
        guard position < bytes.count else { throw .syntax(offset: position) }
        switch bytes[position] {
        case UInt8(ascii: "{"): return .object(try object())
        case UInt8(ascii: "["): return .array(try array())
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try literal("true", .bool(true))
        case UInt8(ascii: "f"): return try literal("false", .bool(false))
        case UInt8(ascii: "n"): return try literal("null", .null)
        default: return .number(try number())
        }
    }

    // MARK: Structures

    private mutating func object() throws(JSONFailure) -> JSONObject {
        try descend()
        var members: [JSONObject.Member] = []
        var names: Set<[UInt8]> = []
        if consume(after: UInt8(ascii: "{"), UInt8(ascii: "}")) {
            depth -= 1
            return JSONObject()
        }
        // As many as most objects of requests have.
        members.reserveCapacity(4)
        while true {
            skipWhiteSpace()
            guard position < bytes.count, bytes[position] == UInt8(ascii: "\"") else { throw .syntax(offset: position) }
            let name = try string()
            if refusesDuplicates, Self.has(name, among: members, &names) { throw .duplicateMember(name) }
            skipWhiteSpace()
            try expect(UInt8(ascii: ":"))
            members.append(JSONObject.Member(name: name, value: try value()))
            guard try another(until: UInt8(ascii: "}")) else { break }
        }
        depth -= 1
        return JSONObject(members)
    }

    /// Whether a member of this name is there; of small objects no set of names is made.
    private static func has(_ name: String, among members: [JSONObject.Member], _ names: inout Set<[UInt8]>) -> Bool {
        if members.count < 16 { return members.contains { $0.name.isSame(as: name) } }
        if names.isEmpty { names = Set(members.map { Array($0.name.utf8) }) }
        return !names.insert(Array(name.utf8)).inserted
    }

    private mutating func array() throws(JSONFailure) -> [JSONValue] {
        try descend()
        var elements: [JSONValue] = []
        if consume(after: UInt8(ascii: "["), UInt8(ascii: "]")) {
            depth -= 1
            return []
        }
        while true {
            elements.append(try value())
            guard try another(until: UInt8(ascii: "]")) else { break }
        }
        depth -= 1
        return elements
    }

    private mutating func descend() throws(JSONFailure) {
        depth += 1
        guard depth <= Self.maximumDepth else { throw .tooDeep }
    }

    /// Steps over the opening byte and, when nothing but white space stands between, over the closing one.
    private mutating func consume(after opening: UInt8, _ closing: UInt8) -> Bool {
        position += 1
        skipWhiteSpace()
        guard position < bytes.count, bytes[position] == closing else { return false }
        position += 1
        return true
    }

    /// Steps over a comma and answers true, or over `closing` and answers false.
    private mutating func another(until closing: UInt8) throws(JSONFailure) -> Bool {
        skipWhiteSpace()
        guard position < bytes.count else { throw .syntax(offset: position) }
        let byte = bytes[position]
        guard byte == UInt8(ascii: ",") || byte == closing else { throw .syntax(offset: position) }
        position += 1
        return byte != closing
    }

    // MARK: Scalars

    private mutating func literal(_ text: StaticString, _ value: JSONValue) throws(JSONFailure) -> JSONValue {
        let length = text.utf8CodeUnitCount
        guard position + length <= bytes.count else { throw .syntax(offset: position) }
        for index in 0..<length where bytes[position + index] != text.utf8Start[index] {
            throw .syntax(offset: position + index)
        }
        position += length
        return value
    }

    private mutating func number() throws(JSONFailure) -> String {
        let start = position
        if peek() == UInt8(ascii: "-") { position += 1 }
        if peek() == UInt8(ascii: "0") { position += 1 } else { try digits() }
        if peek() == UInt8(ascii: ".") {
            position += 1
            try digits()
        }
        if peek() == UInt8(ascii: "e") || peek() == UInt8(ascii: "E") {
            position += 1
            if peek() == UInt8(ascii: "+") || peek() == UInt8(ascii: "-") { position += 1 }
            try digits()
        }
        return String(decoding: bytes[start..<position], as: UTF8.self)
    }

    private mutating func digits() throws(JSONFailure) {
        let start = position
        while let byte = peek(), (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) { position += 1 }
        guard position > start else { throw .syntax(offset: position) }
    }

    private mutating func string() throws(JSONFailure) -> String {
        position += 1
        let start = position
        position += bytes.countWithoutEscapes(from: start)
        while position < bytes.count {
            switch bytes[position] {
            case UInt8(ascii: "\""):
                let end = position
                position += 1
                return try text(bytes[start..<end], at: start)
            case UInt8(ascii: "\\"):
                return try escapedString(from: start)
            case 0..<0x20:
                throw .syntax(offset: position)
            default:
                position += 1
            }
        }
        throw .syntax(offset: position)
    }

    /// Reads on from the first escape of a string that began at `start`.
    private mutating func escapedString(from start: Int) throws(JSONFailure) -> String {
        var buffer = Array(bytes[start..<position])
        while position < bytes.count {
            let byte = bytes[position]
            position += 1
            switch byte {
            case UInt8(ascii: "\""):
                guard let text = String(validating: buffer, as: UTF8.self) else { throw .invalidUnicode(offset: start) }
                return text
            case UInt8(ascii: "\\"): try appendEscape(to: &buffer)
            case 0..<0x20: throw .syntax(offset: position - 1)
            default: buffer.append(byte)
            }
        }
        throw .syntax(offset: position)
    }

    private mutating func appendEscape(to buffer: inout [UInt8]) throws(JSONFailure) {
        guard let byte = peek() else { throw .syntax(offset: position) }
        position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): buffer.append(byte)
        case UInt8(ascii: "b"): buffer.append(0x08)
        case UInt8(ascii: "f"): buffer.append(0x0C)
        case UInt8(ascii: "n"): buffer.append(0x0A)
        case UInt8(ascii: "r"): buffer.append(0x0D)
        case UInt8(ascii: "t"): buffer.append(0x09)
        case UInt8(ascii: "u"): buffer.append(contentsOf: Array(String(try unicodeEscape()).utf8))
        default: throw .syntax(offset: position - 1)
        }
    }

    private mutating func unicodeEscape() throws(JSONFailure) -> Unicode.Scalar {
        let start = position
        let first = try fourHexDigits()
        guard (0xD800...0xDFFF).contains(first) else {
            guard let scalar = Unicode.Scalar(first) else { throw .invalidUnicode(offset: start) }
            return scalar
        }
        guard first < 0xDC00, peek() == UInt8(ascii: "\\") else { throw .invalidUnicode(offset: start) }
        position += 1
        try expect(UInt8(ascii: "u"))
        let second = try fourHexDigits()
        guard (0xDC00...0xDFFF).contains(second),
            let scalar = Unicode.Scalar(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00))
        else { throw .invalidUnicode(offset: start) }
        return scalar
    }

    private mutating func fourHexDigits() throws(JSONFailure) -> UInt32 {
        var value: UInt32 = 0
        for _ in 0..<4 {
            guard let byte = peek() else { throw .syntax(offset: position) }
            let lowered = (UInt8(ascii: "A")...UInt8(ascii: "F")).contains(byte) ? byte + 0x20 : byte
            guard let digit = Hex.value(of: lowered) else { throw .syntax(offset: position) }
            value = value << 4 | UInt32(digit)
            position += 1
        }
        return value
    }

    private func text(_ slice: Slice<UnsafeBufferPointer<UInt8>>, at offset: Int) throws(JSONFailure) -> String {
        let bytes = UnsafeBufferPointer(rebasing: slice)
        // To validate is slow for short texts, and most are ASCII.
        if bytes.isASCII { return String(decoding: bytes, as: UTF8.self) }
        guard let text = String(validating: bytes, as: UTF8.self) else { throw .invalidUnicode(offset: offset) }
        return text
    }

    // MARK: Bytes

    private func peek() -> UInt8? { position < bytes.count ? bytes[position] : nil }

    private mutating func expect(_ byte: UInt8) throws(JSONFailure) {
        guard peek() == byte else { throw .syntax(offset: position) }
        position += 1
    }

    private mutating func skipWhiteSpace() {
        while position < bytes.count {
            switch bytes[position] {
            case 0x20, 0x09, 0x0A, 0x0D: position += 1
            default: return
            }
        }
    }
}
