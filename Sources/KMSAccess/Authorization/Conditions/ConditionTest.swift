import Foundation
import KMSModel

/// The values that a condition compares with, prepared for comparing.
///
/// A value that is not what its operator compares, such as a date that is none, is like no other.
///
/// Source: IAM User Guide, "IAM JSON policy elements: Condition operators".
enum ConditionTest: Sendable {
    case equal([TextTemplate], ignoringCase: Bool)
    case like([TextTemplate])
    case number([Double], Ordering)
    case date([Double], Ordering)
    case boolean([Bool])
    case binary([[UInt8]])
    case address([AddressRange])
    case arn([ARNPattern])

    /// How a value of the request stands to the one that is listed.
    enum Ordering: Sendable {
        case equal, less, lessOrEqual, greater, greaterOrEqual

        func holds(_ left: Double, _ right: Double) -> Bool {
            switch self {
            case .equal: left == right
            case .less: left < right
            case .lessOrEqual: left <= right
            case .greater: left > right
            case .greaterOrEqual: left >= right
            }
        }
    }

    /// Prepares `values` for a comparison other than `Null`, without its negation.
    init?(_ comparison: ConditionOperator.Comparison, _ values: [String], hasVariables: Bool) {
        var templates: [TextTemplate] { values.map { TextTemplate($0, hasVariables: hasVariables) } }
        switch comparison {
        case .stringEquals, .stringNotEquals: self = .equal(templates, ignoringCase: false)
        case .stringEqualsIgnoreCase, .stringNotEqualsIgnoreCase:
            self = .equal(templates.map(\.foldedIfConstant), ignoringCase: true)
        case .stringLike, .stringNotLike: self = .like(templates)
        case .numericEquals, .numericNotEquals: self = .number(values.compactMap(Self.number), .equal)
        case .numericLessThan: self = .number(values.compactMap(Self.number), .less)
        case .numericLessThanEquals: self = .number(values.compactMap(Self.number), .lessOrEqual)
        case .numericGreaterThan: self = .number(values.compactMap(Self.number), .greater)
        case .numericGreaterThanEquals: self = .number(values.compactMap(Self.number), .greaterOrEqual)
        case .dateEquals, .dateNotEquals: self = .date(values.compactMap(PolicyDate.seconds), .equal)
        case .dateLessThan: self = .date(values.compactMap(PolicyDate.seconds), .less)
        case .dateLessThanEquals: self = .date(values.compactMap(PolicyDate.seconds), .lessOrEqual)
        case .dateGreaterThan: self = .date(values.compactMap(PolicyDate.seconds), .greater)
        case .dateGreaterThanEquals: self = .date(values.compactMap(PolicyDate.seconds), .greaterOrEqual)
        case .bool: self = .boolean(values.compactMap(Self.boolean))
        case .binaryEquals: self = .binary(values.compactMap(Self.bytes))
        case .ipAddress, .notIPAddress: self = .address(values.compactMap(AddressRange.init))
        case .arnEquals, .arnNotEquals, .arnLike, .arnNotLike: self = .arn(templates.compactMap(ARNPattern.init))
        case .null: return nil
        }
    }

    /// Whether one of the listed values stands to `value` as the operator asks.
    ///
    /// - Parameter budget: What is left for the document's comparisons.
    /// - Returns: Nil when a policy variable has no value: then the whole statement does not apply.
    /// - Throws: ``Undecidable``.
    func matches(
        _ value: String, _ source: any ConditionSource, _ budget: inout EvaluationBudget
    ) throws(Undecidable) -> Bool? {
        try budget.spend(EvaluationBudget.stepsOfAnything)
        switch self {
        case .equal(let templates, let ignoringCase):
            // Making lower case of what is not ASCII takes long.
            if ignoringCase { try budget.spend(value.utf8.count * Self.stepsPerFoldedByte) }
            let value = ignoringCase ? value.lowercased() : value
            return try Self.any(of: templates, &budget) { template, budget throws(Undecidable) in
                guard let text = try template.text(for: source, &budget) else { return nil }
                guard ignoringCase, !template.isConstant else {
                    guard text.utf8.count == value.utf8.count else { return false }
                    try budget.spend(text.utf8.count)
                    return text.isSame(as: value)
                }
                try budget.spend(text.utf8.count * Self.stepsPerFoldedByte)
                return text.lowercased().isSame(as: value)
            }
        case .like(let templates):
            return try Self.any(of: templates, &budget) { template, budget throws(Undecidable) in
                guard let pattern = try template.pattern(for: source, &budget) else { return nil }
                if !template.isConstant { try budget.spend(pattern.count) }
                return try WildcardPatterns.matches(pattern, value, &budget)
            }
        case .arn(let patterns):
            try budget.spend(value.utf8.count)
            let parts = ARNPattern.parts(Array(value.utf8))
            var result = false
            for pattern in patterns where !(result && pattern.isConstant) {
                try budget.spend(ARNPattern.stepsOfComparison)
                guard let matched = try pattern.matches(parts, source, &budget) else { return nil }
                result = result || matched
            }
            return result
        case .number, .date, .boolean, .binary, .address:
            try budget.spend(value.utf8.count * 4 + listedCount)
            return isMatch(value)
        }
    }

