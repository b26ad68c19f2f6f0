#define _GNU_SOURCE
#include "CSealingTestSupport.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

/* Searches one mapping; returns -1 when none of it can be read. */
static int search_range(int memory, unsigned long start, unsigned long end, const unsigned char *const *needles,
                        const size_t *lengths, size_t needle_count, size_t *counts) {
    const size_t size = end - start;
    unsigned char *copy = malloc(size);
    if (copy == NULL) return -1;
    size_t filled = 0;
    while (filled < size) {
        const ssize_t amount = pread(memory, copy + filled, size - filled, (off_t)(start + filled));
        if (amount <= 0) break;
        filled += (size_t)amount;
    }
    for (size_t i = 0; i < needle_count; i++) {
        const unsigned char *place = copy;
        size_t left = filled;
        while ((place = memmem(place, left, needles[i], lengths[i])) != NULL) {
            counts[i]++;
            place++;
            left = filled - (size_t)(place - copy);
        }
    }
    free(copy);
    return filled > 0 ? 0 : -1;
}

static int search_process(pid_t pid, const unsigned char *const *needles, const size_t *lengths, size_t needle_count,
                          size_t *counts) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/maps", (int)pid);
    FILE *maps = fopen(path, "re");
    if (maps == NULL) return -1;
    snprintf(path, sizeof path, "/proc/%d/mem", (int)pid);
    const int memory = open(path, O_RDONLY | O_CLOEXEC);
    int mappings = 0;
    if (memory >= 0) {
        char line[512];
        while (fgets(line, sizeof line, maps) != NULL) {
            unsigned long start, end;
            char mode[8];
            if (sscanf(line, "%lx-%lx %7s", &start, &end, mode) != 3 || mode[0] != 'r') continue;
            if (strstr(line, "[vvar") != NULL || strstr(line, "[vsyscall") != NULL) continue;
            if (search_range(memory, start, end, needles, lengths, needle_count, counts) == 0) mappings++;
        }
        close(memory);
    }
    fclose(maps);
    return mappings > 0 ? 0 : -1;
}

int pm_run_and_search(const char *const *argv, int in_fd, int out_fd, const unsigned char *const *needles,
                      const size_t *lengths, size_t needle_count, size_t *counts, int *exit_status) {
    for (size_t i = 0; i < needle_count; i++) counts[i] = 0;
    const pid_t pid = fork();
    if (pid < 0) return -1;
    if (pid == 0) {
        /* Only calls that are safe after fork in a process with threads. */
        if (dup2(in_fd, 0) < 0 || dup2(out_fd, 1) < 0 || ptrace(PTRACE_TRACEME, 0, 0, 0) != 0) _exit(126);
        execv(argv[0], (char *const *)argv);
        _exit(127);
    }
    int status = 0, searched = -1, saved = ECHILD;
    if (waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status)) {
        *exit_status = status;
        errno = saved;
        return -1;
    }
    ptrace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACEEXIT | PTRACE_O_EXITKILL);
    ptrace(PTRACE_CONT, pid, 0, 0);
    while (waitpid(pid, &status, 0) == pid && WIFSTOPPED(status)) {
        int signal_number = WSTOPSIG(status);
        if (status >> 8 == (SIGTRAP | (PTRACE_EVENT_EXIT << 8))) {
            searched = search_process(pid, needles, lengths, needle_count, counts);
            saved = errno;
            signal_number = 0;
        }
        ptrace(PTRACE_CONT, pid, 0, signal_number);
    }
    *exit_status = status;
    if (searched != 0) errno = saved;
    return searched;
}
