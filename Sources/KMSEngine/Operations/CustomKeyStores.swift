import Foundation
import KMSAccess
import KMSCrypto
import KMSModel
import KMSStore

// Custom key stores: making, changing, connecting and removing them.
//
// Source: KMS API Reference, the operations' own pages; KMS Developer Guide, "Key stores".

struct CreateCustomKeyStore: AccountOperation {
    static let description = OperationDescription(
        .createCustomKeyStore, quota: .own(perSecond: 5),
        recorded: .change(
            "CustomKeyStoreName", "CloudHsmClusterId", "CustomKeyStoreType", "XksProxyUriEndpoint", "XksProxyUriPath",
            "XksProxyConnectivity", "XksProxyVpcEndpointServiceName", "XksProxyVpcEndpointServiceOwner",
            response: .everything
        ).withoutResources())

    static func turns(for input: API.CreateCustomKeyStoreRequest, in context: RequestContext) -> [String] {
        [context.realm.keyStoreTurn]
    }

    static func dependence(_ input: API.CreateCustomKeyStoreRequest) -> KeyStoreDependence { .all }

    static func check(_ input: API.CreateCustomKeyStoreRequest) throws(KMSError) {
        if input.isExternal { return try checkExternal(input) }
        guard !input.isOfProxy else {
            throw KMSError(.validation, "Parameters of an external key store are not valid for a CloudHSM key store.")
        }
        for (name, value) in [
            ("CloudHsmClusterId", input.cloudHsmClusterId), ("KeyStorePassword", input.keyStorePassword),
            ("TrustAnchorCertificate", input.trustAnchorCertificate),
        ] where value == nil {
            throw KMSError(.validation, "\(name) is required for a CloudHSM key store.")
        }
        guard TrustAnchor.isCertificate(input.trustAnchorCertificate ?? "") else {
            throw KMSError(.incorrectTrustAnchor, "The trust anchor certificate is not a certificate in PEM.")
        }
    }

    static func perform(
        _ input: API.CreateCustomKeyStoreRequest, under permit: Permit<Void>, in context: RequestContext
    ) async throws(KMSError) -> Outcome<API.CreateCustomKeyStoreResponse> {
        if input.isExternal { return try await makeExternal(input, in: context) }
        let cluster = input.cloudHsmClusterId ?? ""
        let backing = CustomKeyStoreRecord.Backing.cluster(
            id: cluster, trustAnchor: input.trustAnchorCertificate ?? "")
        let password = SecretBytes(copying: (input.keyStorePassword ?? "").utf8)
        if let same = context.store(named: input.customKeyStoreName, backing: backing, secret: password) {
            return Outcome(API.CreateCustomKeyStoreResponse(customKeyStoreId: same.id.description))
        }
        try context.checkName(input.customKeyStoreName)
        guard !context.keyStores.stores(in: context.realm).contains(where: { $0.record.cluster == cluster }) else {
            throw KMSError(.cloudHsmClusterInUse, "The cluster \(cluster) is in use by another custom key store.")
        }
        try context.checkCluster(cluster)
        try context.checkRoomForKeyStore()
        return try context.makeKeyStore(named: input.customKeyStoreName, backing: backing, secret: password)
    }
}

struct ConnectCustomKeyStore: OneKeyStoreOperation {
    typealias Input = API.ConnectCustomKeyStoreRequest
    typealias Output = API.ConnectCustomKeyStoreResponse

    static let description = OperationDescription(
        .connectCustomKeyStore, quota: .own(perSecond: 5),
        recorded: .change("CustomKeyStoreId", response: .nothing).withoutResources())

    static func identifier(in input: API.ConnectCustomKeyStoreRequest) -> String { input.customKeyStoreId }

    static func turns(of store: CustomKeyStoreID, in realm: Realm) -> [String] { [store.connectionTurn] }

    static func change(
        _ store: KeyStore, _ input: API.ConnectCustomKeyStoreRequest, in context: RequestContext
    ) async throws(KMSError) -> (Change?, API.ConnectCustomKeyStoreResponse) {
        let response = API.ConnectCustomKeyStoreResponse()
        switch store.condition {
        case .failed: throw .invalidState(of: store)
        case .connected, .connecting: return (nil, response)
        case .disconnected:
            let change = store.record.change { record in
                record.connection = .connected
                record.connectCount += 1
            }
            return (change, response)
        }
    }
}

