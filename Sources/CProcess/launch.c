// Starting a process. Between fork and exec only calls that are safe there; what fails in the child is reported through
// a pipe that exec closes, so the caller learns the reason and no half-started process stays behind.

#define _GNU_SOURCE
#include "CProcess.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef CLOSE_RANGE_CLOEXEC
#define CLOSE_RANGE_CLOEXEC 4
#endif

// Marks every descriptor from 3 on close-on-exec.
static void mark_all(void) {
    if (syscall(SYS_close_range, 3u, ~0u, CLOSE_RANGE_CLOEXEC) == 0) return;
    // Before Linux 5.11.
    struct rlimit limit;
    int end = 1 << 16;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < (rlim_t)end) end = (int)limit.rlim_cur;
    for (int descriptor = 3; descriptor < end; descriptor++) fcntl(descriptor, F_SETFD, FD_CLOEXEC);
}

// Gives descriptors their numbers. Each is first moved above all of those, so that none overwrites another.
static int arrange(const struct pm_launch_plan *launch, int *moved) {
    int above = 3;
    for (size_t i = 0; i < launch->descriptor_count; i++)
        if (launch->descriptors[2 * i + 1] >= above) above = launch->descriptors[2 * i + 1] + 1;
    for (size_t i = 0; i < launch->descriptor_count; i++) {
        moved[i] = fcntl(launch->descriptors[2 * i], F_DUPFD_CLOEXEC, above);
        if (moved[i] < 0) return -1;
    }
    if (launch->closes_others) mark_all();
    for (size_t i = 0; i < launch->descriptor_count; i++)
        if (dup2(moved[i], launch->descriptors[2 * i + 1]) < 0) return -1;
    return 0;
}

static void restore(const struct pm_inherited *inherited) {
    if (inherited == NULL) return;
    // Those that pm_signal_open has changed. Handlers vanish with exec; ignored signals do not.
    static const int changed[] = {SIGPIPE, SIGXFSZ, SIGCHLD};
    struct sigaction action = {.sa_handler = SIG_DFL};
    for (size_t i = 0; i < sizeof changed / sizeof changed[0]; i++) {
        action.sa_handler = sigismember(&inherited->ignored, changed[i]) == 1 ? SIG_IGN : SIG_DFL;
        sigaction(changed[i], &action, NULL);
    }
    setrlimit(RLIMIT_CORE, &inherited->core);
    sigprocmask(SIG_SETMASK, &inherited->blocked, NULL);
}

static void run(const struct pm_launch_plan *launch, int *moved, int report, pid_t parent) {
    if (setsid() < 0 || arrange(launch, moved) != 0) goto failed;
    if (launch->terminal >= 0 && ioctl(launch->terminal, TIOCSCTTY, 0) != 0) goto failed;
    if (launch->death_signal != 0) {
        if (prctl(PR_SET_PDEATHSIG, launch->death_signal) != 0) goto failed;
        // It may have ended before.
        if (getppid() != parent) _exit(127);
    }
    restore(launch->inherited);
    execvpe(launch->program, launch->arguments, launch->environment);
failed:;
    int reason = errno;
    ssize_t ignored = write(report, &reason, sizeof reason);
    (void)ignored;
    _exit(127);
}

pid_t pm_launch(const struct pm_launch_plan *launch) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return -1;
    // Out of the way of the numbers that the child's descriptors get.
    int report = fcntl(ends[1], F_DUPFD_CLOEXEC, 200);
    if (report < 0) report = fcntl(ends[1], F_DUPFD_CLOEXEC, 20);
    close(ends[1]);
    int *moved = calloc(launch->descriptor_count + 1, sizeof *moved);
    pid_t parent = getpid();
    pid_t child = report < 0 || moved == NULL ? -1 : fork();
    if (child == 0) run(launch, moved, report, parent);
    int reason = child < 0 ? errno : 0;
    if (report >= 0) close(report);
    free(moved);
    if (child > 0) {
        ssize_t count;
        do count = read(ends[0], &reason, sizeof reason);
        while (count < 0 && errno == EINTR);
        if (count != sizeof reason) reason = 0;
        if (reason != 0)
            while (waitpid(child, NULL, 0) < 0 && errno == EINTR) {}
    }
    close(ends[0]);
    if (reason == 0) return child;
    errno = reason;
    return -1;
}
