// The runner takes signals from a descriptor, in its loop, so that no handler ever interrupts it.

#define _GNU_SOURCE
#include "CProcess.h"

#include <errno.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

static const int taken[] = {SIGINT,  SIGTERM, SIGHUP,  SIGQUIT, SIGUSR1, SIGUSR2,
                            SIGTSTP, SIGCONT, SIGCHLD, SIGWINCH};

int pm_signal_open(struct pm_inherited *inherited) {
    sigemptyset(&inherited->ignored);
    struct sigaction action;
    for (int number = 1; number < NSIG; number++)
        if (sigaction(number, NULL, &action) == 0 && action.sa_handler == SIG_IGN)
            sigaddset(&inherited->ignored, number);
    if (getrlimit(RLIMIT_CORE, &inherited->core) != 0) return -1;

    memset(&action, 0, sizeof action);
    action.sa_handler = SIG_IGN;
    sigaction(SIGPIPE, &action, NULL);
    sigaction(SIGXFSZ, &action, NULL);
    // Children of a process that ignores SIGCHLD vanish without a status.
    action.sa_handler = SIG_DFL;
    sigaction(SIGCHLD, &action, NULL);

    sigset_t signals;
    sigemptyset(&signals);
    for (size_t i = 0; i < sizeof taken / sizeof taken[0]; i++)
        if (taken[i] == SIGCHLD || sigismember(&inherited->ignored, taken[i]) != 1) sigaddset(&signals, taken[i]);
    if (sigprocmask(SIG_BLOCK, &signals, &inherited->blocked) != 0) return -1;
    return signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
}

int pm_signal_next(int descriptor) {
    struct signalfd_siginfo info;
    ssize_t count;
    do count = read(descriptor, &info, sizeof info);
    while (count < 0 && errno == EINTR);
    return count == sizeof info ? (int)info.ssi_signo : 0;
}

static void change(int how, int number) {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, number);
    sigprocmask(how, &signals, NULL);
}

void pm_signal_unblock(int number) { change(SIG_UNBLOCK, number); }
void pm_signal_block(int number) { change(SIG_BLOCK, number); }
