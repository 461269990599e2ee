package import KMSAccess
import KMSCrypto
import KMSIdentity
package import KMSModel
import Logging

extension Pipeline {
    static let cloudTrail = "cloudtrail.amazonaws.com"
    /// What policies are asked before the log is read.
    static let lookUp: ActionName = "cloudtrail:LookupEvents"

    /// Answers a request of CloudTrail's LookupEvents, and keeps its record before the answer leaves.
    ///
    /// - Returns: The output as JSON.
    /// - Throws: ``KMSError``: of authentication, `AccessDeniedException`, `ThrottlingException`, `SerializationException`,
    ///   and what LookupEvents declares.
    package func lookUpEvents(
        _ request: SignedRequest, from client: Client, requestID: String
    ) async throws(KMSError) -> [UInt8] {
        let watch = Stopwatch()
        let result = await answerLookup(request, from: client, requestID: requestID)
        let code: KMSError.Code? = if case .failure(let error) = result { error.code } else { nil }
        metrics.requests.record(.cloudtrail, "LookupEvents", code?.rawValue, watch)
        return try result.get()
    }

    private func answerLookup(
        _ request: SignedRequest, from client: Client, requestID: String
    ) async -> Result<[UInt8], KMSError> {
        let caller: Caller
        do throws(AuthenticationFailure) {
            caller = try authenticator.verify(
                request, expecting: .cloudTrail, at: clock.signingTime, serverTime: clock.now)
        } catch {
            return .failure(KMSError(error))
        }
        var record = recordOfLookup(by: caller, from: client, requestID: requestID)
        let result: Result<[UInt8], KMSError>
        do throws(KMSError) {
            result = .success(try await found(request.body, by: caller, from: client, &record))
        } catch {
            record.outcome = AuditRecord.Failure(error)
            result = .failure(error)
        }
        do throws(KMSError) { try await keep(record) } catch { return .failure(error) }
        return result
    }

    private func found(
        _ bytes: [UInt8], by caller: Caller, from client: Client, _ record: inout AuditRecord
    ) async throws(KMSError) -> [UInt8] {
        let realm = Realm(account: caller.principal.account, region: caller.region)
        if let refusal = refusalOfSearch(by: caller) { throw refusal }
        let parsed = bytes.isEmpty ? .object(JSONObject()) : try? JSONParser.parse(bytes, refusingDuplicates: true)
        guard case .object(let body)? = parsed else { throw KMSError(.serialization) }
        record.requestParameters = Self.recordedLookup.parameters(of: body)
        if let refusal = refusal(of: caller, client, doing: Self.lookUp, to: "*") { throw refusal }
        let request = try EventLookupRequest(body)
        let tokens = LookupToken(of: body, by: realm.account, in: realm.region, sealedBy: audit.chain)
        let start: AuditPosition? = if let token = request.token { try tokens.position(in: token) } else { nil }
        guard !request.wantsInsights else { return Self.output(EventLookup.Page(), token: nil) }
        let lookup = EventLookup(
            request, account: realm.account, region: realm.region, start: start, now: clock.now)
        let page: EventLookup.Page
        do throws(AuditTrail.Failure) {
            page = try await trail.look(up: lookup)
        } catch {
            throw refusal(of: error, record.requestID)
        }
        guard let next = page.next else { return Self.output(page, token: nil) }
        do throws(CryptoFailure) {
            return Self.output(page, token: try tokens.text(for: next))
        } catch {
            throw KMSError(error)
        }
    }

    /// The refusal of a caller whose account searches more often than it may; nil when it may search.
    func refusalOfSearch(by caller: Caller) -> KMSError? {
        let charge = QuotaCharge(.lookUpEvents, in: caller.region)
        let isThrottled = quotas.throttle.refusal(of: [charge], to: caller.principal.account) != nil
        return isThrottled ? .searchThrottled : nil
    }

    /// What a caller may learn of a search that failed.
    func refusal(of failure: AuditTrail.Failure, _ requestID: String?) -> KMSError {
        switch failure {
        case .crowded: return .searchThrottled
        case .ending: return KMSError(.dependencyTimeout, "The server is ending. You can retry the request.")
        case .unreadable(let failure):
            logger.error(
                "The audit log cannot be read",
                metadata: ["request-id": "\(requestID ?? "")", "reason": "\(failure)"])
            return KMSError(
                .kmsInternal,
                "The request was rejected because an internal exception occurred. You can retry the request.")
        }
    }

    private static func output(_ page: EventLookup.Page, token: String?) -> [UInt8] {
        var writer = JSONWriter(capacity: 4096)
        writer.object { writer in
            writer.name("Events")
            writer.array { writer in
                for (record, text) in page.events { AuditEvent(record).write(to: &writer, text: text) }
            }
            if let token { writer.member("NextToken", token) }
        }
        return writer.bytes
    }

    // MARK: Records

    private static let recordedLookup = RecordedCall.read(
        "LookupAttributes", "StartTime", "EndTime", "EventCategory", "MaxResults", "NextToken")

    /// The record of looking up events, as it begins.
    func recordOfLookup(by caller: Caller, from client: Client, requestID: String) -> AuditRecord {
        var record = AuditRecord(
            time: clock.now, eventSource: Self.cloudTrail, eventName: "LookupEvents", eventID: RequestID.make(),
            region: caller.region, account: caller.principal.account,
            origin: .call(caller, client: client, requestID: requestID))
        record.showsResources = false
        return record
    }

    /// Keeps the record of a call that changes nothing.
    ///
    /// - Throws: ``KMSError`` with `KMSInternalException`.
    func keep(_ record: AuditRecord) async throws(KMSError) {
        do throws(AuditFailure) {
            try await audit.append(record.line())
        } catch {
            audit.report(error, of: record.requestID)
            throw KMSError(error)
        }
    }
}

extension KMSError {
    /// CloudTrail's answer to what comes too fast.
    fileprivate static let searchThrottled = KMSError(.throttling, "Rate exceeded")
}

extension AuditEvent {
    /// Writes the event as LookupEvents shows it.
    ///
    /// - Parameter text: The record as JSON.
    fileprivate func write(to writer: inout JSONWriter, text: String) {
        writer.object { writer in
            writer.member("EventId", id)
            writer.member("EventName", name)
            writer.member("ReadOnly", record["readOnly"] == .bool(true) ? "true" : "false")
            if let accessKeyID { writer.member("AccessKeyId", accessKeyID) }
            writer.name("EventTime")
            writer.integer(UTCTime.seconds(ofISO8601: time) ?? 0)
            writer.member("EventSource", source)
            if let userName { writer.member("Username", userName) }
            writer.name("Resources")
            writer.array { writer in
                for resource in record.objects("resources") {
                    writer.object { writer in
                        writer.member("ResourceType", resource.text("type") ?? "")
                        writer.member("ResourceName", resource.text("ARN") ?? "")
                    }
                }
            }
            writer.member("CloudTrailEvent", text)
        }
    }
}
