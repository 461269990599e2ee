import CSodium
import Glibc

/// What the process does before it holds a key.
package enum ProcessHardening {
    /// Starts libsodium, and forbids core dumps and tracing by other processes of the same user.
    ///
    /// - Throws: ``CryptoFailure/unavailable`` when the system refuses: then no key should be opened.
    package static func apply() throws(CryptoFailure) {
        guard Sodium.isReady else { throw .unavailable }
        var limit = rlimit(rlim_cur: 0, rlim_max: 0)
        guard unsafe setrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &limit) == 0 else { throw .unavailable }
        guard chatelaine_forbid_dumps() == 0 else { throw .unavailable }
    }
}
