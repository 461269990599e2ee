package import KMSAccess
import KMSCrypto
package import KMSIdentity
import KMSModel
import KMSStore
import Logging

/// A request of the IAM or the STS API, from its signature to its audit record.
package final class IdentityService: Sendable {
    /// How often a change is made anew when another one came first.
    private static let mostAttempts = 100

    let authenticator: Authenticator
    let identities: IdentityDirectory
    let ledger: Ledger
    let turns: ChangeTurns
    let keyring: Keyring
    let audit: AuditLog
    let outbox: AuditOutbox
    let quotas: Quotas
    /// Where many nodes share the store.
    let shared: SharedState?
    let clock: any Clock
    let metrics: Metrics
    let logger: Logger

    init(
        authenticator: Authenticator, identities: IdentityDirectory, ledger: Ledger, turns: ChangeTurns,
        keyring: Keyring, audit: AuditLog, outbox: AuditOutbox, quotas: Quotas, shared: SharedState?,
        clock: any Clock, metrics: Metrics, logger: Logger
    ) {
        self.authenticator = authenticator
        self.identities = identities
        self.ledger = ledger
        self.turns = turns
        self.keyring = keyring
        self.audit = audit
        self.outbox = outbox
        self.quotas = quotas
        self.shared = shared
        self.clock = clock
        self.metrics = metrics
        self.logger = logger
    }

    /// Which of the two APIs a request is for.
    package enum API: Sendable, Equatable {
        case iam
        case sts

        fileprivate var service: SigningService { self == .iam ? .iam : .sts }
        fileprivate var metered: RequestMetrics.API { self == .iam ? .iam : .sts }
    }

    /// Why there is no result.
    package enum Refusal: Error, Sendable {
        case notAuthenticated(AuthenticationFailure)
        case refused(QueryFailure)
        /// Not an operation of this API.
        case unknownAction
    }

    /// Answers a signed request, and keeps its record before the answer leaves.
    ///
    /// - Parameters:
    ///   - sent: The members of the request, of which the operation takes those that it has.
    ///   - requestID: The identifier that the answer carries.
    /// - Returns: The operation's result; nil for operations that have none.
    package func answer(
        _ request: SignedRequest, _ sent: [String: String], action: String, of api: API, from client: Client,
        requestID: String
    ) async throws(Refusal) -> QueryValue? {
        let watch = Stopwatch()
        let caller: Caller
        do throws(AuthenticationFailure) {
            caller = try authenticator.verify(
                request, expecting: api.service, at: clock.signingTime, serverTime: clock.now)
        } catch {
            // Before the signature is checked a name may be anything.
            metrics.requests.record(api.metered, "Unauthenticated", error.queryCode, watch)
            throw .notAuthenticated(error)
        }
        return try await answer(sent, action: action, of: api, by: caller, from: client, requestID: requestID, watch)
    }

    /// Answers a request of a caller who is known, and keeps its record before the answer leaves.
    ///
    /// - Parameters:
    ///   - sent: The members of the request, of which the operation takes those that it has.
    ///   - requestID: The identifier that the record and the answer carry.
    ///   - watch: Begun when the request was there.
    /// - Returns: The operation's result; nil for operations that have none.
    package func answer(
        _ sent: [String: String], action: String, of api: API, by caller: Caller, from client: Client,
        requestID: String, _ watch: Stopwatch = Stopwatch()
    ) async throws(Refusal) -> QueryValue? {
        do throws(Refusal) {
            let result = try await run(sent, action: action, of: api, by: caller, from: client, requestID: requestID)
            metrics.requests.record(api.metered, action, nil, watch)
            return result
        } catch {
            // What is no operation has any name.
            if case .refused(let failure) = error {
                metrics.requests.record(api.metered, action, failure.code, watch)
            }
            throw error
        }
    }

    private func run(
        _ sent: [String: String], action: String, of api: API, by caller: Caller, from client: Client,
        requestID: String
    ) async throws(Refusal) -> QueryValue? {
        let now = clock.now
        func call(_ form: Form) -> IdentityCall {
            IdentityCall(
                request: IdentityRequest(form: form, caller: caller, now: now, keyring: keyring, directory: identities),
                client: client, requestID: requestID)
        }
        switch api {
        case .iam:
            guard let operation = IdentityOperation.named(action) else { throw .unknownAction }
            return try await run(operation, call(operation.form(sent)))
        case .sts:
            guard let operation = SessionOperation(rawValue: action) else { throw .unknownAction }
            return try await run(operation, call(operation.form(sent)))
        }
    }

    /// Counts a call against a quota of the caller's account, whatever becomes of it.
    ///
    /// The record of one that is refused does not show what was asked: what comes too fast shall not fill the disk.
    private func admit(
        _ call: IdentityCall, _ quota: RequestQuota, in region: Region, _ record: inout AuditRecord
    ) throws(QueryFailure) {
        guard shared?.contact.mayServe ?? true else { throw .unavailable }
        let charge = QuotaCharge(quota, in: region)
        guard quotas.throttle.refusal(of: [charge], to: call.request.account) != nil else { return }
        record.requestParameters = nil
        throw .throttled
    }

    // MARK: STS

    private func run(_ operation: SessionOperation, _ call: IdentityCall) async throws(Refusal) -> QueryValue? {
        var record = call.record(operation.rawValue, "sts.amazonaws.com")
        do throws(QueryFailure) {
            try admit(call, .sts, in: call.request.caller.region, &record)
            try call.request.form.check()
            let result = try operation.perform(call, &record)
            if operation != .getCallerIdentity { record.responseElements = .recording(result) }
            try await append(record)
            return result
        } catch {
            throw await refusal(error, record)
        }
    }

    /// The refusal of a call, once its record is kept.
    private func refusal(_ failure: QueryFailure, _ record: AuditRecord) async -> Refusal {
        var record = record
        record.outcome = AuditRecord.Failure(failure)
        do throws(QueryFailure) {
            try await append(record)
            return .refused(failure)
        } catch {
            return .refused(error)
        }
    }

    // MARK: IAM

    private func run(_ operation: IdentityOperation, _ call: IdentityCall) async throws(Refusal) -> QueryValue? {
        var record = call.record(operation.name, "iam.amazonaws.com")
        record.isReadOnly = operation.isReadOnly
        do throws(QueryFailure) {
            // It is one service for all regions.
            let region = Region(call.request.partition.globalRegion) ?? call.request.caller.region
            try admit(call, .iam, in: region, &record)
            try call.request.form.check()
            try Self.checkSession(of: call.request.caller)
            if operation.isReadOnly {
                let result = try attempt(operation, call).result
                try await append(record)
                return result
            }
            return try await turns.inTurn(at: ["account \(call.request.account)"]) {
                () async throws(QueryFailure) in try await change(operation, call, record)
            }
        } catch {
            throw await refusal(error, record)
        }
    }

    /// Sessions that a user begins without a second factor may not call IAM.
    ///
    /// Source: STS API Reference, GetSessionToken.
    private static func checkSession(of caller: Caller) throws(QueryFailure) {
        if caller.session != nil, caller.session?.record.name == nil {
            throw QueryFailure(
                "InvalidClientTokenId", "The security token included in the request is invalid", status: 403)
        }
    }

    /// Authorizes and performs once, on everybody as they are now.
    private func attempt(
        _ operation: IdentityOperation, _ call: IdentityCall
    ) throws(QueryFailure) -> (result: QueryValue?, edit: IdentityEdit) {
        let request = call.request
        guard let present = identities.identities(of: request.account) else { throw .unavailable }
        let resources = try operation.resources(request, present)
        for action in operation.actions(for: request) { try call.authorize(action, on: resources, among: present) }
        var edit = IdentityEdit(present)
        return (try operation.perform(request, &edit), edit)
    }

    /// Reads everybody of an account again, where others change them too.
    private func readAgain(_ account: AccountID) async throws(QueryFailure) {
        guard let shared else { return }
        do throws(StoreError) {
            try identities.load(try await shared.store.account(account))
        } catch {
            logger.error("The store failed", metadata: ["account": "\(account)", "reason": "\(error)"])
            throw .unavailable
        }
    }

    /// Performs and commits.
    private func change(
        _ operation: IdentityOperation, _ call: IdentityCall, _ record: AuditRecord
    ) async throws(QueryFailure) -> QueryValue? {
        try await readAgain(call.request.account)
        for _ in 0..<Self.mostAttempts {
            let (result, edit) = try attempt(operation, call)
            var record = record
            if let result { record.responseElements = .recording(result) }
            guard let change = edit.change, let kept = KeptAuditLines([record]) else {
                try await append(record)
                return result
            }
            do throws(StoreError) {
                try await ledger.commit(change, keeping: kept)
                identities.publish(edit.identities)
            } catch .conflict {
                try await readAgain(call.request.account)
                continue
            } catch {
                logger.error(
                    "The store failed",
                    metadata: [
                        "request-id": "\(call.requestID)", "operation": "\(operation.name)", "reason": "\(error)",
                    ])
                throw .unavailable
            }
            try await written(call.requestID) { () async throws(AuditFailure) in try await outbox.write([kept]) }
            return result
        }
        throw .unavailable
    }

    // MARK: Audit

    private func append(_ record: AuditRecord) async throws(QueryFailure) {
        try await written(record.requestID) { () async throws(AuditFailure) in
            try await audit.append(record.copies().flatMap { $0.line() }, record.isReadOnly ? .byPolicy : .now)
        }
    }

    private func written(
        _ requestID: String?, _ write: () async throws(AuditFailure) -> Void
    ) async throws(QueryFailure) {
        do throws(AuditFailure) {
            try await write()
        } catch {
            audit.report(error, of: requestID)
            throw .unavailable
        }
    }
}

