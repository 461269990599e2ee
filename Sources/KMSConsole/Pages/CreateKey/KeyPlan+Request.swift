import KMSAccess
package import KMSModel

extension KeyPlan {
    /// The policy that the answers make; nil as long as the kind of key is not known.
    package func standardPolicy(in realm: Realm) -> String? {
        guard let spec, let usage, let origin else { return nil }
        var choices = StandardKeyPolicy.Choices(spec: spec, usage: usage)
        choices.origin = origin
        choices.isMultiRegion = isMultiRegion
        choices.administrators = administrators
        choices.administratorsMayDelete = administratorsMayDelete
        choices.users = users
        choices.accounts = accounts.compactMap { AccountID($0) }
        return StandardKeyPolicy.console(choices, for: realm.account, in: realm.region.partition)
    }

    /// The input of CreateKey; nil as long as the kind of key is not known.
    package func request(in realm: Realm) -> JSONObject? {
        guard let spec, let usage, let origin, let policy = policy ?? standardPolicy(in: realm) else { return nil }
        var request = JSONObject([
            "KeySpec": .string(spec.rawValue), "KeyUsage": .string(usage.rawValue),
            "Origin": .string(origin.rawValue), "MultiRegion": .bool(isMultiRegion),
            "Description": .string(description), "Policy": .string(policy),
            "Tags": .array(
                tags.map { tag in
                    .object(JSONObject(["TagKey": .string(tag.key), "TagValue": .string(tag.value)]))
                }),
        ])
        if let keyStore { request.append("CustomKeyStoreId", .string(keyStore.description)) }
        if !externalKey.isEmpty { request.append("XksKeyId", .string(externalKey)) }
        return request
    }
}
