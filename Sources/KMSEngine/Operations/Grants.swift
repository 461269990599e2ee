import Foundation
import KMSAccess
import KMSCrypto
import KMSModel
import KMSStore

// Permissions to use a key that are given and taken back one by one, beside its policy.

struct CreateGrant: KeyOperation {
    static let description = OperationDescription(
        .createGrant, isCrossAccount: true,
        quota: .own(perSecond: 50),
        recorded: .change(
            "KeyId", "GranteePrincipal", "RetiringPrincipal", "Operations", "Constraints", "Name",
            response: .keyARNAnd("grantId")
        )
    )

    static func keyIdentifier(in input: API.CreateGrantRequest) -> String { input.keyId }
    static func isDryRun(_ input: API.CreateGrantRequest) -> Bool { input.dryRun ?? false }

    static func check(_ input: API.CreateGrantRequest) throws(KMSError) {
        guard !input.operations.isEmpty else {
            throw KMSError(.validation, "The list of operations of a grant must not be empty.")
        }
        try GrantConstraints(input).checkSize()
    }

    static func perform(
        _ input: API.CreateGrantRequest, under permit: Permit<KeySnapshot>, in context: RequestContext
    ) async throws(KMSError) -> Outcome<API.CreateGrantResponse> {
        let key = permit.subject
        try checkBounds(in: context.body)
        let request = try GrantRequest(input, on: key, in: context)
        if permit.grounds.first?.isGrant == true {
            try request.checkParents(context.grants(permitting: description, on: key))
        }
        if let present = request.present(in: context) { return try answer(present, on: key, in: context) }
        guard context.directory.grants.count(on: key.arn) < context.quotas.resources(of: key.arn.account).grantsPerKey
        else {
            throw KMSError(.limitExceeded, "The quota of grants on this key has been reached.")
        }
        let id = try context.keyring.answering { keyring throws(CryptoFailure) in try keyring.makeGrantID() }
        let change = Change([.insertGrant(request.record(id, at: context.now)), key.unchanged])
        return try answer(id, on: key, making: change, in: context)
    }

    /// Refuses a constraint that is not known here: left out, the grant would permit more than was asked for.
    private static func checkBounds(in body: JSONObject) throws(KMSError) {
        guard case .object(let constraints)? = body["Constraints"] else { return }
        for member in constraints.members
        where !["EncryptionContextEquals", "EncryptionContextSubset"].contains(where: { member.name.isSame(as: $0) }) {
            throw KMSError(.validation, "The grant constraint \(member.name) is not supported.")
        }
    }

    private static func answer(
        _ grant: GrantID, on key: KeySnapshot, making change: Change? = nil, in context: RequestContext
    ) throws(KMSError) -> Outcome<API.CreateGrantResponse> {
        let token = try context.keyring.answering { keyring throws(CryptoFailure) in
            try keyring.makeGrantToken(for: grant, on: key.arn)
        }
        return Outcome(API.CreateGrantResponse(grantToken: token, grantId: grant.description), change: change)
    }
}

struct RevokeGrant: KeyOperation {
    static let description = OperationDescription(
        .revokeGrant, isCrossAccount: true, quota: .own(perSecond: 50), recorded: .change("KeyId", "GrantId")
    )

    static func keyIdentifier(in input: API.RevokeGrantRequest) -> String { input.keyId }
    static func check(_ input: API.RevokeGrantRequest) throws(KMSError) { try GrantDirectory.check(input.grantId) }
    static func isDryRun(_ input: API.RevokeGrantRequest) -> Bool { input.dryRun ?? false }

    static func perform(
        _ input: API.RevokeGrantRequest, under permit: Permit<KeySnapshot>, in context: RequestContext
    ) async throws(KMSError) -> Outcome<API.Nothing> {
        let key = permit.subject
        let grant = try context.directory.grants.existing(input.grantId, on: key)
        return Outcome(API.Nothing(), change: Change([.deleteGrant(key.arn, grant.record.id), key.unchanged]))
    }
}

struct RetireGrant: Operation {
    /// A grant and the key that it is on.
    package struct Target: Sendable {
        let key: KeySnapshot
        let grant: Grant
    }

    static let description = OperationDescription(
        .retireGrant, isCrossAccount: true, quota: .own(perSecond: 50), recorded: .change("KeyId", "GrantId")
    )

