#ifndef PM_SYSTEM_H
#define PM_SYSTEM_H

// What Swift's Glibc module does not show, and what has to be C because a signal handler runs it.

// The environment of this process: NAME=value strings, ended by NULL. Read it before anything changes it.
char *const *pm_environment(void);

// Cores that this process may run on, 1 at least.
int pm_core_count(void);

// Threads share so many arenas of malloc, so that memory that one of them frees serves the others.
void pm_limit_arenas(int count);

// Gives every allocation of so many bytes, or more, pages of its own, which go back when it is freed (mallopt(3), M_MMAP_THRESHOLD). For a
// process that lives long: left to itself, glibc raises the number to whatever was freed last.
void pm_allocate_apart(int bytes);

// Copies every extended attribute (access control lists included) of one open file to another.
// Returns 0, or the errno of the first attribute that could not be copied; the others are copied all the same.
// A file system without extended attributes is no error.
int pm_copy_extended_attributes(int from, int to);

// The process at the other end of a connected Unix socket, as it was when it connected. Returns 0, or the errno.
int pm_peer(int socket, int *process, unsigned *user);

// A descriptor that can be read when a process has ended (pidfd_open(2), Linux 5.3), close-on-exec; -1 with errno.
int pm_process_open(int process);

// Has a process of the same user leave no core: neither a file nor a pipe to a program. Returns 0, or the errno. A limit of one byte says both
// (core(5): no file is that small, and a pipe is not written for that value alone; zero would let a pipe be).
int pm_forbid_core(int process);

// Signals: see signals.c for the promise that these keep.

// A crash ends this process with `status` and one line on standard error, and leaves no core and no backtrace.
// `before_end`, unless NULL, is called first, in a signal handler.
void pm_crashes_install(int status, void (*before_end)(void));

// Ignores SIGPIPE and SIGXFSZ (the write fails instead, and is told as such), and arranges for SIGINT, SIGTERM, SIGHUP,
// SIGQUIT and SIGXCPU to end the process with status 128 + signal. A signal that the parent ignores stays ignored.
void pm_signals_install(void);

// Between hold and release a signal waits: output is being written, and must not end in the middle of a mark.
void pm_signals_hold(void);

// The signal that came since pm_signals_hold, or 0.
int pm_signals_pending(void);

// Ends the process if a signal came since pm_signals_hold.
void pm_signals_release(void);

// Names a temporary file that must not stay behind when a signal ends the process; NULL: none. Two files can be
// named at a time, in slots 0 and 1. The path is copied. Returns 0, or ENOMEM.
int pm_signals_remove_at_exit(int slot, const char *path);

// Keys: takes a terminal out of line mode and echo, so that each key is read at once; ^C becomes a key too.
// Output is left alone. Returns 0, or the errno. One terminal at a time.
int pm_keys_begin(int terminal);

// Puts it back. A signal or a crash that ends the process does that too.
void pm_keys_end(void);

// Other programs' sequences are being written to this terminal: when a signal ends the process, its colours, cursor
// and main screen are put back.
void pm_screen_reset_at_exit(int terminal);

#endif
