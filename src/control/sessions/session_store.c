#include "control/sessions/session_store.h"

#include "base/str.h"
#include "control/like.h"
#include "control/settings/settings.h"
#include "json/fields.h"

#include <stdlib.h>

#define COLUMNS                                                                                              \
    "s.id, s.user_id, u.username, s.template_name, s.protocol, s.state, s.state_since, s.stage, s.reason, "  \
    "s.cpu_millis, s.memory_bytes, s.persistent_home, s.agent_id, s.platform, a.status, a.replica_id, "      \
    "s.start_command, s.idle_timeout, s.max_duration, s.hibernate_mode, s.viewers, s.usage_cpu_millis, "     \
    "s.usage_memory_bytes, s.tags, s.created_at, s.updated_at, s.started_at, s.ended_at, "                   \
    "s.wanted_cpu_millis, s.wanted_memory_bytes"
#define FROM "FROM sessions s JOIN users u ON u.id = s.user_id LEFT JOIN agents a ON a.agent_id = s.agent_id "

static void read_tags(const char *text, struct strv *tags) {
    json_t *list = NULL, *tag;
    size_t index;
    if (!text || str_eq(text, "[]") || json_decode(text, strlen(text), &list, NULL) < 0)
        return;
    json_array_foreach (list, index, tag) {
        if (json_is_string(tag))
            strv_add(tags, json_string_value(tag));
    }
    json_decref(list);
}

static void read_session(struct db_rows *rows, struct session *ret) {
    db_copy(rows, 0, ret->name, sizeof ret->name);
    ret->user_id = db_int(rows, 1);
    db_copy(rows, 2, ret->user, sizeof ret->user);
    db_copy(rows, 3, ret->template_name, sizeof ret->template_name);
    db_copy(rows, 4, ret->protocol, sizeof ret->protocol);
    if (!state_parse(db_text(rows, 5), &ret->state))
        ret->state = SESSION_FAILED;
    db_copy(rows, 6, ret->state_since, sizeof ret->state_since);
    db_copy(rows, 7, ret->stage, sizeof ret->stage);
    db_copy(rows, 8, ret->reason, sizeof ret->reason);
    ret->held_cpu_millis = db_int(rows, 9);
    ret->held_memory_bytes = db_int(rows, 10);
    ret->cpu_millis = db_is_null(rows, 28) ? ret->held_cpu_millis : db_int(rows, 28);
    ret->memory_bytes = db_is_null(rows, 29) ? ret->held_memory_bytes : db_int(rows, 29);
    ret->persistent_home = db_int(rows, 11) != 0;
    db_copy(rows, 12, ret->agent_id, sizeof ret->agent_id);
    db_copy(rows, 13, ret->platform, sizeof ret->platform);
    ret->agent_online = str_eq(db_text(rows, 14), "online") && !db_is_null(rows, 15);
    db_copy(rows, 16, ret->start_command, sizeof ret->start_command);
    ret->idle_timeout = db_int(rows, 17);
    ret->max_duration = db_int(rows, 18);
    db_copy(rows, 19, ret->hibernate_mode, sizeof ret->hibernate_mode);
    ret->viewers = db_int(rows, 20);
    ret->usage_cpu_millis = db_int(rows, 21);
    ret->usage_memory_bytes = db_int(rows, 22);
    read_tags(db_text(rows, 23), &ret->tags);
    db_copy(rows, 24, ret->created_at, sizeof ret->created_at);
    db_copy(rows, 25, ret->updated_at, sizeof ret->updated_at);
    db_copy(rows, 26, ret->started_at, sizeof ret->started_at);
    db_copy(rows, 27, ret->ended_at, sizeof ret->ended_at);
}

int session_store_find(struct db_conn *conn, const char *name, struct session *ret, struct err *err) {
    _cleanup_rows_ struct db_rows *rows = NULL;
    int status = db_row(conn, &rows, err, "SELECT " COLUMNS " " FROM "WHERE s.id = $1", "s", name);
    if (status > 0) {
        *ret = (struct session){0};
        read_session(rows, ret);
    }
    return status;
}

