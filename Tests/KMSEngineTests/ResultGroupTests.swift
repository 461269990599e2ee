import KMSEngine
import Synchronization
import Testing

struct ResultGroupTests {
    /// Runs nothing: it is only told from others.
    private final class Place: TaskExecutor {
        func enqueue(_ job: consuming ExecutorJob) {}
    }

    private final class Notes: Sendable {
        private let numbers = Mutex<[Int]>([])

        func add(_ number: Int) { numbers.withLock { $0.append(number) } }

        func taken() -> [Int] {
            numbers.withLock { numbers in
                defer { numbers = [] }
                return numbers
            }
        }
    }

    /// A group of numbers, whose telling says which it tells.
    private struct Told {
        private let notes = Notes()
        private let start = ContinuousClock.now
        private var group: ResultGroup

        init(most: Int) { group = ResultGroup(most: most) }

        mutating func add(_ number: Int, for place: Place?, after time: Duration = .zero) -> [Int] {
            let executor = place.map { $0.asUnownedTaskExecutor() }
            return tell(group.added({ [notes] in notes.add(number) }, for: executor, at: start + time))
        }

        mutating func take() -> [Int] { tell(group.taken()) }

        private func tell(_ results: [ResultGroup.Telling]) -> [Int] {
            for tell in results { tell() }
            return notes.taken()
        }
    }

    @Test func `when there are many, those are told that go on where the oldest does`() {
        let (one, other) = (Place(), Place())
        var told = Told(most: 4)
        #expect(told.add(1, for: one) == [])
        #expect(told.add(2, for: other) == [])
        #expect(told.add(3, for: one) == [])
        #expect(told.add(4, for: other) == [1, 3])
        #expect(told.add(5, for: one) == [])
        #expect(told.add(6, for: nil) == [2, 4])
        #expect(told.add(7, for: nil) == [])
        #expect(told.add(8, for: nil) == [5])
        #expect(told.take() == [6, 7, 8])
        #expect(told.take() == [])
    }

    @Test func `what has waited for longer than patience lasts is told with the next`() {
        let (one, other) = (Place(), Place())
        var told = Told(most: 100)
        let (patience, moment) = (ResultGroup.patience, Duration.nanoseconds(1))
        #expect(told.add(1, for: one, after: .zero) == [])
        #expect(told.add(2, for: other, after: moment) == [])
        #expect(told.add(3, for: other, after: patience) == [])
        #expect(told.add(4, for: other, after: patience + moment) == [1])
        #expect(told.add(5, for: one, after: patience + moment * 2) == [2, 3, 4])
        #expect(told.add(6, for: other, after: patience + moment * 3) == [])
        #expect(told.add(7, for: nil, after: patience * 3) == [5, 6])
        #expect(told.take() == [7])
    }

    @Test func `of two threads one may have looked at the time before the other`() {
        let one = Place()
        var told = Told(most: 3)
        #expect(told.add(1, for: one, after: .nanoseconds(10)) == [])
        #expect(told.add(2, for: one, after: .nanoseconds(9)) == [])
        #expect(told.add(3, for: one, after: .zero) == [1, 2, 3])
    }

    @Test func `one alone is told at once where no more may wait`() {
        var told = Told(most: 1)
        let place = Place()
        #expect(told.add(1, for: place) == [1])
        #expect(told.add(2, for: nil) == [2])
        #expect(told.take() == [])
    }
}
