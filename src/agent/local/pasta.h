/* Outbound network: one pasta (Debian's `passt`) per session, which connects on the host what the session
 * asks for. It runs as the session's host user id, in the session's control groups, without rights of any
 * kind on the host; it changes neither firewall nor sysctls there.
 */
#ifndef SS_AGENT_LOCAL_PASTA_H
#define SS_AGENT_LOCAL_PASTA_H

#include "agent/local/cgroup.h"
#include "agent/local/process.h"
#include "base/err.h"

struct pasta_request {
    const char *program; /* path of pasta */
    pid_t target; /* a process in the session's network namespace, its owner's user namespace beside it */
    uid_t uid;
    bool separate;               /* we are root and change to uid */
    const struct cgroup *groups; /* may be empty */
    const char *pid_file;        /* where it writes its pid down when there are no groups; or NULL */
};

struct pasta {
    int pidfd; /* of the process that ends when the network stands */
    int output;
};
#define PASTA_INIT                                                                                           \
    { .pidfd = -1, .output = -1 }

/* Starts it; the network comes up meanwhile. */
int pasta_start(struct pasta *pasta, const struct pasta_request *request, struct err *err);
/* Waits until the network stands. */
int pasta_wait(struct pasta *pasta, int64_t deadline_ms, struct err *err);
void pasta_finish(struct pasta *pasta);
/* Why sessions cannot have outbound network here (static text), or NULL. `program` NULL: pasta was not found.
 */
const char *pasta_obstacle(const char *program);
/* The process that wrote the pid file; false when there is none. Removes the file. */
bool pasta_identify(const char *pid_file, struct process_id *ret);

#endif
