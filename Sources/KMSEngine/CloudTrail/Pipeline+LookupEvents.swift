package import KMSAccess
import KMSIdentity
package import KMSModel

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
        try quotas.admit([QuotaCharge(.lookUpEvents, in: realm.region)], of: realm.account)
        let parsed = bytes.isEmpty ? .object(JSONObject()) : try? JSONParser.parse(bytes, refusingDuplicates: true)
        guard case .object(let body)? = parsed else { throw KMSError(.serialization) }
        record.requestParameters = Self.recordedLookup.parameters(of: body)
        if let refusal = refusal(of: caller, client, doing: Self.lookUp, to: "*") { throw refusal }
        let request = try EventLookupRequest(body)
        let start: AuditPosition? =
            if let token = request.token {
                try EventLookupRequest.position(in: token, of: body, by: realm.account, in: realm.region)
            } else {
                nil
            }
        guard !request.wantsInsights else { return Self.output(EventLookup.Page(), token: nil) }
        return try await page(
            of: EventLookup(request, account: realm.account, region: realm.region, start: start, now: clock.now), body)
    }

    private func page(of lookup: EventLookup, _ body: JSONObject) async throws(KMSError) -> [UInt8] {
        let page: EventLookup.Page
        do throws(AuditFailure) {
            page = try await trail.look(up: lookup)
        } catch {
            throw KMSError(.throttling, error.description)
        }
        let token = page.next.map {
            EventLookupRequest.token(for: $0, of: body, by: lookup.account, in: lookup.region)
        }
        return Self.output(page, token: token)
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
