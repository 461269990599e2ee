/// Measures several things in rounds that take turns, so that whatever else the machine does falls on all of them.
struct Harness {
    /// Something that can be done any number of times.
    private struct Subject {
        let name: String
        let run: (Int) throws -> Duration
        /// How often it is done in one round.
        var count = Harness.trials
        /// Microseconds for once, of each round.
        var samples: [Double] = []
    }

    /// How long one round of one subject is to take: less than the system lets another process have.
    private static let roundTime = 1000.0
    /// How often each is tried, and done in each trial, to find how often it is to be done.
    private static let trials = 10

    private let rounds: Int
    private var subjects: [Subject] = []

    init(rounds: Int) { self.rounds = rounds }

    /// Adds something to be measured.
    ///
    /// - Parameter run: Does it so many times.
    mutating func add(_ name: String, many run: @escaping (Int) throws -> Void) {
        subjects.append(Subject(name: name) { count in try ContinuousClock().measure { try run(count) } })
    }

    /// Adds something to be measured.
    mutating func add(_ name: String, _ once: @escaping () throws -> Void) {
        add(name) { count in for _ in 0..<count { try once() } }
    }

    /// Adds something that tasks do; how long it takes until one of them begins does not count.
    mutating func add(_ name: String, inTask once: @escaping @Sendable () async throws -> Void) {
        subjects.append(
            Subject(name: name) { count in
                try waiting { try await ContinuousClock().measure { for _ in 0..<count { try await once() } } }
            })
    }

    /// Microseconds for once of each, the medians of all rounds.
    mutating func medians() throws -> [String: Double] {
        for index in subjects.indices {
            // The fastest of some: what is done for the first time, or was interrupted, is no measure.
            let trials = try (0..<Self.trials).map { _ in try Self.time(subjects[index]) }
            subjects[index].count = max(1, Int(Self.roundTime / (trials.min() ?? Self.roundTime)))
        }
        for _ in 0..<rounds {
            for index in subjects.indices { subjects[index].samples.append(try Self.time(subjects[index])) }
        }
        return Dictionary(
            uniqueKeysWithValues: subjects.map { ($0.name, $0.samples.sorted()[$0.samples.count / 2]) })
    }

    private static func time(_ subject: Subject) throws -> Double {
        try subject.run(subject.count) / .microseconds(1) / Double(subject.count)
    }
}
