import Foundation
import KMSModel
import KMSStore

// Creating, describing and listing keys, and their descriptions.

struct DescribeKey: KeyOperation {
    static let description = OperationDescription(
        .describeKey, isCrossAccount: true, identifiers: .any, quota: .own(perSecond: 2000), recorded: .read("KeyId")
    )

    static func keyIdentifier(in input: API.DescribeKeyRequest) -> String { input.keyId }

    static func perform(
        _ input: API.DescribeKeyRequest, under permit: Permit<KeySnapshot>, in context: RequestContext
    ) async throws(KMSError) -> Outcome<API.DescribeKeyResponse> {
        Outcome(API.DescribeKeyResponse(keyMetadata: API.KeyMetadata(permit.subject, in: context)))
    }
}

struct ListKeys: AccountOperation {
    /// The most keys on one page (KMS API Reference, ListKeys).
    private static let largestPage = 1000
    private static let defaultPage = 100

    static let description = OperationDescription(
        .listKeys, quota: .own(perSecond: 500), recorded: .read("Limit", "Marker"))

    static func perform(
        _ input: API.ListKeysRequest, under permit: Permit<Void>, in context: RequestContext
    ) async throws(KMSError) -> Outcome<API.ListKeysResponse> {
        let scope = PageScope(.listKeys)
        let last = try scope.position(in: input.marker, KeyID.init)
        let limit = min(input.limit ?? defaultPage, largestPage)
        let found = try await context.listing { catalog throws(StoreError) in
            try await catalog.keyIDs(in: context.realm, after: last, limit: limit + 1)
        }
        let page = scope.page(of: found, limit: limit) { $0.description }
        let realm = context.realm
        return Outcome(
            API.ListKeysResponse(
                keys: page.elements.map {
                    let arn = KeyARN(region: realm.region, account: realm.account, keyID: $0)
                    return API.KeyListEntry(keyId: $0.description, keyArn: arn.description)
                },
                nextMarker: page.nextMarker, truncated: page.isTruncated
            )
        )
    }
}

struct UpdateKeyDescription: KeyOperation {
    static let description = OperationDescription(
        .updateKeyDescription, quota: .own(perSecond: 5), recorded: .change("KeyId", "Description"))

    static func keyIdentifier(in input: API.UpdateKeyDescriptionRequest) -> String { input.keyId }

    static func perform(
        _ input: API.UpdateKeyDescriptionRequest, under permit: Permit<KeySnapshot>,
        in context: RequestContext
    ) async throws(KMSError) -> Outcome<API.Nothing> {
        permit.subject.changed { $0.description = input.description }
    }
}

extension KeySnapshot {
    /// The outcome of an operation that edits this key's record and answers nothing.
    ///
    /// An edit that leaves everything as it was is answered without a change: repeating such calls succeeds.
    func changed(_ edit: (inout KeyRecord) -> Void) -> Outcome<API.Nothing> {
        Outcome(API.Nothing(), change: change(edit))
    }

    /// The mutation that fails when the key is no longer what it was: for changes that depend on it without editing it.
    ///
    /// It gives the key a new version, so of several such changes at the same time only one is made from this snapshot.
    var unchanged: Mutation {
        var same = record
        same.version += 1
        return .updateKey(same, expecting: record.version)
    }

    /// The change that edits this key's record, or nil when nothing is different after it.
    func change(_ edit: (inout KeyRecord) -> Void) -> Change? {
        var edited = record
        edit(&edited)
        guard edited != record else { return nil }
        edited.version = record.version + 1
        return Change([.updateKey(edited, expecting: record.version)])
    }
}