int session_store_insert(struct db_conn *conn, const struct session_insert *row, bool *ret_inserted,
                         struct err *err) {
    char now[TIME_TEXT_SIZE];
    int64_t changes = 0;
    if (db_now(conn, now, err) < 0 ||
        db_exec(conn, &changes, err,
                "INSERT INTO sessions (id, user_id, template_name, protocol, state, state_since, state_due, "
                "cpu_millis, "
                "memory_bytes, persistent_home, agent_id, platform, start_command, idle_timeout, "
                "max_duration, tags, "
                "created_at, updated_at) VALUES ($1, $2, $3, $4, 'pending', $5, $6, $7, $8, $9, $10, $11, "
                "$12, $13, $14, "
                "$15, $5, $5) ON CONFLICT DO NOTHING",
                "sisssiiiisssiis", row->name, row->user_id, row->template_name, row->protocol, now, row->due,
                row->cpu_millis, row->memory_bytes, (int64_t)row->persistent_home, row->agent_id,
                row->platform, row->start_command, row->idle_timeout, row->max_duration, row->tags) < 0)
        return -1;
    *ret_inserted = changes > 0;
    return 0;
}

/* --- steps --- */

int session_store_step(struct db_conn *conn, const struct session_change *change, bool *ret_changed,
                       struct err *err) {
    char now[TIME_TEXT_SIZE], set[STATE_SET_SIZE], sql[1024];
    const struct state_row *row = &state_table[change->to];
    int64_t steady = 0, changes = 0;
    unsigned froms = state_froms(change->to, change->by);
    if (change->froms)
        froms &= change->froms;
    if (db_now(conn, now, err) < 0 || steady_now(conn, &steady, err) < 0)
        return -1;
    /* The text differs only by the set of states: a few dozen statements in all, each prepared once. */
    snprintf(sql, sizeof sql,
             "UPDATE sessions SET state = $2, state_since = $3, updated_at = $3, state_due = %s, reason = "
             "%s, stage = $5, "
             "started_at = CASE WHEN $2 = 'running' THEN COALESCE(started_at, $3) ELSE started_at END, "
             "ends_due = CASE WHEN $2 = 'running' AND max_duration > 0 AND started_at IS NULL THEN $7 + "
             "max_duration * 1000 "
             "WHEN $2 IN ('terminating', 'terminated', 'failed') THEN NULL ELSE ends_due END, "
             "ended_at = %s, hibernate_mode = COALESCE($8, hibernate_mode) "
             "WHERE id = $1 AND state IN %s AND ($6 IS NULL OR agent_id = $6)",
             row->deadline_ms ? "$9" : "NULL",
             change->to == SESSION_TERMINATED ? "COALESCE($4, reason)" : "$4", row->live ? "ended_at" : "$3",
             state_set_sql(froms, set));
    if (db_exec(conn, &changes, err, sql, "ssssssisi", change->name, state_name(change->to), now,
                change->reason, change->stage, change->agent_id, steady, change->hibernate_mode,
                steady + row->deadline_ms) < 0)
        return -1;
    *ret_changed = changes > 0;
    return 0;
}

int session_store_rearm(struct db_conn *conn, const char *name, enum session_state state, struct err *err) {
    int64_t steady = 0;
    if (steady_now(conn, &steady, err) < 0)
        return -1;
    return db_exec(conn, NULL, err, "UPDATE sessions SET state_due = $3 WHERE id = $1 AND state = $2", "ssi",
                   name, state_name(state), steady + state_table[state].deadline_ms);
}

int session_store_stage(struct db_conn *conn, const char *name, const char *agent_id, const char *stage,
                        bool *ret_changed, struct err *err) {
    char now[TIME_TEXT_SIZE];
    int64_t changes = 0;
    if (db_now(conn, now, err) < 0 ||
        db_exec(conn, &changes, err,
                "UPDATE sessions SET stage = $3, updated_at = $4 "
                "WHERE id = $1 AND agent_id = $2 AND state = 'starting' AND COALESCE(stage, '') <> $3",
                "ssss", name, agent_id, stage, now) < 0)
        return -1;
    *ret_changed = changes > 0;
    return 0;
}

int session_store_usage(struct db_conn *conn, const char *name, const char *agent_id, int64_t cpu_millis,
                        int64_t memory_bytes, struct err *err) {
    return db_exec(conn, NULL, err,
                   "UPDATE sessions SET usage_cpu_millis = $3, usage_memory_bytes = $4 "
                   "WHERE id = $1 AND agent_id = $2 AND state = 'running'",
                   "ssii", name, agent_id, cpu_millis, memory_bytes);
}

