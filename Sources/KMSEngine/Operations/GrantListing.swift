import KMSAccess
import KMSModel
import KMSStore

// Which grants there are.

/// The size of a page of grants (KMS API Reference, ListGrants, `Limit`).
private let (defaultPage, largestPage) = (50, 100)

struct ListGrants: KeyOperation {
    static let description = OperationDescription(
        .listGrants, isCrossAccount: true,
        quota: .own(perSecond: 100),
        recorded: .read("KeyId", "Limit", "Marker", "GrantId", "GranteePrincipal")
    )

    static func keyIdentifier(in input: API.ListGrantsRequest) -> String { input.keyId }

    static func check(_ input: API.ListGrantsRequest) throws(KMSError) { try GrantDirectory.check(input.grantId) }

    static func perform(
        _ input: API.ListGrantsRequest, under permit: Permit<KeySnapshot>, in context: RequestContext
    ) async throws(KMSError) -> Outcome<API.ListGrantsResponse> {
        let (key, grants) = (permit.subject, context.directory.grants)
        let scope = PageScope(
            .listGrants, of: "\(key.arnText) \(input.grantId ?? "") \(input.granteePrincipal ?? "")")
        let last = try scope.position(in: input.marker) { GrantID($0) }
        let limit = min(input.limit ?? defaultPage, largestPage)
        let grantee = input.granteePrincipal.map {
            context.policies.storedPrincipal($0, in: key.arn.region.partition)
        }
        let found: [Grant]
        if let id = input.grantId.flatMap({ GrantID($0) }) {
            found = [grants.grant(id, on: key.arn)].compactMap(\.self).filter {
                grantee == nil || $0.record.grantee == grantee
            }
        } else if let grantee {
            found = grants.grants(on: key.arn, to: [grantee]).sorted { $0.record.id < $1.record.id }
        } else {
            found = grants.grants(on: key.arn, after: last, limit: limit + 1)
        }
        let rest = found.filter { grant in last.map { $0 < grant.record.id } ?? true }
        return Outcome(
            API.ListGrantsResponse(
                scope.page(of: rest.map(\.record), limit: limit) { $0.id.description }, under: context.policies))
    }
}

struct ListRetirableGrants: AccountOperation {
    static let description = OperationDescription(
        .listRetirableGrants, quota: .own(perSecond: 100), recorded: .read("Limit", "Marker", "RetiringPrincipal")
    )

    /// Policies are asked about the principal itself (Service Authorization Reference, ListRetirableGrants).
    static func accesses(to subject: Void, for input: API.ListRetirableGrantsRequest) -> [Access] {
        [Access(description.action, on: .identity(input.retiringPrincipal))]
    }

    static func perform(
        _ input: API.ListRetirableGrantsRequest, under permit: Permit<Void>, in context: RequestContext
    ) async throws(KMSError) -> Outcome<API.ListGrantsResponse> {
        let principal = try context.policies.retiringPrincipal(input.retiringPrincipal, of: context.realm)
        let scope = PageScope(.listRetirableGrants, of: principal)
        let last = try scope.position(in: input.marker) { GrantPlace(marker: $0, in: context.realm.region) }
        let limit = min(input.limit ?? defaultPage, largestPage)
        let found = try await context.listing { catalog throws(StoreError) in
            try await catalog.grants(
                retirableBy: principal, in: context.realm.region, after: last, limit: limit + 1)
        }
        return Outcome(
            API.ListGrantsResponse(
                scope.page(of: found, limit: limit) { GrantPlace($0).marker },
                under: context.policies
            )
        )
    }
}

extension API.ListGrantsResponse {
    fileprivate init(_ page: Page<ArraySlice<GrantRecord>>, under policies: PolicyRules) {
        self.init(
            grants: page.elements.map { API.GrantListEntry($0, under: policies) }, nextMarker: page.nextMarker,
            truncated: page.isTruncated
        )
    }
}

extension GrantPlace {
    init(_ record: GrantRecord) { self.init(id: record.id, key: record.key) }

    /// What a page's marker says of the place that it ends at.
    var marker: String { "\(id) \(key.account) \(key.keyID)" }

    init?(marker: String, in region: Region) {
        let parts = marker.split(separator: " ").map(String.init)
        guard parts.count == 3, let id = GrantID(parts[0]), let account = AccountID(parts[1]),
            let keyID = KeyID(parts[2])
        else { return nil }
        self.init(id: id, key: KeyARN(region: region, account: account, keyID: keyID))
    }
}

extension API.GrantListEntry {
    /// What listings tell of a grant; what it was made without is left out.
    init(_ grant: GrantRecord, under policies: PolicyRules) {
        let partition = grant.key.region.partition
        func pairs(_ context: EncryptionContext) -> [(String, String)] {
            context.pairs.map { ($0.key, $0.value) }
        }
        let constraints = grant.constraints
        self.init(
            keyId: grant.key.description, grantId: grant.id.description, name: grant.name,
            creationDate: grant.creationDate,
            granteePrincipal: policies.shownPrincipal(grant.grantee, in: partition),
            retiringPrincipal: grant.retiring.map { policies.shownPrincipal($0, in: partition) },
            issuingAccount: Principal.root(grant.issuer).arn(in: partition),
            operations: grant.operations.map(\.rawValue),
            constraints: constraints == .none
                ? nil
                : API.GrantConstraintsOutput(
                    encryptionContextSubset: constraints.subset.map(pairs),
                    encryptionContextEquals: constraints.equals.map(pairs)
                )
        )
    }
}
