import Glibc
import KMSCrypto

/// A user and a group that the process can go on as.
struct ProcessOwner {
    private let text: String
    /// Nil for a number that is no user's: it is in no group but the given one.
    private let name: String?
    private let user: uid_t
    private let group: gid_t

    /// Finds `USER` or `USER:GROUP`, each a name or a number.
    ///
    /// Without a group it is the user's own.
    ///
    /// - Throws: ``CommandFailure`` for somebody who is not there, and for root.
    init(_ text: String) throws {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        // Neither call is safe with other threads; there are none yet.
        let entry = getpwnam(parts[0]) ?? uid_t(parts[0]).flatMap { getpwuid($0) }
        guard let user = entry?.pointee.pw_uid ?? uid_t(parts[0]) else {
            throw CommandFailure.configuration("there is no user \"\(parts[0])\"")
        }
        guard user != 0 else { throw CommandFailure.configuration("--user names who to go on as instead of root") }
        self.text = text
        self.user = user
        name = entry.map { String(cString: $0.pointee.pw_name) }
        if parts.count == 2 {
            guard let group = getgrnam(parts[1])?.pointee.gr_gid ?? gid_t(parts[1]) else {
                throw CommandFailure.configuration("there is no group \"\(parts[1])\"")
            }
            guard group != 0 else {
                throw CommandFailure.configuration("--user names a group to go on as instead of root's")
            }
            self.group = group
        } else {
            guard let entry else {
                throw CommandFailure.configuration("there is no user \(user), so a group must be given: \(user):GROUP")
            }
            guard entry.pointee.pw_gid != 0 else {
                throw CommandFailure.configuration(
                    "the group of \"\(parts[0])\" is root's, so another must be given: \(parts[0]):GROUP")
            }
            group = entry.pointee.pw_gid
        }
    }

    /// Makes the process this user's for good, without a capability.
    ///
    /// One that is this user's already loses its capabilities too.
    ///
    /// - Throws: ``CommandFailure`` when it is somebody else's than root's or this user's, and when it keeps a right that
    ///   it should lose.
    func takeOver() throws {
        let isRoot = geteuid() == 0
        guard isRoot || geteuid() == user else {
            throw CommandFailure.configuration(
                "only root can go on as another user (\(text)): this is user \(geteuid())")
        }
        guard isRoot || isTakenOver && hasNoOtherGroup else {
            throw CommandFailure.configuration(
                "only root can leave other users and groups than those of \(text), in which this process is")
        }
        do throws(CryptoFailure) {
            // While it may: the next calls take the right to do so.
            try ProcessHardening.emptyBoundingSet()
            if isRoot { try giveUpRoot() }
            try ProcessHardening.dropCapabilities()
        } catch {
            throw CommandFailure.operation("cannot go on as \(text): \(String(cString: strerror(errno)))")
        }
        // Only what was given up in all its forms cannot be had again.
        guard isTakenOver, setuid(0) != 0, seteuid(0) != 0, setgroups(0, nil) != 0, isTakenOver else {
            throw CommandFailure.operation("the process could become root again, so it does not go on as \(text)")
        }
    }

    /// The order matters: each call needs the right that the last one takes.
    private func giveUpRoot() throws(CryptoFailure) {
        guard name.map({ initgroups($0, group) }) ?? setgroups(0, nil) == 0,
            setgid(group) == 0, setuid(user) == 0
        else { throw .unavailable }
    }

    /// Whether neither the real nor the effective nor the saved user or group is another.
    private var isTakenOver: Bool { ProcessHardening.isOnly(user: user, group: group) }

    /// Whether every supplementary group is one that the user would have been given.
    private var hasNoOtherGroup: Bool {
        var present = [gid_t](repeating: 0, count: Int(max(0, getgroups(0, nil))))
        guard getgroups(Int32(present.count), &present) == present.count else { return false }
        return Set(present).isSubset(of: ownGroups)
    }

    /// As initgroups(3) would set them.
    private var ownGroups: Set<gid_t> {
        guard let name else { return [group] }
        var count: Int32 = 0
        // It says that there is no room, and for how many there should be.
        _ = getgrouplist(name, group, nil, &count)
        var groups = [gid_t](repeating: 0, count: Int(count))
        guard getgrouplist(name, group, &groups, &count) >= 0 else { return [group] }
        return Set(groups)
    }
}
