/// An executor for tasks to prefer (SE-0417), on which those that are resumed together go on together (``Resumption``).
package protocol ResumptionExecutor: TaskExecutor {
    /// Runs these later, elsewhere, one after the other.
    func run(_ jobs: [UnownedJob])
}

extension ResumptionExecutor {
    /// Lets a job run; with others, if its thread resumes tasks together.
    package func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        if !Resumption.take(job, for: self) { run([job]) }
    }
}
