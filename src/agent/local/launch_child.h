/* The child between fork and exec. The agent has threads: only async-signal-safe calls are made there, on
 * what was prepared before; so this half shares nothing with the rest but plain data.
 */
#ifndef SS_AGENT_LOCAL_LAUNCH_CHILD_H
#define SS_AGENT_LOCAL_LAUNCH_CHILD_H

#include "agent/local/sandbox.h"

#include <stdnoreturn.h>
#include <sys/types.h>

enum launch_step {
    LAUNCH_READY, /* the namespaces stand; a descriptor of the private directory comes along */
    LAUNCH_MOUNTS,
    LAUNCH_PROGRAM,
    LAUNCH_HOME,
    LAUNCH_RUN,
    LAUNCH_IDENTITY,
    LAUNCH_NAMESPACES,
    LAUNCH_NETWORK,
    LAUNCH_PORT,
    LAUNCH_DESCRIPTORS,
    LAUNCH_EXEC,
    LAUNCH_STEPS
};

/* What the child says on its control socket. */
struct launch_reply {
    int step;
    int error; /* errno */
};

struct launch_child {
    char *const *arguments;
    char *const *environment;
    const char *program;
    const char *home;        /* or NULL */
    const char *run_options; /* mount options of the private directory's tmpfs */
    const char *uid_map, *gid_map;
    uid_t uid;
    bool separate;
    int64_t processes_max;
    const void *network_script;
    size_t network_script_length;
    int control;                                     /* the child's end */
    int given[SANDBOX_FD_FILES + SANDBOX_FILES_MAX]; /* descriptors by the number they shall have; -1: none */
};

noreturn void launch_child_run(const struct launch_child *child);

#endif
