/// Members of a known kind; nil, or nothing, for one that is of another kind or not there.
extension JSONObject {
    /// A text.
    package func text(_ name: String) -> String? {
        if case .string(let text)? = self[name] { text } else { nil }
    }

    /// A flag; one that is not there is not set.
    package func flag(_ name: String) -> Bool { self[name] == .bool(true) }

    /// A number.
    package func number(_ name: String) -> Double? {
        if case .number(let digits)? = self[name] { Double(digits) } else { nil }
    }

    /// A structure.
    package func object(_ name: String) -> JSONObject? {
        if case .object(let object)? = self[name] { object } else { nil }
    }

    /// The structures of a list.
    package func objects(_ name: String) -> [JSONObject] {
        guard case .array(let values)? = self[name] else { return [] }
        return values.compactMap { if case .object(let object) = $0 { object } else { nil } }
    }

    /// The texts of a list.
    package func texts(_ name: String) -> [String] {
        guard case .array(let values)? = self[name] else { return [] }
        return values.compactMap { if case .string(let text) = $0 { text } else { nil } }
    }
}