int session_store_settings(struct db_conn *conn, const struct session_settings *settings, struct err *err) {
    char now[TIME_TEXT_SIZE];
    if (db_now(conn, now, err) < 0)
        return -1;
    return db_exec(
        conn, NULL, err,
        "UPDATE sessions SET updated_at = $2, tags = COALESCE(CAST($3 AS TEXT), tags), "
        "idle_timeout = CASE WHEN CAST($4 AS BIGINT) = 1 THEN CAST($5 AS BIGINT) ELSE idle_timeout END, "
        "max_duration = CASE WHEN CAST($6 AS BIGINT) = 1 THEN CAST($7 AS BIGINT) ELSE max_duration END, "
        "ends_due = CASE WHEN CAST($6 AS BIGINT) = 1 THEN CAST($8 AS BIGINT) ELSE ends_due END, "
        "ends_warned = CASE WHEN CAST($6 AS BIGINT) = 1 THEN 0 ELSE ends_warned END WHERE id = $1",
        "sssiiiiI", settings->name, now, settings->tags, (int64_t)settings->has_idle_timeout,
        settings->idle_timeout, (int64_t)settings->has_max_duration, settings->max_duration,
        settings->ends_due);
}

int session_store_resources(struct db_conn *conn, const char *name, int64_t held_cpu, int64_t held_memory,
                            int64_t wanted_cpu, int64_t wanted_memory, struct err *err) {
    char now[TIME_TEXT_SIZE];
    if (db_now(conn, now, err) < 0)
        return -1;
    return db_exec(conn, NULL, err,
                   "UPDATE sessions SET updated_at = $2, cpu_millis = $3, memory_bytes = $4, "
                   "wanted_cpu_millis = $5, wanted_memory_bytes = $6 WHERE id = $1",
                   "ssiiII", name, now, held_cpu, held_memory, wanted_cpu, wanted_memory);
}

int session_store_reason(struct db_conn *conn, const char *name, const char *reason, struct err *err) {
    return db_exec(conn, NULL, err, "UPDATE sessions SET reason = $2 WHERE id = $1 AND state = 'running'",
                   "ss", name, reason);
}

int session_add_viewers(struct db_conn *conn, const char *name, int delta, struct err *err) {
    int64_t changes = 0;
    if (db_begin(conn, err) < 0)
        return -1;
    int status = db_exec(
        conn, &changes, err,
        "UPDATE sessions SET viewers = CASE WHEN viewers + $2 < 0 THEN 0 ELSE viewers + $2 END WHERE id = $1",
        "si", name, (int64_t)delta);
    if (status == 0 && changes > 0)
        status = session_announce(conn, name, "changed", err);
    return db_end(conn, status, err);
}

int session_reset_viewers(struct db_conn *conn, struct err *err) {
    return db_exec(conn, NULL, err, "UPDATE sessions SET viewers = 0 WHERE viewers <> 0", "");
}

/* --- lists --- */

static int collect(struct db_rows *rows, struct strv *ret, struct err *err) {
    int status;
    while ((status = db_next(rows, err)) > 0)
        strv_add(ret, db_text(rows, 0));
    return status;
}

int session_store_overdue(struct db_conn *conn, int64_t now, unsigned limit, struct strv *ret,
                          struct err *err) {
    _cleanup_rows_ struct db_rows *rows = NULL;
    if (db_query(conn, &rows, err,
                 "SELECT id FROM sessions WHERE state_due IS NOT NULL AND state_due <= $1 ORDER BY state_due "
                 "LIMIT $2",
                 "ii", now, (int64_t)limit) < 0)
        return -1;
    return collect(rows, ret, err);
}

int session_store_over_duration(struct db_conn *conn, int64_t now, unsigned limit, struct strv *ret,
                                struct err *err) {
    _cleanup_rows_ struct db_rows *rows = NULL;
    if (db_query(conn, &rows, err,
                 "SELECT id FROM sessions WHERE ends_due IS NOT NULL AND ends_due <= $1 ORDER BY ends_due "
                 "LIMIT $2",
                 "ii", now, (int64_t)limit) < 0)
        return -1;
    return collect(rows, ret, err);
}

/* max_duration counts seconds: a tenth of it in milliseconds is a hundred times the number. */
int session_store_ending_soon(struct db_conn *conn, int64_t now, unsigned limit, struct strv *ret,
                              struct err *err) {
    _cleanup_rows_ struct db_rows *rows = NULL;
    if (db_query(conn, &rows, err,
                 "SELECT id FROM sessions WHERE ends_due IS NOT NULL AND ends_due <= $1 AND ends_warned = 0 "
                 "AND ends_due <= $2 + max_duration * 100 AND ends_due > $2 ORDER BY ends_due LIMIT $3",
                 "iii", now + SESSION_WARN_MS, now, (int64_t)limit) < 0)
        return -1;
    return collect(rows, ret, err);
}

