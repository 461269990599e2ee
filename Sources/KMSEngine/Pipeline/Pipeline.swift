import Foundation
package import KMSAccess
import KMSCrypto
import KMSIdentity
package import KMSModel
import KMSStore
import Logging

/// A request of the KMS API, from its signature to its audit record.
///
/// This is where to start reading.
///
/// The steps and their order are AWS's: the answer is the error of the first step that fails.
///
/// An object, and no value, because it has so many parts: to copy it would count a reference to each of them.
///
/// Functions that wait are inlined where they have one caller or two: each has a frame in the memory of its task, and those of a
/// call do not all find room in what a task has from the start. What hardly any call comes to is not inlined, nor are frames
/// made for it.
package final class Pipeline: Sendable {
    /// How often a change is made anew when another one came first.
    ///
    /// Changes come in turn, so that takes one that is made in another thing's turn, such as that of the key which an alias
    /// pointed to.
    private static let mostAttempts = 100

    let authenticator: Authenticator
    let authorizer = Authorizer()
    let directory: KeyDirectory
    let identities: IdentityDirectory
    let ledger: Ledger
    let catalog: any KeyCatalog
    /// Where many nodes share the store.
    let shared: SharedState?
    private let turns: ChangeTurns
    let keyring: Keyring
    /// Places elsewhere where keys are.
    let keyStores: KeyStoreDirectory
    /// The tokens that custom key stores can have behind them.
    let clusters: [ClusterSetting]
    let externalProxies: ExternalProxies
    let policies: PolicyRules
    let regions: HostedRegions
    let slowWork = SlowWork()
    /// What accounts may have, and how often they may ask.
    package let quotas: Quotas
    private let journal: UseJournal
    let managedKeys: ManagedKeys
    let audit: AuditLog
    /// The same log, to be read.
    let trail: AuditTrail
    private let outbox: AuditOutbox
    let clock: any Clock
    let metrics: Metrics
    let logger: Logger

    init(
        authenticator: Authenticator, directory: KeyDirectory, identities: IdentityDirectory, ledger: Ledger,
        shared: SharedState?, catalog: any KeyCatalog, turns: ChangeTurns, keyring: Keyring,
        keyStores: KeyStoreDirectory, clusters: [ClusterSetting], externalProxies: ExternalProxies,
        policies: PolicyRules, regions: HostedRegions,
        quotas: Quotas, journal: UseJournal,
        managedKeys: ManagedKeys, audit: AuditLog, outbox: AuditOutbox, clock: any Clock, metrics: Metrics,
        logger: Logger
    ) {
        self.authenticator = authenticator
        self.directory = directory
        self.identities = identities
        self.ledger = ledger
        self.shared = shared
        self.catalog = catalog
        self.turns = turns
        self.keyring = keyring
        self.keyStores = keyStores
        self.clusters = clusters
        self.externalProxies = externalProxies
        self.policies = policies
        self.regions = regions
        self.quotas = quotas
        self.journal = journal
        self.managedKeys = managedKeys
        self.audit = audit
        trail = AuditTrail(audit.files)
        self.outbox = outbox
        self.clock = clock
        self.metrics = metrics
        self.logger = logger
    }

    /// Answers a signed request for `operation`, and keeps its record before the answer leaves.
    ///
    /// - Parameter requestID: The identifier that the answer carries.
    package func answer(
        _ request: SignedRequest, for operation: OperationName, from client: Client, requestID: String
    ) async -> Result<[UInt8], KMSError> {
        let answer = await unkeptAnswer(
            to: received(request, for: operation, from: client, requestID: requestID, Stopwatch()))
        return await kept([answer])[0]
    }

    /// Finds out who sent a signed request for `operation`, for who does that for several together.
    ///
    /// - Parameters:
    ///   - requestID: The identifier that the answer carries.
    ///   - watch: Begun when the request was there.
    package func received(
        _ request: SignedRequest, for operation: OperationName, from client: Client, requestID: String,
        _ watch: Stopwatch
    ) -> ReceivedCall {
        let caller = Result { () throws(AuthenticationFailure) in
            try authenticator.verify(request, expecting: .kms, at: clock.signingTime, serverTime: clock.now)
        }
        return ReceivedCall(
            of: operation, request.body, by: caller.mapError(KMSError.init), from: client, requestID: requestID, watch)
    }

    /// Answers a call, for who keeps the records of several together.
    package func unkeptAnswer(to call: ReceivedCall) async -> UnkeptAnswer {
        switch call.caller {
        case .success(let caller):
            await unkeptAnswer(
                to: call.body, for: call.operation, by: caller, from: call.client, requestID: call.requestID,
                call.watch)
        // Nobody is known to have called, so there is no account whose record this could be.
        case .failure(let error):
            UnkeptAnswer(.failure(error), nil, requestID: call.requestID, to: call.operation, call.watch)
        }
    }

    /// Answers a request for `operation` of a caller who is known, and keeps its record before the answer leaves.
    ///
    /// - Parameters:
    ///   - body: The operation's input as JSON.
    ///   - requestID: The identifier that the record and the answer carry.
    package func answer(
        _ body: [UInt8], for operation: OperationName, by caller: Caller, from client: Client, requestID: String
    ) async -> Result<[UInt8], KMSError> {
        let answer = await unkeptAnswer(
            to: body, for: operation, by: caller, from: client, requestID: requestID, Stopwatch())
        return await kept([answer])[0]
    }

    /// - Parameter watch: Begun when the request was there.
    @inline(__always)
    private func unkeptAnswer(
        to body: [UInt8], for operation: OperationName, by caller: Caller, from client: Client, requestID: String,
        _ watch: Stopwatch
    ) async -> UnkeptAnswer {
        let now = clock.now
        var call = Call(
            context: context(of: caller, from: client, at: now, requestID: requestID),
            record: AuditRecord(
                time: now, eventName: operation.rawValue, eventID: RequestID.make(), region: caller.region,
                account: caller.principal.account, origin: .call(caller, client: client, requestID: requestID)))
        var result = await run(operation, body, &call)
        if case .failure(let error) = result { call.record.outcome = AuditRecord.Failure(error) }
        var isKept = true
        do throws(AuditFailure) {
            if let kept = call.kept {
                try await outbox.write([kept])
            } else if !call.record.isReadOnly {
                try await audit.append(call.lines, .now)
            } else if audit.syncsEachGroup {
                try await audit.append(call.lines)
            } else {
                isKept = false
            }
        } catch {
            audit.report(error, of: requestID)
            result = .failure(KMSError(error))
        }
        return UnkeptAnswer(result, isKept ? nil : call, requestID: requestID, to: operation, watch)
    }

    /// What an operation may use for a request of `caller`.
    ///
    /// - Parameter requestID: Nil where nothing is done but asked.
    func context(of caller: Caller, from client: Client, at now: Date, requestID: String? = nil) -> RequestContext {
        RequestContext(caller: caller, client: client, now: now, requestID: requestID, pipeline: self)
    }

    private func run(_ name: OperationName, _ body: [UInt8], _ call: inout Call) async -> Result<[UInt8], KMSError> {
        let decoded = Result { () throws(KMSError) in try Self.decode(body) }
        let object: JSONObject
        guard let entry = Catalogue.entry(name) else { return .failure(KMSError(.unsupportedOperation)) }
        call.record.isReadOnly = entry.isReadOnly
        call.record.showsResources = entry.operation.description.recorded.showsResources
        do throws(KMSError) {
            try checkMemory()
            try admit(call.context.caller, entry.quota, decoded)
            object = try decoded.get()
        } catch {
            return .failure(error)
        }
        return await entry.run(self, object, &call)
    }

    /// Refuses everything while memory is older than it may be.
    func checkMemory() throws(KMSError) {
        guard shared?.contact.mayServe ?? true else { throw KMSError(StoreError.unavailable("out of reach")) }
    }

    /// One call of an operation, as the catalogue has it.
    @inline(__always)
    func result<Op: Operation>(
        of operation: Op.Type, _ body: JSONObject, _ call: inout Call
    ) async -> Result<[UInt8], KMSError> {
        do throws(KMSError) {
            return .success(try await run(operation, body, &call))
        } catch {
            return .failure(error)
        }
    }

    /// Decodes, performs and commits.
    @inline(__always)
    private func run<Op: Operation>(
        _ operation: Op.Type, _ body: JSONObject, _ call: inout Call
    ) async throws(KMSError) -> [UInt8] {
        let description = Op.description
        let input = try Op.Input(validating: body)
        call.record.requestParameters = description.recorded.parameters(of: body)
        call.context.body = body
        try Op.check(input)
        try Self.checkContexts(in: body)
        try checkGrantTokens(in: body, for: description.name, call.context.caller.region)
        guard !description.recorded.isReadOnly else {
            return finish(operation, try await attempt(operation, input, body, call.context, &call.record), &call)
        }
        let subject = try await subject(of: operation, input, body, call.context)
        let things = Set(Op.accesses(to: subject, for: input).compactMap(\.turn)).union(
            Op.turns(for: input, in: call.context))
        return try await turns.inTurn(at: things) { () async throws(KMSError) in
            try await readAgain(Op.accesses(to: subject, for: input))
            return try await change(operation, input, body, &call)
        }
    }

    /// Performs and commits, in turn with other changes of the same.
    private func change<Op: Operation>(
        _ operation: Op.Type, _ input: Op.Input, _ body: JSONObject, _ call: inout Call
    ) async throws(KMSError) -> [UInt8] {
        for _ in 0..<Self.mostAttempts {
            let turn = try await readKeyStoresAgain(of: call.context.realm.account, Op.dependence(input))
            let outcome = try await attempt(operation, input, body, call.context, &call.record)
            guard let change = outcome.change else { return finish(operation, outcome, &call) }
            var finished = call
            let answer = finish(operation, outcome, &finished)
            let kept = KeptAuditLines(finished.records)
            do throws(StoreError) {
                try await ledger.commit(turn.map(change.with) ?? change, keeping: kept)
                if let key = outcome.destroyedMaterialOf { keyring.forget(key) }
                call = finished
                call.kept = kept
                return answer
            } catch .conflict {
                // Somebody changed the same record first: look again at what is there now.
                outcome.takeBack?(true)
                continue
            } catch {
                outcome.takeBack?(error.isUndone)
                logger.error(
                    "The store failed",
                    metadata: [
                        "request-id": "\(call.record.requestID ?? "")", "operation": "\(Op.description.name)",
                        "reason": "\(error)",
                    ])
                throw KMSError(error)
            }
        }
        throw KMSError(StoreError.conflict)
    }

    /// Resolves, authorizes, checks and performs, again if a key had to leave memory meanwhile: then what was found, and
    /// refused, may be for the want of what belongs to it.
    private func attempt<Op: Operation>(
        _ operation: Op.Type, _ input: Op.Input, _ body: JSONObject, _ context: RequestContext,
        _ record: inout AuditRecord
    ) async throws(KMSError) -> Outcome<Op.Output> {
        for _ in 0..<Self.mostReadings {
            var stay = KeyStay()
            do throws(KMSError) {
                let outcome = try await attempt(operation, input, body, context, &record, &stay)
                if directory.holds(stay) { return outcome }
            } catch {
                if directory.holds(stay) { throw error }
            }
        }
        throw .keysLeaveTooSoon
    }

    /// - Parameter stay: Becomes that of the keys that the request is about.
    @inline(__always)
    private func attempt<Op: Operation>(
        _ operation: Op.Type, _ input: Op.Input, _ body: JSONObject, _ context: RequestContext,
        _ record: inout AuditRecord, _ stay: inout KeyStay
    ) async throws(KMSError) -> Outcome<Op.Output> {
        let subject = try await subject(of: operation, input, body, context)
        let accesses = Op.accesses(to: subject, for: input)
        // What a dry run is told of need not be there.
        if !directory.isComplete, !Op.isDryRun(input) {
            stay = directory.stay(of: accesses.compactMap { $0.key?.arn.keyID })
        }
        record.resources = Op.description.recorded.resources(of: accesses, in: context.caller.region)
        let permit = try authorizer.permit(subject, accesses, for: Op.description, in: context)
        try checkStates(of: accesses, for: Op.description)
        try Op.check(input, on: subject)
        try Self.checkUsage(of: accesses, for: Op.description)
        let outcome = try await Op.perform(input, under: permit, in: context)
        if Op.isDryRun(input) {
            throw KMSError(
                .dryRunOperation, "The request would have succeeded, but the DryRun option is set."
            )
        }
        if Op.description.usage != nil { note(Op.description.name, of: accesses, at: context.now, &record) }
        return outcome
    }

    /// Remembers that keys were used for cryptography.
    private func note(_ operation: OperationName, of accesses: [Access], at now: Date, _ record: inout AuditRecord) {
        guard let requestID = record.requestID else { return }
        for case let key? in accesses.lazy.map(\.key) {
            noteUse(
                of: key, operation, at: now, eventID: record.eventID(for: key.arn.account), requestID: requestID)
        }
    }

    /// Remembers that a key was used for cryptography.
    ///
    /// - Parameter eventID: That of the record of the key's account.
    func noteUse(
        of key: KeySnapshot, _ operation: OperationName, at now: Date, eventID: String, requestID: String
    ) {
        let use = KeyUsageRecord(
            key: key.arn, operation: operation, date: now, eventID: eventID, requestID: requestID)
        key.use.note(use, in: journal)
    }

    private func finish<Op: Operation>(
        _ operation: Op.Type, _ outcome: Outcome<Op.Output>, _ call: inout Call
    ) -> [UInt8] {
        call.record.additionalEventData = outcome.additionalEventData
        for created in outcome.created { call.record.resources.append((call.record.account, created)) }
        var writer = JSONWriter()
        outcome.output.write(to: &writer)
        let answer = writer.bytes
        call.record.show(Op.description.recorded.response, of: answer)
        call.furtherRecords = outcome.events.map { AuditRecord(of: $0, at: call.record.time) }
        if let elsewhere = outcome.elsewhere { call.furtherRecords.append(call.record.elsewhere(elsewhere)) }
        return answer
    }

    /// Refuses grant tokens that no server with this root key made for this region.
    ///
    /// What else they are needed for, where a node may not know of a grant yet, is done by ``Residency``.
    private func checkGrantTokens(
        in body: JSONObject, for operation: OperationName, _ region: Region
    ) throws(KMSError) {
        guard case .array(let tokens)? = body["GrantTokens"], operation.declaredErrors.contains(.invalidGrantToken)
        else {
            return
        }
        for case .string(let token) in tokens where keyring.grant(ofToken: token, in: region) == nil {
            throw .invalidGrantToken
        }
    }

    private static func decode(_ body: [UInt8]) throws(KMSError) -> JSONObject {
        // SDKs send `{}` for requests without members; a body that is missing means the same.
        guard !body.isEmpty else { return JSONObject() }
        guard case .object(let object)? = try? JSONParser.parse(body, refusingDuplicates: true) else {
            throw KMSError(.serialization)
        }
        return object
    }
}
