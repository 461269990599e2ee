/// Results of the threads of a line that are told together, so that who waits for them is woken once, and answers them
/// together.
///
/// Those are told together whose tasks go on on the same executor. With the calls of one event loop answered together,
/// the next ones of its clients come together too.
package struct ResultGroup {
    /// Tells a result to whoever waits for it.
    package typealias Telling = @Sendable () -> Void

    private struct Entry {
        let tell: Telling
        /// Only compared: nothing says that it still exists.
        let executor: UnownedTaskExecutor?
        let time: ContinuousClock.Instant
    }

    /// After how long a result is told with the next that is added.
    package static let patience = Duration.milliseconds(3)

    private let most: Int
    /// The oldest first.
    private var entries: [Entry] = []

    /// - Parameter most: How many results there may be before some are told.
    package init(most: Int) { self.most = most }

    /// Adds a result.
    ///
    /// - Parameters:
    ///   - executor: The one that the task prefers which waits for it; tasks without one count as of one executor.
    ///   - now: What the thread has seen, which may be earlier than what another saw before.
    /// - Returns: Those that are to be told now.
    package mutating func added(
        _ tell: @escaping Telling, for executor: UnownedTaskExecutor?, at now: ContinuousClock.Instant
    ) -> [Telling] {
        entries.append(Entry(tell: tell, executor: executor, time: now))
        var due: [Telling] = []
        while let oldest = entries.first, entries.count >= most || now > oldest.time + Self.patience {
            due += entries.filter { $0.executor == oldest.executor }.map(\.tell)
            entries.removeAll { $0.executor == oldest.executor }
        }
        return due
    }

    /// All that there are, to be told now.
    package mutating func taken() -> [Telling] {
        defer { entries = [] }
        return entries.map(\.tell)
    }
}
