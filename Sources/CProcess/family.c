#define _GNU_SOURCE
#include "CProcess.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

int pm_adopt_orphans(void) { return prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0 ? 0 : errno; }

// The whole of a small file of /proc, ended by NUL. Returns its length, or -1.
static ssize_t read_entry(int proc, const char *name, const char *file, char *text, size_t size) {
    char path[32];
    if (snprintf(path, sizeof path, "%s/%s", name, file) >= (int)sizeof path) return -1;
    int descriptor = openat(proc, path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) return -1;
    ssize_t count = read(descriptor, text, size - 1);
    close(descriptor);
    if (count > 0) text[count] = 0;
    return count > 0 ? count : -1;
}

// Where a process stands: fields of its stat (proc(5)), after a name in parentheses that may hold anything.
struct place {
    long parent, group, session, terminal, foreground;
};

static int place_of(int proc, const char *name, struct place *place) {
    char text[512];
    if (read_entry(proc, name, "stat", text, sizeof text) < 0) return -1;
    const char *end = strrchr(text, ')');
    char state;
    if (end == NULL) return -1;
    int count = sscanf(
        end + 1, " %c %ld %ld %ld %ld %ld", &state, &place->parent, &place->group, &place->session, &place->terminal,
        &place->foreground);
    return count == 6 ? 0 : -1;
}

// Whether a process ignores or catches a signal; one that is gone does not.
static int answers(int proc, const char *name, int number) {
    char text[4096];
    if (read_entry(proc, name, "status", text, sizeof text) < 0) return 0;
    static const char *const lines[] = {"\nSigIgn:", "\nSigCgt:"};
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        const char *line = strstr(text, lines[i]);
        if (line == NULL || (strtoull(line + strlen(lines[i]), NULL, 16) >> (number - 1) & 1) != 0) return 1;
    }
    return 0;
}

int pm_leaves_suspending(pid_t leader) {
    DIR *proc = opendir("/proc");
    if (proc == NULL) return 0;
    int leaves = 0;
    struct dirent *entry;
    while ((entry = readdir(proc)) != NULL) {
        struct place place;
        if (!isdigit((unsigned char)entry->d_name[0]) || place_of(dirfd(proc), entry->d_name, &place) != 0) continue;
        if (place.group != leader) continue;
        leaves = place.foreground == leader && !answers(dirfd(proc), entry->d_name, SIGTSTP);
        if (!leaves) break;
    }
    closedir(proc);
    return leaves;
}

ssize_t pm_children(pid_t *children, size_t capacity) {
    DIR *proc = opendir("/proc");
    if (proc == NULL) return -1;
    pid_t self = getpid();
    size_t count = 0;
    struct dirent *entry;
    while (count < capacity && (entry = readdir(proc)) != NULL) {
        if (!isdigit((unsigned char)entry->d_name[0])) continue;
        struct place place;
        if (place_of(dirfd(proc), entry->d_name, &place) == 0 && place.parent == self)
            children[count++] = (pid_t)strtol(entry->d_name, NULL, 10);
    }
    closedir(proc);
    return (ssize_t)count;
}
