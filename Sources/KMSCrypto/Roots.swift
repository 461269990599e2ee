import Synchronization

/// The root keys that a keyring works with: the one that wraps and makes tokens, and the one before it for as long as
/// anything may depend on that.
struct Roots: Sendable {
    /// A root key's place in the order in which this process came to use them.
    typealias Number = Int

    /// The keys under a root key.
    struct Generation: Sendable {
        let number: Number
        let domains: DomainKeys
    }

    private(set) var current: Generation
    private(set) var previous: Generation?
    /// Whether tokens of the previous root key are still taken.
    private(set) var takesPreviousTokens = false
    /// The key that makes identifiers of imported material, wrapped under the current root key; nil when it is derived from
    /// that, as long as there was no other.
    ///
    /// The same material must have the same identifier for ever, so this key outlives root keys.
    var identifierKey: [UInt8]?

    init(_ rootKey: RootKey) { current = Generation(number: 0, domains: DomainKeys(rootKey: rootKey)) }

    /// The generations whose tokens are taken, the current one first.
    var ofTokens: [Generation] { [current] + (takesPreviousTokens ? previous.map { [$0] } ?? [] : []) }

    /// Puts `rootKey` in the place of the current one, which from then on only opens.
    mutating func succeed(by rootKey: RootKey, identifierKey: [UInt8]) {
        let retired = current
        current = Generation(number: retired.number + 1, domains: DomainKeys(rootKey: rootKey))
        previous = retired
        takesPreviousTokens = true
        self.identifierKey = identifierKey
    }

    /// Takes a root key that was replaced before this process began.
    mutating func take(previous rootKey: RootKey, identifierKey: [UInt8]) {
        previous = Generation(number: current.number - 1, domains: DomainKeys(rootKey: rootKey))
        takesPreviousTokens = true
        self.identifierKey = identifierKey
    }

    mutating func refusePreviousTokens() { takesPreviousTokens = false }

    mutating func forgetPrevious() {
        previous = nil
        takesPreviousTokens = false
    }
}
