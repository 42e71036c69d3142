/* The runtime that runs sessions on this machine: what its parts share, and what others may ask besides
 * runtime.h.
 *
 * Reading order: sandbox.h (what a session gets), launch.h (how it is started), cgroup.h, net_rules.h and
 * pasta.h, port.h and status.h (talking to it), record.h and adopt.c (finding it again), start.c and stop.c.
 */
#ifndef SS_AGENT_LOCAL_LOCAL_H
#define SS_AGENT_LOCAL_LOCAL_H

#include "agent/local/ids.h"
#include "agent/local/log_follow.h"
#include "agent/local/session.h"
#include "agent/local/syscalls.h"
#include "agent/runtime.h"

#include <pthread.h>

/* Tells what this machine cannot grant, one line each. 0 when sessions can run here, -1 when they cannot at
 * all: then the last line says why. Makes nothing that stays. */
int runtime_local_check(struct strv *warnings);

/* As runtime_local_create, with another directory for the registry of user ids: for tests. */
int local_create(struct runtime **ret, const struct runtime_options *options, const char *ids_directory,
                 struct err *err);

#define FILTERS 4 /* one for each combination of grants */

struct local {
    struct runtime runtime; /* first */
    char *agent_id;
    char *state_dir;
    char *program;
    struct runtime_events events;
    char *bwrap;
    char *pasta; /* NULL: no outbound network */
    struct ids *ids;
    struct cgroup parents;
    struct syscall_filter filters[FILTERS];
    struct session_table sessions;
    struct loop *loop;
    pthread_t thread;
    bool thread_runs;
    struct watch_events watch_events;
    struct log_followers *followers;
    /* The host's addresses, on the loop only. */
    int address_socket;
    struct loop_fd *address_source;
    struct loop_timer *address_timer;
};

/* The operations of runtime.h. */
int local_start(struct runtime *runtime, const struct session_spec *spec, int64_t deadline_ms,
                struct err *err);
int local_stop(struct runtime *runtime, const char *session_id, bool delete_home, int64_t deadline_ms,
               struct err *err);
int local_adopt(struct runtime *runtime, struct runtime_inventory_entry **ret, size_t *ret_count,
                struct err *err);
int local_open_stream(struct runtime *runtime, const char *session_id, int64_t deadline_ms, int *ret_fd,
                      struct err *err);
int local_logs(struct runtime *runtime, const char *session_id, size_t max, char **ret, size_t *ret_length,
               struct err *err);
int local_update(struct runtime *runtime, const char *session_id, const struct runtime_limits *limits,
                 int64_t deadline_ms, struct err *err);
int local_follow_logs(struct runtime *runtime, const char *session_id, size_t tail, int *ret_fd,
                      struct err *err);
bool local_can_run(struct runtime *runtime, const char *const *command, const char *network, char *reason);

/* Ends all processes of a session and removes everything of it but the persistent home, then its entry. On
 * failure (at the deadline) entry and record stay, so that it can be called again. */
int local_remove(struct local *local, struct session *session, int64_t deadline_ms, struct err *err);

/* Begins to watch a running session; the status connection is taken over. */
void local_watch(struct local *local, struct session *session, int status_fd,
                 const struct status_reader *reader, int64_t settle_ms);
/* Opens the status connection of a session. -1 when it does not answer. */
int local_open_status(const struct session *session, int64_t deadline_ms, struct err *err);

/* Directory of a persistent home. Owned. */
char *local_home_path(const struct local *local, const char *home);

/* The host's addresses changed (or may have, while a session was started): brings a session's rules up to
 * date. On the loop, or before the session is running. */
int local_refresh_addresses(struct session *session, const struct host_addresses *now, struct err *err);
/* Listens for changes of the host's addresses from now on. */
int local_watch_addresses(struct local *local, struct err *err);
void local_unwatch_addresses(struct local *local);

#endif