/// A request of the IAM or the STS API with all that is known of it.
struct IdentityCall: Sendable {
    let request: IdentityRequest
    let client: Client
    let requestID: String

    /// Refuses what the caller's own account does not allow.
    ///
    /// - Parameter resources: What has to be allowed, all of it; the first is what exists, if anything of it does.
    func authorize(
        _ action: ActionName, on resources: [IdentityResource], among identities: AccountIdentities
    ) throws(QueryFailure) {
        let caller = request.caller
        let conditions = IdentityConditions(
            call: self, action: action, target: resources.first.flatMap { identities.target(of: $0.arn) })
        func question(about name: String) -> AccessQuestion {
            AccessQuestion(
                caller: .principal(caller.principal), action: action, resource: .outsideKeyPolicies(name),
                crossesAccounts: false, request: conditions)
        }
        for resource in resources {
            let decision = question(about: resource.arn)
                .decision(under: nil, policies: request.directory.policies(of: caller))
            guard case .denied(let denial) = decision else { continue }
            let refusal = KMSError.accessDenied(
                question(about: resource.name), because: denial, in: request.partition)
            throw .accessDenied(refusal.message ?? "")
        }
    }

    /// The record of the call as it begins.
    func record(_ name: String, _ source: String) -> AuditRecord {
        let caller = request.caller
        var record = AuditRecord(
            time: request.now, eventSource: source, eventName: name, eventID: RequestID.make(), region: caller.region,
            account: request.account, origin: .call(caller, client: client, requestID: requestID)
        )
        record.showsResources = false
        record.requestParameters = request.form.recorded
        return record
    }
}
