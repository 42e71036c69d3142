#include "control/commands/command_store.h"

#include "base/str.h"
#include "control/json_text.h"
#include "control/sessions/outcome.h"

#include <stdlib.h>

#define OPEN "status IN ('pending', 'sent', 'acknowledged')"

static int now_text(struct db_conn *conn, char *now, struct err *err) {
    return db_now(conn, now, err);
}

int command_store_insert(struct db_conn *conn, const struct command_insert *row, struct err *err) {
    char now[TIME_TEXT_SIZE];
    if (now_text(conn, now, err) < 0)
        return -1;
    return db_exec(conn, NULL, err,
                   "INSERT INTO agent_commands (command_id, agent_id, session_id, action, payload, status, "
                   "deadline_seconds, expires_due, created_at, updated_at) "
                   "VALUES ($1, $2, $3, $4, $5, 'pending', $6, $7, $8, $8)",
                   "sssssiIs", row->command_id, row->agent_id, row->session_id, row->action, row->payload,
                   row->deadline_seconds, row->expires_due, now);
}

/* --- delivery --- */

int command_store_ready(struct db_conn *conn, const char *agent_id, int64_t now, unsigned limit,
                        struct command_ready *ret, size_t *ret_count, struct err *err) {
    _cleanup_rows_ struct db_rows *rows = NULL;
    if (db_query(
            conn, &rows, err,
            "SELECT c.command_id, c.session_id, c.action, c.attempts, c.fresh, c.deadline_seconds, "
            "c.deadline_due, "
            "c.payload, c.created_at FROM agent_commands c "
            "WHERE c.agent_id = $1 AND c.status IN ('pending', 'sent', 'acknowledged') AND c.status = "
            "'pending' "
            "AND (c.retry_due IS NULL OR c.retry_due <= $2) AND (c.expires_due IS NULL OR c.expires_due "
            "> $2) "
            /* In a session's order. Only a stop overtakes, and only what the agent has in its journal. */
            "AND NOT EXISTS (SELECT 1 FROM agent_commands e WHERE e.session_id = c.session_id AND e.seq < "
            "c.seq "
            "AND e.agent_id = c.agent_id AND e.status IN ('pending', 'sent', 'acknowledged') "
            "AND NOT (c.action = 'stop_session' AND e.status = 'acknowledged' AND e.action <> "
            "'stop_session')) "
            "ORDER BY c.seq LIMIT $3",
            "sii", agent_id, now, (int64_t)limit) < 0)
        return -1;
    size_t count = 0;
    int status;
    while (count < limit && (status = db_next(rows, err)) > 0) {
        struct command_ready *row = &ret[count++];
        db_copy(rows, 0, row->command_id, sizeof row->command_id);
        db_copy(rows, 1, row->session_id, sizeof row->session_id);
        db_copy(rows, 2, row->action, sizeof row->action);
        row->attempts = db_int(rows, 3);
        row->fresh = db_int(rows, 4) != 0;
        row->deadline_seconds = db_int(rows, 5);
        row->deadline_due = db_int(rows, 6);
        row->payload = str_dup(db_text(rows, 7));
        int64_t created_ms;
        if (db_text(rows, 8) && time_parse(db_text(rows, 8), &created_ms))
            row->waited_ms = clock_wall_ms() - created_ms;
    }
    *ret_count = count;
    return count < limit ? status : 0;
}

int command_store_next_retry(struct db_conn *conn, const char *agent_id, int64_t now, int64_t *ret_ms,
                             struct err *err) {
    _cleanup_rows_ struct db_rows *rows = NULL;
    int status =
        db_row(conn, &rows, err,
               "SELECT MIN(retry_due) FROM agent_commands WHERE agent_id = $1 AND retry_due IS NOT NULL "
               "AND retry_due > $2 AND status = 'pending'",
               "si", agent_id, now);
    if (status < 0)
        return -1;
    *ret_ms = status == 0 || db_is_null(rows, 0) ? -1 : db_int(rows, 0) - now;
    return 0;
}

