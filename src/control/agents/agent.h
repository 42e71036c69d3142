/* Agents: enrolment, keys, connection and health.
 *
 * A connection has a generation, one higher each time: writers with an old one change nothing. What lives
 * only while an agent is connected (timers, silence) is the hub's; this room keeps what rows say.
 */
#ifndef SS_CONTROL_AGENT_H
#define SS_CONTROL_AGENT_H

#include "base/clock.h"
#include "base/err.h"
#include "base/id.h"
#include "base/str.h"
#include "control/audit/audit.h"
#include "db/db.h"
#include "json/writer.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define AGENT_TOKEN_SECONDS 3600
#define AGENT_HEARTBEAT_WRITE_MS 15000 /* unchanged heartbeats reach the database this rarely */
#define AGENT_MAX_SESSIONS_DEFAULT 100
#define AGENT_INSTANCE_MAX 64

enum agent_status { AGENT_OFFLINE, AGENT_DEGRADED, AGENT_ONLINE };
const char *agent_status_name(enum agent_status status);

struct agent_capacity {
    int64_t max_sessions, cpu_millis, memory_bytes;
};

/* An agent as the API shows it. Zero-initialise, finish. */
struct agent {
    char agent_id[AGENT_ID_MAX + 1];
    char platform[16], region[64];
    enum agent_status status; /* shown as "draining" when online and `draining` */
    bool draining;
    struct agent_capacity capacity;
    int64_t active_sessions;             /* computed */
    char last_heartbeat[TIME_TEXT_SIZE]; /* "" when never */
    char replica_id[64];                 /* that holds its connection, "" when none */
    int64_t generation;
    char instance_id[AGENT_INSTANCE_MAX + 1];
    char version[64];
    char created_at[TIME_TEXT_SIZE], updated_at[TIME_TEXT_SIZE];
    json_t *labels;   /* object, owned */
    json_t *metadata; /* object, owned */
};
void agent_finish(struct agent *agent);
#define _cleanup_agent_ __attribute__((cleanup(agent_finish)))
void agent_write_json(const struct agent *agent, struct json_writer *w);
/* "online", "degraded", "offline" or "draining". */
const char *agent_shown_status(const struct agent *agent);

/* --- enrolment --- */

/* Makes a single-use token (64 hex), bound to `agent_id` when that is not NULL. An admin's act; audited. */
int agent_token_create(struct db_conn *conn, const struct actor *actor, const char *agent_id,
                       char token[KEY_HEX_SIZE], char expires_at[TIME_TEXT_SIZE], struct err *err);

struct agent_registration {
    const char *agent_id, *platform, *region; /* region may be NULL */
    struct agent_capacity capacity;           /* zeros take the defaults */
    json_t *labels, *metadata;                /* objects, borrowed, or NULL */
    const char *key;                          /* X-Agent-API-Key as it came */
    const char *bootstrap_key;                /* AGENT_BOOTSTRAP_KEY, or NULL */
    const char *address;                      /* where from, for the audit log */
};
struct agent_registered {
    bool created; /* 201, and api_key holds the new key; else 200 and api_key is "" (the key is known) … */
    char api_key[KEY_HEX_SIZE]; /* … unless a token repeats its own registration: then a new key as well */
};
/* Unknown ids enrol with a token or the bootstrap key; a known id needs its own key or an admin's token bound
 * to it. A token may repeat its own registration until that agent first connects. ERR_INVALID naming the
 * field; ERR_UNAUTHENTICATED "bad_key"; ERR_DENIED "agent_known" (a key that enrols only unknown ids).
 * Refusals are audited. */
int agent_register(struct db_conn *conn, const struct agent_registration *registration,
                   struct agent_registered *ret, struct err *err);

/* Does this key belong to this agent? Constant time. ERR_NOT_FOUND "agent_not_found"; ERR_UNAUTHENTICATED
 * "bad_key"; ERR_DENIED "key_of_another_agent". One indexed read. */
int agent_verify_key(struct db_conn *conn, const char *agent_id, const char *key, struct err *err);

/* --- connection --- */

