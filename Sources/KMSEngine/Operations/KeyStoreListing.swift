import KMSAccess
import KMSModel

struct DescribeCustomKeyStores: AccountOperation {
    static let description = OperationDescription(
        .describeCustomKeyStores, quota: .own(perSecond: 5),
        recorded: .read("CustomKeyStoreId", "CustomKeyStoreName").withoutResources())

    /// How many there are on a page unless the request says.
    private static let usualLimit = 100

    static func check(_ input: API.DescribeCustomKeyStoresRequest) throws(KMSError) {
        guard input.customKeyStoreId == nil || input.customKeyStoreName == nil else {
            throw KMSError(.validation, "You cannot specify CustomKeyStoreId and CustomKeyStoreName in one request.")
        }
    }

    static func perform(
        _ input: API.DescribeCustomKeyStoresRequest, under permit: Permit<Void>, in context: RequestContext
    ) async throws(KMSError) -> Outcome<API.DescribeCustomKeyStoresResponse> {
        if let id = input.customKeyStoreId { return answer([try context.keyStore(id)], nil) }
        if let name = input.customKeyStoreName {
            guard let store = context.keyStores.store(named: name, in: context.realm) else {
                throw KMSError(.customKeyStoreNotFound, "Custom key store \(name) does not exist.")
            }
            return answer([store], nil)
        }
        let stores = context.keyStores.stores(in: context.realm)
        let scope = PageScope(description.name)
        let last = try scope.position(in: input.marker, CustomKeyStoreID.init)
        let start = try scope.start(behind: last, in: stores) { $0.record.id == $1 }
        let page = scope.page(of: stores[start...], limit: input.limit ?? usualLimit) { $0.record.id.description }
        return answer(Array(page.elements), page.nextMarker)
    }

    private static func answer(
        _ stores: [KeyStore], _ nextMarker: String?
    ) -> Outcome<API.DescribeCustomKeyStoresResponse> {
        Outcome(
            API.DescribeCustomKeyStoresResponse(
                customKeyStores: stores.map(API.CustomKeyStoresListEntry.init), nextMarker: nextMarker,
                truncated: nextMarker != nil))
    }
}

extension API.CustomKeyStoresListEntry {
    /// What is told of a custom key store: never a password, nor the secret of a credential.
    fileprivate init(_ store: KeyStore) {
        let (record, condition) = (store.record, store.condition)
        self.init(
            customKeyStoreId: record.id.description, customKeyStoreName: record.name,
            connectionState: condition.name, creationDate: record.creationDate, customKeyStoreType: record.type)
        if case .failed(let code, _) = condition { connectionErrorCode = code }
        switch record.backing {
        case .cluster(let id, let anchor): (cloudHsmClusterId, trustAnchorCertificate) = (id, anchor)
        case .proxy(let proxy):
            xksProxyConfiguration = API.XksProxyConfigurationType(
                connectivity: proxy.connectivity, accessKeyId: proxy.accessKeyID, uriEndpoint: proxy.uriEndpoint,
                uriPath: proxy.uriPath, vpcEndpointServiceName: proxy.vpcEndpointServiceName,
                vpcEndpointServiceOwner: proxy.vpcEndpointServiceOwner?.description)
        }
    }
}
