import KMSAccess
import KMSCrypto
import KMSModel
import KMSStore
import Logging

// Making and changing custom key stores of type EXTERNAL_KEY_STORE.
//
// Source: KMS API Reference, CreateCustomKeyStore and UpdateCustomKeyStore.

/// How the API says that a proxy is reached.
enum XksProxyConnectivity {
    static let publicEndpoint = "PUBLIC_ENDPOINT"
    static let endpointService = "VPC_ENDPOINT_SERVICE"
}

extension CreateCustomKeyStore {
    /// Refuses what no external key store can be made of.
    static func checkExternal(_ input: API.CreateCustomKeyStoreRequest) throws(KMSError) {
        guard input.cloudHsmClusterId == nil, input.keyStorePassword == nil, input.trustAnchorCertificate == nil else {
            throw KMSError(.validation, "Parameters of a CloudHSM key store are not valid for an external key store.")
        }
        for (name, isMissing) in [
            ("XksProxyUriEndpoint", input.xksProxyUriEndpoint == nil),
            ("XksProxyUriPath", input.xksProxyUriPath == nil),
            ("XksProxyAuthenticationCredential", input.xksProxyAuthenticationCredential == nil),
            ("XksProxyConnectivity", input.xksProxyConnectivity == nil),
        ] where isMissing {
            throw KMSError(.validation, "\(name) is required for an external key store.")
        }
        try XksProxyRecord(input, owner: nil).check()
    }

    static func makeExternal(
        _ input: API.CreateCustomKeyStoreRequest, in context: RequestContext
    ) async throws(KMSError) -> Outcome<API.CreateCustomKeyStoreResponse> {
        let proxy = XksProxyRecord(input, owner: context.realm.account)
        let secret = SecretBytes(copying: (input.xksProxyAuthenticationCredential?.rawSecretAccessKey ?? "").utf8)
        if let same = context.store(named: input.customKeyStoreName, backing: .proxy(proxy), secret: secret) {
            return Outcome(API.CreateCustomKeyStoreResponse(customKeyStoreId: same.id.description))
        }
        try context.checkName(input.customKeyStoreName)
        try context.checkProxy(proxy, of: nil)
        try context.checkRoomForKeyStore()
        try await context.probe(proxy, secret: secret, for: description.name)
        return try context.makeKeyStore(named: input.customKeyStoreName, backing: .proxy(proxy), secret: secret)
    }
}

extension UpdateCustomKeyStore {
    static func changeExternal(
        _ store: KeyStore, _ proxy: XksProxyRecord, _ input: API.UpdateCustomKeyStoreRequest, in context: RequestContext
    ) async throws(KMSError) -> (Change?, API.UpdateCustomKeyStoreResponse) {
        guard input.keyStorePassword == nil, input.cloudHsmClusterId == nil else {
            throw KMSError(.validation, "Parameters of a CloudHSM key store are not valid for an external key store.")
        }
        let present = store.record
        let changed = try proxy.changed(by: input, owner: context.realm.account)
        switch store.condition {
        case .disconnected: break
        case .connected where input.leavesPlace: break
        default: throw .invalidState(of: store)
        }
        var record = present
        if let name = input.newCustomKeyStoreName, name != record.name {
            try context.checkName(name)
            record.name = name
        }
        if changed != proxy || input.xksProxyAuthenticationCredential != nil {
            try context.checkProxy(changed, of: present.id)
            let secret = try context.secret(of: present, replacedBy: input.xksProxyAuthenticationCredential)
            try await context.probe(changed, secret: secret, for: description.name)
            record.backing = .proxy(changed)
            record.wrappedSecret = try context.keyring.answering { keyring throws(CryptoFailure) in
                try keyring.wrapSecret(secret, of: present.id, in: present.realm)
            }
        }
        let edited = record
        return (present.change { $0 = edited }, API.UpdateCustomKeyStoreResponse())
    }
}

extension XksProxyRecord {
    fileprivate init(_ input: API.CreateCustomKeyStoreRequest, owner: AccountID?) {
        let isService = input.xksProxyConnectivity == XksProxyConnectivity.endpointService
        self.init(
            connectivity: input.xksProxyConnectivity ?? "", uriEndpoint: input.xksProxyUriEndpoint ?? "",
            uriPath: input.xksProxyUriPath ?? "",
            accessKeyID: input.xksProxyAuthenticationCredential?.accessKeyId ?? "",
            vpcEndpointServiceName: input.xksProxyVpcEndpointServiceName,
            vpcEndpointServiceOwner: isService
                ? input.xksProxyVpcEndpointServiceOwner.flatMap { AccountID($0) } ?? owner : nil)
    }

