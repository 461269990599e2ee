#include <errno.h>
#include <linux/capability.h>
#include <sodium.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

// `prctl` and `syscall` are variadic, which Swift cannot call. Each function answers 0 when it worked.

/// Forbids core dumps and tracing of this process.
static inline int chatelaine_forbid_dumps(void) {
    return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

/// Forbids that the calling thread, or what it starts, gains rights by running a program.
static inline int chatelaine_forbid_new_privileges(void) {
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

/// Takes every capability out of the calling thread's bounding set; nothing it runs can then have one.
static inline int chatelaine_empty_bounding_set(void) {
    for (unsigned long capability = 0; capability < 64; capability++) {
        int held = prctl(PR_CAPBSET_READ, capability, 0, 0, 0);
        if (held < 0) break;  // the kernel has no more
        if (held == 1 && prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0) return -1;
    }
    return 0;
}

/// Gives up the calling thread's ambient, inheritable, permitted and effective capabilities.
static inline int chatelaine_drop_capabilities(void) {
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {{0, 0, 0}, {0, 0, 0}};
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0) return -1;
    return (int)syscall(SYS_capset, &header, none);
}

/// Answers 0 when the real, the effective and the saved user are `user`, and the groups of these kinds `group`.
static inline int chatelaine_is_only(uid_t user, gid_t group) {
    uid_t users[3];
    gid_t groups[3];
    // The library's functions are there for GNU's dialect only.
    if (syscall(SYS_getresuid, &users[0], &users[1], &users[2]) != 0) return -1;
    if (syscall(SYS_getresgid, &groups[0], &groups[1], &groups[2]) != 0) return -1;
    for (int kind = 0; kind < 3; kind++)
        if (users[kind] != user || groups[kind] != group) return -1;
    return 0;
}
