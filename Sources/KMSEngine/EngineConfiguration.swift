package import KMSAccess

/// What an operator decides about an engine.
package struct EngineConfiguration: Sendable {
    /// The regions that are served, and that keys can be replicated to.
    package var regions = HostedRegions.anyWellFormed
    /// Whether the clock can be moved; it then starts where the store left it.
    package var isClockControllable = false
    /// How often the keys of AWS services are rotated.
    package var managedKeyRotationPeriodInDays = ManagedKeys.defaultRotationPeriodInDays
    /// What accounts may have, and how often they may ask.
    package var quotas = QuotaSettings()
    /// Whether the console answers to the names of this machine only, as where everybody knows the credentials.
    package var isForThisMachineOnly = false
    /// How the audit log is kept.
    package var audit = AuditConfiguration()
    /// Where keys are offered to another KMS; nil when they are nowhere.
    package var keyStoreProxies: KeyStoreProxies?
    /// The name of this node among those that share the store; nil when one process has it for itself.
    package var node: String?
    /// How long a node goes on answering from memory when it cannot reach the store that it shares.
    package var storeOutage: Duration = .seconds(60)
    /// How many key identifiers' keys a node that shares a store holds in memory at the most.
    package var cachedKeys = 1_000_000

    /// The tokens of PKCS#11 that custom key stores can have behind them.
    package var clusters: [ClusterSetting] = []
    /// The places where proxies of external key stores can be.
    package var externalProxies: [ExternalProxySetting] = []
    /// The way to them; nil where there are none.
    package var externalProxyTransport: (any ExternalProxyTransport)?

    package init() {}
}
