import Dispatch
import KMSCrypto
import KMSModel

/// Sessions with the token of a custom key store, and the threads that wait for it.
final class TokenConnection: Sendable {
    /// How often, a second apart, a token may be seen at what it does in milliseconds, before it is taken for one that hangs.
    private static let patience = 10

    let tokens: TokenKeyStore
    /// Waiting for the token: milliseconds, or as long as a device that is away takes to say so; no other store waits for that.
    let line: FairLine
    /// Where keys are destroyed, one after the other: a thousand may be due at a time.
    let destructions: DispatchQueue

    init(_ tokens: TokenKeyStore, of store: CustomKeyStoreID) {
        self.tokens = tokens
        line = FairLine("token \(store)", width: 8, mostWaitingPerAccount: 1024)
        destructions = DispatchQueue(label: "chatelaine.token-destruction.\(store)")
    }

    /// Looks whether it does not do what it was asked to; called each second.
    func hangs() -> Bool { line.look() > Self.patience }
}
