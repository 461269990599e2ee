package import Foundation
package import KMSModel

/// One case of a file of vectors.
package struct VectorCase: Sendable, CustomStringConvertible {
    /// What the case is called in its file.
    package let name: String
    fileprivate let members: [String: JSONValue]

    package var description: String { name }

    /// The text of a member.
    package func text(_ member: String) throws -> String {
        guard case .string(let text) = members[member] else { throw VectorFailure("\(name) has no \(member)") }
        return text
    }

    /// The bytes that a member has as hex.
    package func bytes(_ member: String) throws -> [UInt8] {
        guard let bytes = Hex.decode(try text(member)) else { throw VectorFailure("\(name): \(member) is not hex") }
        return bytes
    }

    /// The bytes of a member that not all cases have.
    package func bytesIfPresent(_ member: String) throws -> [UInt8]? {
        members[member] == nil ? nil : try bytes(member)
    }

    /// The encryption context that a member has as a list of pairs.
    package func context(_ member: String) throws -> EncryptionContext {
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

/// What is wrong with a file of vectors.
package struct VectorFailure: Error, CustomStringConvertible {
    package let description: String

    package init(_ description: String) { self.description = description }
}

/// The data of `Tests/Vectors`.
///
/// A member that no test reads fails the run.
package enum Vectors {
    /// `Tests/Vectors`.
    package static let directory = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent()
        .appendingPathComponent("Vectors")

    /// The cases of a file, which have all of `members` and perhaps some of `optional`.
    package static func cases(
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

extension VectorCase {
    /// What the vector says of its signature, ciphertext or key.
    package var isValid: Bool {
        get throws {
            switch try text("result") {
            case "valid": true
            case "invalid": false
            case let other: throw VectorFailure("\(name): the result \(other)")
            }
        }
    }

    /// The hash function that a member names.
    package func hash() throws -> HashFunction {
        let names: [String: HashFunction] = [
            "SHA-1": .sha1, "SHA-256": .sha256, "SHA-384": .sha384, "SHA-512": .sha512,
        ]
        guard let hash = names[try text("hash")] else { throw VectorFailure("\(name): the hash function") }
        return hash
    }
}
