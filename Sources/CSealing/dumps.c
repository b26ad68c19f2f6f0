#include "CSealing.h"

#include <errno.h>
#include <sys/prctl.h>
#include <sys/resource.h>

int pm_forbid_dumps(void) {
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return errno;
    const struct rlimit none = {0, 0};
    if (setrlimit(RLIMIT_CORE, &none) != 0) return errno;
    return 0;
}
