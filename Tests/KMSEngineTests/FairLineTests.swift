import Dispatch
import KMSEngine
import KMSModel
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(1))) struct FairLineTests {
    private static let (one, other) = (AccountID("111122223333"), AccountID("444455556666"))
    private static let abandoned = KMSError(.kmsInvalidState, "gone")

    /// Work that hangs until it is let go.
    private final class Hanging: Sendable {
        private let gate = DispatchSemaphore(value: 0)
        let begun = Atomic<Int>(0)

        func hang() -> Int {
            begun.add(1, ordering: .sequentiallyConsistent)
            gate.wait()
            gate.signal()
            return 7
        }

        func letGo() { gate.signal() }

        func haveBegun(_ count: Int) async {
            while begun.load(ordering: .sequentiallyConsistent) < count { await Task.yield() }
        }
    }

    private final class Notes: Sendable {
        private let numbers = Mutex<[Int]>([])

        var all: [Int] { numbers.withLock { $0 } }

        func add(_ number: Int) -> Int {
            numbers.withLock { $0.append(number) }
            return number
        }
    }

    private enum Outcome: Equatable {
        case value(Int)
        case error(KMSError.Code)
    }

    private static func ask(
        _ line: FairLine, _ account: AccountID, undoing undo: @escaping @Sendable (Int) -> Void = { _ in },
        _ work: @escaping @Sendable () -> Int
    ) async -> Outcome {
        do throws(KMSError) {
            let result: Result<Int, Never> = try await line.result(
                for: account, orAfterAbandonment: abandoned, undoing: undo, work)
            return .value(result.get())
        } catch {
            return .error(error.code)
        }
    }

    @Test func `what hangs in one line holds up no other`() async throws {
        let one = try #require(Self.one)
        let hanging = Hanging()
        let lines = (0..<8).map { FairLine("hanging \($0)", width: 8) }
        await withTaskGroup(of: Void.self) { group in
            for line in lines {
                for _ in 0..<8 { group.addTask { _ = await Self.ask(line, one) { hanging.hang() } } }
            }
            await hanging.haveBegun(64)
            let line = FairLine("free")
            for number in 0..<100 { #expect(await Self.ask(line, one) { number } == .value(number)) }
            hanging.letGo()
        }
    }

    @Test func `accounts take turns, and each has room for so many`() async throws {
        let (one, other) = (try #require(Self.one), try #require(Self.other))
        let hanging = Hanging()
        let line = FairLine("turns", mostWaitingPerAccount: 3)
        let order = Notes()
        await withTaskGroup(of: Outcome.self) { group in
            group.addTask { await Self.ask(line, one) { hanging.hang() } }
            await hanging.haveBegun(1)
            for number in 1...3 {
                group.addTask { await Self.ask(line, one) { order.add(number) } }
                while line.waitingCount < number { await Task.yield() }
            }
            #expect(await Self.ask(line, one) { 0 } == .error(.throttling))
            group.addTask { await Self.ask(line, other) { order.add(9) } }
            while line.waitingCount < 4 { await Task.yield() }
            hanging.letGo()
        }
        #expect(order.all == [1, 9, 2, 3])
    }

    @Test func `a line that ends does what it has begun and nothing else`() async throws {
        let one = try #require(Self.one)
        let hanging = Hanging()
        let line = FairLine("ending")
        async let begun = Self.ask(line, one) { hanging.hang() }
        await hanging.haveBegun(1)
        async let waiting = Self.ask(line, one) { 1 }
        while line.waitingCount < 1 { await Task.yield() }
        line.end()
        #expect(await waiting == .error(.dependencyTimeout))
        #expect(await Self.ask(line, one) { 1 } == .error(.dependencyTimeout))
        hanging.letGo()
        #expect(await begun == .value(7))
    }

    @Test func `nobody waits for a line that is abandoned, and what it does after all is undone`() async throws {
        let one = try #require(Self.one)
        let hanging = Hanging()
        let line = FairLine("abandoned")
        let undone = Notes()
        async let begun = Self.ask(line, one, undoing: { _ = undone.add($0) }) {
            hanging.hang()
        }
        await hanging.haveBegun(1)
        async let waiting = Self.ask(line, one) { 1 }
        while line.waitingCount < 1 { await Task.yield() }
        #expect(line.runningCount == 1)
        #expect((line.look(), line.look()) == (1, 2))
        line.abandon()
        #expect(await (begun, waiting) == (.error(.kmsInvalidState), .error(.kmsInvalidState)))
        #expect(await Self.ask(line, one) { 1 } == .error(.kmsInvalidState))
        #expect(undone.all == [])
        hanging.letGo()
        while line.runningCount > 0 { await Task.yield() }
        #expect(undone.all == [7])
        #expect(line.look() == 0)
    }

    /// What a job holds on to can be what waits for a device when it goes.
    private final class Lasting: Sendable {
        let hanging: Hanging
        init(_ hanging: Hanging) { self.hanging = hanging }
        deinit { _ = hanging.hang() }
    }

    private static func begin(
        _ line: FairLine, _ account: AccountID, _ hanging: Hanging, thenLettingGoOf lasting: consuming Lasting
    ) -> Task<Outcome, Never> {
        Task { [lasting] in
            await ask(line, account) { withExtendedLifetime(lasting) { hanging.hang() } }
        }
    }

    @Test func `what takes its time to go holds up nobody`() async throws {
        let one = try #require(Self.one)
        let (hanging, ending) = (Hanging(), Hanging())
        let line = FairLine("lasting")
        let task = Self.begin(line, one, hanging, thenLettingGoOf: Lasting(ending))
        await hanging.haveBegun(1)
        line.abandon()
        #expect(await task.value == .error(.kmsInvalidState))
        hanging.letGo()
        await ending.haveBegun(1)
        // Nothing of the line is held meanwhile.
        #expect((line.runningCount, line.look(), line.waitingCount) == (0, 0, 0))
        ending.letGo()
    }

    @Test func `who does not wait any more is not worked for`() async throws {
        let one = try #require(Self.one)
        let hanging = Hanging()
        let line = FairLine("cancelled")
        async let begun = Self.ask(line, one) { hanging.hang() }
        await hanging.haveBegun(1)
        let waiting = Task { await Self.ask(line, one) { 1 } }
        while line.waitingCount < 1 { await Task.yield() }
        waiting.cancel()
        #expect(await waiting.value == .error(.dependencyTimeout))
        hanging.letGo()
        #expect(await begun == .value(7))
    }

    @Test(arguments: [1, 8]) func `many at a time are all answered`(mostTogether: Int) async throws {
        let one = try #require(Self.one)
        let line = FairLine("many", width: 4, mostWaitingPerAccount: 10_000, mostTogether: mostTogether)
        let sum = await withTaskGroup(of: Outcome.self) { group in
            for number in 0..<5_000 { group.addTask { await Self.ask(line, one) { number } } }
            return await group.reduce(0) { if case .value(let value) = $1 { $0 + value } else { $0 } }
        }
        #expect(sum == 5_000 * 4_999 / 2)
    }

    @Test func `a result that may be told with others waits for what is done next`() async throws {
        let one = try #require(Self.one)
        let line = FairLine("together", mostTogether: 8)
        let (first, second, told) = (Hanging(), Hanging(), Notes())
        let asking = Task { await Self.ask(line, one) { first.hang() } }
        let noting = Task {
            _ = await asking.value
            return told.add(1)
        }
        await first.haveBegun(1)
        let next = Task { await Self.ask(line, one) { second.hang() } }
        while line.waitingCount == 0 { await Task.yield() }
        first.letGo()
        await second.haveBegun(1)
        try await Task.sleep(for: .milliseconds(50))
        #expect(told.all.isEmpty)
        second.letGo()
        #expect(await (noting.value, asking.value, next.value) == (1, .value(7), .value(7)))
    }

    @Test func `a thread that finds nothing to do tells the results of others too`() async throws {
        let one = try #require(Self.one)
        let line = FairLine("threads", width: 2, mostTogether: 8)
        let (works, told) = ([Hanging(), Hanging(), Hanging()], Notes())
        let asking = Task {
            _ = await Self.ask(line, one) { works[0].hang() }
            return told.add(1)
        }
        await works[0].haveBegun(1)
        let second = Task { await Self.ask(line, one) { works[1].hang() } }
        await works[1].haveBegun(1)
        let third = Task { await Self.ask(line, one) { works[2].hang() } }
        while line.waitingCount == 0 { await Task.yield() }
        works[0].letGo()
        // The thread of the first does this now.
        await works[2].haveBegun(1)
        // When the machine stands still here for longer than patience lasts, this result tells the first: no failure.
        works[1].letGo()
        #expect(await second.value == .value(7))
        for _ in 0..<1000 where told.all.isEmpty { try await Task.sleep(for: .milliseconds(10)) }
        #expect(told.all == [1])
        works[2].letGo()
        #expect(await (asking.value, third.value) == (1, .value(7)))
    }

    @Test func `what may be told together waits for nothing where nothing else is to do`() async throws {
        let one = try #require(Self.one)
        let line = FairLine("alone", mostTogether: 8)
        for number in 0..<20 { #expect(await Self.ask(line, one) { number } == .value(number)) }
    }
}
