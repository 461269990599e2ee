import Foundation
import KMSModel

extension RecordedCall {
    /// The member that is a structure of the model and no map of the customer's.
    private static let structure = "Constraints"

    /// What `requestParameters` shows of a request: its allowed members as sent, and the values that count where it
    /// leaves one out; nil when that is nothing.
    func parameters(of body: JSONObject) -> JSONObject? {
        var shown: [JSONObject.Member] = []
        shown.reserveCapacity(members.count)
        for (name, recordedName) in zip(members, recordedNames) {
            if let value = body[name], value != .null {
                let isStructure = name.isSame(as: Self.structure)
                let recorded = isStructure ? value.lowerFirstOfNames : value.lowerFirst(asRoot: false)
                shown.append(JSONObject.Member(name: recordedName, value: recorded).spellingOutTime)
            } else if let value = defaults.first(where: { $0.name == name })?.value {
                shown.append(JSONObject.Member(name: recordedName, value: value))
            }
        }
        return shown.isEmpty ? nil : JSONObject(shown)
    }
}

extension RecordedCall {
    /// What the audit record of `region` names of what was acted on, each once.
    func resources(of accesses: [Access], in region: Region) -> [(account: AccountID, arn: String)] {
        var resources: [(account: AccountID, arn: String)] = []
        // Some name a key before an alias, and not in the order in which they are decided on.
        for access in namesKeysFirst ? accesses.filter({ $0.key != nil }) + accesses : accesses {
            guard let resource = access.recorded(in: region), !resources.contains(where: { $0.arn == resource.arn })
            else { continue }
            resources.append(resource)
        }
        return resources
    }
}

extension AuditRecord {
    /// Puts down what is shown of an answer.
    mutating func show(_ response: RecordedResponse, of answer: [UInt8]) {
        var key: String? { resources.first { $0.arn.contains(":key/") }?.arn }
        switch response {
        case .nothing: break
        case .keyARN: if let key { responseElements = .keyID(key) }
        case .keyARNAnd(let member): if let key { responseElements = .keyID(key, with: member, of: answer) }
        case .everything: responseElements = .recording(answer)
        }
    }
}

extension AuditRecord.ResponseElements {
    /// An answer as `responseElements` shows it.
    static func recording(_ answer: [UInt8]) -> Self {
        guard case .object(let object)? = try? JSONParser.parse(answer) else { return .none }
        return .answer(object.asRecorded)
    }

    /// The ARN of a key, and one member of an answer.
    static func keyID(_ arn: String, with member: String, of answer: [UInt8]) -> Self {
        guard case .answer(let object) = recording(answer), let value = object[member] else { return .keyID(arn) }
        return .answer(JSONObject([member: value, "keyId": .string(arn)]))
    }
}

extension JSONObject {
    /// An object of an answer, or of a list, with its members' names in lower case and its times as text.
    fileprivate var asRecorded: JSONObject {
        JSONObject(
            members.map {
                Member(name: $0.name.lowercasedFirst, value: $0.value.lowerFirst(asRoot: true)).spellingOutTime
            })
    }
}

extension JSONObject.Member {
    /// The members that hold a time; records show it as text, not as a number.
    private static let times: Set<String> = ["creationDate", "deletionDate", "validTo", "startTime", "endTime"]
    /// What has a date with a year of four digits, in seconds since 1970; a request may ask for any number.
    private static let datedSeconds = 0..<253_402_300_800.0

    /// The member as records show it.
    fileprivate var spellingOutTime: JSONObject.Member {
        guard case .number(let digits) = value, Self.times.contains(name), let seconds = Double(digits),
            Self.datedSeconds.contains(seconds)
        else { return self }
        return .init(name: name, value: .string(UTCTime(Date(timeIntervalSince1970: seconds)).spelledOut))
    }
}

extension JSONValue {
    /// The value with its own names in lower case, and what they stand for as it is.
    fileprivate var lowerFirstOfNames: JSONValue {
        guard case .object(let object) = self else { return self }
        return .object(JSONObject(object.members.map { .init(name: $0.name.lowercasedFirst, value: $0.value) }))
    }

    /// The value with the names of the model's members in lower case.
    ///
    /// The names in an encryption context are the customer's own and stay as they are, and so do those of every other
    /// object directly below a request: only objects in lists have members of the model.
    fileprivate func lowerFirst(asRoot isRoot: Bool) -> JSONValue {
        switch self {
        case .array(let elements): .array(elements.map { $0.lowerFirst(asRoot: true) })
        case .object(let object) where isRoot: .object(object.asRecorded)
        default: self
        }
    }
}

extension Access {
    /// How the audit record of `region` names what was acted on; nil for a key elsewhere, where there is another record.
    fileprivate func recorded(in region: Region) -> (account: AccountID, arn: String)? {
        switch resource {
        case .key(let key, _), .keyOfCiphertext(let key), .grant(let key, _):
            key.arn.region == region ? (key.arn.account, key.arnText) : nil
        case .alias(let alias): (alias.realm.account, alias.description)
        case .identity, .account, .hidden: nil
        }
    }
}