int session_store_warned(struct db_conn *conn, const char *name, bool *ret_changed, struct err *err) {
    int64_t changes = 0;
    if (db_exec(conn, &changes, err,
                "UPDATE sessions SET ends_warned = 1 WHERE id = $1 AND ends_warned = 0 AND ends_due IS NOT "
                "NULL",
                "s", name) < 0)
        return -1;
    *ret_changed = changes > 0;
    return 0;
}

int session_store_abandoned(struct db_conn *conn, unsigned limit, struct strv *ret, struct err *err) {
    _cleanup_rows_ struct db_rows *rows = NULL;
    if (db_query(conn, &rows, err,
                 "SELECT s.id FROM sessions s LEFT JOIN agent_commands c ON c.command_id = s.start_command "
                 "WHERE s.state_due IS NOT NULL AND s.state IN ('pending', 'starting') "
                 "AND (c.status IS NULL OR c.status = 'failed') ORDER BY s.state_due LIMIT $1",
                 "i", (int64_t)limit) < 0)
        return -1;
    return collect(rows, ret, err);
}

int session_store_live_of_agent(struct db_conn *conn, const char *agent_id, struct strv *ret,
                                struct err *err) {
    _cleanup_rows_ struct db_rows *rows = NULL;
    if (db_query(conn, &rows, err,
                 "SELECT id FROM sessions WHERE agent_id = $1 AND state NOT IN ('terminated', 'failed') "
                 "ORDER BY id",
                 "s", agent_id) < 0)
        return -1;
    return collect(rows, ret, err);
}