    static func isDryRun(_ input: API.RetireGrantRequest) -> Bool { input.dryRun ?? false }

    static func check(_ input: API.RetireGrantRequest) throws(KMSError) {
        let isByToken = input.grantToken != nil
        let isByName = input.keyId != nil && input.grantId != nil
        let isMixed = isByToken && (input.keyId != nil || input.grantId != nil)
        guard isByToken != isByName, !isMixed else {
            throw KMSError(.validation, "Specify either a grant token or a combination of key ARN and grant ID.")
        }
        try GrantDirectory.check(input.grantId)
    }

    static func resolve(_ input: API.RetireGrantRequest, with resolver: KeyResolver) throws(KMSError) -> Target {
        if let token = input.grantToken {
            let named = try resolver.grant(ofToken: token)
            return Target(key: named.key, grant: named.grant)
        }
        let key = try resolver.key(input.keyId ?? "", for: description)
        return Target(key: key, grant: try resolver.grant(input.grantId ?? "", on: key, for: description))
    }

    static func accesses(to subject: Target, for input: API.RetireGrantRequest) -> [Access] {
        [Access(description.action, on: .grant(subject.key, subject.grant))]
    }

    static func perform(
        _ input: API.RetireGrantRequest, under permit: Permit<Target>, in context: RequestContext
    ) async throws(KMSError) -> Outcome<API.Nothing> {
        let (key, grant) = (permit.subject.key, permit.subject.grant)
        var outcome = Outcome(
            API.Nothing(), change: Change([.deleteGrant(key.arn, grant.record.id), key.unchanged]))
        outcome.additionalEventData = JSONObject(["grantId": .string(grant.record.id.description)])
        return outcome
    }
}

/// A grant that is asked for, once it is known to be one that the key can have.
private struct GrantRequest {
    private let key: KeySnapshot
    private let name: String?
    private let grantee: String
    private let retiring: String?
    private let issuer: AccountID
    private let operations: [GrantOperation]
    private let constraints: GrantConstraints

    /// Source: KMS API Reference, CreateGrant; the sentences are AWS's.
    ///
    /// - Throws: ``KMSError``: `InvalidArnException`, `ValidationException`.
    init(_ input: API.CreateGrantRequest, on key: KeySnapshot, in context: RequestContext) throws(KMSError) {
        self.key = key
        name = input.name
        issuer = context.caller.principal.account
        grantee = try context.policies.grantPrincipal(input.granteePrincipal, "GranteePrincipal", for: key.arn)
        retiring = try input.retiringPrincipal.map { name throws(KMSError) in
            try context.policies.grantPrincipal(name, "RetiringPrincipal", for: key.arn)
        }
        var seen: Set<GrantOperation> = []
        operations = input.operations.compactMap(GrantOperation.init).filter { seen.insert($0).inserted }
        constraints = GrantConstraints(input)
        try checkOperations()
        try checkConstraints()
    }

    private func checkOperations() throws(KMSError) {
        let record = key.record
        let valid = record.spec.grantOperations(for: record.usage)
        let others = operations.filter { !valid.contains($0) }
        guard others.isEmpty else {
            let kind = record.spec.isSymmetric ? "a symmetric" : "an asymmetric"
            throw KMSError(
                .validation,
                "Operations [\(others.map(\.rawValue).joined(separator: ", "))] are not supported when creating a grant for "
                    + "\(kind) KMS key with key usage \(record.usage.rawValue). Valid operations are "
                    + "[\(valid.map(\.rawValue).joined(separator: ", "))]"
            )
        }
    }

    private func checkConstraints() throws(KMSError) {
        guard constraints == .none || key.record.spec == .symmetricDefault else {
            throw KMSError(
                .validation,
                "EncryptionContext is supported only when creating a grant for a symmetric encryption KMS key."
            )
        }
    }

    /// Refuses a grant that gives more than each of the grants that the caller's permission to make it rests on.
    ///
    /// - Parameter grants: Those that permit it, each by itself.
    /// - Throws: ``KMSError`` with `AccessDeniedException`.
    func checkParents(_ grants: [Grant]) throws(KMSError) {
        let isCovered = grants.contains { parent in
            Set(operations).isSubset(of: parent.record.operations)
                && constraints.areAtLeastAsStrict(as: parent.record.constraints)
        }
        guard isCovered else {
            throw KMSError(
                .accessDenied, "A grant that is made through a grant cannot permit more than that one does."
            )
        }
    }

