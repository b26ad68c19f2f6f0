#ifndef PM_CSEALING_H
#define PM_CSEALING_H

/* The few calls that Swift's Glibc module cannot see. */

/* Makes the process not dumpable (no core files, no /proc/PID/mem for others of the same user) and sets the core
   limit to 0. Returns 0, or the errno of the first call that failed. */
int pm_forbid_dumps(void);

#endif