int session_wanted(struct db_conn *conn, const char *agent_id, struct session_wanted **ret, size_t *ret_count,
                   struct err *err) {
    _cleanup_rows_ struct db_rows *rows = NULL;
    if (db_query(
            conn, &rows, err,
            "SELECT id, state FROM sessions WHERE agent_id = $1 AND state NOT IN ('terminated', 'failed') "
            "AND state <> 'terminating' ORDER BY id",
            "s", agent_id) < 0)
        return -1;
    struct session_wanted *items = NULL;
    size_t count = 0, room = 0;
    int status;
    while ((status = db_next(rows, err)) > 0) {
        if (count == room)
            items = mem_realloc(items, (room = room ? room * 2 : 16) * sizeof *items);
        db_copy(rows, 0, items[count].session_id, sizeof items[count].session_id);
        if (state_parse(db_text(rows, 1), &items[count].state))
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

int session_count_states(struct db_conn *conn, int64_t counts[SESSION_STATES], struct err *err) {
    memset(counts, 0, SESSION_STATES * sizeof *counts);
    _cleanup_rows_ struct db_rows *rows = NULL;
    if (db_query(conn, &rows, err, "SELECT state, COUNT(*) FROM sessions GROUP BY state", "") < 0)
        return -1;
    int status;
    while ((status = db_next(rows, err)) > 0) {
        enum session_state state;
        if (state_parse(db_text(rows, 0), &state))
            counts[state] = db_int(rows, 1);
    }
    return status;
}

/* --- pages --- */

#define PAGE_DEFAULT 50
#define PAGE_MAX 200

/* The cursor is the last row's time and name: "2026-11-21T03:47:43.120Z|admin-terminal-01234567". */
static int read_cursor(const char *cursor, char *time, char *name, struct err *err) {
    int64_t when;
    const char *bar = cursor ? strchr(cursor, '|') : NULL;
    if (!cursor) {
        str_copy(time, TIME_TEXT_SIZE, TIME_LAST);
        *name = '\0';
        return 0;
    }
    char *text = bar ? str_ndup(cursor, (size_t)(bar - cursor)) : NULL;
    bool good = text && time_parse(text, &when) && str_copy(time, TIME_TEXT_SIZE, text) &&
                id_is_session(bar + 1) && str_copy(name, SESSION_NAME_MAX + 1, bar + 1);
    free(text);
    return good ? 0 : err_set_field(err, ERR_INVALID, "invalid_field", "cursor", "is not one of ours");
}

/* Only what is filtered by stands in the statement, so that the indexes serve. */
static void make_where(const struct session_filter *filter, struct strbuf *out) {
    char set[STATE_SET_SIZE];
    unsigned states =
        filter->states ? filter->states : ((1u << SESSION_STATES) - 1) & ~(1u << SESSION_TERMINATED);
    strbuf_printf(out, "s.state IN %s", state_set_sql(states, set));
    if (filter->user_id)
        strbuf_puts(out, " AND s.user_id = $1");
    if (filter->user)
        strbuf_puts(out, " AND u.username = $2");
    if (filter->agent_id)
        strbuf_puts(out, " AND s.agent_id = $3");
    if (filter->template_name)
        strbuf_puts(out, " AND s.template_name = $4");
    if (filter->tag) /* the tag between its quotes: tags hold no quotes themselves, and LIKE's letters are not
                        for them */
        strbuf_puts(out, " AND REPLACE(s.tags, $5, '') <> s.tags");
    if (filter->search)
        strbuf_puts(out,
                    " AND (LOWER(s.id) LIKE $6 ESCAPE '\\' OR LOWER(s.template_name) LIKE $6 ESCAPE '\\' "
                    "OR LOWER(u.username) LIKE $6 ESCAPE '\\' OR LOWER(s.tags) LIKE $6 ESCAPE '\\')");
    if (filter->shared_with)
        strbuf_puts(out, " AND u.active = 1 AND s.id IN (SELECT h.session_id FROM session_shares h "
                         "WHERE h.user_id = $7 AND (h.expires_at IS NULL OR h.expires_at > $8))");
}

/* What the parameters $1 to $8 of the filter are; owned texts in it. */
struct page_query {
    char where[1024], quoted[SESSION_TAG_MAX + 3];
    char *search;
    char now[TIME_TEXT_SIZE];
};

static int count_all(struct db_conn *conn, const struct session_filter *filter, const struct page_query *q,
                     int64_t *ret, struct err *err) {
    _cleanup_rows_ struct db_rows *total = NULL;
    char sql[2048];
    snprintf(sql, sizeof sql, "SELECT COUNT(*) FROM sessions s JOIN users u ON u.id = s.user_id WHERE %s",
             q->where);
    if (db_row(conn, &total, err, sql, "isssssis", filter->user_id, filter->user, filter->agent_id,
               filter->template_name, q->quoted, q->search, filter->shared_with, q->now) <= 0)
        return -1;
    *ret = db_int(total, 0);
    return 0;
}

static int query_page(struct db_conn *conn, const struct session_filter *filter, const struct page_query *q,
                      const char *time, const char *name, unsigned limit, struct session_page *ret,
                      struct err *err) {
    char sql[3072];
    _cleanup_rows_ struct db_rows *rows = NULL;
    if (count_all(conn, filter, q, &ret->total, err) < 0)
        return -1;
    snprintf(sql, sizeof sql,
             "SELECT " COLUMNS " " FROM
             "WHERE %s AND (s.created_at < $9 OR (s.created_at = $9 AND s.id < $10)) "
             "ORDER BY s.created_at DESC, s.id DESC LIMIT $11",
             q->where);
    if (db_query(conn, &rows, err, sql, "isssssisssi", filter->user_id, filter->user, filter->agent_id,
                 filter->template_name, q->quoted, q->search, filter->shared_with, q->now, time, name,
                 (int64_t)limit + 1) < 0)
        return -1;
    int status;
    while ((status = db_next(rows, err)) > 0) {
        if (ret->count == limit) {
            const struct session *last = &ret->items[limit - 1];
            snprintf(ret->next_cursor, sizeof ret->next_cursor, "%s|%s", last->created_at, last->name);
            return 0;
        }
        read_session(rows, &ret->items[ret->count++]);
    }
    return status;
}

int session_list(struct db_conn *conn, const struct session_filter *filter, struct session_page *ret,
                 struct err *err) {
    char time[TIME_TEXT_SIZE], name[SESSION_NAME_MAX + 1];
    unsigned limit = filter->limit ? filter->limit : PAGE_DEFAULT;
    if (limit > PAGE_MAX)
        limit = PAGE_MAX;
    if (read_cursor(filter->cursor, time, name, err) < 0)
        return -1;
    struct session_page page = {.items = mem_zalloc(limit * sizeof *page.items)};
    struct page_query q = {.search = like_pattern(filter->search)};
    struct strbuf where = STRBUF_FIXED(q.where);
    make_where(filter, &where);
    snprintf(q.quoted, sizeof q.quoted, "\"%s\"", filter->tag ? filter->tag : "");
    int status = db_now(conn, q.now, err);
    if (status == 0)
        status = query_page(conn, filter, &q, time, name, limit, &page, err);
    for (size_t i = 0; filter->actor && i < page.count && status >= 0; i++)
        status = session_find_access(conn, filter->actor, &page.items[i], err);
    free(q.search);
    if (status < 0) {
        session_page_finish(&page);
        return -1;
    }
    *ret = page;
    return 0;
}
