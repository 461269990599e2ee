import Foundation
import KMSModel

/// What a page marker belongs to: one operation, and what it lists.
///
/// A marker of another scope is refused.
struct PageScope {
    private let prefix: String

    /// - Parameter subject: The key or name that the listing is restricted to.
    init(_ operation: OperationName, of subject: String = "") {
        prefix = "\(operation.rawValue)\n\(subject)\n"
    }

    /// The marker for the page behind `last`.
    private func marker(after last: String) -> String { Base64.encode(Array((prefix + last).utf8)) }

    /// What the page that `marker` asks for begins behind; nil for the first page.
    ///
    /// - Throws: ``KMSError`` with `InvalidMarkerException` for anything that ``page(of:limit:endingAt:)`` did not make.
    func position<Position>(in marker: String?, _ parse: (String) -> Position?) throws(KMSError) -> Position? {
        guard let marker else { return nil }
        guard let bytes = Base64.decode(marker), let text = String(validating: bytes, as: UTF8.self),
            text.utf8.starts(with: prefix.utf8), let position = parse(String(text.dropFirst(prefix.count)))
        else { throw KMSError(.invalidMarker) }
        return position
    }

    /// Where the page behind `last` begins in a list that is in the order in which its elements came.
    ///
    /// - Throws: ``KMSError`` with `InvalidMarkerException` when `last` is gone: nothing tells then what was shown already,
    ///   and a listing that repeats or misses something would look complete.
    func start<Element, Position>(
        behind last: Position?, in list: [Element], where matches: (Element, Position) -> Bool
    ) throws(KMSError) -> Int {
        guard let last else { return list.startIndex }
        guard let place = list.firstIndex(where: { matches($0, last) }) else { throw KMSError(.invalidMarker) }
        return place + 1
    }

    /// The first `limit` elements of what is still to be listed, which is at least 1.
    ///
    /// - Parameter position: What the marker says of the element that the page ends at.
    func page<Rest: Collection>(
        of rest: Rest, limit: Int, endingAt position: (Rest.Element) -> String
    ) -> Page<Rest.SubSequence> {
        let elements = rest.prefix(limit)
        guard elements.endIndex != rest.endIndex, let last = elements.suffix(1).first else {
            return Page(elements: elements, nextMarker: nil)
        }
        return Page(elements: elements, nextMarker: marker(after: position(last)))
    }
}

/// A part of a listing.
struct Page<Elements: Collection> {
    let elements: Elements
    /// What asks for the next page; nil when there is none.
    let nextMarker: String?

    var isTruncated: Bool { nextMarker != nil }
}
