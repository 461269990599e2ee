import Foundation

/// What the API model demands of a string member.
package struct StringConstraint: Sendable {
    /// The fewest characters, or nil.
    package let minimumLength: Int?
    /// The most characters, or nil.
    package let maximumLength: Int?
    /// What the whole value must match, or nil.
    package let pattern: Pattern?
    /// The values of an enumeration.
    package let values: [String]?
    /// Whether error texts leave the value out.
    package let isSensitive: Bool

    package init(
        min minimumLength: Int? = nil, max maximumLength: Int? = nil, pattern: Pattern? = nil,
        values: [String]? = nil, isSensitive: Bool = false
    ) {
        self.minimumLength = minimumLength
        self.maximumLength = maximumLength
        self.pattern = pattern
        self.values = values
        self.isSensitive = isSensitive
    }

    /// The sentence of each rule that `value` breaks.
    func broken(by value: String) -> [String] {
        var sentences: [String] = []
        // Characters are Unicode scalars; counting them is needed only where bytes leave the answer open.
        let byteCount = value.utf8.count
        if let maximumLength, byteCount > maximumLength, value.unicodeScalars.count > maximumLength {
            sentences.append("Member must have length less than or equal to \(maximumLength)")
        }
        if let minimumLength, minimumLength > 0, byteCount < 4 * minimumLength,
            value.unicodeScalars.count < minimumLength
        {
            sentences.append("Member must have length greater than or equal to \(minimumLength)")
        }
        if let pattern, !pattern.matches(value) {
            sentences.append("Member must satisfy regular expression pattern: \(pattern.text)")
        }
        if let values, !values.contains(where: { value.isSame(as: $0) }) {
            sentences.append("Member must satisfy enum value set: [\(values.joined(separator: ", "))]")
        }
        return sentences
    }
}

/// A regular expression of the API model, which the whole value must match.
package struct Pattern: Sendable {
    /// The expression as the model writes it; error texts quote it.
    package let text: String
    private let expression: NSRegularExpression?

    /// - Parameter evaluated: The same expression for ICU, in which `\w`, `\d` and `\s` mean ASCII only, as they do in
    ///   the Java that AWS runs. The generator writes it. One that does not compile matches nothing; a test tries all.
    package init(_ text: String, evaluated: String) {
        self.text = text
        expression = try? NSRegularExpression(pattern: "\\A(?:\(evaluated))\\z")
    }

    /// Whether the expression could be compiled.
    package var isUsable: Bool { expression != nil }

    func matches(_ value: String) -> Bool {
        guard let expression else { return false }
        let whole = NSRange(location: 0, length: value.utf16.count)
        return expression.firstMatch(in: value, range: whole) != nil
    }
}

/// How many there may be of something: bytes of a blob, elements of a list, or the value of a number.
package struct RangeConstraint: Sendable {
    /// The least, or nil.
    package let minimum: Int?
    /// The greatest, or nil.
    package let maximum: Int?

    package init(min minimum: Int? = nil, max maximum: Int? = nil) {
        self.minimum = minimum
        self.maximum = maximum
    }

    /// The sentences of the rules that `count` breaks; `noun` is `length` or `value`.
    func broken(by count: Int, noun: String) -> [String] {
        var sentences: [String] = []
        if let maximum, count > maximum {
            sentences.append("Member must have \(noun) less than or equal to \(maximum)")
        }
        if let minimum, count < minimum {
            sentences.append("Member must have \(noun) greater than or equal to \(minimum)")
        }
        return sentences
    }
}
