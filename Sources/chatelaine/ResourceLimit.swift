import Glibc

/// How much of something the process may have.
struct ResourceLimit {
    /// Files and connections that are open at a time.
    ///
    /// The usual limit, 1,024, is low for the sake of programs that call select(2); this one does not.
    static let descriptors = ResourceLimit(resource: __rlimit_resource_t(RLIMIT_NOFILE.rawValue), least: 20)
    /// Bytes of memory that never go to swap.
    static let lockedMemory = ResourceLimit(resource: __rlimit_resource_t(__RLIMIT_MEMLOCK.rawValue), least: 0)

    private let resource: __rlimit_resource_t
    /// What a limit that cannot be read is taken for; of descriptors, what POSIX lets a system have (_POSIX_OPEN_MAX).
    private let least: Int

    /// Raises the limit to the most that the system admits, and answers it.
    ///
    /// - Parameter wish: Root may have more than the system's limit: so much, if it is higher.
    @discardableResult
    func raise(wish: Int = 0) -> Int {
        var limit = rlimit(rlim_cur: 0, rlim_max: 0)
        guard getrlimit(resource, &limit) == 0 else { return least }
        var wished = rlimit(rlim_cur: max(limit.rlim_max, rlim_t(wish)), rlim_max: max(limit.rlim_max, rlim_t(wish)))
        if setrlimit(resource, &wished) == 0 { return Int(clamping: wished.rlim_cur) }
        let before = limit.rlim_cur
        limit.rlim_cur = limit.rlim_max
        return Int(clamping: setrlimit(resource, &limit) == 0 ? limit.rlim_max : before)
    }
}
