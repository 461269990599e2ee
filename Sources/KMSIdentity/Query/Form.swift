import Foundation
import KMSModel

/// The members of a request of the query protocol, and the rules that they have to keep.
///
/// Lists are numbered from 1: `Tags.member.1.Key`. Source of the bounds: the API models of IAM and STS.
package struct Form: Sendable {
    /// What stands under a member's name.
    package enum Value: Sendable, Equatable {
        case text(String)
        case texts([String])
        case structures([[String: String]])
    }

    /// The members that the operation has; whatever else was sent is nowhere, neither for policies nor for the audit log.
    package private(set) var members: [String: Value] = [:]

    private var malformation: QueryFailure?

    /// Whether error texts show the value that breaks a rule: STS's do, IAM's do not.
    private let showsValues: Bool

    /// Takes the members of an operation out of those that were sent.
    package init(_ sent: [String: String], taking members: [FormMember], showsValues: Bool = false) {
        self.showsValues = showsValues
        for member in members {
            switch member.kind {
            case .text: self.members[member.name] = sent[member.name].map(Value.text)
            case .texts:
                take(member.name, from: sent, admitting: [""]) { .texts($0.compactMap { $0[""] }) }
            case .structures(let places): take(member.name, from: sent, admitting: places, Value.structures)
            }
        }
    }

    private mutating func take(
        _ name: String, from sent: [String: String], admitting places: Set<String>,
        _ make: ([[String: String]]) -> Value
    ) {
        guard sent.keys.contains(where: { $0 == name || $0.utf8.starts(with: "\(name).".utf8) }) else { return }
        guard let entries = FormMember.entries(of: name, among: sent, admitting: places) else {
            malformation = Self.malformed
            return
        }
        members[name] = make(entries)
    }

    /// Refuses a request with a list that cannot be read whole.
    ///
    /// - Throws: ``QueryFailure`` with `MalformedInput`.
    package func check() throws(QueryFailure) {
        if let malformation { throw malformation }
    }

    private static let malformed = QueryFailure("MalformedInput", "Invalid Argument")

    // MARK: Texts

    /// A member that may be missing.
    package func optional(_ name: String) -> String? {
        guard case .text(let text)? = members[name] else { return nil }
        return text
    }

    /// A member that may be missing, and has `count` characters.
    ///
    /// - Throws: ``QueryFailure`` with `ValidationError`.
    package func optional(_ name: String, count: ClosedRange<Int>) throws(QueryFailure) -> String? {
        guard let text = optional(name) else { return nil }
        let length = text.unicodeScalars.count
        if length < count.lowerBound {
            throw broken(name, "Member must have length greater than or equal to \(count.lowerBound)")
        }
        if length > count.upperBound {
            throw broken(name, "Member must have length less than or equal to \(count.upperBound)")
        }
        return text
    }

    /// A member that must be there, and has `count` characters.
    ///
    /// - Throws: ``QueryFailure`` with `ValidationError`.
    package func required(_ name: String, count: ClosedRange<Int> = 1...131_072) throws(QueryFailure) -> String {
        guard let text = try optional(name, count: count) else { throw broken(name, "Member must not be null") }
        return text
    }

    /// The name of a user, group, role or policy.
    ///
    /// - Throws: ``QueryFailure`` with `ValidationError`.
    func name(_ member: String, longest: Int) throws(QueryFailure) -> String {
        try checkedName(try required(member, count: 1...longest), member)
    }

    /// A name that may be missing.
    ///
    /// - Throws: ``QueryFailure`` with `ValidationError`.
    func optionalName(_ member: String, longest: Int) throws(QueryFailure) -> String? {
        guard let text = try optional(member, count: 1...longest) else { return nil }
        return try checkedName(text, member)
    }

    private func checkedName(_ text: String, _ member: String) throws(QueryFailure) -> String {
        guard text.utf8.allSatisfy(Self.isOfName) else {
            throw .validation(
                "The specified value for \(member.lowercasedFirst) is invalid. It must contain only alphanumeric "
                    + "characters and/or the following: +=,.@_-")
        }
        return text
    }

    /// Whether the byte may stand in a name: `[\w+=,.@-]`.
    package static func isOfName(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: "_+=,.@-".utf8.contains(byte)
        }
    }

    /// A path, which begins and ends with a slash: `/` when there is none.
    ///
    /// - Throws: ``QueryFailure`` with `ValidationError`.
    func path(_ member: String = "Path") throws(QueryFailure) -> String {
        guard let path = try optional(member, count: 1...512) else { return "/" }
        // Source of the pattern: IAM API Reference, `pathType`: one slash, or printable ASCII between two.
        guard path.first == "/", path.last == "/", path != "//", path.utf8.allSatisfy({ (0x21...0x7E).contains($0) })
        else {
            throw .validation(
                "The specified value for \(member.lowercasedFirst) is invalid. It must begin and end with / and "
                    + "contain only alphanumeric characters and/or / characters.")
        }
        return path
    }

    /// What paths have to begin with: everything when nothing is said.
    ///
    /// Source of the pattern: IAM API Reference, `pathPrefixType`.
    ///
    /// - Throws: ``QueryFailure`` with `ValidationError`.
    func pathPrefix() throws(QueryFailure) -> String {
        guard let prefix = try optional("PathPrefix", count: 1...512) else { return "/" }
        guard prefix.first == "/", prefix.utf8.allSatisfy({ (0x21...0x7F).contains($0) }) else {
            throw .validation(
                "The specified value for pathPrefix is invalid. It must begin with / and contain only alphanumeric "
                    + "characters and/or / characters.")
        }
        return prefix
    }

    /// A text of people's choice: printable characters of Latin 1, and line breaks.
    ///
    /// - Throws: ``QueryFailure`` with `ValidationError`.
    func description(longest: Int = 1000) throws(QueryFailure) -> String? {
        guard let text = try optional("Description", count: 0...longest) else { return nil }
        let isPrintable = text.unicodeScalars.allSatisfy { scalar in
            [0x09, 0x0A, 0x0D].contains(scalar.value) || (0x20...0x7E).contains(scalar.value)
                || (0xA1...0xFF).contains(scalar.value)
        }
        guard isPrintable else {
            throw broken(
                "Description",
                "Member must satisfy regular expression pattern: [\\u0009\\u000A\\u000D\\u0020-\\u007E\\u00A1-\\u00FF]*"
            )
        }
        return text
    }

    /// One of a few texts, if there is one.
    ///
    /// - Throws: ``QueryFailure`` with `ValidationError`.
    func choice(_ name: String, _ choices: [String]) throws(QueryFailure) -> String? {
        guard let text = optional(name) else { return nil }
        guard choices.contains(where: { text.isSame(as: $0) }) else {
            throw broken(name, "Member must satisfy enum value set")
        }
        return text
    }

    // MARK: Numbers and flags

    /// A number in `range`, if there is one.
    ///
    /// - Throws: ``QueryFailure`` with `ValidationError`.
    package func number(_ name: String, in range: ClosedRange<Int>) throws(QueryFailure) -> Int? {
        guard let text = optional(name) else { return nil }
        guard !text.hasBytePrefix("+"), let number = Int(text) else { throw Self.malformed }
        if number < range.lowerBound {
            throw broken(name, "Member must have value greater than or equal to \(range.lowerBound)")
        }
        if number > range.upperBound {
            throw broken(name, "Member must have value less than or equal to \(range.upperBound)")
        }
        return number
    }

    /// Whether a flag is set; one that is not there is not.
    ///
    /// - Throws: ``QueryFailure`` with `MalformedInput`.
    func flag(_ name: String) throws(QueryFailure) -> Bool {
        guard let text = optional(name) else { return false }
        if text.isSame(asFolded: "true") { return true }
        guard text.isSame(asFolded: "false") else { throw Self.malformed }
        return false
    }

    // MARK: Lists

    /// The texts of a list.
    package func list(_ name: String) -> [String] {
        guard case .texts(let texts)? = members[name] else { return [] }
        return texts
    }

    /// The structures of a list, without those members that were not sent.
    package func structures(_ name: String) -> [[String: String]] {
        guard case .structures(let structures)? = members[name] else { return [] }
        return structures
    }

    /// How many texts and structures there are.
    package var size: Int {
        members.values.reduce(0) { size, value in
            switch value {
            case .text: size + 1
            case .texts(let texts): size + texts.count
            case .structures(let structures): size + structures.count
            }
        }
    }

    /// Whether the member was sent, be it as an empty list.
    package func has(_ name: String) -> Bool { members[name] != nil }

    // MARK: Refusals

    /// AWS's sentence for a member that breaks a rule of the model.
    package func broken(_ name: String, _ rule: String) -> QueryFailure {
        let value = showsValues ? optional(name).map { "'\($0)' " } ?? "" : ""
        return .validation(
            "1 validation error detected: Value \(value)at '\(name.lowercasedFirst)' failed to satisfy constraint: \(rule)"
        )
    }
}