struct DisconnectCustomKeyStore: OneKeyStoreOperation {
    typealias Input = API.DisconnectCustomKeyStoreRequest
    typealias Output = API.DisconnectCustomKeyStoreResponse

    static let description = OperationDescription(
        .disconnectCustomKeyStore, quota: .own(perSecond: 5),
        recorded: .change("CustomKeyStoreId", response: .nothing).withoutResources())

    static func identifier(in input: API.DisconnectCustomKeyStoreRequest) -> String { input.customKeyStoreId }

    static func turns(of store: CustomKeyStoreID, in realm: Realm) -> [String] { [store.connectionTurn] }

    static func change(
        _ store: KeyStore, _ input: API.DisconnectCustomKeyStoreRequest, in context: RequestContext
    ) async throws(KMSError) -> (Change?, API.DisconnectCustomKeyStoreResponse) {
        if case .disconnected = store.condition { throw .invalidState(of: store) }
        return (store.record.change { $0.connection = .disconnected }, API.DisconnectCustomKeyStoreResponse())
    }
}

struct UpdateCustomKeyStore: OneKeyStoreOperation {
    typealias Input = API.UpdateCustomKeyStoreRequest
    typealias Output = API.UpdateCustomKeyStoreResponse

    static let description = OperationDescription(
        .updateCustomKeyStore, quota: .own(perSecond: 5),
        recorded: .change(
            "CustomKeyStoreId", "NewCustomKeyStoreName", "CloudHsmClusterId", "XksProxyUriEndpoint", "XksProxyUriPath",
            "XksProxyConnectivity", "XksProxyVpcEndpointServiceName", "XksProxyVpcEndpointServiceOwner",
            response: .nothing
        ).withoutResources())

    static func identifier(in input: API.UpdateCustomKeyStoreRequest) -> String { input.customKeyStoreId }

    static func turns(of store: CustomKeyStoreID, in realm: Realm) -> [String] { [store.turn, realm.keyStoreTurn] }

    static func dependence(_ input: API.UpdateCustomKeyStoreRequest) -> KeyStoreDependence { .all }

    static func change(
        _ store: KeyStore, _ input: API.UpdateCustomKeyStoreRequest, in context: RequestContext
    ) async throws(KMSError) -> (Change?, API.UpdateCustomKeyStoreResponse) {
        let present = store.record
        if case .proxy(let proxy) = present.backing {
            return try await changeExternal(store, proxy, input, in: context)
        }
        guard !input.isOfProxy else {
            throw KMSError(.validation, "Parameters of an external key store are not valid for a CloudHSM key store.")
        }
        var record = present
        let changesPlace = input.keyStorePassword != nil || input.cloudHsmClusterId != nil
        switch store.condition {
        case .disconnected: break
        case .connected where !changesPlace: break
        default: throw .invalidState(of: store)
        }
        if let name = input.newCustomKeyStoreName, name != record.name {
            try context.checkName(name)
            record.name = name
        }
        if let cluster = input.cloudHsmClusterId, case .cluster(_, let anchor) = record.backing {
            try context.checkCluster(cluster)
            let others = context.keyStores.stores(in: record.realm).map(\.record)
            // Whether two tokens have the same keys nobody can tell before it is connected; of another store's they are not.
            guard !others.contains(where: { $0.id != record.id && $0.cluster == cluster }) else {
                throw KMSError(.cloudHsmClusterNotRelated, "The cluster \(cluster) is another custom key store's.")
            }
            record.backing = .cluster(id: cluster, trustAnchor: anchor)
        }
        if let password = input.keyStorePassword {
            record.wrappedSecret = try context.keyring.answering { keyring throws(CryptoFailure) in
                try keyring.wrapSecret(SecretBytes(copying: password.utf8), of: record.id, in: record.realm)
            }
        }
        let changed = record
        return (present.change { $0 = changed }, API.UpdateCustomKeyStoreResponse())
    }
}

struct DeleteCustomKeyStore: OneKeyStoreOperation {
    typealias Input = API.DeleteCustomKeyStoreRequest
    typealias Output = API.DeleteCustomKeyStoreResponse

