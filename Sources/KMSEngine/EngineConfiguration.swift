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
    /// The name of this node among those that share a store.
    package var node = "node"
    /// How long a node that cannot reach the shared store answers from memory.
    package var storeOutage = Duration.seconds(60)
    /// How many identifiers of keys a node of a shared store has in memory at the most.
    package var cachedKeys = 1_000_000

    package init() {}
}
