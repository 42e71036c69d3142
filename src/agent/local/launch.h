/* Starting a sandbox: fork, control groups, user id, namespaces, bubblewrap.
 *
 * In four steps, between which the caller writes down what there is, so that an agent that dies at any point
 * leaves nothing that its successor does not find:
 *
 *   launch_fork      a child that waits, and does nothing if the agent dies
 *   launch_prepare   it makes its namespaces, mounts and network rules, listens on the session's port, and
 * becomes bubblewrap launch_display   bubblewrap has made process 1 and waits for the display's configuration
 *   launch_release   hands the configuration over; if the agent dies before, the display finds none and ends
 *
 * Nothing that runs afterwards has a descriptor of the agent's: it may go without the session noticing.
 */
#ifndef SS_AGENT_LOCAL_LAUNCH_H
#define SS_AGENT_LOCAL_LAUNCH_H

#include "agent/local/process.h"
#include "agent/local/sandbox.h"
#include "agent/local/syscalls.h"
#include "base/err.h"

/* All borrowed for the four calls. */
struct launch_request {
    const struct strv *arguments; /* bubblewrap's, from sandbox_arguments */
    const struct sandbox_files *files;
    const struct syscall_filter *filter;
    const struct strbuf *network_script; /* net_rules.h; may be empty */
    const char *program;                 /* the streamspace binary */
    const char *home;                    /* directory of the persistent home, or NULL */
    uid_t uid;                           /* the session's id on the host; also its group */
    bool separate;                       /* it is not our own: we are root and change to it */
    int64_t processes_max;               /* the kernel's own limit, for want of a control group; 0: none */
};

struct launch {
    pid_t pid;  /* of the child, later bubblewrap's outer process */
    int pidfd;  /* of the same */
    int run_fd; /* directory of the session's private file system (PLACE_RUN), from launch_prepare on */
    int control, info, config; /* our ends */
};
#define LAUNCH_INIT                                                                                          \
    { .pidfd = -1, .run_fd = -1, .control = -1, .info = -1, .config = -1 }

int launch_fork(struct launch *launch, const struct launch_request *request, struct err *err);
int launch_prepare(struct launch *launch, int64_t deadline_ms, struct err *err);
/* `display` becomes the host's pid of process 1. */
int launch_display(struct launch *launch, struct process_id *display, int64_t deadline_ms, struct err *err);
int launch_release(struct launch *launch, const char *config, struct err *err);
/* Closes all descriptors that are still here. Kills nothing. */
void launch_finish(struct launch *launch);

#endif
