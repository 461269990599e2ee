internal import CGlobalExecutor
import NIOCore
import NIOPosix

/// Jobs of Swift's concurrency on the threads of NIO's event loops.
package enum EventLoopExecutor {
    /// Makes the loops of NIO's singleton the global executor.
    ///
    /// A job then runs on the loop that it was made on, such as that of a request's connection, without a hop between two pools
    /// of threads; and on any of them when it was made elsewhere. Once, from the main thread, before the first task.
    ///
    /// - Returns: False when something else is the global executor already.
    @discardableResult
    package static func install() -> Bool {
        unsafe chatelaine_take_global_executor { job in
            let job = unsafe unsafeBitCast(job, to: UnownedJob.self)
            MultiThreadedEventLoopGroup.singleton.any().executor.enqueue(ExecutorJob(job))
        }
    }
}
