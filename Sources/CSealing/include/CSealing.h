#ifndef PM_CSEALING_H
#define PM_CSEALING_H

/* The few calls that Swift's Glibc module cannot see. */

/* Makes the process not dumpable (no core files, no /proc/PID/mem for others of the same user) and sets the core
   limit to 0; if for_children, also the limit that it may be raised to, which only root could give back to a program that
   is started from here. Returns 0, or the errno of the first call that failed. */
int pm_forbid_dumps(int for_children);

/* Creates a file without a name in the directory, mode 0600, for writing. Returns its descriptor, or -1 with errno:
   EOPNOTSUPP, EISDIR or ENOENT where the file system or kernel cannot. */
int pm_open_unnamed(int directory);

/* Gives a file that pm_open_unnamed made a name that is free in the directory. Returns 0, or an errno. */
int pm_name(int descriptor, int directory, const char *name);

/* From now until the next call with a null name: SIGINT, SIGTERM, SIGHUP and SIGQUIT, unless ignored or handled by
   somebody, first remove the file of that name in the directory, then end the process as they always do. One file at a
   time. The name is copied, at most 255 bytes of it. */
void pm_remove_on_signal(int directory, const char *name);

#endif
