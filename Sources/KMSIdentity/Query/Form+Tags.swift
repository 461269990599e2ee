package import KMSModel

/// A request's tags, and the rules for them.
///
/// Source: IAM User Guide, "Rules for tagging in IAM and AWS STS".
extension Form {
    /// The most tags of one user, role, policy or session.
    package static let mostTags = 50

    /// The tags of a request, no two with keys that are the same but for case.
    ///
    /// - Parameter code: The error for keys that cannot be together, or that are AWS's own.
    /// - Throws: ``QueryFailure``.
    package func tags(refusingWith code: String = "InvalidInput") throws(QueryFailure) -> [IdentityTag] {
        var tags: [IdentityTag] = []
        for (index, tag) in structures("Tags").enumerated() {
            let position = index + 1
            guard let key = tag["Key"] else { throw broken("tags.\(position).member.key", "Member must not be null") }
            guard let value = tag["Value"] else {
                throw broken("tags.\(position).member.value", "Member must not be null")
            }
            try check(key, 1...128, "tags.\(position).member.key")
            try check(value, 0...256, "tags.\(position).member.value")
            guard !key.hasBytePrefix(ignoringCase: "aws:") else {
                throw QueryFailure(code, "aws: prefixed tag key names are not allowed for external use.")
            }
            tags.append(IdentityTag(key: key, value: value))
            guard tags.count <= Self.mostTags else {
                throw broken("Tags", "Member must have length less than or equal to \(Self.mostTags)")
            }
        }
        guard Set(tags.map(\.key.foldedBytes)).count == tags.count else {
            throw QueryFailure(
                code, "Duplicate tag keys found. Please note that Tag keys are case insensitive.")
        }
        return tags
    }

    /// The tags of a request that must have some.
    ///
    /// - Throws: ``QueryFailure``.
    func requiredTags() throws(QueryFailure) -> [IdentityTag] {
        guard has("Tags") else { throw broken("Tags", "Member must not be null") }
        return try tags()
    }

    /// The keys of tags that are to be removed.
    ///
    /// - Throws: ``QueryFailure`` with `ValidationError`.
    func tagKeys() throws(QueryFailure) -> [String] {
        guard has("TagKeys") else { throw broken("TagKeys", "Member must not be null") }
        let keys = list("TagKeys")
        guard keys.count <= Self.mostTags else {
            throw broken("TagKeys", "Member must have length less than or equal to \(Self.mostTags)")
        }
        for key in keys { try check(key, 1...128, "tagKeys") }
        return keys
    }

    /// Source of the pattern: the API model of IAM, `tagKeyType` and `tagValueType`.
    private func check(_ text: String, _ count: ClosedRange<Int>, _ place: String) throws(QueryFailure) {
        guard count.contains(text.unicodeScalars.count) else {
            let bound =
                text.isEmpty
                ? "greater than or equal to \(count.lowerBound)" : "less than or equal to \(count.upperBound)"
            throw broken(place, "Member must have length \(bound)")
        }
        let isAllowed = text.unicodeScalars.allSatisfy { scalar in
            switch scalar.properties.generalCategory {
            case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter, .spaceSeparator,
                .lineSeparator, .paragraphSeparator, .decimalNumber, .letterNumber, .otherNumber:
                true
            default: "_.:/=+-@".unicodeScalars.contains(scalar)
            }
        }
        guard isAllowed else {
            let quantifier = count.lowerBound == 0 ? "*" : "+"
            throw broken(
                place, #"Member must satisfy regular expression pattern: [\p{L}\p{Z}\p{N}_.:/=+\-@]"# + quantifier)
        }
    }
}

extension [IdentityTag] {
    /// The tags with `others` set, each in the place of the one whose key is the same but for case.
    func setting(_ others: [IdentityTag]) -> [IdentityTag] {
        var result = self
        var places: [[UInt8]: Int] = [:]
        for (place, tag) in enumerated() { places[tag.key.foldedBytes] = place }
        for tag in others {
            if let place = places[tag.key.foldedBytes] {
                result[place] = tag
            } else {
                places[tag.key.foldedBytes] = result.count
                result.append(tag)
            }
        }
        return result
    }

    var answer: QueryValue { .list(map { QueryValue(["Key": .text($0.key), "Value": .text($0.value)]) }) }
}
