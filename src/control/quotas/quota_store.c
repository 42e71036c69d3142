#include "control/quotas/quota_store.h"

#include "base/str.h"

#include <stdlib.h>

#define LIMITS "q.max_sessions, q.max_cpu_millis, q.max_memory_bytes, q.max_storage_bytes"

static void read_quota(struct db_rows *rows, int first, struct quota *ret) {
    for (int i = 0; i < QUOTA_RESOURCES; i++)
        ret->max[i] = db_is_null(rows, first + i) ? QUOTA_NO_LIMIT : db_int(rows, first + i);
}

int quota_store_find(struct db_conn *conn, const struct quota_owner *owner, struct quota *ret,
                     struct err *err) {
    _cleanup_rows_ struct db_rows *rows = NULL;
    int status = db_row(conn, &rows, err,
                        owner->group ? "SELECT " LIMITS " FROM quotas q WHERE q.group_id = $1"
                                     : "SELECT " LIMITS " FROM quotas q WHERE q.user_id = $1",
                        "i", owner->id);
    *ret = QUOTA_UNLIMITED;
    if (status > 0)
        read_quota(rows, 0, ret);
    return status;
}

/* NULL is no limit: NULLIF turns the one into the other. */
#define PUT(column)                                                                                          \
    "INSERT INTO quotas (" column                                                                            \
    ", max_sessions, max_cpu_millis, max_memory_bytes, max_storage_bytes, created_at, updated_at) "          \
    "VALUES ($1, NULLIF(CAST($2 AS BIGINT), -1), NULLIF(CAST($3 AS BIGINT), -1), "                           \
    "NULLIF(CAST($4 AS BIGINT), -1), NULLIF(CAST($5 AS BIGINT), -1), $6, $6) "                               \
    "ON CONFLICT (" column                                                                                   \
    ") DO UPDATE SET max_sessions = excluded.max_sessions, max_cpu_millis = excluded.max_cpu_millis, "       \
    "max_memory_bytes = excluded.max_memory_bytes, max_storage_bytes = excluded.max_storage_bytes, "         \
    "updated_at = excluded.updated_at"

int quota_store_put(struct db_conn *conn, const struct quota_owner *owner, const struct quota *quota,
                    struct err *err) {
    char now[TIME_TEXT_SIZE];
    const int64_t *max = quota->max;
    if (db_now(conn, now, err) < 0)
        return -1;
    return db_exec(conn, NULL, err, owner->group ? PUT("group_id") : PUT("user_id"), "iiiiis", owner->id,
                   max[QUOTA_SESSIONS], max[QUOTA_CPU], max[QUOTA_MEMORY], max[QUOTA_STORAGE], now);
}

int quota_store_delete(struct db_conn *conn, const struct quota_owner *owner, bool *ret_deleted,
                       struct err *err) {
    int64_t changes = 0;
    if (db_exec(conn, &changes, err,
                owner->group ? "DELETE FROM quotas WHERE group_id = $1"
                             : "DELETE FROM quotas WHERE user_id = $1",
                "i", owner->id) < 0)
        return -1;
    *ret_deleted = changes > 0;
    return 0;
}

/* The states of the WHERE are those of the index sessions_held. */
#define USED(whose)                                                                                          \
    "SELECT COUNT(*), "                                                                                      \
    "CAST(COALESCE(SUM(CASE WHEN state <> 'hibernated' THEN cpu_millis ELSE 0 END), 0) AS BIGINT), "         \
    "CAST(COALESCE(SUM(CASE WHEN state <> 'hibernated' THEN memory_bytes ELSE 0 END), 0) AS BIGINT), "       \
    "(SELECT CAST(COALESCE(SUM(h.size_bytes), 0) AS BIGINT) FROM homes h WHERE h." whose ") "                \
    "FROM sessions WHERE state NOT IN ('terminated', 'failed') AND " whose