    /// How many values are listed that are not compared as text.
    private var listedCount: Int {
        switch self {
        case .equal, .like, .arn: 0
        case .number(let values, _), .date(let values, _): values.count
        case .boolean(let values): values.count
        case .binary(let values): values.count
        case .address(let values): values.count
        }
    }

    /// Compares what is not compared as text: a value that is not of the kind is like no other.
    private func isMatch(_ value: String) -> Bool {
        switch self {
        case .equal, .like, .arn: return false
        case .number(let numbers, let ordering):
            return Self.number(value).map { value in numbers.contains { ordering.holds(value, $0) } } ?? false
        case .date(let dates, let ordering):
            return PolicyDate.seconds(value).map { value in dates.contains { ordering.holds(value, $0) } } ?? false
        case .boolean(let flags): return Self.boolean(value).map(flags.contains) ?? false
        case .binary(let blobs): return Self.bytes(value).map(blobs.contains) ?? false
        case .address(let ranges):
            return Address(value).map { address in ranges.contains { $0.contains(address) } } ?? false
        }
    }

    /// What comparing with one listed text takes, and making lower case of a byte.
    private static let (stepsOfTemplate, stepsPerFoldedByte) = (32, 16)

    /// A text that cannot be made spoils the others, also those behind one that matches.
    private static func any(
        of templates: [TextTemplate], _ budget: inout EvaluationBudget,
        _ isMatch: (TextTemplate, inout EvaluationBudget) throws(Undecidable) -> Bool?
    ) throws(Undecidable) -> Bool? {
        var result = false
        for template in templates where !(result && template.isConstant) {
            try budget.spend(stepsOfTemplate)
            guard let matched = try isMatch(template, &budget) else { return nil }
            result = result || matched
        }
        return result
    }

    // MARK: Values

    /// A decimal number, perhaps with a fraction.
    private static func number(_ text: String) -> Double? {
        guard text.utf8.allSatisfy({ (0x30...0x39).contains($0) || "+-.eE".utf8.contains($0) }) else { return nil }
        return Double(text).flatMap { $0.isFinite ? $0 : nil }
    }

    /// What a flag is written as, whatever the case of its letters.
    static func boolean(_ text: String) -> Bool? {
        text.isSame(asFolded: "true") ? true : text.isSame(asFolded: "false") ? false : nil
    }

    private static func bytes(_ text: String) -> [UInt8]? { Data(base64Encoded: text).map(Array.init) }
}

/// A pattern of ARNs, whose six parts are compared one by one: a `*` in one of the first five does not reach into the next.
struct ARNPattern: Sendable {
    /// What comparing six parts takes beside their bytes.
    static let stepsOfComparison = 128

    private let template: TextTemplate
    /// The parts of a pattern that is the same for every request.
    private let parts: [ArraySlice<UInt8>]?

    /// Returns nil for a text that is no pattern of ARNs, whatever the request: it is like no value.
    init?(_ template: TextTemplate) {
        self.template = template
        parts = template.constantPattern.map(Self.parts)
        if let parts, parts.count != 6 { return nil }
    }

    /// Whether it is the same for every request.
    var isConstant: Bool { parts != nil }

    /// Whether it matches an ARN of these parts.
    ///
    /// - Returns: Nil when a policy variable has no value.
    /// - Throws: ``Undecidable``.
    func matches(
        _ values: [ArraySlice<UInt8>], _ source: any ConditionSource, _ budget: inout EvaluationBudget
    ) throws(Undecidable) -> Bool? {
        if let parts { return try Self.matches(parts, values, &budget) }
        guard let pattern = try template.pattern(for: source, &budget) else { return nil }
        try budget.spend(pattern.count)
        return try Self.matches(Self.parts(pattern), values, &budget)
    }

    private static func matches(
        _ patterns: [ArraySlice<UInt8>], _ values: [ArraySlice<UInt8>], _ budget: inout EvaluationBudget
    ) throws(Undecidable) -> Bool {
        guard patterns.count == 6, values.count == 6 else { return false }
        for (pattern, value) in zip(patterns, values) {
            guard try WildcardPatterns.matches(pattern, value, &budget) else { return false }
        }
        return true
    }

    /// What stands between the colons of an ARN, of which there are five.
    static func parts(_ text: [UInt8]) -> [ArraySlice<UInt8>] {
        text.split(separator: UInt8(ascii: ":"), maxSplits: 5, omittingEmptySubsequences: false)
    }
}

extension TextTemplate {
    /// The same in lower case, where no request changes it.
    fileprivate var foldedIfConstant: TextTemplate {
        constantText.map { TextTemplate(literal: $0.lowercased()) } ?? self
    }
}
