// A filter that is interrupted has three duties: what it released is written whole, what it still holds back is
// never written, and no temporary file stays behind.
//
// While the program waits for input everything released is already written, so the handler ends the process on the
// spot; there is no window between "check for a signal" and "wait" in which a signal could be lost. While output is
// being written (hold … release) the handler only takes a note, and sets an alarm in case the reader of that output
// has stopped reading. A second signal does not wait.
//
// A crash ends the process the same way: no core and no backtrace, both of which would hold what was being scrubbed.
// Swift's runtime has handlers of its own, which start a program that prints registers and memory; these take their place.

#include "CPlatform.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

// Seconds that a blocked write may go on after a signal.
enum { grace = 2 };

static volatile sig_atomic_t held;
static volatile sig_atomic_t pending;
static _Atomic(char *) temporary[2];

static struct termios terminal_before;
static volatile sig_atomic_t terminal = -1;

// Safe in a signal handler, as tcsetattr is (POSIX.1, 2.4.3).
void pm_keys_end(void) {
    if (terminal >= 0) tcsetattr(terminal, TCSADRAIN, &terminal_before);
    terminal = -1;
}

int pm_keys_begin(int descriptor) {
    if (tcgetattr(descriptor, &terminal_before) != 0) return errno;
    struct termios keys = terminal_before;
    keys.c_lflag &= ~(tcflag_t)(ICANON | ECHO | ISIG | IEXTEN);
    keys.c_cc[VMIN] = 1;
    keys.c_cc[VTIME] = 0;
    terminal = descriptor;
    if (tcsetattr(descriptor, TCSADRAIN, &keys) == 0) return 0;
    int reason = errno;
    pm_keys_end();
    return reason;
}

static volatile sig_atomic_t screen = -1;

void pm_screen_reset_at_exit(int descriptor) { screen = descriptor; }

static void end(int status) {
    if (screen >= 0) {
        static const char reset[] = "\033[0m\033[?25h\033[?7h\033[?1049l";
        ssize_t ignored = write(screen, reset, sizeof reset - 1);
        (void)ignored;
    }
    pm_keys_end();
    for (int slot = 0; slot < 2; slot++) {
        char *path = atomic_load(&temporary[slot]);
        if (path != NULL) unlink(path);
    }
    _exit(status);
}

static volatile sig_atomic_t crash_status;
static void (*volatile before_crash)(void);

static void crashed(int number) {
    (void)number;
    if (before_crash != NULL) before_crash();
    static const char message[] = "pipemason: internal error; what was held back is dropped\n";
    ssize_t ignored = write(STDERR_FILENO, message, sizeof message - 1);
    (void)ignored;
    end(crash_status);
}

void pm_crashes_install(int status, void (*before_end)(void)) {
    crash_status = status;
    before_crash = before_end;
    struct sigaction action;
    memset(&action, 0, sizeof action);
    sigemptyset(&action.sa_mask);
    // On a stack of its own, since the usual one may be what ran out.
    static char room[16384];
    stack_t stack = {.ss_sp = room, .ss_size = sizeof room};
    if (sigaltstack(&stack, NULL) == 0) action.sa_flags = SA_ONSTACK;
    action.sa_handler = crashed;
    static const int crashes[] = {SIGILL, SIGTRAP, SIGSEGV, SIGBUS, SIGFPE, SIGABRT, SIGSYS};
    for (size_t i = 0; i < sizeof crashes / sizeof crashes[0]; i++) sigaction(crashes[i], &action, NULL);
}

static void received(int number) {
    if (number == SIGALRM) end(128 + (pending != 0 ? pending : number));
    if (held && pending == 0) {
        pending = number;
        alarm(grace);
        return;
    }
    end(128 + number);
}

void pm_signals_install(void) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    sigemptyset(&action.sa_mask);
    action.sa_handler = SIG_IGN;
    sigaction(SIGPIPE, &action, NULL);
    sigaction(SIGXFSZ, &action, NULL);
    action.sa_handler = received;
    sigaction(SIGALRM, &action, NULL);
    static const int ending[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGXCPU};
    for (size_t i = 0; i < sizeof ending / sizeof ending[0]; i++) {
        struct sigaction before;
        if (sigaction(ending[i], NULL, &before) == 0 && before.sa_handler == SIG_IGN) continue;
        sigaction(ending[i], &action, NULL);
    }
}

void pm_signals_hold(void) { held = 1; }

int pm_signals_pending(void) { return pending; }

void pm_signals_release(void) {
    held = 0;
    if (pending != 0) end(128 + pending);
}

int pm_signals_remove_at_exit(int slot, const char *path) {
    char *copy = NULL;
    if (path != NULL) {
        copy = strdup(path);
        if (copy == NULL) return ENOMEM;
    }
    free(atomic_exchange(&temporary[slot], copy));
    return 0;
}
