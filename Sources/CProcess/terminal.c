#define _GNU_SOURCE
#include "CProcess.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

int pm_terminal_open(int *master, int *slave, unsigned short columns, unsigned short rows, const struct termios *settings) {
    char name[64];
    *slave = -1;
    *master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
    if (*master < 0) return errno;
    int reason;
    if (grantpt(*master) != 0 || unlockpt(*master) != 0 || ptsname_r(*master, name, sizeof name) != 0) {
        reason = errno;
        goto failed;
    }
    *slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (*slave < 0) {
        reason = errno;
        goto failed;
    }
    reason = pm_terminal_resize(*slave, columns, rows);
    if (reason == 0 && settings != NULL && tcsetattr(*slave, TCSANOW, settings) != 0) reason = errno;
    if (reason == 0) return 0;
failed:
    if (*slave >= 0) close(*slave);
    close(*master);
    return reason;
}

int pm_terminal_resize(int terminal, unsigned short columns, unsigned short rows) {
    struct winsize size = {.ws_row = rows, .ws_col = columns};
    return ioctl(terminal, TIOCSWINSZ, &size) == 0 ? 0 : errno;
}

int pm_terminal_suspends(int terminal, const void *typed, size_t count) {
    // Not tcgetattr(3), which takes another call on newer systems. As far as c_cc, the kernel's structure is the library's.
    struct termios settings = {0};
    if (ioctl(terminal, TCGETS, &settings) != 0 || (settings.c_lflag & ISIG) == 0) return 0;
    cc_t key = settings.c_cc[VSUSP];
    return key != _POSIX_VDISABLE && memchr(typed, key, count) != NULL;
}

static int raw_terminal = -1;
static struct termios saved;

int pm_terminal_raw(int terminal) {
    if (tcgetattr(terminal, &saved) != 0) return errno;
    struct termios raw = saved;
    cfmakeraw(&raw);
    if (tcsetattr(terminal, TCSADRAIN, &raw) != 0) return errno;
    raw_terminal = terminal;
    return 0;
}

void pm_terminal_restore(void) {
    int terminal = raw_terminal;
    raw_terminal = -1;
    // tcsetattr is safe in a signal handler (POSIX.1-2017, 2.4.3).
    if (terminal >= 0) tcsetattr(terminal, TCSADRAIN, &saved);
}
