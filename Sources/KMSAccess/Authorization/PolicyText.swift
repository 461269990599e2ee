package import KMSModel

extension PolicyDocument {
    /// The document as GetKeyPolicy shows it: AWS's layout, with the order and the forms that its writer chose.
    package var text: String { PolicyText.print(source) }
}

/// Writes JSON the way AWS lays out policies: members on lines of their own, indented by two spaces, and arrays on one.
package enum PolicyText {
    /// The text of `value`.
    ///
    /// Members, values and numbers stay as they are.
    ///
    /// Characters that may not stand in a policy are escaped, so that the text can be stored again.
    package static func print(_ value: JSONValue) -> String {
        var text = ""
        append(value, depth: 0, to: &text)
        return text
    }

    /// The text of `value` without any white space between its parts.
    package static func compact(_ value: JSONValue) -> String {
        switch value {
        case .array(let elements):
            return "[" + elements.map(compact).joined(separator: ",") + "]"
        case .object(let object):
            let members = object.members.map { member in
                var name = ""
                append(member.name, to: &name)
                return name + ":" + compact(member.value)
            }
            return "{" + members.joined(separator: ",") + "}"
        case .null, .bool, .number, .string:
            return print(value)
        }
    }

    private static func append(_ value: JSONValue, depth: Int, to text: inout String) {
        switch value {
        case .null: text += "null"
        case .bool(let flag): text += flag ? "true" : "false"
        case .number(let digits): text += digits
        case .string(let string): append(string, to: &text)
        case .array(let elements):
            text += "["
            for (index, element) in elements.enumerated() {
                text += index == 0 ? " " : ", "
                append(element, depth: depth, to: &text)
            }
            text += " ]"
        case .object(let object):
            append(object, depth: depth, to: &text)
        }
    }

    private static func append(_ object: JSONObject, depth: Int, to text: inout String) {
        guard !object.members.isEmpty else {
            text += "{ }"
            return
        }
        text += "{"
        for (index, member) in object.members.enumerated() {
            text += index == 0 ? "\n" : ",\n"
            indent(depth + 1, &text)
            append(member.name, to: &text)
            text += " : "
            append(member.value, depth: depth + 1, to: &text)
        }
        text += "\n"
        indent(depth, &text)
        text += "}"
    }

    private static func indent(_ depth: Int, _ text: inout String) {
        for _ in 0..<depth { text += "  " }
    }

    private static func append(_ string: String, to text: inout String) {
        text += "\""
        for scalar in string.unicodeScalars {
            switch scalar {
            case "\"": text += "\\\""
            case "\\": text += "\\\\"
            case "\n": text += "\\n"
            case "\r": text += "\\r"
            case "\t": text += "\\t"
            case "\u{20}"..."\u{FF}": text.unicodeScalars.append(scalar)
            default:
                for unit in scalar.utf16 { text += "\\u" + fourHexDigits(unit) }
            }
        }
        text += "\""
    }

    private static func fourHexDigits(_ unit: UInt16) -> String {
        Hex.encode([UInt8(unit >> 8), UInt8(unit & 0xFF)])
    }
}