int command_store_sent(struct db_conn *conn, const char *command_id, int64_t generation, int64_t attempt,
                       int64_t ack_due, int64_t deadline_due, bool *ret_changed, struct err *err) {
    char now[TIME_TEXT_SIZE];
    int64_t changes = 0;
    if (now_text(conn, now, err) < 0 ||
        db_exec(conn, &changes, err,
                "UPDATE agent_commands SET status = 'sent', attempts = $3, fresh = 0, generation = $2, "
                "sent_at = $4, "
                "updated_at = $4, ack_due = $5, deadline_due = $6, retry_due = NULL "
                "WHERE command_id = $1 AND status = 'pending'",
                "siisiI", command_id, generation, attempt, now, ack_due, deadline_due) < 0)
        return -1;
    *ret_changed = changes > 0;
    return 0;
}

int command_store_return(struct db_conn *conn, const char *agent_id, int64_t generation,
                         const char *command_id, int64_t *ret, struct err *err) {
    char now[TIME_TEXT_SIZE];
    if (now_text(conn, now, err) < 0)
        return -1;
    return db_exec(conn, ret, err,
                   "UPDATE agent_commands SET status = 'pending', updated_at = $2, ack_due = NULL "
                   "WHERE agent_id = $1 AND " OPEN " AND status = 'sent' AND ($3 IS NULL OR command_id = $3) "
                   "AND ($4 = 0 OR generation = $4)",
                   "sssi", agent_id, now, command_id, generation);
}

int command_store_return_overdue(struct db_conn *conn, int64_t now_due, int64_t *ret, struct err *err) {
    char now[TIME_TEXT_SIZE];
    if (now_text(conn, now, err) < 0)
        return -1;
    _cleanup_rows_ struct db_rows *rows = NULL;
    if (db_query(conn, &rows, err,
                 "UPDATE agent_commands SET status = 'pending', updated_at = $2, ack_due = NULL "
                 "WHERE ack_due IS NOT NULL AND ack_due <= $1 AND status = 'sent' RETURNING agent_id",
                 "is", now_due, now) < 0)
        return -1;
    int status;
    *ret = 0;
    while ((status = db_next(rows, err)) > 0) {
        ++*ret;
        if (db_notify(conn, COMMAND_CHANNEL, db_text(rows, 0), err) < 0)
            return -1;
    }
    return status;
}

int command_store_acknowledged(struct db_conn *conn, const char *agent_id, struct command_running **ret,
                               size_t *ret_count, struct err *err) {
    _cleanup_rows_ struct db_rows *rows = NULL;
    if (db_query(conn, &rows, err,
                 "SELECT command_id, attempts FROM agent_commands WHERE agent_id = $1 AND " OPEN
                 " AND status = 'acknowledged' ORDER BY seq",
                 "s", agent_id) < 0)
        return -1;
    struct command_running *items = NULL;
    size_t count = 0, room = 0;
    int status;
    while ((status = db_next(rows, err)) > 0) {
        if (count == room)
            items = mem_realloc(items, (room = room ? room * 2 : 16) * sizeof *items);
        db_copy(rows, 0, items[count].command_id, sizeof items[count].command_id);
        items[count++].attempt = db_int(rows, 1);
    }
    if (status < 0) {
        free(items);
        return -1;
    }
    *ret = items;
    *ret_count = count;
    return 0;
}

int command_store_return_acknowledged(struct db_conn *conn, const char *command_id, int64_t attempt,
                                      struct err *err) {
    char now[TIME_TEXT_SIZE];
    if (now_text(conn, now, err) < 0)
        return -1;
    return db_exec(conn, NULL, err,
                   "UPDATE agent_commands SET status = 'pending', updated_at = $3 "
                   "WHERE command_id = $1 AND attempts = $2 AND status = 'acknowledged'",
                   "sis", command_id, attempt, now);
}

/* --- steps --- */

