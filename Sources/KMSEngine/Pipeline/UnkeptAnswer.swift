import KMSCrypto
package import KMSModel

/// An answer that may not leave yet: what is recorded of its call has to be kept first.
///
/// What the answer is nobody learns before that (``Pipeline/keep(_:)``). Answers that are ready at about the same time are
/// kept together: they are written to the audit log at once.
package final class UnkeptAnswer: Sendable {
    fileprivate let result: Result<[UInt8], KMSError>
    /// The call that is to be recorded; nil when that has been done, or when nobody is known to have made it.
    private let call: Call?
    /// The identifier that the answer carries.
    package let requestID: String
    fileprivate let operation: OperationName?
    fileprivate let watch: Stopwatch

    init(
        _ result: Result<[UInt8], KMSError>, _ call: Call?, requestID: String, to operation: OperationName?,
        _ watch: Stopwatch
    ) {
        self.result = result
        self.call = call
        self.requestID = requestID
        self.operation = operation
        self.watch = watch
    }

    /// The refusal of what is no call of an operation, of which nothing is recorded.
    package convenience init(refused error: KMSError, requestID: String) {
        self.init(.failure(error), nil, requestID: requestID, to: nil, Stopwatch())
    }

    /// Writes what is to be recorded; nothing if that has been kept.
    fileprivate func write(linesTo writer: inout JSONWriter) { call?.write(linesTo: &writer) }

    fileprivate var isRecorded: Bool { call == nil }
}

extension Pipeline {
    /// Keeps what is recorded of calls, and gives their answers out: those whose records cannot be written are refused.
    ///
    /// - Returns: Nil when that has to wait (``kept(_:)``).
    package func keep(_ answers: [UnkeptAnswer]) -> [Result<[UInt8], KMSError>]? {
        // Made and hashed here, and not where they are written, for which others would wait.
        var writer = JSONWriter(capacity: answers.count * AuditRecord.usualLength)
        for answer in answers { answer.write(linesTo: &writer) }
        let records = UnchainedRecords(writer.bytes)
        guard !records.isEmpty else { return answers.map { given($0, nil) } }
        do throws(AuditFailure) {
            return try audit.write(records) ? answers.map { given($0, nil) } : nil
        } catch {
            audit.report(error, of: answers.first { !$0.isRecorded }?.requestID)
            return answers.map { given($0, error) }
        }
    }

    /// As ``keep(_:)``, however long it takes.
    package func kept(_ answers: [UnkeptAnswer]) async -> [Result<[UInt8], KMSError>] {
        while true {
            if let results = keep(answers) { return results }
            await audit.anotherFile()
        }
    }

    private func given(_ answer: UnkeptAnswer, _ failure: AuditFailure?) -> Result<[UInt8], KMSError> {
        let result: Result<[UInt8], KMSError> =
            if let failure, !answer.isRecorded { .failure(KMSError(failure)) } else { answer.result }
        if let operation = answer.operation {
            if case .failure(let error) = result {
                metrics.requests.record(operation, error.code, answer.watch)
            } else {
                metrics.requests.record(operation, nil, answer.watch)
            }
        }
        return result
    }
}
