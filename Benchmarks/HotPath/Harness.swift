/// Measures several things in rounds that take turns, so that whatever else the machine does falls on all of them.
struct Harness {
    /// Something that can be done any number of times.
    private struct Subject {
        let name: String
        let run: (Int) throws -> Void
        /// How often it is done in one round.
        var count = 1
        /// Microseconds for once, of each round.
        var samples: [Double] = []
    }

    /// How long one round of one subject is to take.
    private static let roundTime = 4000.0

    private let rounds: Int
    private var subjects: [Subject] = []

    init(rounds: Int) { self.rounds = rounds }

    /// Adds something to be measured.
    ///
    /// - Parameter run: Does it so many times.
    mutating func add(_ name: String, many run: @escaping (Int) throws -> Void) {
        subjects.append(Subject(name: name, run: run))
    }

    /// Adds something to be measured.
    mutating func add(_ name: String, _ once: @escaping () throws -> Void) {
        add(name) { count in for _ in 0..<count { try once() } }
    }

    /// Microseconds for once of each, the medians of all rounds.
    mutating func medians() throws -> [String: Double] {
        for index in subjects.indices {
            // What is done for the first time is no measure.
            _ = try Self.time(subjects[index])
            subjects[index].count = max(1, Int(Self.roundTime / (try Self.time(subjects[index]))))
        }
        for _ in 0..<rounds {
            for index in subjects.indices { subjects[index].samples.append(try Self.time(subjects[index])) }
        }
        return Dictionary(
            uniqueKeysWithValues: subjects.map { ($0.name, $0.samples.sorted()[$0.samples.count / 2]) })
    }

    private static func time(_ subject: Subject) throws -> Double {
        let time = try ContinuousClock().measure { try subject.run(subject.count) }
        return time / .microseconds(1) / Double(subject.count)
    }
}
