import Dispatch
import KMSModel
import Synchronization

/// Computations that take from milliseconds to seconds, such as making an RSA key: away from the event loops, where they
/// would hold up every other request, and one at a time, so that they never take more than one core.
enum SlowWork {
    /// How many may wait; more are refused, so that nobody can make others wait for ever.
    private static let mostWaiting = 64

    private static let queue = DispatchQueue(label: "chatelaine.slow-work", qos: .utility)
    private static let waiting = Atomic(0)

    /// Does `work` on a thread of its own, whatever becomes of the calling task.
    ///
    /// - Throws: ``KMSError`` with `ThrottlingException` when too much of it is waiting.
    static func result<Value: Sendable, Failure: Error>(
        _ work: @escaping @Sendable () throws(Failure) -> Value
    ) async throws(KMSError) -> Result<Value, Failure> {
        defer { waiting.subtract(1, ordering: .relaxed) }
        guard waiting.add(1, ordering: .relaxed).newValue <= mostWaiting else {
            throw KMSError(
                .throttling, "You have exceeded the rate at which you may call KMS. Reduce the frequency of your calls."
            )
        }
        return await withCheckedContinuation { continuation in
            queue.async { continuation.resume(returning: Result { () throws(Failure) in try work() }) }
        }
    }
}
