package import Foundation
package import KMSAccess
package import KMSCrypto
package import KMSIdentity
package import KMSModel
import KMSStore
import Logging

/// What an operation may use beside its input and its permit.
package struct RequestContext: Sendable {
    /// Who asks.
    package let caller: Caller
    /// From where.
    package let client: Client
    /// The request as it came, once it has been read.
    package var body = JSONObject()
    /// When the request is answered; all that one request does happens at one time.
    package let now: Date
    /// The identifier that the answer and the audit record carry.
    let requestID: String?
    /// What the request goes through.
    private let pipeline: Pipeline

    init(caller: Caller, client: Client, now: Date, requestID: String?, pipeline: Pipeline) {
        self.caller = caller
        self.client = client
        self.now = now
        self.requestID = requestID
        self.pipeline = pipeline
    }

    /// Keys and aliases, as of now.
    package var directory: KeyDirectory { pipeline.directory }
    /// Lists of all of them.
    var catalog: any KeyCatalog { pipeline.catalog }
    /// Everybody of every account, as of now.
    package var identities: IdentityDirectory { pipeline.identities }
    /// Does everything that needs key material.
    package var keyring: Keyring { pipeline.keyring }
    /// Places elsewhere where keys are, as of now.
    var keyStores: KeyStoreDirectory { pipeline.keyStores }
    /// The tokens that custom key stores can have behind them.
    var clusters: [ClusterSetting] { pipeline.clusters }
    /// The proxies that external key stores can have behind them.
    var externalProxies: ExternalProxies { pipeline.externalProxies }
    /// Compiles and judges policies for accounts of this server.
    package var policies: PolicyRules { pipeline.policies }
    /// The regions in which a key can have a replica.
    package var regions: HostedRegions { pipeline.regions }
    /// Where computations go that would hold up an event loop.
    package var slowWork: SlowWork { pipeline.slowWork }
    /// The program's log.
    var logger: Logger { pipeline.logger }
    /// How many there may be of each resource.
    package var quotas: Quotas { pipeline.quotas }

    /// The account and region that the request works in.
    package var realm: Realm { Realm(account: caller.principal.account, region: caller.region) }

    /// Whether other nodes change what this one does.
    var sharesStore: Bool { pipeline.shared != nil }

    /// Whether nothing is to be done but to find out whether it would be allowed.
    var isDryRun: Bool { body["DryRun"] == .bool(true) }

    /// Looks whether a change can be made, before something is made elsewhere that cannot go back with it.
    ///
    /// - Throws: ``KMSError`` with `DependencyTimeoutException` while the audit log does not take what is to be in it.
    func checkChangesAreTaken() async throws(KMSError) {
        do throws(StoreError) { try await pipeline.ledger.checkAuditLog() } catch { throw KMSError(error) }
    }

    /// Reads a list.
    ///
    /// - Throws: ``KMSError`` with `DependencyTimeoutException` when the store does not answer.
    func listing<Value: Sendable>(
        _ read: (any KeyCatalog) async throws(StoreError) -> Value
    ) async throws(KMSError) -> Value {
        do throws(StoreError) {
            return try await read(catalog)
        } catch {
            throw KMSError(error)
        }
    }
}
