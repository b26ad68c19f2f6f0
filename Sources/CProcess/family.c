#define _GNU_SOURCE
#include "CProcess.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

int pm_adopt_orphans(void) { return prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0 ? 0 : errno; }

// The parent of a process, or -1: the fourth field of its stat, after a name in parentheses that may hold anything.
static pid_t parent_of(int proc, const char *name) {
    char path[32];
    if (snprintf(path, sizeof path, "%s/stat", name) >= (int)sizeof path) return -1;
    int file = openat(proc, path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return -1;
    char text[512];
    ssize_t count = read(file, text, sizeof text - 1);
    close(file);
    if (count <= 0) return -1;
    text[count] = 0;
    const char *end = strrchr(text, ')');
    char state;
    long parent;
    if (end == NULL || sscanf(end + 1, " %c %ld", &state, &parent) != 2) return -1;
    return (pid_t)parent;
}

ssize_t pm_children(pid_t *children, size_t capacity) {
    DIR *proc = opendir("/proc");
    if (proc == NULL) return -1;
    pid_t self = getpid();
    size_t count = 0;
    struct dirent *entry;
    while (count < capacity && (entry = readdir(proc)) != NULL) {
        if (!isdigit((unsigned char)entry->d_name[0])) continue;
        if (parent_of(dirfd(proc), entry->d_name) == self) children[count++] = (pid_t)strtol(entry->d_name, NULL, 10);
    }
    closedir(proc);
    return (ssize_t)count;
}
