/* Control groups of sessions: version 1, version 2 and both at once (hybrid), by files alone.
 *
 * Where they are is read from /proc/self/mountinfo and /proc/self/cgroup. In every hierarchy that is of use,
 * the agent has a parent group `streamspace-<agentId>`, and each session one below it that bears its name.
 * A `part` is one thing that we want of control groups; parts that share a hierarchy share a directory.
 */
#ifndef SS_AGENT_LOCAL_CGROUP_H
#define SS_AGENT_LOCAL_CGROUP_H

#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum cgroup_part {
    CGROUP_MEMORY,  /* ceiling of memory (and swap) */
    CGROUP_PIDS,    /* ceiling of processes and threads */
    CGROUP_CPU,     /* ceiling of processor time */
    CGROUP_CPUACCT, /* its accounting (version 1 only; version 2 has it everywhere) */
    CGROUP_FREEZER, /* version 1 only; version 2 has it everywhere */
    CGROUP_UNIFIED, /* version 2: kill, freeze, accounting */
    CGROUP_PARTS
};

/* "memory", "pids" …: the name of a part's controller and its word in records. */
const char *cgroup_part_name(enum cgroup_part part);

/* One mounted hierarchy. */
#define CGROUP_MOUNTS_MAX 16
struct cgroup_mount {
    char *point; /* where it is mounted */
    char *own;   /* directory of our own process's group, below point */
    bool v2;
    unsigned parts; /* bits (1 << part); of version 2 only CGROUP_UNIFIED, its controllers stand in a file */
};
struct cgroup_mounts {
    struct cgroup_mount items[CGROUP_MOUNTS_MAX];
    size_t count;
};
/* From the texts of /proc/self/mountinfo and /proc/self/cgroup (proc(5), cgroups(7)). Lines that are not
 * understood are passed over. */
void cgroup_mounts_parse(struct cgroup_mounts *mounts, const char *mountinfo, const char *self);
void cgroup_mounts_finish(struct cgroup_mounts *mounts);

/* A directory for each part: of the agent's parent groups, or of one session's groups. NULL: not to be had.
 */
struct cgroup {
    char *dirs[CGROUP_PARTS];
    bool v2[CGROUP_PARTS];
};
void cgroup_finish(struct cgroup *group);
#define _cleanup_cgroup_ __attribute__((cleanup(cgroup_finish)))
bool cgroup_is_empty(const struct cgroup *group); /* has no directory at all */

/* Makes the agent's parent groups wherever this process may; what is missing is added to `warnings`. */
void cgroup_open_parents(struct cgroup *parents, const char *agent_id, struct strv *warnings);
/* Removes the parents that hold no session. */
void cgroup_close_parents(struct cgroup *parents);

struct cgroup_limits {
    int64_t memory_bytes;
    int64_t pids_max;
    int64_t cpu_millis;
};
/* Names a session's groups below the parents; makes nothing. */
void cgroup_name(struct cgroup *group, const struct cgroup *parents, const char *session_id);
/* Makes them and sets their limits. On failure some may exist: cgroup_remove. */
int cgroup_make(const struct cgroup *group, const struct cgroup_limits *limits, struct err *err);
/* Sets other ceilings of memory and processor time for groups that are in use (0: as it is). A ceiling of
 * memory is lowered only as far as what is in use can be pushed out: ERR_CONFLICT otherwise, and nothing is
 * killed. On failure both are as `now` says. */
int cgroup_change(const struct cgroup *group, const struct cgroup_limits *now,
                  const struct cgroup_limits *wanted, struct err *err);
/* Sets the processor ceiling alone. */
int cgroup_set_cpu(const struct cgroup *group, int64_t cpu_millis, struct err *err);
/* Puts a process into all of them. */
int cgroup_enter(const struct cgroup *group, pid_t pid, struct err *err);

/* True when a process is in any of them. */
bool cgroup_is_populated(const struct cgroup *group);
/* Kills everything in them and waits until nothing is left; ERR_UNAVAILABLE at the deadline. Frozen groups
 * are killed as well. */
int cgroup_kill(const struct cgroup *group, int64_t deadline_ms, struct err *err);
/* Removes the (empty) groups; gone already is success. */
int cgroup_remove(const struct cgroup *group, struct err *err);

/* Stops or continues all processes; returns when the kernel says that they are. ERR_UNAVAILABLE without a
 * freezer. */
int cgroup_freeze(const struct cgroup *group, bool frozen, int64_t deadline_ms, struct err *err);
bool cgroup_is_frozen(const struct cgroup *group);

/* What they use and what they ran into; -1 where it cannot be known. */
struct cgroup_usage {
    int64_t memory_bytes;
    int64_t cpu_usec;
    int64_t oom_kills;   /* processes killed for want of memory */
    int64_t pids_denied; /* times that a new process was refused */
};
void cgroup_usage(const struct cgroup *group, struct cgroup_usage *ret);

#endif
