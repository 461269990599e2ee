import HTTPTypes
import Hummingbird
import KMSAccess
import KMSEngine
import KMSModel
import NIOCore

/// AWS's JSON protocol 1.1: the operation in a header, the input and the output as one JSON object.
final class JSONProtocol: Sendable {
    static let contentType = "application/x-amz-json-1.1"
    /// What stands before an operation's name in `X-Amz-Target`.
    static let targetPrefix = "TrentService."
    private static let clockTarget = "Chatelaine.AdvanceClock"
    private static let explanationTarget = "Chatelaine.ExplainAccess"
    /// As CloudTrail's model has it, and as some clients shorten it.
    private static let lookupTargets: Set = [
        "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.LookupEvents", "CloudTrail_20131101.LookupEvents",
    ]

    let pipeline: Pipeline
    let clock: ClockService?

    init(pipeline: Pipeline, clock: ClockService?) {
        self.pipeline = pipeline
        self.clock = clock
    }

    func answer(
        _ request: SignedRequest, target: String, contentType: String?, _ client: Client, _ requestID: String
    ) async -> CallAnswer {
        guard request.method == "POST", request.path == "/" else { return Self.notACall(requestID) }
        if Self.isJSON(contentType) {
            if target == Self.clockTarget, let clock { return await advance(clock, request, client, requestID) }
            if target == Self.explanationTarget { return await explain(request, client, requestID) }
            if Self.lookupTargets.contains(target) { return await lookUpEvents(request, client, requestID) }
        }
        let answer = await unkeptAnswer(request, target: target, contentType: contentType, client, requestID)
        return Self.answer(await pipeline.kept([answer])[0], requestID)
    }

    private func unkeptAnswer(
        _ request: SignedRequest, target: String, contentType: String?, _ client: Client, _ requestID: String
    ) async -> UnkeptAnswer {
        guard target.hasPrefix(Self.targetPrefix),
            let operation = OperationName.named(String(target.utf8.dropFirst(Self.targetPrefix.utf8.count)) ?? "")
        else {
            let error = Self.isJSON(contentType) ? KMSError(.unknownOperation) : Self.notJSON
            return UnkeptAnswer(refused: error, requestID: requestID)
        }
        return await pipeline.unkeptAnswer(
            to: received(request, for: operation, contentType: contentType, client, requestID, Stopwatch()))
    }

    /// Finds out who called an operation of KMS.
    ///
    /// - Parameter watch: Begun when the call was there.
    func received(
        _ request: SignedRequest, for operation: OperationName, contentType: String?, _ client: Client,
        _ requestID: String, _ watch: Stopwatch
    ) -> ReceivedCall {
        guard Self.isJSON(contentType) else {
            return ReceivedCall(refused: Self.notJSON, operation, from: client, requestID: requestID, watch)
        }
        return pipeline.received(request, for: operation, from: client, requestID: requestID, watch)
    }

    private static var notJSON: KMSError { KMSError(.serialization, "The Content-Type must be \(contentType).") }

    private func explain(_ request: SignedRequest, _ client: Client, _ requestID: String) async -> CallAnswer {
        do throws(KMSError) {
            let body = try await pipeline.explain(request, from: client, requestID: requestID)
            return Self.response(200, body, requestID)
        } catch {
            return Self.error(error, requestID)
        }
    }

    private func lookUpEvents(_ request: SignedRequest, _ client: Client, _ requestID: String) async -> CallAnswer {
        do throws(KMSError) {
            let body = try await pipeline.lookUpEvents(request, from: client, requestID: requestID)
            return Self.response(200, body, requestID)
        } catch {
            return Self.error(error, requestID)
        }
    }

    private func advance(
        _ clock: ClockService, _ request: SignedRequest, _ client: Client, _ requestID: String
    ) async -> CallAnswer {
        do throws(KMSError) {
            let now = try await clock.advance(request, from: client, requestID: requestID)
            var writer = JSONWriter()
            writer.object { writer in
                writer.name("Now")
                writer.timestamp(now)
            }
            return Self.response(200, writer.bytes, requestID)
        } catch {
            return Self.error(error, requestID)
        }
    }

    /// Whether the body is of this protocol; a charset may follow.
    private static func isJSON(_ contentType: String?) -> Bool {
        guard let contentType else { return false }
        // What SDKs send, as a rule.
        if contentType == Self.contentType { return true }
        let type = contentType.prefix { $0 != ";" }
        return type.split(separator: " ").joined().lowercased() == Self.contentType
    }

    // MARK: Answers

    /// What came of an operation, as the protocol has it.
    static func answer(_ result: Result<[UInt8], KMSError>, _ requestID: String) -> CallAnswer {
        switch result {
        case .success(let body): response(200, body, requestID)
        case .failure(let error): Self.error(error, requestID)
        }
    }

    /// A refusal: `__type` and a message.
    ///
    /// AccessDeniedException alone spells the member with a capital.
    static func error(_ error: KMSError, _ requestID: String) -> CallAnswer {
        var writer = JSONWriter()
        writer.object { writer in
            writer.name("__type")
            writer.string(error.code.rawValue)
            guard let message = error.message else { return }
            if error.code == .accessDenied { writer.name("Message") } else { writer.name("message") }
            writer.string(message)
        }
        return response(error.code.httpStatus, writer.bytes, requestID)
    }

    /// The answer to whoever asks whether the service lives.
    static func healthy(_ requestID: String) -> Response {
        var headers = CallAnswer.uncached
        headers[.amznRequestID] = requestID
        return Response(
            status: .ok, headers: headers,
            body: ResponseBody(byteBuffer: ByteBuffer(string: "healthy"))
        )
    }

    /// The answer to a request that is no call at all.
    static func notACall(_ requestID: String) -> CallAnswer {
        CallAnswer(
            status: 404, contentType: "text/xml", body: Array("<UnknownOperationException/>\n".utf8),
            requestID: requestID)
    }

    private static func response(_ status: Int, _ body: [UInt8], _ requestID: String) -> CallAnswer {
        CallAnswer(status: status, contentType: contentType, body: body, requestID: requestID)
    }
}
