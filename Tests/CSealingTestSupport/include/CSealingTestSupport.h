#ifndef PM_CSEALINGTESTSUPPORT_H
#define PM_CSEALINGTESTSUPPORT_H

#include <stddef.h>

/* Runs a program to its exit and, in the moment before its memory goes, searches all of it.

   argv ends with a null pointer. in_fd and out_fd become its standard input and output. counts[i] receives how often
   the needle of lengths[i] bytes at needles[i] occurs in readable memory. exit_status receives what waitpid gives.
   Returns 0, or -1 with errno when the program could not be run or its memory could not be read (which takes
   CAP_SYS_PTRACE when it has made itself not dumpable). Linux only. */
int pm_run_and_search(const char *const *argv, int in_fd, int out_fd, const unsigned char *const *needles,
                      const size_t *lengths, size_t needle_count, size_t *counts, int *exit_status);

#endif
