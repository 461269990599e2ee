package import struct Foundation.Date

/// A shape of the API model that arrives in a request.
package protocol RequestShape: Sendable {
    /// Reads the members from `reader`, which collects every broken constraint.
    ///
    /// - Throws: ``SerializationFailure`` when a member has another JSON type than the model says.
    init(from reader: inout ShapeReader) throws(SerializationFailure)
}

/// A member of a request has another JSON type than the model says, or is not base64.
package struct SerializationFailure: Error, Sendable {
    /// Which member it is, for the caller.
    package let message: String?

    /// A failure with what the caller is told of it.
    package init(message: String? = nil) { self.message = message }
}

extension RequestShape {
    /// Reads and validates a request body as the API model demands.
    ///
    /// - Throws: ``KMSError`` with `SerializationException`, or `ValidationException` that lists every broken constraint.
    package init(validating object: JSONObject) throws(KMSError) {
        var reader = ShapeReader(object: object, path: "")
        do {
            self = try Self(from: &reader)
        } catch {
            throw KMSError(.serialization, error.message)
        }
        guard !reader.violations.isEmpty else { return }
        throw .validation(of: reader.violations)
    }
}

extension KMSError {
    /// AWS's sentence for broken shape constraints, each of `violations` being one item of it.
    package static func validation(of violations: [String]) -> KMSError {
        let noun = violations.count == 1 ? "error" : "errors"
        return KMSError(
            .validation,
            "\(violations.count) validation \(noun) detected: \(violations.joined(separator: "; "))"
        )
    }
}

