#include "control/sessions/reconcile_store.h"

#include "base/cleanup.h"

#include <stdlib.h>

#define PRUNE_BATCH 500

int reconcile_store_expired(struct db_conn *conn, int64_t now, unsigned limit, struct strv *ret_sessions,
                            struct strv *ret_commands, struct err *err) {
    _cleanup_rows_ struct db_rows *rows = NULL;
    if (db_query(conn, &rows, err,
                 "SELECT session_id, command_id FROM agent_commands WHERE expires_due IS NOT NULL AND "
                 "expires_due <= $1 "
                 "AND status = 'pending' AND session_id IS NOT NULL ORDER BY expires_due LIMIT $2",
                 "ii", now, (int64_t)limit) < 0)
        return -1;
    int status;
    while ((status = db_next(rows, err)) > 0) {
        strv_add(ret_sessions, db_text(rows, 0));
        strv_add(ret_commands, db_text(rows, 1));
    }
    return status;
}

int reconcile_store_live(struct db_conn *conn, const char *agent_id, struct reconcile_row **ret,
                         size_t *ret_count, struct err *err) {
    _cleanup_rows_ struct db_rows *rows = NULL;
    if (db_query(conn, &rows, err,
                 "SELECT s.id, s.state, s.start_command, c.status, c.attempts FROM sessions s "
                 "LEFT JOIN agent_commands c ON c.command_id = s.start_command "
                 "WHERE s.agent_id = $1 AND s.state NOT IN ('terminated', 'failed') ORDER BY s.id",
                 "s", agent_id) < 0)
        return -1;
    struct reconcile_row *items = NULL;
    size_t count = 0, room = 0;
    int status;
    while ((status = db_next(rows, err)) > 0) {
        if (count == room)
            items = mem_realloc(items, (room = room ? room * 2 : 16) * sizeof *items);
        struct reconcile_row *row = &items[count];
        db_copy(rows, 0, row->name, sizeof row->name);
        db_copy(rows, 2, row->start_command, sizeof row->start_command);
        db_copy(rows, 3, row->start_status, sizeof row->start_status);
        row->start_attempt = db_int(rows, 4);
        if (state_parse(db_text(rows, 1), &row->state))
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

int reconcile_store_count_stuck(struct db_conn *conn, int64_t before, int64_t *ret, struct err *err) {
    _cleanup_rows_ struct db_rows *rows = NULL;
    /* An end that waits for an agent that is away is not stuck: it is asked for again, for ever. */
    int status = db_row(conn, &rows, err,
                        "SELECT COUNT(*) FROM sessions s LEFT JOIN agents a ON a.agent_id = s.agent_id "
                        "WHERE s.state_due IS NOT NULL AND s.state_due < $1 "
                        "AND NOT (s.state = 'terminating' AND (a.status IS NULL OR a.status <> 'online'))",
                        "i", before);
    if (status > 0)
        *ret = db_int(rows, 0);
    return status < 0 ? -1 : 0;
}

int reconcile_store_prune(struct db_conn *conn, const char *before, struct err *err) {
    if (db_exec(conn, NULL, err,
                "DELETE FROM agent_commands WHERE seq IN (SELECT seq FROM agent_commands "
                "WHERE status IN ('completed', 'failed') AND completed_at < $1 LIMIT $2)",
                "si", before, (int64_t)PRUNE_BATCH) < 0)
        return -1;
    return db_exec(conn, NULL, err,
                   "DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE ended_at IS NOT NULL AND "
                   "ended_at < $1 "
                   "AND state IN ('terminated', 'failed') LIMIT $2)",
                   "si", before, (int64_t)PRUNE_BATCH);
}

/* Each returns the names of what breaks it. */
static const struct {
    const char *what, *sql;
} invariants[] = {
    {"session is being ended and no stop is queued",
     "SELECT s.id FROM sessions s WHERE s.state = 'terminating' AND NOT EXISTS (SELECT 1 FROM agent_commands "
     "c "
     "WHERE c.session_id = s.id AND c.action = 'stop_session' AND c.status IN ('pending', 'sent', "
     "'acknowledged'))"},
    {"session waits for a start that is not under way",
     "SELECT s.id FROM sessions s WHERE s.state IN ('pending', 'starting') AND NOT EXISTS (SELECT 1 FROM "
     "agent_commands c WHERE c.command_id = s.start_command AND c.status IN ('pending', 'sent', "
     "'acknowledged'))"},
    {"session sleeps or wakes and no command is under way",
     "SELECT s.id FROM sessions s WHERE s.state IN ('hibernating', 'waking') AND NOT EXISTS (SELECT 1 FROM "
     "agent_commands c WHERE c.session_id = s.id AND c.status IN ('pending', 'sent', 'acknowledged'))"},
    {"live session belongs to an agent that does not exist",
     "SELECT s.id FROM sessions s WHERE s.state NOT IN ('terminated', 'failed') AND NOT EXISTS (SELECT 1 "
     "FROM agents a "
     "WHERE a.agent_id = s.agent_id)"},
    {"session has two commands at its agent, and the later one is no stop",
     "SELECT c.session_id FROM agent_commands c JOIN agent_commands e ON e.session_id = c.session_id "
     "AND e.agent_id = c.agent_id AND e.seq < c.seq WHERE c.status IN ('sent', 'acknowledged') "
     "AND e.status IN ('sent', 'acknowledged') AND (c.action <> 'stop_session' OR e.action = "
     "'stop_session')"},
    {"ended session without a time of its end",
     "SELECT s.id FROM sessions s WHERE s.state IN ('terminated', 'failed') AND s.ended_at IS NULL"},
    {"session in a settled state has a deadline, or one in a transient state has none",
     "SELECT s.id FROM sessions s WHERE (s.state_due IS NOT NULL) <> (s.state IN ('pending', 'starting', "
     "'hibernating', "
     "'waking', 'terminating'))"},
    {"agent runs more than it may",
     "SELECT a.agent_id FROM agents a WHERE (SELECT COUNT(*) FROM sessions s WHERE s.agent_id = a.agent_id "
     "AND s.state IN "
     "('pending', 'starting', 'running', 'hibernating', 'waking', 'terminating')) > a.max_sessions"},
    {"command of an agent that does not exist is open",
     "SELECT c.command_id FROM agent_commands c WHERE c.status IN ('pending', 'sent', 'acknowledged') AND "
     "NOT EXISTS "
     "(SELECT 1 FROM agents a WHERE a.agent_id = c.agent_id)"},
    {"command was sent to an agent that is away", "SELECT c.command_id FROM agent_commands c JOIN agents a "
                                                  "ON a.agent_id = c.agent_id WHERE c.status = 'sent' AND "
                                                  "a.replica_id IS NULL"},
};

int reconcile_store_check(struct db_conn *conn, struct strv *ret, struct err *err) {
    for (size_t i = 0; i < ARRAY_SIZE(invariants); i++) {
        _cleanup_rows_ struct db_rows *rows = NULL;
        if (db_query(conn, &rows, err, invariants[i].sql, "") < 0)
            return -1;
        int status;
        while ((status = db_next(rows, err)) > 0)
            strv_addf(ret, "%s: %s", db_text(rows, 0), invariants[i].what);
        if (status < 0)
            return -1;
    }
    return 0;
}
