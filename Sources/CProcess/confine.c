// The scrubbing process gives up everything it does not need before it reads a byte of output, in layers that do not
// depend on each other: the filter of system calls forbids opening, connecting, executing and tracing; Landlock forbids
// files and the network again, by object; limits of zero forbid new descriptors and processes; not being dumpable
// keeps others of the same user from reading its memory.
//
// What the filter forbids ends the process (SECCOMP_RET_KILL_PROCESS): a scrubber that tries to open a file is no longer
// the program that we wrote.

#define _GNU_SOURCE
#include "CProcess.h"

#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

// MARK: Landlock

// From Linux's uapi/linux/landlock.h; headers of 2023 do not have all of them.
enum { landlock_create = 444, landlock_restrict = 446 };
struct landlock_rules {
    uint64_t files, network, scope;
};

int pm_landlock_version(void) {
    long version = syscall(landlock_create, NULL, 0, 1);
    return version > 0 ? (int)version : 0;
}

// Handles every right that this version knows and grants none.
static unsigned deny_files(void) {
    int version = pm_landlock_version();
    if (version < 1) return 0;
    struct landlock_rules rules = {.files = (1ull << 13) - 1};
    if (version >= 2) rules.files |= 1ull << 13;  // linking and renaming between directories
    if (version >= 3) rules.files |= 1ull << 14;  // truncating
    if (version >= 5) rules.files |= 1ull << 15;  // ioctl on devices
    if (version >= 4) rules.network = 3;          // TCP: bind, connect
    if (version >= 6) rules.scope = 3;            // abstract sockets, signals
    size_t size = version >= 6 ? 24 : version >= 4 ? 16 : 8;
    long set = syscall(landlock_create, &rules, size, 0);
    if (set < 0) return 0;
    long result = syscall(landlock_restrict, (int)set, 0);
    close((int)set);
    if (result != 0) return 0;
    return PM_LANDLOCK_FILES | (version >= 4 ? PM_LANDLOCK_NETWORK : 0u) | (version >= 6 ? PM_LANDLOCK_SCOPE : 0u);
}

// MARK: seccomp

static int allow_all(scmp_filter_ctx filter) {
    static const int plain[] = {
        SCMP_SYS(read), SCMP_SYS(write), SCMP_SYS(readv), SCMP_SYS(writev), SCMP_SYS(poll), SCMP_SYS(ppoll),
        SCMP_SYS(close), SCMP_SYS(exit), SCMP_SYS(exit_group), SCMP_SYS(restart_syscall), SCMP_SYS(rt_sigreturn),
        SCMP_SYS(rt_sigprocmask), SCMP_SYS(brk), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(mprotect),
        SCMP_SYS(madvise), SCMP_SYS(futex), SCMP_SYS(clock_gettime), SCMP_SYS(gettimeofday), SCMP_SYS(getrandom),
        SCMP_SYS(sched_yield), SCMP_SYS(gettid),  // Swift's locks ask who they are
    };
    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++) {
        int status = seccomp_rule_add(filter, SCMP_ACT_ALLOW, plain[i], 0);
        if (status != 0 && status != -EDOM) return status;
    }
    // Memory of its own only, executable too: the JIT compiles a pattern when it is first needed.
    return seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1, SCMP_A4_32(SCMP_CMP_EQ, (uint32_t)-1));
}

static int load_filter(uint32_t action, int terminal) {
    scmp_filter_ctx filter = seccomp_init(action);
    if (filter == NULL) return -ENOMEM;
    int status = allow_all(filter);
    if (status == 0 && terminal >= 0)
        status = seccomp_rule_add(
            filter, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 2, SCMP_A0_32(SCMP_CMP_EQ, (uint32_t)terminal),
            SCMP_A1_32(SCMP_CMP_EQ, TIOCSWINSZ));
    if (status == 0 && terminal >= 0)
        status = seccomp_rule_add(
            filter, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 2, SCMP_A0_32(SCMP_CMP_EQ, (uint32_t)terminal),
            SCMP_A1_32(SCMP_CMP_EQ, TCGETS));
    if (status == 0) status = seccomp_load(filter);
    seccomp_release(filter);
    return status;
}

// MARK: All of it

unsigned pm_confine(int terminal) {
    unsigned given = 0;
    const struct rlimit none = {0, 0};
    int limited = setrlimit(RLIMIT_CORE, &none) == 0 && setrlimit(RLIMIT_FSIZE, &none) == 0
        && setrlimit(RLIMIT_NPROC, &none) == 0;
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0) given |= PM_NOT_DUMPABLE;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0) given |= PM_NO_NEW_PRIVILEGES;
    given |= deny_files();
    // After Landlock, which needs a descriptor.
    // poll(2) refuses to watch more descriptors than there may be.
    const struct rlimit few = {10, 10};
    if (limited && setrlimit(RLIMIT_NOFILE, &few) == 0) given |= PM_LIMITS;
    // Before Linux 4.14 only the thread can be ended; there is one.
    if (load_filter(SCMP_ACT_KILL_PROCESS, terminal) == 0 || load_filter(SCMP_ACT_KILL, terminal) == 0)
        given |= PM_SECCOMP;
    return given;
}

// MARK: Attempts

int pm_attempt(int deed) {
    long result = -1;
    errno = EINVAL;
    switch (deed) {
        case PM_OPEN_FILE: result = syscall(SYS_openat, AT_FDCWD, "/etc/passwd", O_RDONLY, 0); break;
        case PM_CREATE_FILE: result = syscall(SYS_openat, AT_FDCWD, "/tmp", O_TMPFILE | O_WRONLY, 0600); break;
        case PM_OPEN_SOCKET: result = syscall(SYS_socket, AF_INET, SOCK_STREAM, 0); break;
        case PM_EXECUTE: {
            char *const nothing[] = {NULL};
            result = syscall(SYS_execve, "/bin/true", nothing, nothing);
            break;
        }
        case PM_FORK: result = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0); break;
        case PM_TRACE: result = syscall(SYS_ptrace, 0, 0, 0, 0); break;
        case PM_SIGNAL_PARENT: result = syscall(SYS_kill, getppid(), 0); break;
        default: break;
    }
    if (deed == PM_FORK && result == 0) _exit(0);
    return result < 0 ? errno : 0;
}
