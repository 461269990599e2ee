package import Foundation
package import KMSAccess
package import KMSCrypto
package import KMSModel

/// What an operation may use beside its input and its permit.
package struct RequestContext: Sendable {
    package let caller: Caller
    /// When the request is answered; all that one request does happens at one time.
    package let now: Date
    package let directory: KeyDirectory
    package let keyring: Keyring
    /// Compiles and judges policies for accounts of this server.
    package let policies: PolicyRules
    package let quotas: ResourceQuotas

    /// The account and region that the request works in.
    package var realm: Realm { Realm(account: caller.principal.account, region: caller.region) }
}

/// How many there may be of each resource.
///
/// Source: KMS Developer Guide, "Resource quotas".
package struct ResourceQuotas: Sendable {
    /// Customer managed keys in an account and region, in every state.
    package var keysPerRealm = 100_000
    package var aliasesPerKey = 50
    package var tagsPerKey = 50

    package init() {}
}
