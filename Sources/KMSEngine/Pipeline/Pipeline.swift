import Foundation
package import KMSAccess
package import KMSCrypto
package import KMSModel
import KMSStore
package import Logging

/// A request of the KMS API, from its signature to its audit record.
///
/// This is where to start reading.
///
/// The steps and their order are AWS's: the answer is the error of the first step that fails.
package struct Pipeline: Sendable {
    /// How often a change is made anew when another one came first.
    private static let mostAttempts = 100

    private let authenticator: Authenticator
    private let authorizer = Authorizer()
    private let directory: KeyDirectory
    private let ledger: Ledger
    private let keyring: Keyring
    private let policies: PolicyRules
    private let quotas: ResourceQuotas
    private let audit: AuditLog
    private let clock: any Clock
    private let logger: Logger

    package init(
        authenticator: Authenticator, directory: KeyDirectory, ledger: Ledger, keyring: Keyring,
        policies: PolicyRules, quotas: ResourceQuotas, audit: AuditLog, clock: any Clock, logger: Logger
    ) {
        self.authenticator = authenticator
        self.directory = directory
        self.ledger = ledger
        self.keyring = keyring
        self.policies = policies
        self.quotas = quotas
        self.audit = audit
        self.clock = clock
        self.logger = logger
    }

    /// Answers a signed request for `operation`, and keeps its record before the answer leaves.
    ///
    /// - Parameter requestID: The identifier that the answer carries.
    package func answer(
        _ request: SignedRequest, for operation: OperationName, from client: Client, requestID: String
    ) async -> Result<[UInt8], KMSError> {
        let now = clock.now
        let caller: Caller
        do throws(AuthenticationFailure) {
            caller = try authenticator.verify(request, expecting: .kms, at: clock.signingTime)
        } catch {
            // Nobody is known to have called, so there is no account whose record this could be.
            return .failure(KMSError(error))
        }
        var record = AuditRecord(
            time: now, eventName: operation.rawValue, eventID: RequestID.make(), region: caller.region,
            account: caller.principal.account, origin: .call(caller, client: client, requestID: requestID)
        )
        let context = RequestContext(
            caller: caller, now: now, directory: directory, keyring: keyring, policies: policies, quotas: quotas
        )
        var call = Call(context: context, record: record)
        let result = await run(operation, request.body, &call)
        record = call.record
        if case .failure(let error) = result { record.outcome = error }
        do throws(AuditFailure) {
            let lines = record.copies().flatMap { $0.line() }
            try await audit.append(lines, durably: !record.isReadOnly)
        } catch {
            logger.critical("The audit log cannot be written", metadata: ["reason": "\(error)"])
            return .failure(KMSError(.kmsInternal, "The request could not be recorded."))
        }
        return result
    }

    private func run(_ name: OperationName, _ body: [UInt8], _ call: inout Call) async -> Result<[UInt8], KMSError> {
        let object: JSONObject
        do throws(KMSError) {
            object = try Self.decode(body)
            if Catalogue.entry(name) == nil { try name.validate(object) }
        } catch {
            return .failure(error)
        }
        guard let entry = Catalogue.entry(name) else { return .failure(KMSError(.unsupportedOperation)) }
        return await entry.run(self, object, &call)
    }

    /// One call of an operation, as the catalogue has it.
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
    private func run<Op: Operation>(
        _ operation: Op.Type, _ body: JSONObject, _ call: inout Call
    ) async throws(KMSError) -> [UInt8] {
        let description = Op.description
        call.record.isReadOnly = description.recorded.isReadOnly
        let input = try Op.Input(validating: body)
        call.record.requestParameters = description.recorded.parameters(of: body)
        try Op.check(input)
        try Self.checkGrantTokens(in: body, for: description.name)
        for _ in 0..<Self.mostAttempts {
            let outcome = try await attempt(operation, input, call.context, &call.record)
            guard let change = outcome.change else { return finish(operation, outcome, &call.record) }
            do throws(StoreError) {
                try await ledger.commit(change)
                return finish(operation, outcome, &call.record)
            } catch .conflict {
                // Somebody changed the same record first: look again at what is there now.
                continue
            } catch {
                logger.error("The store failed", metadata: ["operation": "\(description.name)", "reason": "\(error)"])
                throw KMSError(error)
            }
        }
        throw KMSError(.throttling, "Too many changes of one resource at the same time. Try again.")
    }

    /// Resolves, authorizes, checks and performs once.
    private func attempt<Op: Operation>(
        _ operation: Op.Type, _ input: Op.Input, _ context: RequestContext, _ record: inout AuditRecord
    ) async throws(KMSError) -> Outcome<Op.Output> {
        let resolver = KeyResolver(directory: directory, caller: context.caller)
        let subject = try Op.resolve(input, with: resolver)
        let accesses = Op.accesses(to: subject, for: input)
        record.resources = accesses.compactMap(\.recorded)
        let permit = try authorizer.permit(subject, accesses, for: Op.description, caller: context.caller)
        try Self.checkKeys(of: accesses, for: Op.description)
        let outcome = try await Op.perform(input, under: permit, in: context)
        if Op.isDryRun(input) {
            throw KMSError(
                .dryRunOperation, "The request would have succeeded, but the DryRun option is set."
            )
        }
        return outcome
    }

    /// Refuses keys in the wrong state, then keys that were made for another use.
    private static func checkKeys(
        of accesses: [Access], for operation: OperationDescription
    ) throws(KMSError) {
        for access in accesses {
            switch access.resource {
            case .key(let key, checksState: true), .keyOfCiphertext(let key):
                try StateTable.check(operation.name, on: key)
            case .key(_, checksState: false), .alias, .account: break
            }
        }
        guard let usage = operation.usage else { return }
        for case let key? in accesses.map(\.key) where key.record.usage != usage {
            throw KMSError(
                .invalidKeyUsage,
                "\(key.arnText) key usage is \(key.record.usage.rawValue) which is not valid for "
                    + "\(operation.name.rawValue)."
            )
        }
    }

    private func finish<Op: Operation>(
        _ operation: Op.Type, _ outcome: Outcome<Op.Output>, _ record: inout AuditRecord
    ) -> [UInt8] {
        record.additionalEventData = outcome.additionalEventData
        record.resources += outcome.created.map { (record.account, $0) }
        var writer = JSONWriter()
        outcome.output.write(to: &writer)
        switch Op.description.recorded.response {
        case .nothing: break
        case .keyARN:
            if let key = record.resources.first(where: { $0.arn.contains(":key/") }) {
                record.responseElements = .keyID(key.arn)
            }
        case .everything: record.responseElements = .recording(writer.bytes)
        }
        return writer.bytes
    }

    /// Refuses grant tokens: none were ever handed out, so none is valid.
    private static func checkGrantTokens(in body: JSONObject, for operation: OperationName) throws(KMSError) {
        guard case .array(let tokens)? = body["GrantTokens"], !tokens.isEmpty,
            operation.declaredErrors.contains(.invalidGrantToken)
        else { return }
        throw KMSError(.invalidGrantToken, "The grant token is not valid.")
    }

    private static func decode(_ body: [UInt8]) throws(KMSError) -> JSONObject {
        // SDKs send `{}` for requests without members; a body that is missing means the same.
        guard !body.isEmpty else { return JSONObject() }
        guard case .object(let object)? = try? JSONParser.parse(body) else { throw KMSError(.serialization) }
        return object
    }
}

extension KMSError {
    /// What a caller may learn of a failing store.
    fileprivate init(_ failure: StoreError) {
        switch failure {
        case .conflict, .unavailable:
            self.init(
                .dependencyTimeout,
                "The system timed out while trying to fulfill the request. You can retry the request.")
        case .corrupt, .wrongFormat:
            self.init(
                .kmsInternal,
                "The request was rejected because an internal exception occurred. You can retry the request.")
        }
    }

    /// What a caller may learn of a failure inside the cryptography module.
    package init(_ failure: CryptoFailure) {
        switch failure {
        case .notAuthentic, .malformed, .unknownVersion: self.init(.invalidCiphertext)
        case .damagedRecord, .unsupported, .unavailable:
            self.init(
                .kmsInternal,
                "The request was rejected because an internal exception occurred. You can retry the request.")
        }
    }
}
