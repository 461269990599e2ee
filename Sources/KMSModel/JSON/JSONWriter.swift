/// Writes JSON text into one growing buffer, member by member.
///
/// It is the caller's part to close what it opened; commas and escapes are the writer's.
package struct JSONWriter {
    /// The text so far, UTF-8.
    package private(set) var bytes: [UInt8] = []
    private var needsComma = false

    package init(capacity: Int = 512) { bytes.reserveCapacity(capacity) }

    /// Writes an object; `body` writes its members.
    package mutating func object(_ body: (inout JSONWriter) -> Void) {
        open(UInt8(ascii: "{"))
        body(&self)
        close(UInt8(ascii: "}"))
    }

    /// Writes an array; `body` writes its elements.
    package mutating func array(_ body: (inout JSONWriter) -> Void) {
        open(UInt8(ascii: "["))
        body(&self)
        close(UInt8(ascii: "]"))
    }

    /// Writes the name of the next member.
    ///
    /// Names are the API's own and need no escapes.
    package mutating func name(_ name: StaticString) {
        append(quoted: UnsafeBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount), isName: true)
        needsComma = false
    }

    /// Writes the name of the next member, whatever it contains.
    package mutating func name(escaping name: String) {
        string(name)
        bytes.append(UInt8(ascii: ":"))
        needsComma = false
    }

    /// Writes a string, escaped.
    package mutating func string(_ value: String) {
        var value = value
        value.withUTF8 { text in
            if !text.hasEscapes { return append(quoted: text) }
            separate()
            bytes.append(UInt8(ascii: "\""))
            appendEscaped(text)
            bytes.append(UInt8(ascii: "\""))
        }
        needsComma = true
    }

    /// Writes members that another writer wrote, with their names and what stands between them.
    package mutating func raw(members: [UInt8]) {
        separate()
        bytes.append(contentsOf: members)
        needsComma = true
    }

    /// Writes a whole number.
    package mutating func integer(_ value: some BinaryInteger) { raw(String(value)) }

    /// Writes `true` or `false`.
    package mutating func bool(_ value: Bool) { raw(value ? "true" : "false") }

    /// Writes `null`.
    package mutating func null() { raw("null") }

    /// Writes a timestamp as the API does: seconds since 1970 with at most three decimals.
    package mutating func milliseconds(_ value: Int64) {
        let (seconds, rest) = value.quotientAndRemainder(dividingBy: 1000)
        guard rest != 0 else { return raw(String(seconds)) }
        let digits = String(rest.magnitude)
        let sign = value < 0 && seconds == 0 ? "-" : ""
        raw("\(sign)\(seconds).\(String(repeating: "0", count: 3 - digits.count))\(digits)")
    }

    /// Writes a blob as base64.
    package mutating func blob(_ value: UnsafeRawBufferPointer) {
        separate()
        bytes.append(UInt8(ascii: "\""))
        Base64.encode(value, to: &bytes)
        bytes.append(UInt8(ascii: "\""))
        needsComma = true
    }

    /// Writes any value.
    package mutating func value(_ value: JSONValue) {
        switch value {
        case .null: null()
        case .bool(let value): bool(value)
        case .number(let digits): raw(digits)
        case .string(let value): string(value)
        case .array(let elements): array { writer in for element in elements { writer.value(element) } }
        case .object(let object):
            self.object { writer in
                for member in object.members {
                    writer.name(escaping: member.name)
                    writer.value(member.value)
                }
            }
        }
    }

    /// Ends the text with a line feed, for files of one value a line.
    package mutating func lineFeed() {
        bytes.append(0x0A)
        needsComma = false
    }

    // MARK: Punctuation

    /// Appends a text that needs no escapes, with what stands around it, at once.
    private mutating func append(quoted text: UnsafeBufferPointer<UInt8>, isName: Bool = false) {
        bytes.append(addingCapacity: text.count + 4) { span in
            span.withUnsafeMutableBufferPointer { buffer, count in
                guard let start = buffer.baseAddress else { return }
                var place = start + count
                func add(_ byte: UInt8) {
                    place.pointee = byte
                    place += 1
                }
                if needsComma { add(UInt8(ascii: ",")) }
                add(UInt8(ascii: "\""))
                if let first = text.baseAddress { place.update(from: first, count: text.count) }
                place += text.count
                add(UInt8(ascii: "\""))
                if isName { add(UInt8(ascii: ":")) }
                count = place - start
            }
        }
    }

    private mutating func separate() {
        if needsComma { bytes.append(UInt8(ascii: ",")) }
    }

    private mutating func open(_ byte: UInt8) {
        separate()
        bytes.append(byte)
        needsComma = false
    }

    private mutating func close(_ byte: UInt8) {
        bytes.append(byte)
        needsComma = true
    }

    private mutating func raw(_ text: String) {
        separate()
        bytes.append(contentsOf: text.utf8)
        needsComma = true
    }

    private mutating func appendEscaped(_ text: UnsafeBufferPointer<UInt8>) {
        var (start, index) = (0, 0)
        while index < text.count {
            let byte = text[index]
            if byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") {
                bytes.append(contentsOf: UnsafeBufferPointer(rebasing: text[start..<index]))
                start = index + 1
                appendEscape(of: byte)
            }
            index += 1
        }
        bytes.append(contentsOf: UnsafeBufferPointer(rebasing: text[start...]))
    }

    private mutating func appendEscape(of byte: UInt8) {
        bytes.append(UInt8(ascii: "\\"))
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"): bytes.append(byte)
        case 0x0A: bytes.append(UInt8(ascii: "n"))
        case 0x0D: bytes.append(UInt8(ascii: "r"))
        case 0x09: bytes.append(UInt8(ascii: "t"))
        default: bytes.append(contentsOf: "u00\(Hex.encode([byte]))".utf8)
        }
    }
}