    /// Refuses what does not go together.
    fileprivate func check() throws(KMSError) {
        let isService = connectivity == XksProxyConnectivity.endpointService
        guard isService == (vpcEndpointServiceName != nil) else {
            throw KMSError(
                .validation,
                "XksProxyVpcEndpointServiceName is required with VPC_ENDPOINT_SERVICE, and valid only then.")
        }
        guard KeyStoreProxyPath.isURIPath(uriPath) else {
            throw KMSError(.xksProxyInvalidConfiguration, "XksProxyUriPath is not one of version 1 of the proxy API.")
        }
    }

    /// The record with what a request says anew.
    fileprivate func changed(
        by input: API.UpdateCustomKeyStoreRequest, owner: AccountID
    ) throws(KMSError) -> XksProxyRecord {
        var changed = self
        if let path = input.xksProxyUriPath { changed.uriPath = path }
        if let endpoint = input.xksProxyUriEndpoint { changed.uriEndpoint = endpoint }
        if let credential = input.xksProxyAuthenticationCredential { changed.accessKeyID = credential.accessKeyId }
        if let name = input.xksProxyVpcEndpointServiceName { changed.vpcEndpointServiceName = name }
        if let owner = input.xksProxyVpcEndpointServiceOwner { changed.vpcEndpointServiceOwner = AccountID(owner) }
        if let connectivity = input.xksProxyConnectivity, connectivity != changed.connectivity {
            guard input.xksProxyUriEndpoint != nil else {
                throw KMSError(.validation, "XksProxyUriEndpoint is required with another XksProxyConnectivity.")
            }
            changed.connectivity = connectivity
            if connectivity == XksProxyConnectivity.publicEndpoint {
                changed.vpcEndpointServiceName = input.xksProxyVpcEndpointServiceName
            }
        }
        if changed.connectivity == XksProxyConnectivity.publicEndpoint {
            changed.vpcEndpointServiceOwner = nil
        } else if changed.vpcEndpointServiceOwner == nil {
            changed.vpcEndpointServiceOwner = owner
        }
        try changed.check()
        return changed
    }
}

extension API.UpdateCustomKeyStoreRequest {
    /// Whether a connected external key store can take the change.
    fileprivate var leavesPlace: Bool {
        xksProxyUriEndpoint == nil && xksProxyConnectivity == nil && xksProxyVpcEndpointServiceName == nil
            && xksProxyVpcEndpointServiceOwner == nil
    }
}

extension RequestContext {
    /// Refuses a proxy that another store of the account and region has, or that shares with one what each must have for itself.
    ///
    /// Source: KMS API Reference, CreateCustomKeyStore, "Uniqueness requirements".
    ///
    /// - Parameter store: The one that it is for, if that is there.
    fileprivate func checkProxy(_ proxy: XksProxyRecord, of store: CustomKeyStoreID?) throws(KMSError) {
        let host = ExternalProxySetting.host(in: proxy.uriEndpoint)
        for other in keyStores.stores(in: realm).map(\.record) where other.id != store {
            guard case .proxy(let present) = other.backing else { continue }
            let isSameHost = ExternalProxySetting.host(in: present.uriEndpoint) == host
            if let name = proxy.vpcEndpointServiceName, present.vpcEndpointServiceName == name {
                throw KMSError(
                    .xksProxyVpcEndpointServiceInUse,
                    "The VPC endpoint service is in use by another external key store.")
            }
            if isSameHost, present.uriPath == proxy.uriPath {
                throw KMSError(.xksProxyUriInUse, "The endpoint and path are in use by another external key store.")
            }
            let services = [proxy, present].count { $0.connectivity == XksProxyConnectivity.endpointService }
            if isSameHost, services > 0 {
                throw KMSError(.xksProxyUriEndpointInUse, "The endpoint is in use by another external key store.")
            }
        }
    }

    /// Asks a proxy with a public endpoint how it is; one in a network is not asked before it is connected.
    fileprivate func probe(
        _ proxy: XksProxyRecord, secret: SecretBytes, for operation: OperationName
    ) async throws(KMSError) {
        do throws(ExternalKeyFailure) {
            let proxy = try externalProxies.proxy(proxy, secret: secret, in: realm)
            guard proxy.record.connectivity == XksProxyConnectivity.publicEndpoint else { return }
            var occasion = occasion(operation)
            occasion.principal = nil
            try await proxy.checkHealth(for: occasion)
        } catch {
            logger.warning(
                "The proxy of an external key store does not answer as it has to",
                metadata: ["request-id": "\(requestID ?? "")", "reason": "\(error)"])
            throw error.refusalOfStore
        }
    }

    fileprivate func secret(
        of store: CustomKeyStoreRecord, replacedBy credential: API.XksProxyAuthenticationCredentialType?
    ) throws(KMSError) -> SecretBytes {
        if let credential { return SecretBytes(copying: credential.rawSecretAccessKey.utf8) }
        return try keyring.answering { keyring throws(CryptoFailure) in
            try keyring.openSecret(store.wrappedSecret, of: store.id, in: store.realm)
        }
    }
}
