#ifndef PM_PROCESS_H
#define PM_PROCESS_H

// Processes, terminals and confinement: what Swift's Glibc module does not show, and what has to be C because it runs
// between fork and exec. For one thread: whoever calls these has no other thread that starts processes.

#include <semaphore.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>
#include <termios.h>

// MARK: Starting a process (launch.c)

// How a process is started. Strings and arrays are borrowed for the call.
struct pm_launch_plan {
    // What to execute. Without a slash it is looked for in PATH; a file that is no program is given to the shell, as
    // shells do.
    const char *program;
    // Both end with NULL.
    char *const *arguments;
    char *const *environment;
    // Pairs of numbers: the descriptor here, and the number that it shall have there.
    const int *descriptors;
    size_t descriptor_count;
    // Not 0: the process gets these and no others. Otherwise it inherits what is not close-on-exec.
    int closes_others;
    // The number there of the terminal that shall control its session, or -1.
    int terminal;
    // The signal that it gets when this process ends, or 0.
    int death_signal;
    // Signals and limits that it starts with; NULL: those that this process has.
    const struct pm_inherited *inherited;
};

// Starts a process in a session and process group of its own. Returns its id once the program has been executed; or -1,
// and `errno` says why it could not be started or executed, as execve(2) does.
pid_t pm_launch(const struct pm_launch_plan *launch);

// What this process was started with, and passes on.
struct pm_inherited {
    sigset_t blocked;
    // Signals that were ignored.
    sigset_t ignored;
    struct rlimit core;
};

// MARK: Pipes and waiting (wait.c)

// A pipe whose ends are close-on-exec, with room for `size` bytes if that is not 0 and the system gives it. Returns 0 or
// errno.
int pm_pipe(int *reading, int *writing, int size);

// Waits for a semaphore, by the clock that nobody sets. Returns 0 when it was posted, 1 when the time is over.
int pm_semaphore_wait(sem_t *semaphore, unsigned milliseconds);

// MARK: Signals (signals.c)

// Prepares this process for running another: notes what it inherited in `inherited`, ignores SIGPIPE and SIGXFSZ (writes
// fail instead), and blocks the signals that end, stop, resize and wake. Returns a descriptor from which
// pm_signal_next takes them, or -1. A signal that was ignored stays so, and is not among them.
int pm_signal_open(struct pm_inherited *inherited);

// The next signal's number, or 0 if there is none.
int pm_signal_next(int descriptor);

// Undoes pm_signal_open for the calling process: for one that stops itself.
void pm_signal_unblock(int number);
void pm_signal_block(int number);

// MARK: Other processes (family.c)

// Makes orphans of this process's descendants its own children. Returns 0 or errno.
int pm_adopt_orphans(void);

// The ids of this process's children, at most `capacity`. Returns their number, or -1.
ssize_t pm_children(pid_t *children, size_t capacity);

// Whether the process group that `leader` leads is in the foreground of its terminal and all of it leaves SIGTSTP to the kernel.
int pm_leaves_suspending(pid_t leader);

// MARK: Terminals (terminal.c)

// Opens a pseudo-terminal with the size and, unless NULL, the settings given. Both descriptors are close-on-exec, and the
// master does not block. Returns 0 or errno.
int pm_terminal_open(int *master, int *slave, unsigned short columns, unsigned short rows, const struct termios *settings);

// Sets the size of a terminal. Returns 0 or errno.
int pm_terminal_resize(int terminal, unsigned short columns, unsigned short rows);

// Whether the key that suspends is among what is typed, and the terminal takes it for that now. `terminal` is the master.
int pm_terminal_suspends(int terminal, const void *typed, size_t count);

// Turns the terminal raw: bytes come as they are typed. It gets its settings back in pm_terminal_restore, which a crash
// calls too. Returns 0 or errno.
int pm_terminal_raw(int terminal);
void pm_terminal_restore(void);

// MARK: Confinement (confine.c)

enum pm_protection {
    // A filter of system calls: read, write, poll, memory, time and exit, and nothing that opens, connects or executes.
    PM_SECCOMP = 1,
    // Landlock: no access to any file that is not open.
    PM_LANDLOCK_FILES = 2,
    // Landlock: no TCP (Linux 6.7).
    PM_LANDLOCK_NETWORK = 4,
    // Landlock: no signals to and no abstract sockets of processes outside (Linux 6.12).
    PM_LANDLOCK_SCOPE = 8,
    // exec cannot give privileges.
    PM_NO_NEW_PRIVILEGES = 16,
    // Nobody traces this process or reads its memory, and it leaves no core.
    PM_NOT_DUMPABLE = 32,
    // Limits of 0: processes, file size, core; and of the descriptors that it has.
    PM_LIMITS = 64,
};

// Confines this process for good. `terminal` is the one descriptor whose window size it may set and whose settings it may read, or -1. Returns which of
// the protections hold.
unsigned pm_confine(int terminal);

// The version of Landlock that this kernel has; 0: none.
int pm_landlock_version(void);

// What a confined process must not be able to do; for pm_attempt.
enum pm_deed { PM_OPEN_FILE, PM_CREATE_FILE, PM_OPEN_SOCKET, PM_EXECUTE, PM_FORK, PM_TRACE, PM_SIGNAL_PARENT, PM_DEED_COUNT };

// Tries to do it, by the system call itself. Returns 0 if it could, or errno; does not return if that ends the process.
int pm_attempt(int deed);

#endif