    static let description = OperationDescription(
        .deleteCustomKeyStore, quota: .own(perSecond: 5),
        recorded: .change("CustomKeyStoreId", response: .nothing).withoutResources())

    static func identifier(in input: API.DeleteCustomKeyStoreRequest) -> String { input.customKeyStoreId }

    static func change(
        _ store: KeyStore, _ input: API.DeleteCustomKeyStoreRequest, in context: RequestContext
    ) async throws(KMSError) -> (Change?, API.DeleteCustomKeyStoreResponse) {
        guard case .disconnected = store.condition else { throw .invalidState(of: store) }
        let record = store.record
        let count = try await context.listing { catalog throws(StoreError) in
            try await catalog.keyCount(in: record.realm, keptIn: record.id)
        }
        guard count == 0 else {
            throw KMSError(.customKeyStoreHasCMKs, "The custom key store \(record.id) has KMS keys.")
        }
        return (
            Change([.deleteKeyStore(record.realm, record.id, expecting: record.version)]),
            API.DeleteCustomKeyStoreResponse()
        )
    }
}

extension API.CreateCustomKeyStoreRequest {
    /// Whether a store is asked for whose keys are behind a proxy.
    fileprivate var isExternal: Bool { customKeyStoreType == "EXTERNAL_KEY_STORE" }

    /// Whether it says anything that only external key stores have.
    fileprivate var isOfProxy: Bool {
        xksProxyUriEndpoint != nil || xksProxyUriPath != nil || xksProxyConnectivity != nil
            || xksProxyAuthenticationCredential != nil || xksProxyVpcEndpointServiceName != nil
            || xksProxyVpcEndpointServiceOwner != nil
    }
}

extension API.UpdateCustomKeyStoreRequest {
    /// Whether it says anything that only external key stores have.
    fileprivate var isOfProxy: Bool {
        xksProxyUriEndpoint != nil || xksProxyUriPath != nil || xksProxyConnectivity != nil
            || xksProxyAuthenticationCredential != nil || xksProxyVpcEndpointServiceName != nil
            || xksProxyVpcEndpointServiceOwner != nil
    }
}

extension RequestContext {
    /// Refuses a cluster that the operator has not named for this account and region.
    fileprivate func checkCluster(_ id: String) throws(KMSError) {
        guard clusters.contains(where: { $0.id == id && $0.realm == realm }) else {
            throw KMSError(.cloudHsmClusterNotFound, "The cluster \(id) does not exist.")
        }
    }

    /// The store that a request would make, if it is there and was not connected: then nothing is made.
    ///
    /// Source: KMS API Reference, CreateCustomKeyStore.
    func store(
        named name: String, backing: CustomKeyStoreRecord.Backing, secret: SecretBytes
    ) -> CustomKeyStoreRecord? {
        keyStores.stores(in: realm).first { store in
            let record = store.record
            guard case .disconnected = store.condition, record.backing == backing, record.name.isSame(as: name) else {
                return false
            }
            return keyring.isSecret(secret, record.wrappedSecret, of: record.id, in: realm)
        }?.record
    }

    /// Refuses one more custom key store in an account and region that has as many as the quota admits.
    func checkRoomForKeyStore() throws(KMSError) {
        guard keyStores.stores(in: realm).count < ResourceQuotas.customKeyStores else {
            throw KMSError(
                .limitExceeded, "The quota of custom key stores in this account and Region has been reached.")
        }
    }

    /// A new custom key store.
    ///
    /// - Parameter secret: What it is reached with.
    func makeKeyStore(
        named name: String, backing: CustomKeyStoreRecord.Backing, secret: SecretBytes
    ) throws(KMSError) -> Outcome<API.CreateCustomKeyStoreResponse> {
        let (id, wrapped) = try keyring.answering { keyring throws(CryptoFailure) in
            let random = try keyring.randomBytes(CustomKeyStoreID.randomByteCount).withBytes { Array($0) }
            let id = CustomKeyStoreID(random: random)
            return (id, try keyring.wrapSecret(secret, of: id, in: realm))
        }
        let record = CustomKeyStoreRecord(
            realm: realm, id: id, creationDate: now, name: name, backing: backing, wrappedSecret: wrapped)
        return Outcome(
            API.CreateCustomKeyStoreResponse(customKeyStoreId: id.description),
            change: Change([.insertKeyStore(record)]))
    }
}
