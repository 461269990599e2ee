import KMSIdentity
import KMSModel

// What audit records show of requests and answers of the query protocol: names begin in lower case, and no secret is kept.

extension Form {
    /// Members that say which operation it is, or that are secrets.
    private static let unrecorded: Set<String> = ["Action", "Version", "TokenCode"]

    private static let numbers: Set<String> = ["DurationSeconds", "MaxSessionDuration", "MaxItems"]

    /// What `requestParameters` shows; nil when that is nothing.
    ///
    /// Members of a presigned request's signature are no parameters.
    var recorded: JSONObject? {
        var result = JSONObject()
        var lists: Set<String> = []
        for name in members.keys.sorted() where !Self.unrecorded.contains(name) && !name.hasPrefix("X-Amz-") {
            let parts = name.split(separator: ".")
            if parts.count == 1, let value = members[name], !lists.contains(name) {
                let isNumber = Self.numbers.contains(name) && Int(value) != nil
                result.append(name.lowercasedFirst, isNumber ? .number(value) : .string(value))
            } else if parts.count >= 3, parts[1] == "member", lists.insert(String(parts[0])).inserted {
                result.append(String(parts[0]).lowercasedFirst, .array(recordedList(String(parts[0]))))
            }
        }
        return result.members.isEmpty ? nil : result
    }

    private func recordedList(_ name: String) -> [JSONValue] {
        let texts = list(name)
        guard texts.isEmpty else { return texts.map(JSONValue.string) }
        var values: [JSONValue] = []
        while true {
            let prefix = "\(name).member.\(values.count + 1)."
            let own = ["Key", "Value", "arn"].compactMap { member in
                members[prefix + member].map { JSONObject.Member(name: member.lowercasedFirst, value: .string($0)) }
            }
            guard !own.isEmpty else { return values }
            values.append(.object(JSONObject(own)))
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
