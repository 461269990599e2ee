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
        // A change of user undoes this one, so it comes after that.
        guard chatelaine_forbid_dumps() == 0 else { throw .unavailable }
    }

    /// Forbids for good that the process gains rights by running a program.
    ///
    /// It holds for the calling thread and those that it starts: call it while there is one.
    ///
    /// - Throws: ``CryptoFailure/unavailable`` when the system refuses.
    package static func forbidNewPrivileges() throws(CryptoFailure) {
        guard chatelaine_forbid_new_privileges() == 0 else { throw .unavailable }
    }

    /// Takes every capability out of the bounding set, which only root can do.
    ///
    /// A root that lacks CAP_SETPCAP, as in a container, keeps the set: it has no effect on a process that cannot gain
    /// rights. It holds for the calling thread and those that it starts: call it while there is one.
    ///
    /// - Throws: ``CryptoFailure/unavailable`` when the system refuses for another reason.
    package static func emptyBoundingSet() throws(CryptoFailure) {
        guard chatelaine_empty_bounding_set() == 0 || errno == EPERM else { throw .unavailable }
    }

    /// Gives up all capabilities that the process still has.
    ///
    /// It holds for the calling thread and those that it starts: call it while there is one.
    ///
    /// - Throws: ``CryptoFailure/unavailable`` when the system refuses.
    package static func dropCapabilities() throws(CryptoFailure) {
        guard chatelaine_drop_capabilities() == 0 else { throw .unavailable }
    }
    /// Whether the real, the effective and the saved user of the process are all `user`, and its groups of these kinds `group`.
    package static func isOnly(user: UInt32, group: UInt32) -> Bool { chatelaine_is_only(user, group) == 0 }
}
