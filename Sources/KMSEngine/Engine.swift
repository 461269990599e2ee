package import Foundation
import KMSAccess
package import KMSCrypto
package import KMSIdentity
import KMSModel
package import KMSStore
package import Logging

/// Everything behind the transport, put together from a store and a root key.
package struct Engine: Sendable {
    /// Answers the KMS API.
    package let pipeline: Pipeline
    /// Answers the IAM and the STS API.
    package let identity: IdentityService
    /// Answers another KMS that keeps its keys here; nil where no keys are offered so.
    package let keyStoreProxy: KeyStoreProxyService?
    /// Lets people into the console, and knows who they are.
    package let signIn: ConsoleSignIn
    /// Nil unless the clock can be moved.
    package let clockService: ClockService?
    /// Does what time brings; it runs as a service.
    package let housekeeping: Housekeeping
    /// Learns what other nodes change, where many share the store; it runs as a service.
    package let follower: FeedFollower?
    /// Looks at everything that is stored.
    package let verification: StoreVerification
    private let clock: any Clock
    private let throttle: Throttle
    /// Replaces the root key.
    package let rootRotation: RootRotation
    /// Makes accounts and root access keys.
    package let accounts: AccountRegistry
    /// As ``EngineConfiguration/isForThisMachineOnly``.
    package let isForThisMachineOnly: Bool
    /// Everybody of every account.
    package let identities: IdentityDirectory
    /// Where every call is recorded.
    package let audit: AuditLog
    /// What monitoring will want to know.
    package let metrics: Metrics
    /// Tells monitoring how things are.
    package let monitoring: Monitoring
    /// Whether the system let the memory of keys be locked; without that it may be swapped to disk.
    package let isKeyMemoryLocked: Bool

    /// Why an engine cannot start.
    package enum StartFailure: Error, Sendable {
        case store(StoreError)
        /// The store was made with another root key; nothing was touched.
        case wrongRootKey
        /// The store holds records but not the mark of its root key.
        case unmarkedStore
        case crypto(CryptoFailure)
        /// The stored key of the audit log does not open.
        case auditKey(CryptoFailure)
        /// The audit log cannot be opened, or what the store keeps for the audit log could not be written there.
        case audit(AuditFailure)
    }

    /// Reads the store and makes everything ready to answer.
    ///
    /// - Parameters:
    ///   - randomness: Where new key material comes from; tests inject material that they know.
    ///   - auditDirectory: Where the audit log is, or is to be.
    package init(
        store: any Store, rootKey: RootKey, randomness: any RandomSource = SystemRandomness(), auditDirectory: URL,
        configuration: EngineConfiguration = EngineConfiguration(), metrics: Metrics = Metrics(), logger: Logger
    ) async throws(StartFailure) {
        let sharedStore = (store as? any SharedStore).map {
            ReachedStore(store: $0, contact: StoreContact(outage: configuration.storeOutage))
        }
        let store = MeteredStore(store: sharedStore ?? store, metrics: metrics)
        let keyring: Keyring
        do throws(CryptoFailure) {
            keyring = try Keyring(rootKey: rootKey, randomness: randomness)
        } catch {
            throw .crypto(error)
        }
        isKeyMemoryLocked = keyring.isMemoryLocked
        var contents: StoreContents
        let position: FeedPosition
        do throws(StoreError) {
            // The feed first: whatever changes meanwhile is read again. And before anything has a date, since it brings the
            // store's clock.
            position = try await sharedStore?.position().position ?? FeedPosition(parts: [])
            contents = try await store.frame()
            // One is enough to tell a store that lost its mark from a new one; the others come into memory later.
            if sharedStore == nil { contents.keys = try await store.keys(after: nil, limit: 1).map(\.record) }
        } catch {
            throw .store(error)
        }
        let progress = try await RootKeyMarks.admit(keyring, contents, store)
        for name in RootKeyMarks.damaged(contents.settings, keyring) {
            logger.critical("A setting of the store does not open", metadata: ["setting": "\(name)"])
        }

        let controllable =
            configuration.isClockControllable
            ? ControllableClock(ahead: ClockService.lead(in: contents.settings[ClockService.setting])) : nil
        let clock: any Clock = controllable ?? sharedStore.map { SharedClock($0.contact) } ?? SystemClock()
        isForThisMachineOnly = configuration.isForThisMachineOnly
        identities = IdentityDirectory()
        do throws(StoreError) { try identities.load(contents) } catch { throw .store(error) }

        let stored = try await StoredAuditChain.admit(
            keyring, contents.settings, store, node: configuration.node)
        do throws(AuditFailure) {
            audit = try AuditLog(
                directory: auditDirectory, chain: stored.chain, note: stored.known, base: stored.base,
                configuration: configuration.audit, clock: clock, metrics: metrics, logger: logger)
        } catch {
            throw .audit(error)
        }

        let directory = KeyDirectory(capacity: sharedStore.map { _ in configuration.cachedKeys })
        let quotas = Quotas(configuration.quotas) { account, region in
            configuration.regions.admitsReplica(in: region)
                || directory.hasKeys(in: Realm(account: account, region: region))
        }
        let policies = PolicyRules(identities: identities, quotas: quotas)
        let outbox = AuditOutbox(audit, known: stored.known, base: stored.base, names: stored.names)
        let shared = sharedStore.map {
            SharedState(
                store: $0,
                residency: Residency(store: $0, directory: directory, policies: policies, position: position))
        }
        let catalog: any KeyCatalog = sharedStore ?? directory
        let keyStores = KeyStoreDirectory()
        keyStores.load(contents)
        let ledger = Ledger(
            store: store, directory: directory, policies: policies, keyStores: keyStores, outbox: outbox,
            shared: shared)
        if sharedStore == nil {
            do throws(StoreError) { try await ledger.load() } catch { throw .store(error) }
        }
        do throws(AuditFailure) { try await outbox.write(contents.auditLines) } catch { throw .audit(error) }

        let authenticator = Authenticator(credentials: identities, keyring: keyring, regions: configuration.regions)
        let turns = ChangeTurns()
        let managedKeys = ManagedKeys(
            directory: directory, ledger: ledger, turns: turns, outbox: outbox,
            rotationPeriodInDays: configuration.managedKeyRotationPeriodInDays
        )
        let journal = UseJournal()
        let proxies = ExternalProxies(
            settings: configuration.externalProxies, transport: configuration.externalProxyTransport, keyring: keyring,
            clock: clock, metrics: metrics.requests)
        pipeline = Pipeline(
            authenticator: authenticator, directory: directory, identities: identities, ledger: ledger, shared: shared,
            catalog: catalog, turns: turns, keyring: keyring, keyStores: keyStores, clusters: configuration.clusters,
            externalProxies: proxies, policies: policies, regions: configuration.regions, quotas: quotas,
            journal: journal,
            managedKeys: managedKeys, audit: audit, outbox: outbox, clock: clock, metrics: metrics, logger: logger
        )
        keyStoreProxy = configuration.keyStoreProxies.map { [pipeline] in
            KeyStoreProxyService(pipeline: pipeline, proxies: $0, node: configuration.node)
        }
        let connector = KeyStoreConnector(
            directory: keyStores, clusters: configuration.clusters, proxies: proxies, keyring: keyring, ledger: ledger,
            turns: turns, logger: logger)
        let housekeeping = Housekeeping(
            directory: directory, keyStores: keyStores, connector: connector,
            due: Self.dueKeys(directory, shared, configuration.node, logger), ledger: ledger,
            turns: turns,
            keyring: keyring, managedKeys: managedKeys, journal: journal, outbox: outbox,
            orphans: Self.orphans(outbox, shared, configuration.node), clock: clock,
            metrics: metrics, logger: logger
        )
        self.housekeeping = housekeeping
        identity = IdentityService(
            authenticator: authenticator, identities: identities, ledger: ledger, turns: turns, keyring: keyring,
            audit: audit, outbox: outbox, quotas: quotas, shared: shared, clock: clock, metrics: metrics,
            logger: logger
        )
        signIn = ConsoleSignIn(
            authenticator: authenticator, identities: identities, directory: directory, audit: audit, clock: clock)
        clockService = controllable.map { [audit] in
            ClockService(
                authenticator: authenticator, clock: $0, ledger: ledger, audit: audit, outbox: outbox,
                housekeeping: housekeeping)
        }
        self.clock = clock
        verification = StoreVerification(store: store, catalog: catalog, keyring: keyring)
        rootRotation = RootRotation(
            progress,
            Rewrapping(
                directory: directory, catalog: catalog, residency: shared?.residency, identities: identities,
                keyStores: keyStores, ledger: ledger, turns: turns, keyring: keyring, auditKey: stored.key,
                logger: logger),
            clock: clock, logger: logger)
        self.metrics = metrics
        throttle = quotas.throttle
        monitoring = Monitoring(
            metrics: metrics, figures: { shared.map(\.figures.last) ?? KeyFigures(directory) },
            residents: shared?.residents(in: directory, atMost: configuration.cachedKeys),
            throttle: quotas.throttle,
            probe: Probe(store: store, contact: shared?.contact, audit: audit, metrics: metrics), clock: clock)
        follower = shared.map { [identities] in
            FeedFollower(
                shared: $0, directory: directory, identities: identities, keyStores: keyStores,
                capacity: configuration.cachedKeys,
                logger: logger)
        }
        accounts = AccountRegistry(store: store, identities: identities, keyring: keyring, clock: clock)
    }

    private static func orphans(
        _ outbox: AuditOutbox, _ shared: SharedState?, _ node: String?
    ) -> OrphanedAuditLines? {
        guard let shared, let node else { return nil }
        return OrphanedAuditLines(
            store: shared.store, outbox: outbox, node: node, holder: "\(node) \(RequestID.make())")
    }

    private static func dueKeys(
        _ directory: KeyDirectory, _ shared: SharedState?, _ node: String?, _ logger: Logger
    ) -> any DueKeys {
        guard let shared else { return DueKeysInMemory(directory: directory) }
        return DueKeysInStore(
            store: shared.store, directory: directory, residency: shared.residency,
            holder: "\(node ?? "") \(RequestID.make())", logger: logger)
    }

    /// The time, as requests see it.
    package var now: Date { clock.now }

    /// Makes this engine one of the nodes: each admits its part of what accounts may ask, and goes by the store only as long
    /// as that takes what the node writes.
    package func join(_ membership: NodeMembership) {
        follower?.shared.contact.expectChanges(each: membership.interval)
        membership.observe { [throttle, keyStoreProxy] in
            throttle.share(among: $0)
            keyStoreProxy?.proxies.share(among: $0)
        } onRenewal: { [follower] in
            follower?.shared.contact.noteChange(at: $0)
        }
    }

    /// Begins the end: what waits for its turn is not done any more, and whoever asks for such a thing is told to come again.
    package func endWaiting() {
        pipeline.slowWork.end()
        for store in pipeline.keyStores.all { store.tokens?.line.end() }
    }

    /// Ends what the engine does, once nothing is answered any more: what is not durable is made so, and the store is told how
    /// far the audit log is.
    package func finish() async {
        try? await audit.sync()
        await housekeeping.flush()
        let stores = pipeline.keyStores
        for orphans in stores.all.map(\.orphans) + stores.takeLeftBehind() { orphans.tellAll(pipeline.logger) }
        audit.close()
    }
}
