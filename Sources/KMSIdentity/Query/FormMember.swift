/// A member that the requests of an operation may have.
///
/// Source: the API models of IAM and STS.
package struct FormMember: Sendable, ExpressibleByStringLiteral {
    /// What stands under the member's name.
    enum Kind: Sendable {
        /// A text: `UserName`.
        case text
        /// Texts: `TagKeys.member.1`.
        case texts
        /// Structures of these members: `Tags.member.1.Key`.
        case structures(Set<String>)
    }

    let name: String
    let kind: Kind

    private init(_ name: String, _ kind: Kind) {
        self.name = name
        self.kind = kind
    }

    /// A member that is a text.
    package init(stringLiteral name: String) { self.init(name, .text) }

    /// A list of texts.
    package static func texts(_ name: String) -> Self { Self(name, .texts) }

    /// A list of structures with `members`.
    package static func structures(_ name: String, of members: Set<String>) -> Self {
        Self(name, .structures(members))
    }

    /// Labels to set.
    package static let tags = structures("Tags", of: ["Key", "Value"])
    /// Which page of a list is wanted.
    static let page: [Self] = ["Marker", "MaxItems"]
}

extension FormMember {
    /// Takes the entries of a list out of the members that were sent, in order.
    ///
    /// - Returns: The entries by their places in a structure, with an empty place in lists of texts; nil for a list that has
    ///   a gap, or anything beside its entries: what a caller meant as a restriction must not be passed over.
    static func entries(
        of name: String, among sent: [String: String], admitting places: Set<String>
    ) -> [[String: String]]? {
        var entries: [Int: [String: String]] = [:]
        for (member, value) in sent where member == name || member.utf8.starts(with: "\(name).".utf8) {
            // Clients send an empty list as the bare name without a value.
            if member == name, value.isEmpty { continue }
            let parts = member.utf8.dropFirst(name.utf8.count + 1)
                .split(separator: UInt8(ascii: "."), maxSplits: 2, omittingEmptySubsequences: false)
                .map { String(decoding: $0, as: UTF8.self) }
            let place = parts.count == 3 ? parts[2] : ""
            guard parts.count == (places == [""] ? 2 : 3), parts[0] == "member", places.contains(place),
                let number = Int(parts[1]), String(number) == parts[1],
                entries[number, default: [:]].updateValue(value, forKey: place) == nil
            else { return nil }
        }
        let ordered = (1...max(1, entries.count)).compactMap { entries[$0] }
        return ordered.count == entries.count ? ordered : nil
    }
}
