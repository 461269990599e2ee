package import KMSEngine
package import KMSModel

/// What somebody looks for in the audit log, as it was typed, and what is wrong with it.
package struct AuditFilter: Sendable {
    /// A field of the form; the raw value is its name.
    package enum Field: String, Sendable, CaseIterable {
        case who, name, key, from, to, outcome
    }

    /// The longest text that is looked for: an ARN.
    private static let longestText = 2048

    /// What the fields show.
    package let typed: [Field: String]
    /// A sentence for each field that has to be changed.
    package private(set) var problems: [Field: String] = [:]
    /// The search; of no use when there are problems.
    package private(set) var query = AuditQuery()
    /// An alias stands in the field for a key: the key has to be found first.
    package private(set) var alias: String?
    /// How many records are on the pages before this one, as the link to it says.
    package let shownBefore: Int

    /// Reads the fields of the form, or those of a link to older records.
    ///
    /// - Parameter region: The region that is searched.
    package init(_ fields: FormFields, in region: Region) {
        typed = Dictionary(uniqueKeysWithValues: Field.allCases.map { ($0, fields[$0.rawValue] ?? "") })
        let start = fields.text("before").flatMap(AuditPosition.init)
        shownBefore = start == nil ? 0 : fields.text("shown").flatMap { Int32($0) }.map { max(0, Int($0)) } ?? 0
        var read = Reading(fields: fields)
        let principal = read.text(.who) { $0.utf8.count <= Self.longestText ? nil : "At most 2048 characters." }
        let name = read.text(.name) { text in
            text.utf8.allSatisfy(\.isLetterOrDigit) && text.utf8.count <= 128
                ? nil : "An operation is one word, such as Encrypt, or the beginning of one."
        }
        let key = read.key(in: region)
        let (from, to) = (read.moment(.from), read.moment(.to))
        if let from, let to, to < from, !from.hasPrefix(to) { read.problems[.to] = "The end is before the beginning." }
        let outcome = read.text(.outcome) { text in
            AuditQuery.Outcome(rawValue: text) == nil ? "There is no outcome “\(text.prefix(100))”." : nil
        }
        alias = read.alias
        problems = read.problems
        query = AuditQuery(
            principal: principal, name: name, key: key, from: from, to: to,
            outcome: outcome.flatMap(AuditQuery.Outcome.init), start: start)
    }

    /// The same about the key that the alias points to.
    ///
    /// - Parameter key: Nil for an alias that points to none, or none that the visitor may see.
    package func resolved(to key: String?) -> Self {
        var filter = self
        filter.alias = nil
        filter.query.key = key
        if key == nil { filter.problems[.key] = "There is no such alias here, or you may not look at its key." }
        return filter
    }

    /// Reads one field after the other.
    private struct Reading {
        let fields: FormFields
        var problems: [Field: String] = [:]
        var alias: String?

        /// What stands in a field, unless that will not do.
        mutating func text(_ field: Field, _ problem: (String) -> String?) -> String? {
            guard let text = fields.text(field.rawValue) else { return nil }
            problems[field] = problem(text)
            return problems[field] == nil ? text : nil
        }

        mutating func moment(_ field: Field) -> String? {
            guard let text = fields.text(field.rawValue) else { return nil }
            if let moment = AuditMoment(text) { return moment.text }
            problems[field] = "“\(text.prefix(100))” is no date: write 2026-11-28, or 2026-11-28 17:20."
            return nil
        }

        /// The log has identifiers and ARNs of keys as KMS writes them: with small letters.
        mutating func key(in region: Region) -> String? {
            guard let text = fields.text(Field.key.rawValue) else { return nil }
            let parts = text.split(separator: ":", maxSplits: 5, omittingEmptySubsequences: false).map(String.init)
            let name = parts.count == 6 && parts[0] == "arn" ? parts[5] : text
            let isOfRegion = parts.count < 6 || parts[3] == region.description
            let id = name.hasPrefix("key/") ? String(name.dropFirst("key/".count)) : name
            if let id = KeyID(id.lowercased()) {
                // Other accounts' keys can have the same identifier as nobody's here.
                if isOfRegion || id.isMultiRegion { return id.description }
                problems[.key] = "That key is in \(parts[3].prefix(40)): go to that region."
            } else if isOfRegion, let name = AliasName(name) {
                alias = name.description
            } else {
                problems[.key] = "“\(text.prefix(100))” is neither the ID nor the ARN nor an alias of a key."
            }
            return nil
        }
    }
}

/// A day, or a minute or second of it, by UTC.
struct AuditMoment {
    /// As records of the audit log begin: `2026-11-28`, `2026-11-28T17:20` or `2026-11-28T17:20:05`.
    let text: String

    /// Reads a day with or without a time behind a space or a `T`; `Z` or ` UTC` may follow.
    init?(_ typed: String) {
        var typed = typed[...]
        for end in [" UTC", "Z"] where typed.hasSuffix(end) { typed = typed.dropLast(end.count) }
        let parts = typed.split(separator: typed.contains("T") ? "T" : " ", omittingEmptySubsequences: true)
        guard let day = parts.first, parts.count <= 2, let date = Self.numbers(day, "-", [4, 2, 2]),
            date[0] > 0, (1...12).contains(date[1]), (1...Self.days(in: date[1], of: date[0])).contains(date[2])
        else { return nil }
        guard parts.count == 2 else {
            text = String(day)
            return
        }
        guard let time = Self.numbers(parts[1], ":", [2, 2]) ?? Self.numbers(parts[1], ":", [2, 2, 2]),
            time[0] < 24, time.dropFirst().allSatisfy({ $0 < 60 })
        else { return nil }
        text = "\(day)T\(parts[1])"
    }

    /// Numbers of so many digits each.
    private static func numbers(_ text: Substring, _ separator: Character, _ widths: [Int]) -> [Int]? {
        let parts = text.split(separator: separator, omittingEmptySubsequences: false)
        guard parts.map(\.utf8.count) == widths,
            parts.allSatisfy({ $0.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) } })
        else { return nil }
        return parts.compactMap { Int($0) }
    }

    private static func days(in month: Int, of year: Int) -> Int {
        let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
        return [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1]
    }
}

extension UInt8 {
    fileprivate var isLetterOrDigit: Bool {
        switch self {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: false
        }
    }
}