int command_match(struct db_conn *conn, const struct answer *answer, struct command_row *ret,
                  struct err *err) {
    _cleanup_rows_ struct db_rows *rows = NULL;
    int status =
        db_row(conn, &rows, err,
               "SELECT c.command_id, c.agent_id, c.session_id, c.action, c.status, c.attempts "
               "FROM agent_commands c JOIN agents a ON a.agent_id = c.agent_id "
               "WHERE c.command_id = $1 AND c.agent_id = $2 AND a.generation = $3 AND c.attempts = $4 "
               "AND c.fresh = 0",
               "ssii", answer->command_id, answer->agent_id, answer->generation, answer->attempt);
    if (status <= 0)
        return status;
    db_copy(rows, 0, ret->command_id, sizeof ret->command_id);
    db_copy(rows, 1, ret->agent_id, sizeof ret->agent_id);
    db_copy(rows, 2, ret->session_id, sizeof ret->session_id);
    db_copy(rows, 3, ret->action, sizeof ret->action);
    ret->attempts = db_int(rows, 5);
    return command_status_parse(db_text(rows, 4), &ret->status) ? 1 : 0;
}

int command_mark_acknowledged(struct db_conn *conn, const char *command_id, int64_t attempt,
                              bool *ret_changed, struct err *err) {
    char now[TIME_TEXT_SIZE];
    int64_t changes = 0;
    /* From pending, too: it was sent, the connection ended, and the acknowledgement came on the next one. */
    if (now_text(conn, now, err) < 0 ||
        db_exec(conn, &changes, err,
                "UPDATE agent_commands SET status = 'acknowledged', acknowledged_at = $3, updated_at = $3, "
                "ack_due = NULL, expires_due = NULL, retry_due = NULL "
                "WHERE command_id = $1 AND attempts = $2 AND fresh = 0 AND status IN ('pending', 'sent')",
                "sis", command_id, attempt, now) < 0)
        return -1;
    *ret_changed = changes > 0;
    return 0;
}

/* What waits behind it may go now. */
static int wake_agent_of(struct db_conn *conn, const char *command_id, struct err *err) {
    _cleanup_rows_ struct db_rows *rows = NULL;
    int status = db_row(conn, &rows, err, "SELECT agent_id FROM agent_commands WHERE command_id = $1", "s",
                        command_id);
    return status > 0 ? db_notify(conn, COMMAND_CHANNEL, db_text(rows, 0), err) : status;
}

int command_mark_completed(struct db_conn *conn, const char *command_id, int64_t attempt,
                           const json_t *result, bool *ret_changed, struct err *err) {
    char now[TIME_TEXT_SIZE];
    int64_t changes = 0;
    char *text = json_text(result);
    int status = now_text(conn, now, err);
    if (status == 0)
        status =
            db_exec(conn, &changes, err,
                    "UPDATE agent_commands SET status = 'completed', completed_at = $3, updated_at = $3, "
                    "result = $4, ack_due = NULL, expires_due = NULL, retry_due = NULL, error_message = NULL "
                    "WHERE command_id = $1 AND attempts = $2 AND fresh = 0 AND " OPEN,
                    "siss", command_id, attempt, now, text);
    free(text);
    *ret_changed = changes > 0;
    return status == 0 && changes > 0 ? wake_agent_of(conn, command_id, err) : status;
}

int command_mark_failed(struct db_conn *conn, const char *command_id, int64_t attempt, const char *error,
                        bool *ret_changed, struct err *err) {
    char now[TIME_TEXT_SIZE];
    int64_t changes = 0;
    if (now_text(conn, now, err) < 0 || db_exec(conn, &changes, err,
                                                "UPDATE agent_commands SET status = 'failed', completed_at = "
                                                "$3, updated_at = $3, error_message = $4, "
                                                "ack_due = NULL, expires_due = NULL, retry_due = NULL "
                                                "WHERE command_id = $1 AND attempts = $2 AND " OPEN,
                                                "siss", command_id, attempt, now, error) < 0)
        return -1;
    *ret_changed = changes > 0;
    return changes > 0 ? wake_agent_of(conn, command_id, err) : 0;
}