    /// The grant of the same name and meaning that the account has made before.
    func present(in context: RequestContext) -> GrantID? {
        guard let name else { return nil }
        return context.directory.grants.grants(on: key.arn, to: [grantee]).map(\.record).first { record in
            record.name == name && record.issuer == issuer && record.retiring == retiring
                && Set(record.operations) == Set(operations) && record.constraints == constraints
        }?.id
    }

    /// The record of the grant, which is dated in whole seconds.
    func record(_ id: GrantID, at now: Date) -> GrantRecord {
        GrantRecord(
            key: key.arn, id: id, name: name,
            creationDate: Date(timeIntervalSince1970: now.timeIntervalSince1970.rounded(.down)), grantee: grantee,
            retiring: retiring, issuer: issuer,
            operations: operations, constraints: constraints
        )
    }
}

extension GrantConstraints {
    /// The most pairs of one constraint, and the most characters of a value (KMS Developer Guide, "Grant constraints").
    private static let (mostPairs, longestValue) = (8, 384)
    /// The most bytes of one constraint: AWS's limit of keys is not known, and every look at a grant has them.
    private static let mostBytes = 16_384

    fileprivate init(_ input: API.CreateGrantRequest) {
        self.init(
            equals: input.constraints?.encryptionContextEquals.map { EncryptionContext($0) },
            subset: input.constraints?.encryptionContextSubset.map { EncryptionContext($0) }
        )
    }

    fileprivate func checkSize() throws(KMSError) {
        for map in [equals, subset].compactMap(\.self) {
            let isShort = map.pairs.allSatisfy { $0.value.unicodeScalars.count <= Self.longestValue }
            let size = map.pairs.reduce(0) { $0 + $1.key.utf8.count + $1.value.utf8.count }
            guard map.pairs.count <= Self.mostPairs, isShort, size <= Self.mostBytes else {
                throw KMSError(
                    .validation,
                    "A grant constraint has at most \(Self.mostPairs) pairs, values of at most "
                        + "\(Self.longestValue) characters, and \(Self.mostBytes) bytes in all."
                )
            }
        }
    }
}

extension KeySpec {
    /// What a grant on a key of this spec and usage may permit, in the order in which AWS lists it.
    ///
    /// Source: KMS Developer Guide, "Grant operations".
    fileprivate func grantOperations(for usage: KeyUsage) -> [GrantOperation] {
        let always: [GrantOperation] = [.createGrant, .retireGrant, .describeKey]
        return switch usage {
        case .encryptDecrypt where isSymmetric:
            [
                .decrypt, .encrypt, .generateDataKey, .generateDataKeyWithoutPlaintext, .reEncryptFrom, .reEncryptTo,
            ] + always + [.generateDataKeyPair, .generateDataKeyPairWithoutPlaintext]
        case .encryptDecrypt: [.decrypt, .encrypt, .reEncryptFrom, .reEncryptTo, .getPublicKey] + always
        case .signVerify: [.sign, .verify, .getPublicKey] + always
        case .generateVerifyMAC: always + [.generateMac, .verifyMac]
        case .keyAgreement: [.getPublicKey] + always + [.deriveSharedSecret]
        }
    }
}

extension GrantDirectory {
    /// Refuses what cannot be the identifier of a grant, before any key is looked at: the answer must not tell of one.
    ///
    /// - Throws: ``KMSError`` with `InvalidGrantIdException`.
    static func check(_ text: String?) throws(KMSError) {
        if let text { _ = try id(text) }
    }

    private static func id(_ text: String) throws(KMSError) -> GrantID {
        guard let id = GrantID(text) else { throw KMSError(.invalidGrantId, "Invalid grant ID '\(text)'") }
        return id
    }

    /// The grant on `key` that a request names.
    ///
    /// - Throws: ``KMSError``: `InvalidGrantIdException`, `NotFoundException`.
    func existing(_ text: String, on key: KeySnapshot) throws(KMSError) -> Grant {
        guard let grant = grant(try Self.id(text), on: key.arn) else {
            throw KMSError(.notFound, "Grant ID \(text) not found")
        }
        return grant
    }
}
