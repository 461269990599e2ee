import Foundation
import KMSAccess
import KMSEngine
import KMSIdentity
import KMSModel

/// Why something that a page was to do was not done: the API's own code and sentence.
struct ConsoleFailure: Error, Sendable {
    let code: String
    let message: String
    /// The HTTP status of the page that says so.
    var status = 400

    init(_ code: String, _ message: String, status: Int = 400) {
        self.code = code
        self.message = message
        self.status = status
    }

    init(_ error: KMSError) {
        let status = error.code == .accessDenied ? 403 : error.code == .notFound ? 404 : error.code.httpStatus
        self.init(error.code.rawValue, error.message ?? "", status: status)
    }

    /// Both in one line, where there is no room for more.
    var sentence: String { "\(code): \(message)" }

    /// Whether the caller may not do what was asked.
    var isDenial: Bool { status == 403 }
}

/// A request of somebody who is signed in, and the APIs as that principal calls them.
///
/// Whatever a page shows or does goes through here: it is decided and recorded as the same call of a program would be.
struct Visit: Sendable {
    let request: ConsoleRequest
    let session: ConsoleSession
    let caller: Caller
    let engine: Engine
    let site: Site
    let notices: Notices

    /// Where the pages of the region are.
    var base: String { "/console/\(caller.region)" }

    /// Calls an operation of KMS.
    ///
    /// - Returns: The members of its output.
    /// - Throws: ``ConsoleFailure``.
    @discardableResult
    func kms(_ operation: OperationName, _ members: JSONObject = JSONObject()) async throws(ConsoleFailure)
        -> JSONObject
    {
        var writer = JSONWriter()
        writer.value(.object(members))
        let body = try await again { () async throws(KMSError) in
            try await engine.pipeline.answer(
                writer.bytes, for: operation, by: caller, from: request.client, requestID: RequestID.make()
            ).get()
        }
        return try Self.object(in: body)
    }

    /// Calls an operation of IAM.
    ///
    /// - Parameter members: As the query protocol names them, such as `Tags.member.1.Key`.
    /// - Returns: Its result; an empty structure of an operation without any.
    /// - Throws: ``ConsoleFailure``.
    @discardableResult
    func iam(_ action: String, _ members: [String: String] = [:]) async throws(ConsoleFailure) -> QueryValue {
        do throws(IdentityService.Refusal) {
            let result = try await engine.identity.answer(
                members, action: action, of: .iam, by: caller, from: request.client, requestID: RequestID.make())
            return result ?? .structure([])
        } catch {
            switch error {
            case .refused(let failure): throw ConsoleFailure(failure.code, failure.message, status: failure.status)
            case .notAuthenticated(let failure): throw ConsoleFailure(failure.code.rawValue, failure.message(for: .iam))
            case .unknownAction: throw ConsoleFailure("InvalidAction", "Could not find operation \(action)")
            }
        }
    }

    /// Asks why somebody may do something, or may not.
    ///
    /// - Throws: ``ConsoleFailure``.
    func explain(_ question: JSONObject) async throws(ConsoleFailure) -> JSONObject {
        var writer = JSONWriter()
        writer.value(.object(question))
        let answer: [UInt8]
        do throws(KMSError) {
            answer = try await engine.pipeline.explain(
                writer.bytes, by: caller, from: request.client, requestID: RequestID.make())
        } catch {
            throw ConsoleFailure(error)
        }
        return try Self.object(in: answer)
    }

    /// Makes something of all keys of the region, as far as the visitor may see them; there may be very many.
    ///
    /// - Throws: ``ConsoleFailure`` for who may not list keys, and when too many others are at it.
    func keys<Summary: Sendable>(
        withQuotaUse: Bool = false, _ summarize: @escaping @Sendable (KeyOverviews) -> Summary
    ) async throws(ConsoleFailure) -> Summary {
        let one = JSONObject(["Limit": .number("1")])
        try await kms(.listKeys, one)
        let withAliases = (try? await kms(.listAliases, one)) != nil
        do throws(KMSError) {
            return try await engine.pipeline.summary(
                ofKeysSeenBy: caller, from: request.client, withAliases: withAliases, withQuotaUse: withQuotaUse,
                summarize)
        } catch {
            throw ConsoleFailure(error)
        }
    }

    /// How much the account uses of IAM's quotas.
    ///
    /// - Throws: ``ConsoleFailure``.
    func identityUsage() async throws(ConsoleFailure) -> IdentityUsage {
        do throws(KMSError) {
            return try await engine.pipeline.identityUsage(
                by: caller, from: request.client, requestID: RequestID.make())
        } catch {
            throw ConsoleFailure(error)
        }
    }

    /// Searches the audit log.
    ///
    /// - Throws: ``ConsoleFailure``.
    func audit(
        _ query: AuditQuery, limit: Int, days: Int
    ) async throws(ConsoleFailure) -> AuditTrail.Findings {
        try await again { () async throws(KMSError) in
            try await engine.pipeline.lookUpEvents(
                query, limit: limit, days: days, by: caller, from: request.client, requestID: RequestID.make())
        }
    }

    /// How long it waits before it does anew what came too fast.
    private static let waits: [Duration] = [.milliseconds(250), .milliseconds(500), .seconds(1)]

    /// Does a call, and does it again a little later when it comes too fast for the account's quotas, as AWS's SDKs do.
    private func again<Value>(_ call: () async throws(KMSError) -> Value) async throws(ConsoleFailure) -> Value {
        var waits = Self.waits[...]
        while true {
            do throws(KMSError) {
                return try await call()
            } catch {
                guard error.code == .throttling, let wait = waits.popFirst() else { throw ConsoleFailure(error) }
                try? await Task.sleep(for: wait)
            }
        }
    }

    private static func object(in body: [UInt8]) throws(ConsoleFailure) -> JSONObject {
        // Operations that have nothing to tell answer nothing.
        guard !body.isEmpty else { return JSONObject() }
        guard case .object(let object)? = try? JSONParser.parse(body) else {
            throw ConsoleFailure(KMSError(.kmsInternal))
        }
        return object
    }
}
