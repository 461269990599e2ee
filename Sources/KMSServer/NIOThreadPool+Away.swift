package import NIOPosix

extension NIOThreadPool {
    /// Does what waits for the disk, or takes long, away from the event loops: on a thread for such work.
    package func away<Value: Sendable>(_ work: @escaping @Sendable () -> Value) async -> Value {
        // The pool of the whole process is never shut down; then the work would be done here.
        (try? await runIfActive(work)) ?? work()
    }
}
