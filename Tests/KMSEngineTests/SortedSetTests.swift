import KMSEngine
import Testing

struct SortedSetTests {
    /// Numbers from few to many hundred times as many as one piece has, so that pieces split, shrink and vanish.
    @Test(arguments: [3, 600, 5_000, 200_000])
    func hasWhatASetHasInOrder(range: Int) {
        var random = Sequence64(state: UInt64(range))
        var sorted = SortedSet<Int>()
        var expected: Set<Int> = []
        for step in 0..<30_000 {
            let element = random.next(below: range)
            // More come than go in the first half, and then the other way round.
            if random.next(below: 10) < (step < 15_000 ? 7 : 2) {
                sorted.insert(element)
                expected.insert(element)
            } else {
                sorted.remove(element)
                expected.remove(element)
            }
            if step.isMultiple(of: 501) { expectEqual(sorted, expected.sorted(), &random, range) }
        }
        for element in expected.shuffled() { sorted.remove(element) }
        expectEqual(sorted, [], &random, range)
    }

    @Test(arguments: [0, 1, 512, 1_024, 1_025, 5_000])
    func takesManyAtOnce(count: Int) {
        var random = Sequence64(state: UInt64(count))
        var sorted = SortedSet((0..<count).map { $0 * 2 }.shuffled())
        expectEqual(sorted, (0..<count).map { $0 * 2 }, &random, count * 2 + 1)
        sorted.insert(contentsOf: (0..<count).map { $0 * 2 + 1 }.shuffled())
        expectEqual(sorted, Array(0..<count * 2), &random, count * 2 + 1)
    }

    @Test(arguments: [1, 100, 1_000])
    func takesManyPieceByPiece(count: Int) {
        var random = Sequence64(state: UInt64(count))
        let elements = (0..<count * 20).shuffled()
        var sorted = SortedSet<Int>()
        for start in stride(from: 0, to: elements.count, by: count) {
            sorted.insert(contentsOf: elements[start..<start + count])
            expectEqual(sorted, elements[..<(start + count)].sorted(), &random, elements.count)
        }
    }

    private func expectEqual(
        _ sorted: SortedSet<Int>, _ expected: [Int], _ random: inout Sequence64, _ range: Int,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let (last, limit) = (random.next(below: range), 1 + random.next(below: 2_000))
        let even = expected.first { $0.isMultiple(of: 2) && $0 > last / 2 }
        #expect(sorted.count == expected.count, sourceLocation: sourceLocation)
        #expect(sorted.elements(after: nil, limit: .max) == expected, sourceLocation: sourceLocation)
        #expect(
            sorted.elements(after: last, limit: limit) == Array(expected.filter { $0 > last }.prefix(limit)),
            sourceLocation: sourceLocation)
        #expect(
            sorted.first(while: { $0 <= last }, where: { $0.isMultiple(of: 2) && $0 > last / 2 })
                == even.flatMap { $0 <= last ? $0 : nil }, sourceLocation: sourceLocation)
    }
}

/// The same numbers each time (Knuth's MMIX generator).
private struct Sequence64 {
    var state: UInt64

    mutating func next(below bound: Int) -> Int {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Int((state >> 33) % UInt64(max(1, bound)))
    }
}
