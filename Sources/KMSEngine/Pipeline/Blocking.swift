import Dispatch
import Synchronization

/// Waiting on a thread that may wait, as those of slow work may.
enum Blocking {
    /// Does `work` and waits for it.
    static func wait<Value: Sendable>(for work: @escaping @Sendable () async -> Value) -> Value
    where Value: ExpressibleByArrayLiteral {
        let (done, answer) = (DispatchSemaphore(value: 0), Answer<Value>())
        Task {
            let value = await work()
            answer.value.withLock { $0 = value }
            done.signal()
        }
        done.wait()
        return answer.value.withLock { $0 } ?? []
    }

    private final class Answer<Value: Sendable>: Sendable {
        let value = Mutex<Value?>(nil)
    }
}
