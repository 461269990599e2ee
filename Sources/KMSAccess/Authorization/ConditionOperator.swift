/// How a condition compares, such as `ForAnyValue:StringLikeIfExists`.
///
/// Source: IAM User Guide, "IAM JSON policy elements: Condition operators".
package struct ConditionOperator: Hashable, Sendable {
    /// The comparison without what is put before or behind it.
    package enum Comparison: String, Sendable, CaseIterable {
        case stringEquals = "StringEquals"
        case stringNotEquals = "StringNotEquals"
        case stringEqualsIgnoreCase = "StringEqualsIgnoreCase"
        case stringNotEqualsIgnoreCase = "StringNotEqualsIgnoreCase"
        case stringLike = "StringLike"
        case stringNotLike = "StringNotLike"
        case numericEquals = "NumericEquals"
        case numericNotEquals = "NumericNotEquals"
        case numericLessThan = "NumericLessThan"
        case numericLessThanEquals = "NumericLessThanEquals"
        case numericGreaterThan = "NumericGreaterThan"
        case numericGreaterThanEquals = "NumericGreaterThanEquals"
        case dateEquals = "DateEquals"
        case dateNotEquals = "DateNotEquals"
        case dateLessThan = "DateLessThan"
        case dateLessThanEquals = "DateLessThanEquals"
        case dateGreaterThan = "DateGreaterThan"
        case dateGreaterThanEquals = "DateGreaterThanEquals"
        case bool = "Bool"
        case binaryEquals = "BinaryEquals"
        case ipAddress = "IpAddress"
        case notIPAddress = "NotIpAddress"
        case arnEquals = "ArnEquals"
        case arnNotEquals = "ArnNotEquals"
        case arnLike = "ArnLike"
        case arnNotLike = "ArnNotLike"
        case null = "Null"
    }

    /// How a key with several values is compared.
    package enum SetQualifier: String, Sendable, CaseIterable {
        case forAllValues = "ForAllValues"
        case forAnyValue = "ForAnyValue"
    }

    /// Nil unless the name begins with a set operator.
    package let qualifier: SetQualifier?
    /// What is compared, and how.
    package let comparison: Comparison
    /// Whether a key that the request does not have satisfies the operator.
    package let ifExists: Bool

    /// The operator as policies write it.
    package var name: String {
        (qualifier.map { "\($0.rawValue):" } ?? "") + comparison.rawValue + (ifExists ? Self.ifExistsSuffix : "")
    }

    private static let ifExistsSuffix = "IfExists"

    /// Accepts exactly the names of the IAM User Guide, case included; `Null` has no `IfExists` form.
    package init?(_ name: String) {
        let parts = name.split(separator: ":", omittingEmptySubsequences: false)
        guard let last = parts.last, parts.count <= 2 else { return nil }
        if parts.count == 2 {
            guard let qualifier = SetQualifier(rawValue: String(parts[0])) else { return nil }
            self.qualifier = qualifier
        } else {
            qualifier = nil
        }
        ifExists = last.hasSuffix(Self.ifExistsSuffix)
        let bare = ifExists ? last.dropLast(Self.ifExistsSuffix.count) : last
        guard let comparison = Comparison(rawValue: String(bare)), !(ifExists && comparison == .null)
        else { return nil }
        self.comparison = comparison
    }
}
