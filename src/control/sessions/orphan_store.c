#include "control/sessions/orphan_store.h"

#include "base/clock.h"
#include "base/str.h"

#include <stdlib.h>

int orphan_note(struct db_conn *conn, const char *agent_id, const char *session_id, int64_t stop_due,
                struct err *err) {
    char now[TIME_TEXT_SIZE];
    if (db_now(conn, now, err) < 0)
        return -1;
    return db_exec(
        conn, NULL, err,
        "INSERT INTO orphans (agent_id, session_id, first_seen_at, stop_due) VALUES ($1, $2, $3, $4) "
        "ON CONFLICT DO NOTHING",
        "sssi", agent_id, session_id, now, stop_due);
}

int orphan_forget(struct db_conn *conn, const char *agent_id, const char *session_id, struct err *err) {
    return db_exec(conn, NULL, err, "DELETE FROM orphans WHERE agent_id = $1 AND session_id = $2", "ss",
                   agent_id, session_id);
}

static int collect(struct db_rows *rows, struct orphan **ret, size_t *ret_count, struct err *err) {
    struct orphan *items = NULL;
    size_t count = 0, room = 0;
    int status;
    while ((status = db_next(rows, err)) > 0) {
        if (count == room)
            items = mem_realloc(items, (room = room ? room * 2 : 16) * sizeof *items);
        db_copy(rows, 0, items[count].agent_id, sizeof items[count].agent_id);
        db_copy(rows, 1, items[count].session_id, sizeof items[count].session_id);
        count++;
    }
    if (status < 0) {
        free(items);
        return -1;
    }
    *ret = items;
    *ret_count = count;
    return 0;
}

int orphan_list(struct db_conn *conn, const char *agent_id, struct orphan **ret, size_t *ret_count,
                struct err *err) {
    _cleanup_rows_ struct db_rows *rows = NULL;
    if (db_query(conn, &rows, err, "SELECT agent_id, session_id FROM orphans WHERE agent_id = $1", "s",
                 agent_id) < 0)
        return -1;
    return collect(rows, ret, ret_count, err);
}

int orphan_due(struct db_conn *conn, int64_t now, unsigned limit, struct orphan **ret, size_t *ret_count,
               struct err *err) {
    _cleanup_rows_ struct db_rows *rows = NULL;
    if (db_query(conn, &rows, err,
                 "SELECT o.agent_id, o.session_id FROM orphans o WHERE o.stop_due <= $1 AND NOT EXISTS "
                 "(SELECT 1 FROM "
                 "agent_commands c WHERE c.session_id = o.session_id AND c.agent_id = o.agent_id "
                 "AND c.action = 'stop_session' AND c.status IN ('pending', 'sent', 'acknowledged')) "
                 "ORDER BY o.stop_due LIMIT $2",
                 "ii", now, (int64_t)limit) < 0)
        return -1;
    return collect(rows, ret, ret_count, err);
}

int orphan_stopping(struct db_conn *conn, const struct orphan *orphan, const char *command_id,
                    struct err *err) {
    return db_exec(conn, NULL, err,
                   "UPDATE orphans SET command_id = $3 WHERE agent_id = $1 AND session_id = $2", "sss",
                   orphan->agent_id, orphan->session_id, command_id);
}

int orphan_count_late(struct db_conn *conn, int64_t before, int64_t *ret, struct err *err) {
    _cleanup_rows_ struct db_rows *rows = NULL;
    int status = db_row(conn, &rows, err,
                        "SELECT COUNT(*) FROM orphans o JOIN agents a ON a.agent_id = o.agent_id "
                        "WHERE o.stop_due < $1 AND a.status = 'online' AND a.replica_id IS NOT NULL",
                        "i", before);
    if (status > 0)
        *ret = db_int(rows, 0);
    return status < 0 ? -1 : 0;
}
