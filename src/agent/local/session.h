/* The sessions of this runtime that exist, in memory. What is true of them is on the host (record.h, control
 * groups); this is how it is found and held.
 */
#ifndef SS_AGENT_LOCAL_SESSION_H
#define SS_AGENT_LOCAL_SESSION_H

#include "agent/local/net_rules.h"
#include "agent/local/record.h"
#include "agent/local/watch.h"

#include <pthread.h>

enum session_state {
    SESSION_MAKING, /* being started, or left half-made by an earlier agent */
    SESSION_RUNNING,
    SESSION_ENDED,    /* its process 1 is gone; its things are not removed yet */
    SESSION_STOPPING, /* being removed: its end is nobody's news */
};

struct session {
    struct session *next;
    unsigned references;
    uint64_t serial; /* no two are alike, also of one name */
    enum session_state state;
    struct record record;
    int outer, display;                /* pidfds, -1 when gone */
    int run_fd;                        /* its private directory, -1 when out of reach */
    int cancel;                        /* an eventfd: readable when its start shall give up */
    int user_namespace, net_namespace; /* with outbound network; else -1 */
    struct host_addresses refused;     /* what its rules refuse; the loop's, once it is running */
    struct watch *watch;
};

struct session_table {
    pthread_mutex_t mutex; /* guards the list, references, and the state of every session */
    struct session *first;
    uint64_t last_serial;
};

void session_table_init(struct session_table *table);
void session_table_finish(struct session_table *table);

/* Adds an entry in state MAKING and returns it with a reference. ERR_CONFLICT when there is one of that name,
 * or when another living session holds the persistent home `home` ("" or a name). */
struct session *session_add(struct session_table *table, const char *session_id, const char *home,
                            struct err *err);
/* With a reference; NULL when there is none. */
struct session *session_find(struct session_table *table, const char *session_id);
/* All, each with a reference. *ret is owned. */
size_t session_all(struct session_table *table, struct session ***ret);
void session_unref(struct session_table *table, struct session *session); /* accepts NULL */
/* Takes it out of the list; the last reference frees it. */
void session_drop(struct session_table *table, struct session *session);

enum session_state session_state_get(struct session_table *table, const struct session *session);
void session_state_set(struct session_table *table, struct session *session, enum session_state state);
/* Sets `to` when the state is `from`. False when it is not. */
bool session_state_change(struct session_table *table, struct session *session, enum session_state from,
                          enum session_state to);

/* The ceilings in its record, which a running session may be given others of. */
struct cgroup_limits session_limits(struct session_table *table, const struct session *session);
void session_set_limits(struct session_table *table, struct session *session,
                        const struct cgroup_limits *limits);

#endif
