/// Distinct elements in order, for listings that are read page by page while they change.
///
/// A sorted array: finding is logarithmic, inserting moves what stands behind. At the quota of 100,000 keys a realm that
/// is a move of a few hundred kilobytes at the worst, far less than the durable commit before it.
struct SortedSet<Element: Comparable & Sendable>: Sendable {
    private var elements: [Element] = []

    init() {}

    /// - Parameter elements: Distinct, in any order.
    init(_ elements: some Sequence<Element>) { self.elements = elements.sorted() }

    var count: Int { elements.count }

    mutating func insert(_ element: Element) {
        let place = firstIndex { !($0 < element) }
        guard place == elements.endIndex || elements[place] != element else { return }
        elements.insert(element, at: place)
    }

    /// Adds very many at once.
    ///
    /// - Parameter newcomers: Distinct, in any order, and none of them there yet.
    mutating func insert(contentsOf newcomers: some Sequence<Element>) {
        elements += newcomers
        elements.sort()
    }

    mutating func remove(_ element: Element) {
        let place = firstIndex { !($0 < element) }
        guard place < elements.endIndex, elements[place] == element else { return }
        elements.remove(at: place)
    }

    /// At most `limit` elements behind `last`, or from the beginning when that is nil.
    func elements(after last: Element?, limit: Int) -> [Element] {
        let start = last.map { last in firstIndex { last < $0 } } ?? elements.startIndex
        return Array(elements[start...].prefix(limit))
    }

    /// The elements at the front that fulfil `predicate`, which holds up to some element.
    func prefix(while predicate: (Element) -> Bool) -> ArraySlice<Element> {
        elements[..<firstIndex { !predicate($0) }]
    }

    /// The first index whose element fulfils `predicate`, which holds from some element on.
    private func firstIndex(where predicate: (Element) -> Bool) -> Int {
        var low = elements.startIndex
        var high = elements.endIndex
        while low < high {
            let middle = low + (high - low) / 2
            if predicate(elements[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
