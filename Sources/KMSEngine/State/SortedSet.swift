/// Distinct elements in order, for listings that are read page by page while they change.
///
/// Sorted arrays of some hundred elements, one behind the other: finding is logarithmic, and inserting moves what stands behind
/// in one of them, and not in all.
package struct SortedSet<Element: Comparable & Sendable>: Sendable {
    /// A piece that has more becomes two.
    private static var mostInPiece: Int { 1024 }
    /// Of the elements that are there, the share from which on all of them are put in order anew for newcomers: below it,
    /// finding each one's place is less, and filling a set bit by bit does not grow with its square.
    private static var leastShare: Int { 8 }

    /// None of them empty.
    private var pieces: [[Element]] = []
    package private(set) var count = 0

    package init() {}

    /// - Parameter elements: Distinct, in any order.
    package init(_ elements: some Sequence<Element>) { replace(by: elements.sorted()) }

    /// Adds an element, unless it is there.
    package mutating func insert(_ element: Element) {
        guard !pieces.isEmpty else { return replace(by: [element]) }
        let piece = piece(of: element)
        let place = pieces[piece].place { !($0 < element) }
        guard place == pieces[piece].endIndex || pieces[piece][place] != element else { return }
        pieces[piece].insert(element, at: place)
        count += 1
        guard pieces[piece].count > Self.mostInPiece else { return }
        let rest = Array(pieces[piece][(Self.mostInPiece / 2)...])
        pieces[piece].removeLast(rest.count)
        pieces.insert(rest, at: piece + 1)
    }

    /// Adds many at once.
    ///
    /// - Parameter newcomers: Distinct, in any order, and none of them there yet.
    package mutating func insert(contentsOf newcomers: some Collection<Element>) {
        guard newcomers.count * Self.leastShare >= count else { return newcomers.forEach { insert($0) } }
        replace(by: (Array(pieces.joined()) + Array(newcomers)).sorted())
    }

    /// Takes an element out, if it is there.
    package mutating func remove(_ element: Element) {
        guard !pieces.isEmpty else { return }
        let piece = piece(of: element)
        let place = pieces[piece].place { !($0 < element) }
        guard place < pieces[piece].endIndex, pieces[piece][place] == element else { return }
        pieces[piece].remove(at: place)
        count -= 1
        if pieces[piece].isEmpty { pieces.remove(at: piece) }
    }

    /// At most `limit` elements behind `last`, or from the beginning when that is nil.
    package func elements(after last: Element?, limit: Int) -> [Element] {
        var (piece, place) = (0, 0)
        if let last, !pieces.isEmpty {
            piece = self.piece(of: last)
            place = pieces[piece].place { last < $0 }
        }
        var found: [Element] = []
        while piece < pieces.count, found.count < limit {
            found += pieces[piece][place...].prefix(limit - found.count)
            (piece, place) = (piece + 1, 0)
        }
        return found
    }

    /// The first element that fulfils `predicate` among those at the front that fulfil `condition`.
    ///
    /// - Parameter condition: Holds up to some element.
    package func first(while condition: (Element) -> Bool, where predicate: (Element) -> Bool) -> Element? {
        for element in pieces.joined() {
            guard condition(element) else { return nil }
            if predicate(element) { return element }
        }
        return nil
    }

    // MARK: Pieces

    /// The piece that an element is in, if it is in one, and belongs into.
    private func piece(of element: Element) -> Int {
        max(0, pieces.place { piece in piece.first.map { element < $0 } ?? false } - 1)
    }

    private mutating func replace(by elements: [Element]) {
        count = elements.count
        guard elements.count > Self.mostInPiece else {
            pieces = elements.isEmpty ? [] : [elements]
            return
        }
        let half = Self.mostInPiece / 2
        pieces = stride(from: 0, to: elements.count, by: half).map { start in
            Array(elements[start..<min(start + half, elements.count)])
        }
    }
}

extension Array {
    /// The first index whose element fulfils `predicate`, which holds from some element on.
    fileprivate func place(where predicate: (Element) -> Bool) -> Int {
        var (low, high) = (startIndex, endIndex)
        while low < high {
            let middle = low + (high - low) / 2
            if predicate(self[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
