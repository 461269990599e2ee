import KMSIdentity
import KMSModel

// What audit records show of requests and answers of the query protocol: names begin in lower case, and no secret is kept.

extension Form {
    /// Members that are secrets.
    private static let secrets: Set<String> = ["TokenCode"]

    private static let numbers: Set<String> = ["DurationSeconds", "MaxSessionDuration", "MaxItems"]

    /// What `requestParameters` shows; nil when that is nothing.
    var recorded: JSONObject? {
        let shown = members.filter { !Self.secrets.contains($0.key) }.sorted { $0.key < $1.key }
        guard !shown.isEmpty else { return nil }
        return JSONObject(
            shown.map { name, value in
                JSONObject.Member(name: name.lowercasedFirst, value: Self.recorded(value, of: name))
            })
    }

    private static func recorded(_ value: Value, of name: String) -> JSONValue {
        switch value {
        case .text(let text):
            numbers.contains(name) && Int(text).map(String.init) == text ? .number(text) : .string(text)
        case .texts(let texts): .array(texts.map(JSONValue.string))
        case .structures(let structures):
            .array(
                structures.map { structure in
                    .object(
                        JSONObject(
                            structure.sorted { $0.key < $1.key }
                                .map { JSONObject.Member(name: $0.key.lowercasedFirst, value: .string($0.value)) }))
                })
        }
    }
}

extension AuditRecord.ResponseElements {
    /// An answer as `responseElements` shows it.
    static func recording(_ answer: QueryValue) -> Self {
        guard case .object(let object) = answer.recorded, !object.members.isEmpty else { return .none }
        return .answer(object)
    }
}

extension QueryValue {
    private static let secrets: Set<String> = ["SecretAccessKey", "SessionToken"]

    fileprivate var recorded: JSONValue {
        switch self {
        case .text(let text): .string(text)
        case .list(let values): .array(values.map(\.recorded))
        case .structure(let members):
            .object(
                JSONObject(
                    members.filter { !Self.secrets.contains($0.name) }
                        .map { JSONObject.Member(name: $0.name.lowercasedFirst, value: $0.value.recorded) }))
        }
    }
}
