import Dispatch
import EventLoopExecutor
import NIOCore
import NIOEmbedded
import NIOPosix
import Synchronization
import TaskResumption
import Testing

@Suite(.timeLimit(.minutes(1))) struct ResumptionTests {
    private typealias Continuation = CheckedContinuation<Void, Never>

    /// An event loop, and what tasks prefer that are to go on there.
    private struct Place: Sendable {
        let loop: any EventLoop
        let executor: EventLoopTaskExecutor

        init(_ loop: any EventLoop) {
            self.loop = loop
            executor = EventLoopTaskExecutor(loop)
        }
    }

    private static let places = MultiThreadedEventLoopGroup(numberOfThreads: 2).makeIterator().map(Place.init)

    /// What tasks noted, in the order in which they did.
    private final class Notes<Note: Sendable>: Sendable {
        private let notes = Mutex<[Note]>([])

        var all: [Note] { notes.withLock { $0 } }

        func add(_ note: Note) { notes.withLock { $0.append(note) } }
    }

    /// Tasks that wait until they are resumed.
    private struct Waiting: Sendable {
        private let continuations = Notes<Continuation>()
        private let tasks = Notes<Task<Void, Never>>()

        /// Begins a task that prefers a loop on it, and does `work` once it is resumed.
        func add(on place: Place, _ work: @escaping @Sendable () -> Void) async throws {
            let count = continuations.all.count
            try await place.loop.submit { [self] in
                tasks.add(
                    Task.immediate(executorPreference: place.executor) {
                        await withCheckedContinuation { continuations.add($0) }
                        work()
                    })
            }.get()
            #expect(continuations.all.count == count + 1)
        }

        func resume() { for continuation in continuations.all { continuation.resume() } }

        func end() async { for task in tasks.all { await task.value } }
    }

    /// Does `work` on a thread that is no event loop's and no task's, as those are that answer who waits.
    private static func onThread(_ work: @escaping @Sendable () -> Void) async {
        await withCheckedContinuation { done in
            DispatchQueue.global().async {
                work()
                done.resume()
            }
        }
    }

    @Test(arguments: [false, true]) func `who waited goes on on the event loop that it prefers`(
        isTogether: Bool
    ) async throws {
        let (waiting, isThere) = (Waiting(), Notes<Bool>())
        for _ in 0..<8 {
            for place in Self.places { try await waiting.add(on: place) { isThere.add(place.loop.inEventLoop) } }
        }
        await Self.onThread { if isTogether { Resumption.together(waiting.resume) } else { waiting.resume() } }
        await waiting.end()
        #expect(isThere.all == [Bool](repeating: true, count: 16))
    }

    @Test func `nobody goes on before all were resumed`() async throws {
        let (waiting, notes) = (Waiting(), Notes<String>())
        let place = Self.places[0]
        for number in 0..<4 { try await waiting.add(on: place) { notes.add("\(number)") } }
        await Self.onThread {
            Resumption.together {
                // One within the other is one.
                Resumption.together(waiting.resume)
                // Long enough for the loop to do what it was woken for, had it been.
                try? place.loop.submit {}.wait()
                notes.add("all resumed")
            }
        }
        await waiting.end()
        #expect(notes.all == ["all resumed", "0", "1", "2", "3"])
    }

    @Test func `those of one loop go on in one turn of it`() async throws {
        let (waiting, turns) = (Waiting(), Notes<Int>())
        // A turn for each time that somebody asks for one.
        let place = Place(NIOAsyncTestingEventLoop())
        let turn = Atomic(0)
        for _ in 0..<4 {
            try await waiting.add(on: place) {
                turns.add(turn.load(ordering: .relaxed))
                place.loop.execute { turn.add(1, ordering: .relaxed) }
            }
        }
        await Self.onThread { Resumption.together(waiting.resume) }
        await waiting.end()
        #expect(turns.all == [0, 0, 0, 0])
    }

    @Test func `a thread that resumed tasks together resumes later ones as they come`() async throws {
        let (before, after, notes) = (Waiting(), Waiting(), Notes<String>())
        let place = Self.places[0]
        try await before.add(on: place) { notes.add("before") }
        try await after.add(on: place) { notes.add("after") }
        await Self.onThread {
            Resumption.together(before.resume)
            after.resume()
            try? place.loop.submit {}.wait()
            notes.add("the loop's turn is over")
        }
        await before.end()
        await after.end()
        #expect(notes.all == ["before", "after", "the loop's turn is over"])
    }

    @Test func `what a task resumes that was begun meanwhile goes on, before the end and after it`() async throws {
        let (before, after, later, notes) = (Waiting(), Waiting(), Waiting(), Notes<String>())
        let place = Self.places[0]
        try await before.add(on: place) { notes.add("before") }
        try await after.add(on: place) { notes.add("after") }
        for number in 0..<2 { try await later.add(on: place) { notes.add("\(number)") } }
        let (hasResumed, hasEnded) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
        let begun = Mutex<Task<Void, Never>?>(nil)
        await Self.onThread {
            Resumption.together {
                begun.withLock { begun in
                    begun = Task {
                        before.resume()
                        hasResumed.signal()
                        await Self.onThread { hasEnded.wait() }
                        after.resume()
                        Resumption.together(later.resume)
                    }
                }
                hasResumed.wait()
                #expect(notes.all.isEmpty)
            }
            hasEnded.signal()
        }
        await begun.withLock { $0 }?.value
        for waiting in [before, after, later] { await waiting.end() }
        #expect(notes.all == ["before", "after", "0", "1"])
    }
}
