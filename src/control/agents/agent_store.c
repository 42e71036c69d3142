#include "control/agents/agent_store.h"

#include "base/units.h"
#include "control/json_text.h"
#include "control/templates/template_edit_store.h"

#include <stdlib.h>

#define ACTIVE_STATES "('pending', 'starting', 'running', 'hibernating', 'waking', 'terminating')"

/* --- tokens --- */

int agent_token_store_insert(struct db_conn *conn, const char *hash, const char *agent_id, const char *by,
                             const char *expires_at, struct err *err) {
    char now[TIME_TEXT_SIZE];
    if (db_now(conn, now, err) < 0)
        return -1;
    return db_exec(conn, NULL, err,
                   "INSERT INTO agent_tokens (token_hash, agent_id, created_by, created_at, expires_at) "
                   "VALUES ($1, $2, $3, $4, $5)",
                   "sssss", hash, agent_id, by, now, expires_at);
}

int agent_token_store_find(struct db_conn *conn, const char *hash, struct agent_token *ret, struct err *err) {
    char now[TIME_TEXT_SIZE];
    if (db_now(conn, now, err) < 0)
        return -1;
    _cleanup_rows_ struct db_rows *rows = NULL;
    int status =
        db_row(conn, &rows, err,
               "SELECT agent_id, used_by, expires_at FROM agent_tokens WHERE token_hash = $1", "s", hash);
    if (status <= 0)
        return status;
    db_copy(rows, 0, ret->agent_id, sizeof ret->agent_id);
    db_copy(rows, 1, ret->used_by, sizeof ret->used_by);
    ret->expired = strcmp(db_text(rows, 2), now) <= 0;
    return 1;
}

int agent_token_store_use(struct db_conn *conn, const char *hash, const char *agent_id, struct err *err) {
    char now[TIME_TEXT_SIZE];
    int64_t changes = 0;
    if (db_now(conn, now, err) < 0 || db_exec(conn, &changes, err,
                                              "UPDATE agent_tokens SET used_by = $2, used_at = $3 "
                                              "WHERE token_hash = $1 AND (used_by IS NULL OR used_by = $2)",
                                              "sss", hash, agent_id, now) < 0)
        return -1;
    return changes > 0 ? 1 : 0;
}

/* --- registration --- */

int agent_store_keys(struct db_conn *conn, const char *agent_id, struct agent_keys *ret, struct err *err) {
    _cleanup_rows_ struct db_rows *rows = NULL;
    int status = db_row(conn, &rows, err, "SELECT key_hash, enrolled_by FROM agents WHERE agent_id = $1", "s",
                        agent_id);
    if (status <= 0)
        return status;
    db_copy(rows, 0, ret->key_hash, sizeof ret->key_hash);
    db_copy(rows, 1, ret->enrolled_by, sizeof ret->enrolled_by);
    return 1;
}

/* {"maxSessions":100,"cpu":"40","memory":"64Gi"}: for people who read the table; the numbers stand beside it.
 */
static void capacity_text(const struct agent_capacity *capacity, char *text, size_t size) {
    char cpu[UNITS_TEXT_SIZE], memory[UNITS_TEXT_SIZE];
    snprintf(text, size, "{\"maxSessions\":%lld,\"cpu\":\"%s\",\"memory\":\"%s\"}",
             (long long)capacity->max_sessions, cpu_format(capacity->cpu_millis, cpu),
             bytes_format(capacity->memory_bytes, memory));
}

