package import Foundation
package import KMSAccess
package import KMSCrypto
package import KMSIdentity
package import KMSModel
import KMSStore

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
    /// Keys and aliases, as of now.
    package let directory: KeyDirectory
    /// Lists of all of them.
    let catalog: any KeyCatalog
    /// Everybody of every account, as of now.
    package let identities: IdentityDirectory
    /// Does everything that needs key material.
    package let keyring: Keyring
    /// Compiles and judges policies for accounts of this server.
    package let policies: PolicyRules
    /// The regions in which a key can have a replica.
    package let regions: HostedRegions
    /// Where computations go that would hold up an event loop.
    package let slowWork: SlowWork
    /// How many there may be of each resource.
    package let quotas: Quotas

    /// The account and region that the request works in.
    package var realm: Realm { Realm(account: caller.principal.account, region: caller.region) }

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
