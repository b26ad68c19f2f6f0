#define _GNU_SOURCE
#include "CProcess.h"

#include <errno.h>
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

int pm_pipe(int *reading, int *writing, int size) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return errno;
    // Refused beyond the user's share of such memory: then it stays as it is.
    if (size > 0) fcntl(ends[0], F_SETPIPE_SZ, size);
    *reading = ends[0];
    *writing = ends[1];
    return 0;
}

int pm_semaphore_wait(sem_t *semaphore, unsigned milliseconds) {
    struct timespec end;
    clock_gettime(CLOCK_MONOTONIC, &end);
    end.tv_sec += milliseconds / 1000;
    end.tv_nsec += (long)(milliseconds % 1000) * 1000000;
    if (end.tv_nsec >= 1000000000) {
        end.tv_sec++;
        end.tv_nsec -= 1000000000;
    }
    while (sem_clockwait(semaphore, CLOCK_MONOTONIC, &end) != 0)
        if (errno != EINTR) return 1;
    return 0;
}