int agent_store_put(struct db_conn *conn, const struct agent_registration *registration,
                    const struct agent_capacity *capacity, const char *key_hash, const char *enrolled_by,
                    struct err *err) {
    char now[TIME_TEXT_SIZE], capacity_json[160];
    if (db_now(conn, now, err) < 0)
        return -1;
    capacity_text(capacity, capacity_json, sizeof capacity_json);
    char *labels = json_text(registration->labels), *metadata = json_text(registration->metadata);
    int status =
        key_hash ? db_exec(conn, NULL, err,
                           "INSERT INTO agents (agent_id, platform, region, status, key_hash, enrolled_by, "
                           "capacity, max_sessions, cpu_millis, memory_bytes, labels, metadata, created_at, "
                           "updated_at) "
                           "VALUES ($1, $2, $3, 'offline', $4, $5, $6, $7, $8, $9, $10, $11, $12, $12) "
                           "ON CONFLICT (agent_id) DO UPDATE SET platform = excluded.platform, "
                           "region = excluded.region, key_hash = excluded.key_hash, "
                           "enrolled_by = excluded.enrolled_by, capacity = excluded.capacity, "
                           "max_sessions = excluded.max_sessions, cpu_millis = excluded.cpu_millis, "
                           "memory_bytes = excluded.memory_bytes, labels = excluded.labels, "
                           "metadata = excluded.metadata, updated_at = excluded.updated_at",
                           "ssssssiiisss", registration->agent_id, registration->platform,
                           registration->region, key_hash, enrolled_by, capacity_json, capacity->max_sessions,
                           capacity->cpu_millis, capacity->memory_bytes, labels, metadata, now)
                 : db_exec(conn, NULL, err,
                           "UPDATE agents SET platform = $2, region = $3, capacity = $4, max_sessions = $5, "
                           "cpu_millis = $6, memory_bytes = $7, labels = $8, metadata = $9, updated_at = $10 "
                           "WHERE agent_id = $1",
                           "ssssiiisss", registration->agent_id, registration->platform, registration->region,
                           capacity_json, capacity->max_sessions, capacity->cpu_millis,
                           capacity->memory_bytes, labels, metadata, now);
    free(labels);
    free(metadata);
    return status;
}

/* --- connection --- */

int agent_store_connect(struct db_conn *conn, const struct agent_connection *connection, int64_t generation,
                        struct err *err) {
    char now[TIME_TEXT_SIZE];
    if (db_now(conn, now, err) < 0)
        return -1;
    struct strbuf capabilities = STRBUF_MAX(8192);
    struct json_writer w = JSON_WRITER(&capabilities);
    jsonw_array_begin(&w);
    for (size_t i = 0; connection->capabilities && i < connection->capabilities->count; i++)
        jsonw_string(&w, connection->capabilities->items[i]);
    jsonw_array_end(&w);
    int status = db_exec(
        conn, NULL, err,
        "UPDATE agents SET status = 'online', instance_id = $2, generation = $3, replica_id = $4, version = "
        "$5, "
        "runtime = $6, capabilities = $7, connected_at = $8, last_heartbeat = $8, updated_at = $8, "
        "self_draining = 0, enrolled_by = NULL WHERE agent_id = $1",
        "ssisssss", connection->agent_id, connection->instance_id, generation, connection->replica_id,
        connection->version, connection->runtime, jsonw_ok(&w) ? strbuf_str(&capabilities) : NULL, now);
    strbuf_finish(&capabilities);
    return status < 0 ? -1 : catalogue_store_bump(conn, err);
}

int agent_store_status(struct db_conn *conn, const char *agent_id, int64_t generation,
                       enum agent_status status, bool *ret_changed, struct err *err) {
    char now[TIME_TEXT_SIZE];
    int64_t changes = 0;
    if (db_now(conn, now, err) < 0 ||
        db_exec(conn, &changes, err,
                "UPDATE agents SET status = $3, updated_at = $4, "
                "replica_id = CASE WHEN $3 = 'offline' THEN NULL ELSE replica_id END "
                "WHERE agent_id = $1 AND ($2 = 0 OR generation = $2) AND "
                "(status <> $3 OR ($3 = 'offline' AND replica_id IS NOT NULL))",
                "siss", agent_id, generation, agent_status_name(status), now) < 0)
        return -1;
    *ret_changed = changes > 0;
    return changes > 0 ? catalogue_store_bump(conn, err) : 0;
}

static enum agent_status parse_status(const char *text) {
    return str_eq(text, "online") ? AGENT_ONLINE : str_eq(text, "degraded") ? AGENT_DEGRADED : AGENT_OFFLINE;
}

int agent_store_present(struct db_conn *conn, const char *agent_id, int64_t generation,
                        struct agent_present *ret, struct err *err) {
    _cleanup_rows_ struct db_rows *rows = NULL;
    int status = db_row(conn, &rows, err,
                        "SELECT status, self_draining, max_sessions, cpu_millis, memory_bytes FROM agents "
                        "WHERE agent_id = $1 AND generation = $2 AND replica_id IS NOT NULL",
                        "si", agent_id, generation);
    if (status <= 0)
        return status;
    ret->status = parse_status(db_text(rows, 0));
    ret->self_draining = db_int(rows, 1) != 0;
    ret->capacity = (struct agent_capacity){db_int(rows, 2), db_int(rows, 3), db_int(rows, 4)};
    return 1;
}

