import Synchronization

/// The tasks that are resumed together.
package final class Resumption: Sendable {
    private typealias Groups = [ObjectIdentifier: (executor: any ResumptionExecutor, jobs: [UnownedJob])]

    /// That of the thread, while it resumes tasks; also that of every task which was begun meanwhile, for its whole life.
    @TaskLocal private static var current: Resumption?

    /// Nil at the end.
    ///
    /// Locked, because a task that was begun meanwhile comes here too, on whatever thread it runs.
    private let groups = Mutex<Groups?>([:])

    private init() {}

    /// Resumes tasks: those that prefer the same ``ResumptionExecutor`` go on together once all were resumed, and others at
    /// once.
    ///
    /// A thread that the first of them woke would take the processor from whoever is about to resume the second, and would
    /// have the work of a turn for each.
    ///
    /// - Parameter resume: Resumes them, and waits for nothing that one of them does then, nor for a task that it begins.
    package static func together(_ resume: () -> Void) {
        guard current?.isOpen != true else { return resume() }
        let resumption = Resumption()
        $current.withValue(resumption, operation: resume)
        resumption.end()
    }

    /// Keeps a job until the end of the resumption that the thread is in.
    ///
    /// - Returns: False when there is none.
    static func take(_ job: UnownedJob, for executor: any ResumptionExecutor) -> Bool {
        current?.groups.withLock { groups in
            guard groups != nil else { return false }
            groups?[ObjectIdentifier(executor), default: (executor, [])].jobs.append(job)
            return true
        } ?? false
    }

    private var isOpen: Bool { groups.withLock { $0 != nil } }

    private func end() {
        for (executor, jobs) in groups.withLock({ $0.take() ?? [:] }).values { executor.run(jobs) }
    }
}
