import CSodium

/// libsodium, which must be started before its first use.
enum Sodium {
    /// Whether it has been started; asking starts it.
    static let isReady = sodium_init() >= 0
}