int agent_store_heartbeat(struct db_conn *conn, const struct agent_heartbeat *heartbeat, bool changed,
                          struct err *err) {
    char now[TIME_TEXT_SIZE], capacity[160];
    if (db_now(conn, now, err) < 0)
        return -1;
    if (!changed)
        return db_exec(conn, NULL, err,
                       "UPDATE agents SET last_heartbeat = $3 WHERE agent_id = $1 AND generation = $2", "sis",
                       heartbeat->agent_id, heartbeat->generation, now);
    capacity_text(&heartbeat->capacity, capacity, sizeof capacity);
    if (db_exec(
            conn, NULL, err,
            "UPDATE agents SET last_heartbeat = $3, updated_at = $3, status = 'online', self_draining = $4, "
            "capacity = $5, max_sessions = $6, cpu_millis = $7, memory_bytes = $8 "
            "WHERE agent_id = $1 AND generation = $2",
            "sisisiii", heartbeat->agent_id, heartbeat->generation, now, (int64_t)heartbeat->draining,
            capacity, heartbeat->capacity.max_sessions, heartbeat->capacity.cpu_millis,
            heartbeat->capacity.memory_bytes) < 0)
        return -1;
    return catalogue_store_bump(conn, err); /* it may have been degraded */
}

int agent_store_of_replica(struct db_conn *conn, const char *replica_id, struct strv *ret, struct err *err) {
    _cleanup_rows_ struct db_rows *rows = NULL;
    if (db_query(conn, &rows, err,
                 "SELECT agent_id FROM agents WHERE ($1 IS NULL AND (status <> 'offline' OR replica_id IS "
                 "NOT NULL)) OR "
                 "replica_id = $1 ORDER BY agent_id",
                 "s", replica_id) < 0)
        return -1;
    int status;
    while ((status = db_next(rows, err)) > 0)
        strv_add(ret, db_text(rows, 0));
    return status;
}

int agent_store_set_missing(struct db_conn *conn, const char *agent_id, int64_t generation,
                            const char *missing, bool *ret_changed, struct err *err) {
    int64_t changes = 0;
    if (db_exec(conn, &changes, err,
                "UPDATE agents SET missing_programs = $3 WHERE agent_id = $1 AND generation = $2 "
                "AND COALESCE(missing_programs, '') <> $3",
                "sis", agent_id, generation, missing) < 0)
        return -1;
    *ret_changed = changes > 0;
    return changes > 0 ? catalogue_store_bump(conn, err) : 0;
}

int agent_store_set_draining(struct db_conn *conn, const char *agent_id, bool draining, struct err *err) {
    char now[TIME_TEXT_SIZE];
    if (db_now(conn, now, err) < 0)
        return -1;
    return db_exec(conn, NULL, err, "UPDATE agents SET draining = $2, updated_at = $3 WHERE agent_id = $1",
                   "sis", agent_id, (int64_t)draining, now);
}

int agent_store_set_labels(struct db_conn *conn, const char *agent_id, const char *labels, struct err *err) {
    char now[TIME_TEXT_SIZE];
    if (db_now(conn, now, err) < 0)
        return -1;
    return db_exec(conn, NULL, err,
                   "UPDATE agents SET given_labels = $2, updated_at = $3 WHERE agent_id = $1", "sss",
                   agent_id, labels, now);
}

int agent_store_delete(struct db_conn *conn, const char *agent_id, struct err *err) {
    if (db_exec(conn, NULL, err, "DELETE FROM orphans WHERE agent_id = $1", "s", agent_id) < 0)
        return -1;
    if (db_exec(conn, NULL, err, "DELETE FROM agents WHERE agent_id = $1", "s", agent_id) < 0)
        return -1;
    return catalogue_store_bump(conn, err);
}

int agent_is_present(struct db_conn *conn, const char *agent_id, int64_t generation, bool *ret,
                     struct err *err) {
    _cleanup_rows_ struct db_rows *rows = NULL;
    int status =
        db_row(conn, &rows, err,
               "SELECT 1 FROM agents WHERE agent_id = $1 AND generation = $2 AND replica_id IS NOT NULL",
               "si", agent_id, generation);
    *ret = status > 0;
    return status < 0 ? -1 : 0;
}

