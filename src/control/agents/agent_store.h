/* SQL of agents and their enrolment tokens; for agents/. */
#ifndef SS_CONTROL_AGENT_STORE_H
#define SS_CONTROL_AGENT_STORE_H

#include "control/agents/agent.h"

/* --- tokens --- */
struct agent_token {
    char agent_id[AGENT_ID_MAX + 1]; /* bound to; "" for any */
    char used_by[AGENT_ID_MAX + 1];  /* "" when not used */
    bool expired;
};
int agent_token_store_insert(struct db_conn *conn, const char *hash, const char *agent_id, const char *by,
                             const char *expires_at, struct err *err);
/* 1, 0, -1 */
int agent_token_store_find(struct db_conn *conn, const char *hash, struct agent_token *ret, struct err *err);
/* 1 when it was free or this agent's, 0 when another was faster. */
int agent_token_store_use(struct db_conn *conn, const char *hash, const char *agent_id, struct err *err);

/* --- agents --- */
struct agent_keys {
    char key_hash[KEY_HEX_SIZE];
    char enrolled_by[KEY_HEX_SIZE]; /* hash of the token that may repeat its registration, or "" */
};
int agent_store_keys(struct db_conn *conn, const char *agent_id, struct agent_keys *ret, struct err *err);
/* Inserts, or replaces what the registration says; `key_hash` NULL leaves the key. `enrolled_by` may be NULL.
 */
int agent_store_put(struct db_conn *conn, const struct agent_registration *registration,
                    const struct agent_capacity *capacity, const char *key_hash, const char *enrolled_by,
                    struct err *err);
int agent_store_connect(struct db_conn *conn, const struct agent_connection *connection, int64_t generation,
                        struct err *err);
/* Changes the status of this generation (0: whatever it is); sets *ret_changed. Offline lets go of the
 * replica. */
int agent_store_status(struct db_conn *conn, const char *agent_id, int64_t generation,
                       enum agent_status status, bool *ret_changed, struct err *err);
int agent_store_heartbeat(struct db_conn *conn, const struct agent_heartbeat *heartbeat, bool changed,
                          struct err *err);
/* What a heartbeat is compared with: 1 when `generation` is the present one, 0, -1. */
struct agent_present {
    enum agent_status status;
    bool self_draining;
    struct agent_capacity capacity;
};
int agent_store_present(struct db_conn *conn, const char *agent_id, int64_t generation,
                        struct agent_present *ret, struct err *err);
/* The agents that hang on a replica (NULL: any that are not offline), appended. */
int agent_store_of_replica(struct db_conn *conn, const char *replica_id, struct strv *ret, struct err *err);
int agent_store_set_missing(struct db_conn *conn, const char *agent_id, int64_t generation,
                            const char *missing, bool *ret_changed, struct err *err);
int agent_store_set_draining(struct db_conn *conn, const char *agent_id, bool draining, struct err *err);
/* `labels` NULL: its own again. */
int agent_store_set_labels(struct db_conn *conn, const char *agent_id, const char *labels, struct err *err);
int agent_store_delete(struct db_conn *conn, const char *agent_id, struct err *err);

#endif
