/// Which key and material is current, as far as answers of the KMS say.
///
/// A KMS of many nodes can answer from one that does not know of a rotation yet. Kubernetes wants a `key_id` that does not go
/// back, so what was superseded a short time ago is not current again; afterwards it is, for an alias can be pointed back.
/// What is current here is what is encrypted with, so that Status and Encrypt say the same at any time.
package struct KeyHistory: Sendable {
    /// For how long answers may be those of a node that lags behind.
    package static let lag: Duration = .seconds(300)

    /// What new data is encrypted with; nil before anything is known.
    package private(set) var current: KeyEncryptionKey?
    private var superseded: [KeyEncryptionKey: ContinuousClock.Instant] = [:]

    package init() {}

    /// Takes note of what an answer says to be current.
    package mutating func observe(_ key: KeyEncryptionKey, at now: ContinuousClock.Instant) {
        superseded = superseded.filter { now - $0.value < Self.lag }
        guard key != current, superseded[key] == nil else { return }
        // Who says no material says nothing against the known one.
        if key.material == nil, key.arn == current?.arn { return }
        if let current { superseded[current] = now }
        current = key
    }

    /// Lets the next answer count, whatever it says: what is current does not serve, so there is nothing to hold on to.
    package mutating func forgetSuperseded() { superseded = [:] }
}
