/// Writes JSON text into one growing buffer, member by member.
///
/// It is the caller's part to close what it opened; commas and escapes are the writer's.
package struct JSONWriter: ~Copyable {
    private var output: ByteWriter
    private var needsComma = false

    package init(capacity: Int = 512) { output = ByteWriter(capacity: capacity) }

    /// The text so far, UTF-8.
    package var bytes: [UInt8] { output.bytes }

    /// How long the text is, in bytes.
    package var count: Int { output.count }

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
        output.append(UInt8(ascii: ":"))
        needsComma = false
    }

    /// Writes a string, escaped.
    package mutating func string(_ value: String) {
        let isWritten: Void? = value.utf8.withContiguousStorageIfAvailable { append(string: $0) }
        // Texts of Foundation on Darwin need not stand in one piece.
        if isWritten == nil { Array(value.utf8).withUnsafeBufferPointer { append(string: $0) } }
        needsComma = true
    }

    /// Writes members that another writer wrote, with their names and what stands between them.
    package mutating func raw(members: [UInt8]) {
        separate()
        output.append(members)
        needsComma = true
    }

    /// Writes a whole number.
    package mutating func integer(_ value: some BinaryInteger) { raw(String(value)) }

    /// Writes `true` or `false`.
    package mutating func bool(_ value: Bool) { raw(value ? "true" as StaticString : "false") }

    /// Writes `null`.
    package mutating func null() { raw("null" as StaticString) }

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
        output.append(UInt8(ascii: "\""))
        Base64.encode(value, to: &output)
        output.append(UInt8(ascii: "\""))
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
        output.append(0x0A)
        needsComma = false
    }

    /// Takes lines back that were written last.
    ///
    /// - Parameter length: How long the text was before them.
    package mutating func takeBack(to length: Int) {
        output.takeBack(to: length)
        needsComma = false
    }

    // MARK: Punctuation

    private mutating func append(string text: UnsafeBufferPointer<UInt8>) {
        if !text.hasEscapes { return append(quoted: text) }
        separate()
        output.append(UInt8(ascii: "\""))
        appendEscaped(text)
        output.append(UInt8(ascii: "\""))
    }

    /// Appends a text that needs no escapes, with what stands around it, at once.
    @inline(__always)
    private mutating func append(quoted text: UnsafeBufferPointer<UInt8>, isName: Bool = false) {
        let (comma, colon) = (needsComma ? 1 : 0, isName ? 1 : 0)
        output.append(count: comma + 1 + text.count + 1 + colon) { place in
            // What there is no place for is written over.
            place[0] = UInt8(ascii: ",")
            place[comma] = UInt8(ascii: "\"")
            place[place.count - 1] = UInt8(ascii: ":")
            place[comma + 1 + text.count] = UInt8(ascii: "\"")
            let start = comma + 1
            UnsafeMutableRawBufferPointer(rebasing: place[start...]).copyMemory(from: UnsafeRawBufferPointer(text))
        }
    }

    private mutating func separate() {
        if needsComma { output.append(UInt8(ascii: ",")) }
    }

    private mutating func open(_ byte: UInt8) {
        separate()
        output.append(byte)
        needsComma = false
    }

    private mutating func close(_ byte: UInt8) {
        output.append(byte)
        needsComma = true
    }

    private mutating func raw(_ text: String) {
        separate()
        output.append(text)
        needsComma = true
    }

    private mutating func raw(_ text: StaticString) {
        separate()
        output.append(text)
        needsComma = true
    }

    private mutating func appendEscaped(_ text: UnsafeBufferPointer<UInt8>) {
        var (start, index) = (0, 0)
        while index < text.count {
            let byte = text[index]
            if byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") {
                output.append(UnsafeRawBufferPointer(UnsafeBufferPointer(rebasing: text[start..<index])))
                start = index + 1
                appendEscape(of: byte)
            }
            index += 1
        }
        output.append(UnsafeRawBufferPointer(UnsafeBufferPointer(rebasing: text[start...])))
    }

    private mutating func appendEscape(of byte: UInt8) {
        output.append(UInt8(ascii: "\\"))
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"): output.append(byte)
        case 0x0A: output.append(UInt8(ascii: "n"))
        case 0x0D: output.append(UInt8(ascii: "r"))
        case 0x09: output.append(UInt8(ascii: "t"))
        default: output.append("u00\(Hex.encode([byte]))")
        }
    }
}