#define MEMBERS "user_id IN (SELECT m.user_id FROM group_memberships m WHERE m.group_id = $1)"

int quota_store_used(struct db_conn *conn, const struct quota_owner *owner, struct quota_use *ret,
                     struct err *err) {
    _cleanup_rows_ struct db_rows *rows = NULL;
    int status =
        db_row(conn, &rows, err, owner->group ? USED(MEMBERS) : USED("user_id = $1"), "i", owner->id);
    for (int i = 0; i < QUOTA_RESOURCES && status > 0; i++)
        ret->amount[i] = db_int(rows, i);
    return status < 0 ? -1 : 0;
}

int quota_store_binding(struct db_conn *conn, int64_t user_id, struct quota_row **ret, size_t *ret_count,
                        struct err *err) {
    _cleanup_rows_ struct db_rows *rows = NULL;
    if (db_query(conn, &rows, err,
                 "SELECT q.user_id, q.group_id, COALESCE(u.username, g.name), " LIMITS " FROM quotas q "
                 "LEFT JOIN users u ON u.id = q.user_id LEFT JOIN groups g ON g.id = q.group_id "
                 "WHERE q.user_id = $1 OR q.group_id IN "
                 "(SELECT m.group_id FROM group_memberships m WHERE m.user_id = $1) "
                 "ORDER BY CASE WHEN q.user_id IS NULL THEN 1 ELSE 0 END, g.name",
                 "i", user_id) < 0)
        return -1;
    struct quota_row *items = NULL;
    size_t count = 0, room = 0;
    int status;
    while ((status = db_next(rows, err)) > 0) {
        if (count == room)
            items = mem_realloc(items, (room = room ? room * 2 : 4) * sizeof *items);
        struct quota_row *row = &items[count++];
        row->owner.group = db_is_null(rows, 0);
        row->owner.id = db_int(rows, row->owner.group ? 1 : 0);
        db_copy(rows, 2, row->name, sizeof row->name);
        read_quota(rows, 3, &row->quota);
    }
    if (status < 0) {
        free(items);
        return -1;
    }
    *ret = items;
    *ret_count = count;
    return 0;
}

/* --- homes --- */

int home_store_size(struct db_conn *conn, int64_t user_id, const char *agent_id, int64_t *ret,
                    struct err *err) {
    _cleanup_rows_ struct db_rows *rows = NULL;
    int status = db_row(conn, &rows, err, "SELECT size_bytes FROM homes WHERE user_id = $1 AND agent_id = $2",
                        "is", user_id, agent_id);
    *ret = status > 0 ? db_int(rows, 0) : 0;
    return status < 0 ? -1 : 0;
}

int home_store_put(struct db_conn *conn, int64_t user_id, const char *agent_id, int64_t size_bytes,
                   struct err *err) {
    char now[TIME_TEXT_SIZE];
    if (db_now(conn, now, err) < 0)
        return -1;
    return db_exec(
        conn, NULL, err,
        "INSERT INTO homes (user_id, agent_id, size_bytes, created_at, used_at) VALUES ($1, $2, $3, $4, $4) "
        "ON CONFLICT (user_id, agent_id) DO UPDATE SET used_at = excluded.used_at, size_bytes = "
        "CASE WHEN excluded.size_bytes > homes.size_bytes THEN excluded.size_bytes ELSE homes.size_bytes END",
        "isis", user_id, agent_id, size_bytes, now);
}

int home_forget(struct db_conn *conn, int64_t user_id, const char *agent_id, struct err *err) {
    return db_exec(conn, NULL, err, "DELETE FROM homes WHERE user_id = $1 AND agent_id = $2", "is", user_id,
                   agent_id);
}

int home_forget_of_agent(struct db_conn *conn, const char *agent_id, struct err *err) {
    return db_exec(conn, NULL, err, "DELETE FROM homes WHERE agent_id = $1", "s", agent_id);
}
