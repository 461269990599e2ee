import KMSEngine

extension Settings {
    /// The places where proxies of external key stores can be.
    ///
    /// - Throws: ``CommandFailure``.
    func externalProxies(_ options: ServerOptions) throws -> [ExternalProxySetting] {
        let settings = try (value("xks-endpoints", flag: options.xksEndpoints) ?? "").split(separator: ",").map {
            text in
            guard let setting = ExternalProxySetting(String(text)) else {
                throw CommandFailure.configuration(
                    "\"\(text)\" is not a place of external key stores: "
                        + "https://HOST/ACCOUNT/REGION, with =ADDRESS:PORT behind it if that is elsewhere, and with "
                        + "@SERVICE for a VPC endpoint service")
            }
            return setting
        }
        guard Set(settings.map { "\($0.host) \($0.service ?? "") \($0.realm)" }).count == settings.count else {
            throw CommandFailure.configuration("xks-endpoints names a place twice for an account and region")
        }
        return settings
    }

    /// The way to them; nil where there are none.
    ///
    /// - Throws: ``CommandFailure``.
    func externalProxyTransport(
        _ options: ServerOptions, to settings: [ExternalProxySetting]
    ) throws -> (any ExternalProxyTransport)? {
        let roots = value("xks-ca-bundle", flag: options.xksCaBundle)
        guard !settings.isEmpty else { return nil }
        return try ExternalProxyClients(settings, roots: roots)
    }
}
