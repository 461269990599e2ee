import KMSAccess
import KMSCrypto
import KMSModel

/// Long-term credentials of users and of the root user.
enum AccessKeyOperations {
    static let all = [create, list, update, delete, lastUsed]

    private static let create = IdentityOperation(
        "CreateAccessKey", taking: ["UserName"], on: IdentityOperation.userOrCaller
    ) { (request, edit) throws(QueryFailure) in
        let owner = try request.owner(in: edit.identities)
        guard edit.identities.accessKeys(of: owner?.id).count < IdentityQuota.accessKeysPerUser else {
            throw .limitExceeded("Cannot exceed quota for AccessKeysPerUser: \(IdentityQuota.accessKeysPerUser)")
        }
        let accessKey = try request.makeAccessKey(of: owner?.id)
        edit.put(accessKey.record, replacing: false)
        return QueryValue([
            "AccessKey": QueryValue([
                "UserName": owner.map { .text($0.name) }, "AccessKeyId": .text(accessKey.record.id),
                "Status": .text(accessKey.record.status),
                "SecretAccessKey": .text(accessKey.secret.withBytes { String(decoding: $0, as: UTF8.self) }),
                "CreateDate": accessKey.record.creationDate.queryText,
            ])
        ])
    }

    private static let list = IdentityOperation(
        "ListAccessKeys", taking: ["UserName"] + FormMember.page, isReadOnly: true, on: IdentityOperation.userOrCaller
    ) { (request, edit) throws(QueryFailure) in
        let owner = try request.owner(in: edit.identities)
        let keys = edit.identities.accessKeys(of: owner?.id)
        let more = owner.map { [QueryValue.Member("UserName", .text($0.name))] } ?? []
        return try Page(of: keys, by: \.id, request.form).answer("AccessKeyMetadata", and: more) { key in
            QueryValue([
                "UserName": owner.map { .text($0.name) }, "AccessKeyId": .text(key.id), "Status": .text(key.status),
                "CreateDate": key.creationDate.queryText,
            ])
        }
    }

    private static let update = IdentityOperation(
        "UpdateAccessKey", taking: ["UserName", "AccessKeyId", "Status"], on: IdentityOperation.userOrCaller
    ) { (request, edit) throws(QueryFailure) in
        var accessKey = try request.accessKey(in: edit.identities)
        let status = try request.form.required("Status")
        guard ["Active", "Inactive"].contains(status) else {
            throw request.form.broken("Status", "Member must satisfy enum value set")
        }
        accessKey.isActive = status == "Active"
        edit.put(accessKey, replacing: true)
        return nil
    }

    private static let delete = IdentityOperation(
        "DeleteAccessKey", taking: ["UserName", "AccessKeyId"], on: IdentityOperation.userOrCaller
    ) { (request, edit) throws(QueryFailure) in
        edit.deleteAccessKey(try request.accessKey(in: edit.identities).id)
        return nil
    }

    private static let lastUsed = IdentityOperation(
        "GetAccessKeyLastUsed", taking: ["AccessKeyId"], isReadOnly: true,
        on: { (request, identities) throws(QueryFailure) in
            let id = try request.accessKeyID()
            let user = identities.accessKey(id)?.user.flatMap { identities.identity($0) }
            // Who may not ask does not learn whose it is, nor whether there is one.
            return [
                IdentityResource(
                    user?.arn ?? request.arn(.user, ""), name: "access key \(id)")
            ]
        }
    ) { (request, edit) throws(QueryFailure) in
        let accessKey = try request.anyAccessKey(in: edit.identities)
        let user = accessKey.user.flatMap { edit.identities.identity($0)?.record.name }
        let use = request.directory.use(of: accessKey.id)
        return QueryValue([
            "UserName": user.map { .text($0) },
            "AccessKeyLastUsed": QueryValue([
                "LastUsedDate": use.map { $0.date.queryText }, "ServiceName": .text(use?.service ?? "N/A"),
                "Region": .text(use?.region ?? "N/A"),
            ]),
        ])
    }
}

extension IdentityRequest {
    /// The user whose access keys the request is about; nil for the root user, when it is the root user that asks.
    fileprivate func owner(in identities: AccountIdentities) throws(QueryFailure) -> IdentityRecord? {
        if form.optional("UserName") == nil, case .root = caller.principal { return nil }
        return try userOrCaller(in: identities).record
    }

    /// The access key that the request names, of the user that it names.
    ///
    /// - Throws: ``QueryFailure``: `ValidationError`, `NoSuchEntity`.
    fileprivate func accessKey(in identities: AccountIdentities) throws(QueryFailure) -> AccessKeyRecord {
        let owner = try owner(in: identities)
        let accessKey = try anyAccessKey(in: identities)
        guard accessKey.user == owner?.id else { throw Self.noAccessKey(accessKey.id) }
        return accessKey
    }

    fileprivate func anyAccessKey(in identities: AccountIdentities) throws(QueryFailure) -> AccessKeyRecord {
        let id = try accessKeyID()
        guard let accessKey = identities.accessKey(id) else { throw Self.noAccessKey(id) }
        return accessKey
    }

    /// Source of the pattern: IAM API Reference, `accessKeyIdType`.
    ///
    /// - Throws: ``QueryFailure`` with `ValidationError`.
    fileprivate func accessKeyID() throws(QueryFailure) -> String {
        let id = try form.required("AccessKeyId", count: 16...128)
        guard id.utf8.allSatisfy({ Form.isOfName($0) && !"+=,.@-".utf8.contains($0) }) else {
            throw form.broken("AccessKeyId", #"Member must satisfy regular expression pattern: [\w]+"#)
        }
        return id
    }

    private static func noAccessKey(_ id: String) -> QueryFailure {
        .noSuchEntity("The Access Key with id \(id) cannot be found")
    }

    /// A new access key, at the only moment at which its secret can be seen.
    fileprivate func makeAccessKey(
        of user: UniqueID?
    ) throws(QueryFailure) -> (record: AccessKeyRecord, secret: SecretBytes) {
        do throws(CryptoFailure) {
            let new = try NewAccessKey(of: account, user: user, at: date, with: keyring)
            return (new.record, new.secret)
        } catch {
            throw .unavailable
        }
    }
}

extension AccessKeyRecord {
    fileprivate var status: String { isActive ? "Active" : "Inactive" }
}
