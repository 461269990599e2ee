/// A text of a policy, in which `${key}` stands for what the request has under that key.
///
/// Source: IAM User Guide, "IAM policy elements: Variables and tags".
///
/// A class, because an array of them is then walked without copying what each one holds.
final class TextTemplate: Sendable {
    private enum Segment: Sendable {
        /// Bytes as they are written; wildcards among them are wildcards.
        case text([UInt8])
        /// A character that is no wildcard: `${*}`, `${?}`, `${$}`.
        case literal(UInt8)
        case variable(ConditionKey, defaultValue: String?)
    }

    private let segments: [Segment]
    /// What the text and the pattern are when no request changes them.
    private let constant: (text: String, pattern: [UInt8])?

    /// Takes `text` apart.
    ///
    /// - Parameters:
    ///   - hasVariables: Whether the document is of the version that has them; in another `${` is text.
    ///   - isResource: Whether it is the ARN of a resource, which has variables behind its fifth colon only: what service,
    ///     region and account it is about cannot be left to a request.
    init(_ text: String, hasVariables: Bool, isResource: Bool = false) {
        var segments: [Segment] = []
        func append(_ bytes: [UInt8]) {
            if !bytes.isEmpty { segments.append(.text(bytes)) }
        }
        var rest = text.utf8[...]
        if isResource {
            let start = rest.startOfResource
            append(Array(rest[..<start]))
            rest = rest[start...]
        }
        while hasVariables, let start = rest.firstRange(of: "${".utf8),
            let end = rest[start.upperBound...].firstIndex(
                of: UInt8(ascii: "}")
            )
        {
            append(Array(rest[..<start.lowerBound]))
            segments.append(Self.segment(String(decoding: rest[start.upperBound..<end], as: UTF8.self)))
            rest = rest[rest.index(after: end)...]
        }
        append(Array(rest))
        self.segments = segments
        constant =
            if Self.isConstant(segments) { Self.constant(segments) } else { nil }
    }

    private static func constant(_ segments: [Segment]) -> (text: String, pattern: [UInt8])? {
        var budget = EvaluationBudget.ofDocument
        guard let text = try? text(of: segments, for: NoConditions(), &budget),
            let pattern = try? pattern(of: segments, for: NoConditions(), &budget)
        else { return nil }
        return (text, pattern)
    }

    private static func segment(_ name: String) -> Segment {
        if let byte = name.utf8.first, name.utf8.count == 1, "*?$".utf8.contains(byte) { return .literal(byte) }
        let parts = name.utf8.split(separator: UInt8(ascii: ","), maxSplits: 1)
        let key = ConditionKey(parts.first.map { String(Substring(trimmed($0))) } ?? "")
        let quoted = parts.count == 2 ? trimmed(parts[1]) : Substring("").utf8
        let mark = UInt8(ascii: "'")
        let isQuoted = quoted.count >= 2 && quoted.first == mark && quoted.last == mark
        return .variable(key, defaultValue: isQuoted ? String(Substring(quoted.dropFirst().dropLast())) : nil)
    }

    private static func trimmed(_ text: Substring.UTF8View) -> Substring.UTF8View {
        let space = UInt8(ascii: " ")
        var text = text.drop { $0 == space }
        while text.last == space { text.removeLast() }
        return text
    }

    /// A text that is the same for every request, as it stands.
    init(literal text: String) {
        segments = [.text(Array(text.utf8))]
        constant = (text, WildcardPatterns.units(of: text.utf8))
    }

    /// The longest text that a template becomes, in bytes: it can have one value of a request many times.
    private static let longest = 65_536

    /// Whether the text is the same for every request.
    var isConstant: Bool { constant != nil }
    /// What it then is.
    var constantText: String? { constant?.text }
    /// The pattern that it then is.
    var constantPattern: [UInt8]? { constant?.pattern }

    private static func isConstant(_ segments: [Segment]) -> Bool {
        segments.allSatisfy { segment in
            if case .variable = segment { false } else { true }
        }
    }

    /// The text for a request, or nil when the request has not exactly one value for a variable without default.
    ///
    /// - Throws: ``Undecidable``.
    func text(
        for source: any ConditionSource, _ budget: inout EvaluationBudget
    ) throws(Undecidable) -> String? {
        if let constant { return constant.text }
        return try Self.text(of: segments, for: source, &budget)
    }

    private static func text(
        of segments: [Segment], for source: any ConditionSource, _ budget: inout EvaluationBudget
    ) throws(Undecidable) -> String? {
        var bytes: [UInt8] = []
        for segment in segments {
            switch segment {
            case .text(let text): bytes += text
            case .literal(let byte): bytes.append(byte)
            case .variable(let key, let defaultValue):
                guard let value = try Self.value(of: key, in: source, &budget) ?? defaultValue else { return nil }
                guard bytes.count + value.utf8.count <= longest else { throw Undecidable() }
                bytes += value.utf8
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The pattern for a request, in which what came from the request is no wildcard; nil as for ``text(for:_:)``.
    ///
    /// - Throws: ``Undecidable``.
    func pattern(
        for source: any ConditionSource, _ budget: inout EvaluationBudget
    ) throws(Undecidable) -> [UInt8]? {
        if let constant { return constant.pattern }
        return try Self.pattern(of: segments, for: source, &budget)
    }

    private static func pattern(
        of segments: [Segment], for source: any ConditionSource, _ budget: inout EvaluationBudget
    ) throws(Undecidable) -> [UInt8]? {
        var pattern: [UInt8] = []
        for segment in segments {
            switch segment {
            case .text(let text): pattern += WildcardPatterns.units(of: text)
            case .literal(let byte): pattern.append(byte)
            case .variable(let key, let defaultValue):
                guard let value = try Self.value(of: key, in: source, &budget) ?? defaultValue else { return nil }
                guard pattern.count + value.utf8.count <= longest else { throw Undecidable() }
                pattern += value.utf8
            }
        }
        return pattern
    }

    private static func value(
        of key: ConditionKey, in source: any ConditionSource, _ budget: inout EvaluationBudget
    ) throws(Undecidable) -> String? {
        switch try budget.values(of: key, in: source) {
        case .one(let value): return value
        case .absent, .several: return nil
        case .ambiguous: throw Undecidable()
        }
    }
}

extension Substring.UTF8View {
    /// The place behind the fifth colon, or the end of a text that has fewer.
    fileprivate var startOfResource: Index {
        var colons = 0
        for index in indices where self[index] == UInt8(ascii: ":") {
            colons += 1
            if colons == 5 { return self.index(after: index) }
        }
        return endIndex
    }
}