int command_store_retry(struct db_conn *conn, const char *command_id, int64_t attempt, const char *error,
                        int64_t retry_due, bool *ret_changed, struct err *err) {
    char now[TIME_TEXT_SIZE];
    int64_t changes = 0;
    if (now_text(conn, now, err) < 0 ||
        db_exec(
            conn, &changes, err,
            "UPDATE agent_commands SET status = 'pending', fresh = 1, updated_at = $3, error_message = $4, "
            "retry_due = $5, ack_due = NULL "
            "WHERE command_id = $1 AND attempts = $2 AND fresh = 0 AND " OPEN,
            "sissi", command_id, attempt, now, error, retry_due) < 0)
        return -1;
    *ret_changed = changes > 0;
    return changes > 0 ? wake_agent_of(conn, command_id, err) : 0;
}

int command_withdraw(struct db_conn *conn, const char *session_id, const char *action, const char *reason,
                     int64_t *ret, struct err *err) {
    char now[TIME_TEXT_SIZE];
    if (now_text(conn, now, err) < 0)
        return -1;
    return db_exec(conn, ret, err,
                   "UPDATE agent_commands SET status = 'failed', completed_at = $3, updated_at = $3, "
                   "error_message = $4, "
                   "expires_due = NULL, retry_due = NULL "
                   "WHERE session_id = $1 AND status = 'pending' AND ($2 IS NULL OR action = $2)",
                   "ssss", session_id, action, now, reason);
}

int command_fail_of_agent(struct db_conn *conn, const char *agent_id, const char *reason, struct err *err) {
    char now[TIME_TEXT_SIZE];
    if (now_text(conn, now, err) < 0)
        return -1;
    return db_exec(conn, NULL, err,
                   "UPDATE agent_commands SET status = 'failed', completed_at = $2, updated_at = $2, "
                   "error_message = $3, "
                   "ack_due = NULL, expires_due = NULL, retry_due = NULL WHERE agent_id = $1 AND " OPEN,
                   "sss", agent_id, now, reason);
}

int command_is_open(struct db_conn *conn, const char *session_id, const char *action, bool *ret,
                    struct err *err) {
    _cleanup_rows_ struct db_rows *rows = NULL;
    int status = db_row(conn, &rows, err,
                        "SELECT 1 FROM agent_commands WHERE session_id = $1 AND action = $2 AND " OPEN, "ss",
                        session_id, action);
    *ret = status > 0;
    return status < 0 ? -1 : 0;
}

/* --- reading --- */

#define COLUMNS                                                                                              \
    "command_id, agent_id, session_id, action, status, error_message, attempts, created_at, updated_at, "    \
    "sent_at, "                                                                                              \
    "acknowledged_at, completed_at, payload, seq"

static bool read_command(struct db_rows *rows, struct command *ret) {
    db_copy(rows, 0, ret->command_id, sizeof ret->command_id);
    db_copy(rows, 1, ret->agent_id, sizeof ret->agent_id);
    db_copy(rows, 2, ret->session_id, sizeof ret->session_id);
    db_copy(rows, 3, ret->action, sizeof ret->action);
    db_copy(rows, 5, ret->error_message, sizeof ret->error_message);
    ret->has_error = !db_is_null(rows, 5);
    ret->attempts = db_int(rows, 6);
    db_copy(rows, 7, ret->created_at, sizeof ret->created_at);
    db_copy(rows, 8, ret->updated_at, sizeof ret->updated_at);
    db_copy(rows, 9, ret->sent_at, sizeof ret->sent_at);
    db_copy(rows, 10, ret->acknowledged_at, sizeof ret->acknowledged_at);
    db_copy(rows, 11, ret->completed_at, sizeof ret->completed_at);
    ret->payload = json_object_of(db_text(rows, 12));
    return command_status_parse(db_text(rows, 4), &ret->status);
}

int command_get(struct db_conn *conn, const char *command_id, struct command *ret, struct err *err) {
    _cleanup_rows_ struct db_rows *rows = NULL;
    int status = db_row(conn, &rows, err, "SELECT " COLUMNS " FROM agent_commands WHERE command_id = $1", "s",
                        command_id);
    if (status < 0)
        return -1;
    if (status == 0)
        return err_set(err, ERR_NOT_FOUND, "command_not_found", "there is no such command");
    read_command(rows, ret);
    return 0;
}

