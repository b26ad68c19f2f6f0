#include "CSealing.h"

#include <errno.h>
#include <sys/prctl.h>
#include <sys/resource.h>

int pm_forbid_dumps(int for_children) {
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return errno;
    struct rlimit limit;
    if (getrlimit(RLIMIT_CORE, &limit) != 0) return errno;
    limit.rlim_cur = 0;
    if (for_children) limit.rlim_max = 0;
    return setrlimit(RLIMIT_CORE, &limit) == 0 ? 0 : errno;
}
