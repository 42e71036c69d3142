/* Processes that may not be our children: known by pid and start time, held by pidfd.
 *
 * A pid alone may have been given to somebody else since it was written down; together with the start time
 * (field 22 of /proc/PID/stat, clock ticks since boot) and the boot it is unique.
 */
#ifndef SS_AGENT_LOCAL_PROCESS_H
#define SS_AGENT_LOCAL_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct process_id {
    pid_t pid; /* 0: none */
    uint64_t start;
};

#define BOOT_ID_SIZE 37

/* Start time of a live process. False when there is none. */
bool process_identify(pid_t pid, struct process_id *ret);
/* Reads field 22 of the text of a /proc/PID/stat. The command name in it may hold anything. */
bool process_parse_start(const char *stat, uint64_t *ret);
/* A pidfd of exactly that process (close-on-exec), or -1 when it is gone. */
int process_open(const struct process_id *id);
/* Sends a signal through a pidfd; a process that is gone already is no matter. */
void process_signal(int pidfd, int signal);
/* Waits until the process behind the pidfd has ended, until `deadline_ms` (clock_ms) at most. True when it
 * has; if it was a child it is reaped, and `ret_status` (may be NULL) gets its wait status. */
bool process_wait(int pidfd, int64_t deadline_ms, int *ret_status);
/* Reaps a child known by its pidfd, without waiting; harmless when it is none. `ret_status` (may be NULL)
 * gets a wait status. */
bool process_reap(int pidfd, int *ret_status);

/* The kernel's random id of this boot, or "" when it has none. */
void boot_id(char text[BOOT_ID_SIZE]);

/* Milliseconds left until a deadline, for poll(2): never negative. */
int deadline_left(int64_t deadline_ms);

#endif
