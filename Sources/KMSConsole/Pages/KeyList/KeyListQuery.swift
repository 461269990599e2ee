import Foundation
package import KMSEngine
import KMSModel

/// What a list of keys is searched for, and in which order it stands.
package struct KeyListQuery: Sendable {
    /// What the fields of the search show.
    package struct Fields: Sendable {
        /// The words, as they were typed.
        package let search: String
        /// The state that the keys are in; empty for any.
        package let state: String
        /// The column, behind a hyphen where the order is descending.
        package let sort: String
    }

    /// The head of a column that can be sorted by.
    struct Column: Sendable {
        let name: String
        let href: String
        /// How `aria-sort` says it.
        let order: String
        let arrow: String
        /// The class of a column that narrow screens do without.
        let rank: String?
    }

    private enum Order: String, CaseIterable {
        case alias, id, state, spec, usage, created

        var name: String {
            switch self {
            case .alias: "Alias"
            case .id: "Key ID"
            case .state: "Status"
            case .spec: "Key spec"
            case .usage: "Usage"
            case .created: "Created"
            }
        }

        var rank: String? {
            switch self {
            case .alias, .id, .state: nil
            case .spec, .created: "secondary"
            case .usage: "minor"
            }
        }
    }

    /// The words that all have to be found, in lower case.
    private let words: [BytePattern]
    private let search: String
    private let state: String
    private var order: Order
    private var isDescending: Bool
    /// From 1.
    package var page: Int

    /// Reads a query; what makes no sense in it is as if it was not there.
    package init(_ fields: FormFields) {
        // By scalars: a grapheme can be of any length.
        search = String(String.UnicodeScalarView((fields.text("q") ?? "").unicodeScalars.prefix(200)))
        words = search.lowercased().split(separator: " ").map { BytePattern($0.utf8) }
        state = fields.text("state").flatMap { KeyState(rawValue: $0) }?.rawValue ?? ""
        let sort = fields.text("sort") ?? Order.alias.rawValue
        isDescending = sort.hasPrefix("-")
        order = Order(rawValue: sort.drop { $0 == "-" }.description) ?? .alias
        page = max(1, fields.text("page").flatMap { Int($0) } ?? 1)
    }

    /// What the fields of the search show.
    package var fields: Fields { Fields(search: search, state: state, sort: sort) }

    private var sort: String { (isDescending ? "-" : "") + order.rawValue }

    /// The query of a URL, with its question mark; empty for the list as it is at first.
    package var text: String {
        var items: [URLQueryItem] = []
        if !search.isEmpty { items.append(URLQueryItem(name: "q", value: search)) }
        if !state.isEmpty { items.append(URLQueryItem(name: "state", value: state)) }
        if sort != Order.alias.rawValue { items.append(URLQueryItem(name: "sort", value: sort)) }
        if page > 1 { items.append(URLQueryItem(name: "page", value: String(page))) }
        guard !items.isEmpty else { return "" }
        var components = URLComponents()
        components.queryItems = items
        return "?" + (components.percentEncodedQuery ?? "").replacingOccurrences(of: "+", with: "%2B")
    }

    func columns(path: (KeyListQuery) -> String) -> [Column] {
        Order.allCases.map { order in
            var next = self
            let isCurrent = order == self.order
            next.order = order
            next.isDescending = isCurrent && !isDescending
            next.page = 1
            return Column(
                name: order.name, href: path(next),
                order: isCurrent ? (isDescending ? "descending" : "ascending") : "none",
                arrow: isCurrent ? (isDescending ? "▼" : "▲") : "",
                rank: order.rank)
        }
    }

    // MARK: Keys

    /// Whether the key is one of those that are searched for: each word is in its names, its identifier, its description, or
    /// a tag, which is written `key=value`.
    package func admits(_ key: KeyOverview) -> Bool {
        guard state.isEmpty || key.details?.state.rawValue == state else { return false }
        guard !words.isEmpty else { return true }
        let texts =
            [key.keyID.description, key.details?.description ?? ""] + key.aliases
            + (key.tags ?? []).map { "\($0.key)=\($0.value)" }
        let folded = texts.map { Array($0.lowercased().utf8) }
        return words.allSatisfy { word in folded.contains { word.isFound(in: $0[...]) } }
    }

    /// A page of the list.
    package struct Page: Sendable {
        /// The keys on it, in order.
        package let keys: [KeyOverview]
        /// From 1; the last one if the query asks for one behind it.
        package let number: Int
        /// How many pages there are; at least one.
        package let pages: Int
        /// How many keys are found.
        package let count: Int
        /// How many keys there are.
        package let total: Int
    }

    /// Searches and sorts the keys.
    ///
    /// - Parameter size: How many keys a page has.
    package func page(of keys: some Sequence<KeyOverview>, size: Int) -> Page {
        var total = 0
        var found: [KeyOverview] = []
        for key in keys {
            total += 1
            if admits(key) { found.append(key) }
        }
        let pages = max(1, (found.count + size - 1) / size)
        let number = min(page, pages)
        return Page(
            keys: Array(sorted(found).dropFirst((number - 1) * size).prefix(size)), number: number, pages: pages,
            count: found.count, total: total)
    }

    /// The keys in order; those that have nothing to be sorted by come last.
    package func sorted(_ keys: [KeyOverview]) -> [KeyOverview] {
        let named = keys.map { (key: $0, name: name(of: $0)) }
        return named.sorted { left, right in
            guard left.name != right.name else { return left.key.keyID < right.key.keyID }
            guard let first = left.name, let second = right.name else { return left.name != nil }
            return (first < second) != isDescending
        }.map(\.key)
    }

    private func name(of key: KeyOverview) -> String? {
        switch order {
        case .alias: key.aliases.first
        case .id: key.keyID.description
        case .state: key.details?.state.rawValue
        case .spec: key.details?.spec.rawValue
        case .usage: key.details?.usage.rawValue
        case .created: key.details.map { UTCTime($0.creationDate).iso8601 }
        }
    }
}