struct agent_connection {
    const char *agent_id, *instance_id, *replica_id, *version, *runtime; /* version, runtime may be NULL */
    const struct strv *capabilities;                                     /* or NULL */
};
/* Takes the agent for this instance: online, with a generation one higher. The same instance replaces its old
 * connection. `holder_alive`: the hub that holds the present connection (this replica's, or the row's replica
 * when that one is alive) hears heartbeats on time; then another instance is refused with ERR_CONFLICT
 * "instance_alive" (close with 4009). Commands that the old connection left `sent` return to pending. */
int agent_connect(struct db_conn *conn, const struct agent_connection *connection, bool holder_alive,
                  int64_t *ret_generation, struct err *err);
/* The connection ended: offline, `sent` commands return to pending. Nothing happens when the generation is
 * not the present. */
int agent_disconnected(struct db_conn *conn, const char *agent_id, int64_t generation, struct err *err);
/* At the start of a replica: none of its connections exists. Every agent whose row names `replica_id` (NULL:
 * any replica; for the only server of a database) is set offline and its `sent` commands return to pending.
 */
int agent_disconnect_all(struct db_conn *conn, const char *replica_id, struct err *err);

struct agent_heartbeat {
    const char *agent_id;
    int64_t generation;
    bool draining;                  /* the agent itself wants no new sessions */
    struct agent_capacity capacity; /* zeros: unchanged */
};
/* Called for every heartbeat; writes only when something changed or `force` (the hub sets it when
 * AGENT_HEARTBEAT_WRITE_MS have passed since its last write). *ret_written (may be NULL). An agent that was
 * degraded is online again. */
int agent_heartbeat(struct db_conn *conn, const struct agent_heartbeat *heartbeat, bool force,
                    bool *ret_written, struct err *err);
/* The hub noticed silence (degraded) or its end (offline; use agent_disconnected for a closed connection). */
int agent_set_status(struct db_conn *conn, const char *agent_id, int64_t generation, enum agent_status status,
                     struct err *err);
/* Programs that the agent's machine lacks: an object program → reason ("install gimp"). Replaces what was
 * known. A program that is not in it counts as there. */
int agent_set_missing_programs(struct db_conn *conn, const char *agent_id, int64_t generation,
                               const json_t *missing, struct err *err);

/* Is this the agent's present connection? For fencing inside a transaction. */
int agent_is_present(struct db_conn *conn, const char *agent_id, int64_t generation, bool *ret,
                     struct err *err);

/* --- reading and administration --- */

/* ERR_NOT_FOUND "agent_not_found". */
int agent_get(struct db_conn *conn, const char *agent_id, struct agent *ret, struct err *err);
struct agent_list {
    struct agent *items;
    size_t count;
    int64_t total;
    bool more; /* the next page's cursor is the last item's agentId */
};
void agent_list_finish(struct agent_list *list);
/* Ordered by agentId; `after` NULL from the beginning; limit 0: 50, at most 200. */
int agent_list(struct db_conn *conn, const char *after, unsigned limit, struct agent_list *ret,
               struct err *err);
/* How many are online (shown status), for /readyz and metrics. */
int agent_count_online(struct db_conn *conn, int64_t *ret, struct err *err);
/* An admin drains or undrains; audited, with event. */
int agent_set_draining(struct db_conn *conn, const struct actor *actor, const char *agent_id, bool draining,
                       struct err *err);
struct agent_update {
    bool has_draining, draining;
    bool has_labels;
    const json_t
        *labels; /* object of texts, borrowed: instead of those that it registers with; NULL: its own */
};
/* Both at once; audited, with event. ERR_INVALID field "labels"; ERR_NOT_FOUND "agent_not_found". */
int agent_update(struct db_conn *conn, const struct actor *actor, const char *agent_id,
                 const struct agent_update *fields, struct agent *ret, struct err *err);
/* Texts of at most 255 bytes under names of at most 63, 64 in all. NULL passes. */
int agent_check_labels(const json_t *labels, struct err *err);
/* Removes it. ERR_CONFLICT "agent_online" while it is connected, "agent_has_sessions" while it has live ones;
 * with `force` neither matters: its live sessions fail ("agent removed"; terminating ones are terminated),
 * its open commands fail, and its connection is closed by the event's way through the hubs. */
int agent_delete(struct db_conn *conn, const struct actor *actor, const char *agent_id, bool force,
                 struct err *err);

#endif
