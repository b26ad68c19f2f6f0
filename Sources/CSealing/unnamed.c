// A file without a name (O_TMPFILE) goes when its process goes, however that ends; the name comes last.

#define _GNU_SOURCE
#include "CSealing.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { path_size = 64 };

/* Naming it by its descriptor alone (AT_EMPTY_PATH) takes a privilege before Linux 6.10. */
static void name_descriptor(char *path, int descriptor) { snprintf(path, path_size, "/proc/self/fd/%d", descriptor); }

int pm_open_unnamed(int directory) {
    const int descriptor = openat(directory, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
    char path[path_size];
    name_descriptor(path, descriptor);
    if (descriptor < 0 || access(path, F_OK) == 0) return descriptor;
    // Without /proc it could not get its name in the end.
    close(descriptor);
    errno = EOPNOTSUPP;
    return -1;
}

int pm_name(int descriptor, int directory, const char *name) {
    char path[path_size];
    name_descriptor(path, descriptor);
    return linkat(AT_FDCWD, path, directory, name, AT_SYMLINK_FOLLOW) == 0 ? 0 : errno;
}

static volatile sig_atomic_t is_set;
static int removal_directory;
static char removal_name[256];

static void ending(int number) {
    if (is_set) unlinkat(removal_directory, removal_name, 0);
    // The handler was installed to run once; the second time the signal ends the process.
    raise(number);
}

void pm_remove_on_signal(int directory, const char *name) {
    is_set = 0;
    if (name == NULL || strlen(name) >= sizeof removal_name) return;
    removal_directory = directory;
    strcpy(removal_name, name);
    is_set = 1;
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
        struct sigaction action;
        if (sigaction(signals[i], NULL, &action) != 0 || action.sa_handler != SIG_DFL) continue;
        memset(&action, 0, sizeof action);
        action.sa_handler = ending;
        action.sa_flags = (int)SA_RESETHAND;
        sigemptyset(&action.sa_mask);
        sigaction(signals[i], &action, NULL);
    }
}
