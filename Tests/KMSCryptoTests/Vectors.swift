import Foundation
import KMSModel
import Testing

/// One case of a file of vectors.
struct VectorCase: Sendable, CustomTestStringConvertible {
    let name: String
    fileprivate let members: [String: JSONValue]

    var testDescription: String { name }

    /// The text of a member.
    func text(_ member: String) throws -> String {
        guard case .string(let text) = members[member] else { throw VectorFailure("\(name) has no \(member)") }
        return text
    }

    /// The bytes that a member has as hex.
    func bytes(_ member: String) throws -> [UInt8] {
        guard let bytes = Hex.decode(try text(member)) else { throw VectorFailure("\(name): \(member) is not hex") }
        return bytes
    }

    /// The bytes of a member that not all cases have.
    func bytesIfPresent(_ member: String) throws -> [UInt8]? {
        members[member] == nil ? nil : try bytes(member)
    }

    /// The encryption context that a member has as a list of pairs.
    func context(_ member: String) throws -> EncryptionContext {
        guard case .array(let pairs) = members[member] else { throw VectorFailure("\(name) has no \(member)") }
        return EncryptionContext(
            try pairs.map { pair in
                guard case .array(let texts) = pair, texts.count == 2, case .string(let key) = texts[0],
                    case .string(let value) = texts[1]
                else { throw VectorFailure("\(name): \(member) is not a list of pairs") }
                return (key, value)
            }
        )
    }
}

struct VectorFailure: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}

/// The data of `Tests/Vectors`.
///
/// A member that no test reads fails the run.
enum Vectors {
    static let directory = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("Vectors")

    /// The cases of a file, which have all of `members` and perhaps some of `optional`.
    static func cases(
        _ file: String, _ members: Set<String>, optional: Set<String> = []
    ) throws -> [VectorCase] {
        let text = try Data(contentsOf: directory.appendingPathComponent(file))
        guard case .object(let document) = try JSONParser.parse(text, refusingDuplicates: true),
            case .array(let values) = document["cases"], !values.isEmpty, document.members.count == 2,
            document["origin"] != nil || document["format"] != nil
        else { throw VectorFailure("\(file) is not a file of vectors") }
        return try values.map { value in
            guard case .object(let object) = value, case .string(let name) = object["name"] else {
                throw VectorFailure("\(file) has a case without a name")
            }
            let present = Set(object.members.map(\.name)).subtracting(["name"])
            guard present.isSuperset(of: members), present.isSubset(of: members.union(optional)) else {
                throw VectorFailure("\(file): \(name) has \(present.sorted())")
            }
            let pairs = object.members.map { ($0.name, $0.value) }
            return VectorCase(name: name, members: Dictionary(uniqueKeysWithValues: pairs))
        }
    }
}
