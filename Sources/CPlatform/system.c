#define _GNU_SOURCE  // struct ucred, sched_getaffinity

#include "CPlatform.h"

#include <errno.h>
#include <malloc.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

extern char **environ;

char *const *pm_environment(void) { return environ; }

int pm_core_count(void) {
    cpu_set_t set;
    // Refused where there are more processors than the set has room for: then there are many.
    if (sched_getaffinity(0, sizeof set, &set) != 0) return errno == EINVAL ? CPU_SETSIZE : 1;
    int count = CPU_COUNT(&set);
    return count > 0 ? count : 1;
}

void pm_limit_arenas(int count) { mallopt(M_ARENA_MAX, count); }

void pm_allocate_apart(int bytes) { mallopt(M_MMAP_THRESHOLD, bytes); }

int pm_copy_extended_attributes(int from, int to) {
    ssize_t listed = flistxattr(from, NULL, 0);
    if (listed < 0) return errno == ENOTSUP ? 0 : errno;
    if (listed == 0) return 0;
    char *names = malloc((size_t)listed);
    if (names == NULL) return ENOMEM;
    listed = flistxattr(from, names, (size_t)listed);
    if (listed < 0) {
        int reason = errno;
        free(names);
        return reason;
    }
    int first = 0;
    for (char *name = names; name < names + listed; name += strlen(name) + 1) {
        ssize_t size = fgetxattr(from, name, NULL, 0);
        char *value = size >= 0 ? malloc((size_t)size + 1) : NULL;
        if (value == NULL) {
            if (first == 0) first = size < 0 ? errno : ENOMEM;
            continue;
        }
        size = fgetxattr(from, name, value, (size_t)size);
        if ((size < 0 || fsetxattr(to, name, value, (size_t)size, 0) != 0) && first == 0) first = errno;
        free(value);
    }
    free(names);
    return first;
}

int pm_peer(int socket, int *process, unsigned *user) {
    struct ucred peer;
    socklen_t size = sizeof peer;
    if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return errno;
    *process = peer.pid;
    *user = peer.uid;
    return 0;
}

int pm_process_open(int process) { return (int)syscall(SYS_pidfd_open, process, 0); }

int pm_forbid_core(int process) {
    const struct rlimit one = {1, 1};
    if (prlimit(process, RLIMIT_CORE, &one, NULL) == 0) return 0;
    // Who may write none at all cannot raise that to one byte.
    const struct rlimit zero = {0, 0};
    return prlimit(process, RLIMIT_CORE, &zero, NULL) == 0 ? 0 : errno;
}
