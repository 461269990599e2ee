import KMSAccess
package import KMSModel

/// A call of which it is known who made it, or that nobody is known to have.
///
/// Calls that come together are received together, and then answered: a step is done for all of them while the processor has
/// its instructions at hand (``Pipeline/received(_:for:from:requestID:_:)``). An object, which is handed from step to step.
package final class ReceivedCall: Sendable {
    let operation: OperationName
    /// The operation's input as JSON.
    let body: [UInt8]
    let caller: Result<Caller, KMSError>
    let client: Client
    /// The identifier that the answer carries.
    package let requestID: String
    /// Begun when the request was there.
    let watch: Stopwatch

    init(
        of operation: OperationName, _ body: [UInt8], by caller: Result<Caller, KMSError>, from client: Client,
        requestID: String, _ watch: Stopwatch
    ) {
        self.operation = operation
        self.body = body
        self.caller = caller
        self.client = client
        self.requestID = requestID
        self.watch = watch
    }

    /// What is refused whoever made it.
    package convenience init(
        refused error: KMSError, _ operation: OperationName, from client: Client, requestID: String,
        _ watch: Stopwatch
    ) {
        self.init(of: operation, [], by: .failure(error), from: client, requestID: requestID, watch)
    }
}
