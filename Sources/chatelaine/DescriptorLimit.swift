import Glibc

/// How many files and connections the process may have open.
enum DescriptorLimit {
    /// Raises the limit to the most that the system admits, and answers it.
    ///
    /// The usual limit, 1,024, is low for the sake of programs that call select(2); this one does not.
    static func raise() -> Int {
        var limit = rlimit(rlim_cur: 0, rlim_max: 0)
        let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        // What cannot be read is the least that POSIX lets a system have (_POSIX_OPEN_MAX).
        guard getrlimit(resource, &limit) == 0 else { return 20 }
        let before = limit.rlim_cur
        limit.rlim_cur = limit.rlim_max
        let now = setrlimit(resource, &limit) == 0 ? limit.rlim_max : before
        return Int(clamping: now)
    }
}