/* "('pending','sent')", or all of them. */
static const char *status_set(unsigned statuses, char *text, size_t size) {
    struct strbuf out = {.data = text, .capacity = size, .max = size - 1, .fixed = true};
    for (unsigned i = 0; i < COMMAND_STATUSES; i++) {
        if (!statuses || (statuses & (1u << i)))
            strbuf_printf(&out, "%s'%s'", out.length ? "," : "(",
                          command_status_name((enum command_status)i));
    }
    strbuf_putc(&out, ')');
    return text;
}

#define PAGE_DEFAULT 50
#define PAGE_MAX 200

static int count_matching(struct db_conn *conn, const char *where, const struct command_filter *filter,
                          int64_t *ret, struct err *err) {
    char sql[768];
    snprintf(sql, sizeof sql, "SELECT COUNT(*) FROM agent_commands WHERE %s", where);
    _cleanup_rows_ struct db_rows *rows = NULL;
    int status = db_row(conn, &rows, err, sql, "ss", filter->agent_id, filter->session_id);
    if (status > 0)
        *ret = db_int(rows, 0);
    return status < 0 ? -1 : 0;
}

static int read_page(struct db_rows *rows, unsigned limit, struct command_page *ret, struct err *err) {
    int status;
    int64_t last = 0;
    while ((status = db_next(rows, err)) > 0) {
        if (ret->count == limit) { /* one more than asked for: there is a next page */
            snprintf(ret->next_cursor, sizeof ret->next_cursor, "%lld", (long long)last);
            break;
        }
        read_command(rows, &ret->items[ret->count++]);
        last = db_int(rows, 13);
    }
    return status < 0 ? -1 : 0;
}

int command_list(struct db_conn *conn, const struct command_filter *filter, struct command_page *ret,
                 struct err *err) {
    char where[512], sql[1024], set[96];
    int64_t before = INT64_MAX;
    if (filter->cursor && !str_to_i64(filter->cursor, 1, INT64_MAX, &before))
        return err_set_field(err, ERR_INVALID, "invalid_field", "cursor", "is not one of ours");
    unsigned limit = filter->limit ? filter->limit : PAGE_DEFAULT;
    if (limit > PAGE_MAX)
        limit = PAGE_MAX;
    snprintf(where, sizeof where, "status IN %s AND %s AND %s", status_set(filter->statuses, set, sizeof set),
             filter->agent_id ? "agent_id = $1" : "$1 IS NULL",
             filter->session_id ? "session_id = $2" : "$2 IS NULL");
    snprintf(sql, sizeof sql,
             "SELECT " COLUMNS " FROM agent_commands WHERE %s AND seq < $3 ORDER BY seq DESC LIMIT $4",
             where);
    struct command_page page = {.items = mem_zalloc(limit * sizeof *page.items)};
    _cleanup_rows_ struct db_rows *rows = NULL;
    if (count_matching(conn, where, filter, &page.total, err) < 0 ||
        db_query(conn, &rows, err, sql, "ssii", filter->agent_id, filter->session_id, before,
                 (int64_t)limit + 1) < 0 ||
        read_page(rows, limit, &page, err) < 0) {
        command_page_finish(&page);
        return -1;
    }
    *ret = page;
    return 0;
}

int command_count_statuses(struct db_conn *conn, int64_t counts[COMMAND_STATUSES], struct err *err) {
    memset(counts, 0, COMMAND_STATUSES * sizeof *counts);
    _cleanup_rows_ struct db_rows *rows = NULL;
    if (db_query(conn, &rows, err, "SELECT status, COUNT(*) FROM agent_commands GROUP BY status", "") < 0)
        return -1;
    int status;
    while ((status = db_next(rows, err)) > 0) {
        enum command_status which;
        if (command_status_parse(db_text(rows, 0), &which))
            counts[which] = db_int(rows, 1);
    }
    return status;
}
