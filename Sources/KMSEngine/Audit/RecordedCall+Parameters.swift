import Foundation
import KMSModel

extension RecordedCall {
    /// What `requestParameters` shows of a request: its allowed members as sent, and the values that count where it
    /// leaves one out; nil when that is nothing.
    func parameters(of body: JSONObject) -> JSONObject? {
        var result = JSONObject()
        for (name, recordedName) in zip(members, recordedNames) {
            if let value = body[name], value != .null {
                result.append(recordedName, value.lowerFirst(asRoot: false))
            } else if let value = defaults.first(where: { $0.name == name })?.value {
                result.append(recordedName, value)
            }
        }
        return result.members.isEmpty ? nil : result
    }
}

extension AuditRecord.ResponseElements {
    /// The members that hold a time; records show it as text, not as a number.
    private static let times: Set<String> = ["creationDate", "deletionDate"]

    /// An answer as `responseElements` shows it.
    static func recording(_ answer: [UInt8]) -> Self {
        guard case .object(let object)? = try? JSONParser.parse(answer) else { return .none }
        guard case .object(let lowered) = JSONValue.object(object).lowerFirst(asRoot: true) else { return .none }
        return .answer(spellingOutTimes(in: lowered))
    }

    private static func spellingOutTimes(in object: JSONObject) -> JSONObject {
        JSONObject(
            object.members.map { member in
                switch member.value {
                case .number(let digits) where times.contains(member.name):
                    let seconds = Date(timeIntervalSince1970: Double(digits) ?? 0)
                    return .init(name: member.name, value: .string(UTCTime(seconds).spelledOut))
                case .object(let inner): return .init(name: member.name, value: .object(spellingOutTimes(in: inner)))
                default: return member
                }
            }
        )
    }
}

extension JSONValue {
    /// The value with the names of the model's members in lower case.
    ///
    /// The names in an encryption context are the customer's own and stay as they are, and so do those of every other
    /// object directly below a request: only objects in lists, and answers, have members of the model.
    fileprivate func lowerFirst(asRoot isRoot: Bool) -> JSONValue {
        switch self {
        case .array(let elements): .array(elements.map { $0.lowerFirst(asRoot: true) })
        case .object(let object) where isRoot:
            .object(
                JSONObject(
                    object.members.map { .init(name: $0.name.lowerFirst, value: $0.value.lowerFirst(asRoot: true)) }
                )
            )
        default: self
        }
    }
}

extension String {
    var lowerFirst: String { prefix(1).lowercased() + dropFirst() }
}

extension Access {
    /// How the audit record names what was acted on.
    var recorded: (account: AccountID, arn: String)? {
        switch resource {
        case .key(let key, _), .keyOfCiphertext(let key): (key.arn.account, key.arnText)
        case .alias(let alias): (alias.realm.account, alias.description)
        case .account: nil
        }
    }
}