/// Reads the members of one structure and notes every constraint that a value breaks.
package struct ShapeReader {
    private let object: JSONObject
    /// What stands before a member's own name in error texts, such as `tags.1.member.`.
    private let path: String
    /// An item of the error text for each broken constraint, in the order of the model's members.
    package private(set) var violations: [String] = []
    /// How many broken constraints are told at the most: a body can break one with every few bytes.
    private static let mostViolations = 100

    package init(object: JSONObject, path: String) {
        self.object = object
        self.path = path
    }

    // MARK: Scalars

    /// Reads a string member, nil when it is absent.
    package mutating func string(
        _ name: StaticString, _ constraint: StringConstraint
    ) throws(SerializationFailure) -> String? {
        guard let value = member(name) else { return nil }
        guard case .string(let text) = value else { throw Self.wrongType(name, "a string") }
        for sentence in constraint.broken(by: text) {
            note(name, value: constraint.isSensitive ? nil : "'\(text)'", sentence)
        }
        return text
    }

    /// Reads a whole number, nil when it is absent.
    package mutating func integer(
        _ name: StaticString, _ constraint: RangeConstraint
    ) throws(SerializationFailure) -> Int? {
        guard let value = member(name) else { return nil }
        guard case .number(let digits) = value, let number = Self.integer(from: digits) else {
            throw Self.wrongType(name, "an integer")
        }
        for sentence in constraint.broken(by: number, noun: "value") { note(name, value: "'\(number)'", sentence) }
        return number
    }

    /// Reads a boolean, nil when it is absent.
    package mutating func boolean(_ name: StaticString) throws(SerializationFailure) -> Bool? {
        guard let value = member(name) else { return nil }
        guard case .bool(let flag) = value else { throw Self.wrongType(name, "a boolean") }
        return flag
    }

    /// Reads seconds since 1970, with or without a fraction or an exponent.
    package mutating func timestamp(_ name: StaticString) throws(SerializationFailure) -> Date? {
        guard let value = member(name) else { return nil }
        guard case .number(let digits) = value, let seconds = Double(digits), seconds.isFinite else {
            throw Self.wrongType(name, "a timestamp")
        }
        return Date(timeIntervalSince1970: seconds)
    }

    // MARK: Blobs

    /// Reads bytes in base64, nil when they are absent.
    package mutating func blob(
        _ name: StaticString, _ constraint: RangeConstraint
    ) throws(SerializationFailure) -> [UInt8]? {
        guard let text = try blobText(name) else { return nil }
        guard let bytes = Base64.decode(text) else { throw Self.wrongType(name, "base64") }
        for sentence in constraint.broken(by: bytes.count, noun: "length") { note(name, value: nil, sentence) }
        return bytes
    }

    /// Reads secret bytes in base64, nil when they are absent.
    package mutating func secret(
        _ name: StaticString, _ constraint: RangeConstraint
    ) throws(SerializationFailure) -> SecretBytes? {
        guard let text = try blobText(name) else { return nil }
        guard let bytes = Base64.decodeSecret(text) else { throw Self.wrongType(name, "base64") }
        for sentence in constraint.broken(by: bytes.count, noun: "length") { note(name, value: nil, sentence) }
        return bytes
    }

    private func blobText(_ name: StaticString) throws(SerializationFailure) -> String? {
        guard let value = member(name) else { return nil }
        guard case .string(let text) = value else { throw Self.wrongType(name, "base64") }
        return text
    }

    // MARK: Collections

    /// Reads a list of strings, nil when it is absent.
    package mutating func stringList(
        _ name: StaticString, count: RangeConstraint, element: StringConstraint
    ) throws(SerializationFailure) -> [String]? {
        guard let value = member(name) else { return nil }
        guard case .array(let elements) = value else { throw Self.wrongType(name, "a list") }
        var result: [String] = []
        result.reserveCapacity(elements.count)
        var brokenByElement: [String] = []
        for value in elements {
            guard case .string(let text) = value else { throw Self.wrongType(name, "a list of strings") }
            if brokenByElement.isEmpty, !element.broken(by: text).isEmpty {
                brokenByElement = element.everySentence
            }
            result.append(text)
        }
        let shown = element.isSensitive ? nil : "'[\(result.joined(separator: ", "))]'"
        for sentence in count.broken(by: result.count, noun: "length") { note(name, value: shown, sentence) }
        if !brokenByElement.isEmpty {
            note(name, value: shown, "Member must satisfy constraint: [\(brokenByElement.joined(separator: ", "))]")
        }
        return result
    }

    /// Reads a map from strings to strings in the order written, nil when it is absent.
    package mutating func stringMap(_ name: StaticString) throws(SerializationFailure) -> [(String, String)]? {
        guard let value = member(name) else { return nil }
        guard case .object(let object) = value else { throw Self.wrongType(name, "a map") }
        var result: [(String, String)] = []
        result.reserveCapacity(object.members.count)
        for member in object.members {
            guard case .string(let text) = member.value else { throw Self.wrongType(name, "a map of strings") }
            result.append((member.name, text))
        }
        return result
    }

    /// Reads a structure, nil when it is absent.
    package mutating func structure<Shape: RequestShape>(
        _ name: StaticString, _ shape: Shape.Type
    ) throws(SerializationFailure) -> Shape? {
        guard let value = member(name) else { return nil }
        guard case .object(let object) = value else { throw Self.wrongType(name, "a structure") }
        return try nested(object, path: "\(lowered(name)).")
    }

    /// Reads a list of structures, nil when it is absent.
    package mutating func structureList<Shape: RequestShape>(
        _ name: StaticString, _ shape: Shape.Type, count: RangeConstraint
    ) throws(SerializationFailure) -> [Shape]? {
        guard let value = member(name) else { return nil }
        guard case .array(let elements) = value else { throw Self.wrongType(name, "a list") }
        for sentence in count.broken(by: elements.count, noun: "length") { note(name, value: nil, sentence) }
        var result: [Shape] = []
        result.reserveCapacity(elements.count)
        for (index, element) in elements.enumerated() {
            guard case .object(let object) = element else { throw Self.wrongType(name, "a list of structures") }
            result.append(try nested(object, path: "\(lowered(name)).\(index + 1).member."))
        }
        return result
    }

    private mutating func nested<Shape: RequestShape>(
        _ object: JSONObject, path: String
    ) throws(SerializationFailure) -> Shape {
        var reader = ShapeReader(object: object, path: self.path + path)
        let shape = try Shape(from: &reader)
        violations += reader.violations.prefix(Self.mostViolations - violations.count)
        return shape
    }

    // MARK: Required members

    /// Notes that a required member is missing; `placeholder` lets the reading go on to find what else is wrong.
    package mutating func required<Value>(_ value: Value?, _ name: StaticString, placeholder: @autoclosure () -> Value)
        -> Value
    {
        if let value { return value }
        violations.append(
            "Value null at '\(path)\(lowered(name))' failed to satisfy constraint: Member must not be null"
        )
        return placeholder()
    }

    // MARK: Names

    /// The member's value; `null` counts as absent.
    private func member(_ name: StaticString) -> JSONValue? {
        guard let value = object[name], value != .null else { return nil }
        return value
    }

    private mutating func note(_ name: StaticString, value: String?, _ sentence: String) {
        let subject = value.map { "Value \($0)" } ?? "Value"
        guard violations.count < Self.mostViolations else { return }
        violations.append("\(subject) at '\(path)\(lowered(name))' failed to satisfy constraint: \(sentence)")
    }

    private func lowered(_ name: StaticString) -> String {
        let name = name.description
        return name.prefix(1).lowercased() + name.dropFirst()
    }

    private static func wrongType(_ name: StaticString, _ expected: String) -> SerializationFailure {
        SerializationFailure(message: "\(name) must be \(expected)")
    }

    /// The integer that `digits` stand for, in integer, decimal or exponent form.
    private static func integer(from digits: String) -> Int? {
        if let number = Int(digits) { return number }
        guard let number = Double(digits), number.rounded(.towardZero) == number else { return nil }
        return Int(exactly: number)
    }
}

extension StringConstraint {
    /// The sentence of each rule there is; AWS lists them all when an element of a list breaks one.
    fileprivate var everySentence: [String] {
        var sentences: [String] = []
        if let maximumLength { sentences.append("Member must have length less than or equal to \(maximumLength)") }
        if let minimumLength { sentences.append("Member must have length greater than or equal to \(minimumLength)") }
        if let pattern { sentences.append("Member must satisfy regular expression pattern: \(pattern.text)") }
        if let values {
            sentences.append("Member must satisfy enum value set: [\(values.joined(separator: ", "))]")
        }
        return sentences
    }
}
