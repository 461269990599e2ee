import Dispatch

/// Computations that take from milliseconds to seconds, such as making an RSA key: away from the event loops, where they
/// would hold up every other request, and one at a time, so that they never take more than one core.
enum SlowWork {
    private static let queue = DispatchQueue(label: "chatelaine.slow-work", qos: .utility)

    /// Does `work` on a thread of its own, whatever becomes of the calling task.
    static func result<Value: Sendable, Failure: Error>(
        _ work: @escaping @Sendable () throws(Failure) -> Value
    ) async -> Result<Value, Failure> {
        await withCheckedContinuation { continuation in
            queue.async { continuation.resume(returning: Result { () throws(Failure) in try work() }) }
        }
    }
}
