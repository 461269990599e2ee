#include <sodium.h>
#include <sys/prctl.h>

/// Forbids core dumps and tracing of this process; 0 when it worked. `prctl` is variadic, which Swift cannot call.
static inline int chatelaine_forbid_dumps(void) {
    return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}
