import Foundation
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
    /// Lets people into the console, and knows who they are.
    package let signIn: ConsoleSignIn
    /// Nil unless the clock can be moved.
    package let clockService: ClockService?
    /// Does what time brings; it runs as a service.
    package let housekeeping: Housekeeping
    /// Makes accounts and root access keys.
    package let accounts: AccountRegistry
    /// Everybody of every account.
    package let identities: IdentityDirectory
    /// Whether the system let the memory of keys be locked; without that it may be swapped to disk.
    package let isKeyMemoryLocked: Bool

    /// The store's setting that tells whether the root key is the one that it was made with.
    private static let rootKeyCheck = "root-key.check"

    /// Why an engine cannot start.
    package enum StartFailure: Error, Sendable {
        case store(StoreError)
        /// The store was made with another root key; nothing was touched.
        case wrongRootKey
        /// The store holds records but not the mark of its root key.
        case unmarkedStore
        case crypto(CryptoFailure)
        /// What the store keeps for the audit log could not be written there.
        case audit(AuditFailure)
    }

    /// Reads the store and makes everything ready to answer.
    ///
    /// - Parameter randomness: Where new key material comes from; tests inject material that they know.
    package init(
        store: any Store, rootKey: RootKey, randomness: any RandomSource = SystemRandomness(), audit: AuditLog,
        configuration: EngineConfiguration = EngineConfiguration(), logger: Logger
    ) async throws(StartFailure) {
        let keyring: Keyring
        do throws(CryptoFailure) {
            keyring = try Keyring(rootKey: rootKey, randomness: randomness)
        } catch {
            throw .crypto(error)
        }
        isKeyMemoryLocked = keyring.isMemoryLocked
        let contents: StoreContents
        do throws(StoreError) { contents = try await store.contents() } catch { throw .store(error) }
        try await Self.checkRootKey(keyring, contents, store)

        let controllable =
            configuration.isClockControllable
            ? ControllableClock(ahead: ClockService.lead(in: contents.settings[ClockService.setting])) : nil
        let clock: any Clock = controllable ?? SystemClock()
        identities = IdentityDirectory()
        do throws(StoreError) { try identities.load(contents) } catch { throw .store(error) }

        let policies = PolicyRules(identities: identities)
        let directory = KeyDirectory()
        let outbox = AuditOutbox(audit)
        let ledger = Ledger(store: store, directory: directory, policies: policies, outbox: outbox)
        do throws(StoreError) { try ledger.load(contents) } catch { throw .store(error) }
        do throws(AuditFailure) { try await outbox.write(contents.auditLines) } catch { throw .audit(error) }

        let authenticator = Authenticator(credentials: identities, keyring: keyring, regions: configuration.regions)
        let turns = ChangeTurns()
        let managedKeys = ManagedKeys(
            directory: directory, ledger: ledger, turns: turns, outbox: outbox,
            rotationPeriodInDays: configuration.managedKeyRotationPeriodInDays
        )
        let journal = UseJournal()
        pipeline = Pipeline(
            authenticator: authenticator, directory: directory, identities: identities, ledger: ledger, turns: turns,
            keyring: keyring, policies: policies, regions: configuration.regions, quotas: configuration.quotas,
            journal: journal,
            managedKeys: managedKeys, audit: audit, outbox: outbox, clock: clock, logger: logger
        )
        let housekeeping = Housekeeping(
            directory: directory, ledger: ledger, turns: turns, keyring: keyring, managedKeys: managedKeys,
            journal: journal, outbox: outbox, clock: clock, logger: logger
        )
        self.housekeeping = housekeeping
        identity = IdentityService(
            authenticator: authenticator, identities: identities, ledger: ledger, turns: turns, keyring: keyring,
            audit: audit, outbox: outbox, clock: clock, logger: logger
        )
        signIn = ConsoleSignIn(
            authenticator: authenticator, identities: identities, directory: directory, audit: audit, clock: clock)
        clockService = controllable.map {
            ClockService(
                authenticator: authenticator, clock: $0, store: store, housekeeping: housekeeping, audit: audit
            )
        }
        accounts = AccountRegistry(store: store, identities: identities, keyring: keyring, clock: clock)
    }

    private static func checkRootKey(
        _ keyring: Keyring, _ contents: StoreContents, _ store: any Store
    ) async throws(StartFailure) {
        if let mark = contents.settings[rootKeyCheck] {
            guard keyring.matches(check: mark) else { throw .wrongRootKey }
            return
        }
        guard contents.keys.isEmpty, contents.accessKeys.isEmpty else { throw .unmarkedStore }
        do throws(StoreError) {
            _ = try await store.commit(Change([.setSetting(rootKeyCheck, keyring.makeCheck())]))
        } catch {
            throw .store(error)
        }
    }
}