/* --- reading --- */

#define COLUMNS                                                                                              \
    "a.agent_id, a.platform, a.region, a.status, a.draining, a.self_draining, a.max_sessions, "              \
    "a.cpu_millis, "                                                                                         \
    "a.memory_bytes, a.last_heartbeat, a.replica_id, a.generation, a.instance_id, a.version, a.created_at, " \
    "a.updated_at, COALESCE(a.given_labels, a.labels), a.metadata, "                                         \
    "(SELECT COUNT(*) FROM sessions s WHERE s.agent_id = a.agent_id AND s.state IN " ACTIVE_STATES ")"

static void read_agent(struct db_rows *rows, struct agent *ret) {
    db_copy(rows, 0, ret->agent_id, sizeof ret->agent_id);
    db_copy(rows, 1, ret->platform, sizeof ret->platform);
    db_copy(rows, 2, ret->region, sizeof ret->region);
    ret->status = parse_status(db_text(rows, 3));
    ret->draining = db_int(rows, 4) != 0 || db_int(rows, 5) != 0;
    ret->capacity = (struct agent_capacity){db_int(rows, 6), db_int(rows, 7), db_int(rows, 8)};
    db_copy(rows, 9, ret->last_heartbeat, sizeof ret->last_heartbeat);
    db_copy(rows, 10, ret->replica_id, sizeof ret->replica_id);
    ret->generation = db_int(rows, 11);
    db_copy(rows, 12, ret->instance_id, sizeof ret->instance_id);
    db_copy(rows, 13, ret->version, sizeof ret->version);
    db_copy(rows, 14, ret->created_at, sizeof ret->created_at);
    db_copy(rows, 15, ret->updated_at, sizeof ret->updated_at);
    ret->labels = json_object_of(db_text(rows, 16));
    ret->metadata = json_object_of(db_text(rows, 17));
    ret->active_sessions = db_int(rows, 18);
}

int agent_get(struct db_conn *conn, const char *agent_id, struct agent *ret, struct err *err) {
    _cleanup_rows_ struct db_rows *rows = NULL;
    int status =
        db_row(conn, &rows, err, "SELECT " COLUMNS " FROM agents a WHERE a.agent_id = $1", "s", agent_id);
    if (status < 0)
        return -1;
    if (status == 0)
        return err_set(err, ERR_NOT_FOUND, "agent_not_found", "there is no such agent");
    read_agent(rows, ret);
    return 0;
}

static int load_list(struct db_conn *conn, const char *after, unsigned limit, struct agent_list *ret,
                     struct err *err) {
    _cleanup_rows_ struct db_rows *total = NULL, *rows = NULL;
    if (db_row(conn, &total, err, "SELECT COUNT(*) FROM agents", "") <= 0)
        return -1;
    ret->total = db_int(total, 0);
    if (db_query(conn, &rows, err,
                 "SELECT " COLUMNS " FROM agents a WHERE a.agent_id > $1 ORDER BY a.agent_id LIMIT $2", "si",
                 after ? after : "", (int64_t)limit + 1) < 0)
        return -1;
    int status;
    while ((status = db_next(rows, err)) > 0) {
        if (ret->count == limit) {
            ret->more = true;
            return 0;
        }
        read_agent(rows, &ret->items[ret->count++]);
    }
    return status;
}

int agent_list(struct db_conn *conn, const char *after, unsigned limit, struct agent_list *ret,
               struct err *err) {
    if (limit == 0)
        limit = 50;
    if (limit > 200)
        limit = 200;
    struct agent_list list = {.items = mem_zalloc(limit * sizeof *list.items)};
    if (load_list(conn, after, limit, &list, err) < 0) {
        agent_list_finish(&list);
        return -1;
    }
    *ret = list;
    return 0;
}

int agent_count_online(struct db_conn *conn, int64_t *ret, struct err *err) {
    _cleanup_rows_ struct db_rows *rows = NULL;
    int status = db_row(conn, &rows, err,
                        "SELECT COUNT(*) FROM agents WHERE status = 'online' AND replica_id IS NOT NULL", "");
    if (status > 0)
        *ret = db_int(rows, 0);
    return status < 0 ? -1 : 0;
}
