package import NIOCore
import TaskResumption

/// One event loop as the executor that tasks prefer: whatever they waited for, they go on there.
///
/// Without one a task goes on where the global executor lets it, which may be another loop: then its answer wakes two. Tasks
/// that are to be resumed together (``Resumption``) share the one of their loop.
package final class EventLoopTaskExecutor: ResumptionExecutor {
    private let loop: any EventLoop

    package init(_ loop: any EventLoop) { self.loop = loop }

    /// Runs these, one after the other, in one turn of the loop.
    package func run(_ jobs: [UnownedJob]) {
        loop.execute { [self] in
            for job in jobs { unsafe job.runSynchronously(on: asUnownedTaskExecutor()) }
        }
    }
}
