import Foundation
import KMSModel

/// The members of a request of the query protocol, and the rules that they have to keep.
///
/// Lists are numbered from 1: `Tags.member.1.Key`. Source of the bounds: the API models of IAM and STS.
package struct Form: Sendable {
    /// As they were sent; of two of one name the later one.
    package let members: [String: String]

    /// Whether error texts show the value that breaks a rule: STS's do, IAM's do not.
    private let showsValues: Bool

    package init(_ members: [String: String], showsValues: Bool = false) {
        self.members = members
        self.showsValues = showsValues
    }

    // MARK: Texts

    /// A member that may be missing.
    package func optional(_ name: String) -> String? { members[name] }

    /// A member that may be missing, and has `count` characters.
    ///
    /// - Throws: ``QueryFailure`` with `ValidationError`.
    package func optional(_ name: String, count: ClosedRange<Int>) throws(QueryFailure) -> String? {
        guard let text = members[name] else { return nil }
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
        guard path.first == "/", path.last == "/", path.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            throw .validation(
                "The specified value for \(member.lowercasedFirst) is invalid. It must begin and end with / and "
                    + "contain only alphanumeric characters and/or / characters.")
        }
        return path
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
        guard let text = members[name] else { return nil }
        guard choices.contains(text) else { throw broken(name, "Member must satisfy enum value set") }
        return text
    }

    // MARK: Numbers and flags

    /// A number in `range`, if there is one.
    ///
    /// - Throws: ``QueryFailure`` with `ValidationError`.
    package func number(_ name: String, in range: ClosedRange<Int>) throws(QueryFailure) -> Int? {
        guard let text = members[name] else { return nil }
        guard let number = Int(text) else {
            throw QueryFailure("MalformedInput", "Invalid Argument")
        }
        if number < range.lowerBound {
            throw broken(name, "Member must have value greater than or equal to \(range.lowerBound)")
        }
        if number > range.upperBound {
            throw broken(name, "Member must have value less than or equal to \(range.upperBound)")
        }
        return number
    }

    /// Whether a flag is set.
    func flag(_ name: String) -> Bool { members[name]?.lowercased() == "true" }

    // MARK: Lists

    /// A list of texts: `<name>.member.1` and so on.
    package func list(_ name: String) -> [String] {
        var values: [String] = []
        while let value = members["\(name).member.\(values.count + 1)"] { values.append(value) }
        return values
    }

    /// A list of structures with one member: `<name>.member.1.<member>` and so on.
    package func list(_ name: String, of member: String) -> [String] {
        var values: [String] = []
        while let value = members["\(name).member.\(values.count + 1).\(member)"] { values.append(value) }
        return values
    }

    /// Whether anything of a list was sent.
    package func has(_ name: String) -> Bool {
        members.keys.contains { $0 == name || $0.hasPrefix("\(name).member.") }
    }

    // MARK: Refusals

    /// AWS's sentence for a member that breaks a rule of the model.
    package func broken(_ name: String, _ rule: String) -> QueryFailure {
        let value = showsValues ? members[name].map { "'\($0)' " } ?? "" : ""
        return .validation(
            "1 validation error detected: Value \(value)at '\(name.lowercasedFirst)' failed to satisfy constraint: \(rule)"
        )
    }
}
