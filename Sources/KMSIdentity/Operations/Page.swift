import KMSCrypto
import KMSModel

/// A list that is answered in pages.
///
/// The marker is the key of the last entry that was shown, encoded, so that a page goes on behind it also when the entry is
/// gone.
struct Page<Element> {
    let elements: [Element]
    private let marker: String?

    /// The page of `all`, in the order of their keys, that the request asks for.
    ///
    /// - Parameter key: Differs from element to element.
    /// - Throws: ``QueryFailure``: `ValidationError`, `MalformedInput`.
    init(of all: [Element], by key: (Element) -> String, _ form: Form) throws(QueryFailure) {
        let limit = try form.number("MaxItems", in: 1...1000) ?? 100
        var rest = all.map { (key: PageKey(key($0)), element: $0) }.sorted { $0.key < $1.key }[...]
        if let marker = try form.optional("Marker", count: 1...PageKey.longestMarker) {
            guard let last = PageKey(marker: marker) else { throw .validation("Invalid Marker.") }
            rest = rest.drop { $0.key <= last }
        }
        let shown = rest.prefix(limit)
        elements = shown.map(\.element)
        marker = rest.count > limit ? shown.last?.key.marker : nil
    }

    /// The answer, with the entries as `member`.
    func answer(
        _ member: String, and more: [QueryValue.Member] = [], _ show: (Element) -> QueryValue
    ) -> QueryValue {
        answer(more + [QueryValue.Member(member, .list(elements.map(show)))])
    }

    /// The answer, with the entries among `members`.
    func answer(_ members: [QueryValue.Member]) -> QueryValue {
        var members = members
        members.append(QueryValue.Member("IsTruncated", .flag(marker != nil)))
        if let marker { members.append(QueryValue.Member("Marker", .text(marker))) }
        return .structure(members)
    }
}

/// Where an entry stands in a list.
private struct PageKey: Comparable {
    /// The longest marker that a request may have, in characters (API model of IAM, `markerType`).
    static let longestMarker = 320
    /// What of a text makes a marker, together with a digest of it all; only keys of tags are ever longer.
    private static let longestText = 200

    private let bytes: [UInt8]

    init(_ text: String) {
        let bytes = Array(text.utf8)
        self.bytes = bytes.count <= Self.longestText ? bytes : bytes.prefix(Self.longestText) + Digest.sha256(bytes)
    }

    init?(marker: String) {
        guard let bytes = Base64.decode(marker),
            bytes.count == Self.longestText + Digest.sha256([]).count
                || bytes.count <= Self.longestText && String(validating: bytes, as: UTF8.self) != nil
        else { return nil }
        self.bytes = bytes
    }

    var marker: String { Base64.encode(bytes) }

    static func < (left: Self, right: Self) -> Bool { left.bytes.lexicographicallyPrecedes(right.bytes) }
}
