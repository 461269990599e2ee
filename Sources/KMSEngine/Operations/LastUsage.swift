import KMSModel

struct GetKeyLastUsage: KeyOperation {
    static let description = OperationDescription(.getKeyLastUsage, quota: .own(perSecond: 5), recorded: .read("KeyId"))

    static func keyIdentifier(in input: API.GetKeyLastUsageRequest) -> String { input.keyId }

    static func perform(
        _ input: API.GetKeyLastUsageRequest, under permit: Permit<KeySnapshot>, in context: RequestContext
    ) async throws(KMSError) -> Outcome<API.GetKeyLastUsageResponse> {
        let key = permit.subject
        let use = key.use.last.map {
            API.KeyLastUsageData(
                operation: $0.operation.rawValue, timestamp: $0.date, cloudTrailEventId: $0.eventID,
                kmsRequestId: $0.requestID
            )
        }
        // This server tracks every key from its first day.
        return Outcome(
            API.GetKeyLastUsageResponse(
                keyId: key.arnText, keyLastUsage: use, trackingStartDate: key.record.creationDate,
                keyCreationDate: key.record.creationDate
            )
        )
    }
}
