/* Which processes descend from us, read from /proc. The application may fork, daemonise and start helpers; as
 * process 1 or subreaper all of that stays below this process, and this is how it is found again.
 */
#ifndef SS_DISPLAY_PROCS_H
#define SS_DISPLAY_PROCS_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct proc {
    pid_t pid, parent;
    uint64_t started; /* ticks since boot: with the pid it names a process for ever */
    char state;       /* 'Z' for a zombie … */
    char name[16];    /* as the kernel keeps it, cut at 15 bytes */
};

struct proc_list {
    struct proc *items;
    size_t count;
};
void proc_list_finish(struct proc_list *list);
#define _cleanup_procs_ __attribute__((cleanup(proc_list_finish)))

/* Parses one /proc/PID/stat; the name may hold anything, parentheses too. */
bool proc_parse_stat(const char *text, struct proc *ret);

/* The living descendants of `root`, leaving out zombies, and `without` (0 for none) with all that descend
 * from those. ERR_UNAVAILABLE where there is no /proc. */
int proc_descendants(struct proc_list *ret, pid_t root, const pid_t *without, size_t without_count,
                     struct err *err);

/* Programs that applications start on the side and leave behind (message buses, settings daemons, agents …).
 * They never keep a session alive. */
bool proc_is_helper(const struct proc *process);

/* Signals a process only if it still is the one that was listed. */
void proc_signal(const struct proc *process, int signal_number);

#endif
