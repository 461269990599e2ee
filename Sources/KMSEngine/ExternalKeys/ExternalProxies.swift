import KMSCrypto
import KMSModel

/// The way to the proxies of all external key stores.
struct ExternalProxies: Sendable {
    let settings: [ExternalProxySetting]
    /// Nil where there are no external key stores.
    let transport: (any ExternalProxyTransport)?
    let keyring: Keyring
    let clock: any Clock
    let metrics: RequestMetrics

    /// The proxy of a store that is there.
    ///
    /// - Throws: ``ExternalKeyFailure/unknownEndpoint(_:)`` and its like, ``ExternalKeyFailure/damagedSecret``.
    func proxy(of store: CustomKeyStoreRecord, _ record: XksProxyRecord) throws(ExternalKeyFailure) -> ExternalProxy {
        let secret: SecretBytes
        do throws(CryptoFailure) {
            secret = try keyring.openSecret(store.wrappedSecret, of: store.id, in: store.realm)
        } catch {
            throw .damagedSecret
        }
        return try proxy(record, secret: secret, in: store.realm)
    }

    /// A proxy that a store is to have.
    ///
    /// - Throws: ``ExternalKeyFailure/unknownEndpoint(_:)`` and its like.
    func proxy(
        _ record: XksProxyRecord, secret: SecretBytes, in realm: Realm
    ) throws(ExternalKeyFailure) -> ExternalProxy {
        let host = ExternalProxySetting.host(in: record.uriEndpoint)
        let candidates = settings.filter { $0.realm == realm && $0.service == record.vpcEndpointServiceName }
        guard let transport, let setting = candidates.first(where: { $0.host == host }) else {
            guard let service = record.vpcEndpointServiceName else { throw .unknownEndpoint(record.uriEndpoint) }
            throw candidates.isEmpty ? .unknownService(service) : .serviceOfOther(service)
        }
        return ExternalProxy(
            record: record, setting: setting, region: realm.region, secret: secret, transport: transport,
            signingTime: clock.signingTime, metrics: metrics)
    }
}
