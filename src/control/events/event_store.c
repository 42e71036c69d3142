#include "base/str.h"
#include "control/events/event.h"

#include <stdlib.h>

int event_write(struct db_conn *conn, const char *kind, const char *audience, const char *data,
                struct err *err) {
    char now[TIME_TEXT_SIZE], named[USERNAME_MAX + 8];
    /* Followers read by id: an id that becomes visible after a higher one is lost to them. Transactions are
     * one after another, single statements are not. */
    if (db_lock(conn, "events", err) < 0)
        return -1;
    if (!str_eq(audience, EVENT_EVERYBODY) && !str_eq(audience, EVENT_OPERATORS) &&
        !str_eq(audience, EVENT_INTERNAL) && !str_starts(audience, EVENT_GUEST)) {
        snprintf(named, sizeof named, "user:%s", audience);
        audience = named;
    }
    if (db_now(conn, now, err) < 0)
        return -1;
    struct db_rows *rows = NULL;
    int status =
        db_row(conn, &rows, err,
               "INSERT INTO events (kind, audience, data, created_at) VALUES ($1, $2, $3, $4) RETURNING id",
               "ssss", kind, audience, data, now);
    if (status <= 0)
        return status < 0 ? -1 : err_set(err, ERR_INTERNAL, NULL, "an event got no id");
    db_finish(rows);
    /* One word whatever happened: what is new is read by id, and one notification a transaction is enough. */
    return db_notify(conn, EVENT_CHANNEL, "new", err);
}

int event_write_guest(struct db_conn *conn, const char *kind, const char *username, const char *data,
                      struct err *err) {
    char audience[USERNAME_MAX + 8];
    snprintf(audience, sizeof audience, EVENT_GUEST "%s", username);
    return event_write(conn, kind, audience, data, err);
}

int event_write_guests(struct db_conn *conn, const char *kind, const char *session, const char *data,
                       struct err *err) {
    char now[TIME_TEXT_SIZE];
    int64_t changes = 0;
    if (db_now(conn, now, err) < 0 ||
        db_exec(conn, &changes, err,
                "INSERT INTO events (kind, audience, data, created_at) "
                "SELECT CAST($1 AS TEXT), '" EVENT_GUEST
                "' || u.username, CAST($2 AS TEXT), CAST($3 AS TEXT) "
                "FROM session_shares h JOIN users u ON u.id = h.user_id "
                "WHERE h.session_id = $4 AND (h.expires_at IS NULL OR h.expires_at > $3)",
                "ssss", kind, data, now, session) < 0)
        return -1;
    return changes > 0 ? db_notify(conn, EVENT_CHANNEL, "new", err) : 0;
}

void events_free(struct event *events, size_t count) {
    for (size_t i = 0; i < count; i++)
        free(events[i].data);
    free(events);
}

int event_read(struct db_conn *conn, int64_t since, struct event **ret, size_t *ret_count, struct err *err) {
    _cleanup_rows_ struct db_rows *rows = NULL;
    if (db_query(conn, &rows, err,
                 "SELECT id, kind, audience, data FROM events WHERE id > $1 ORDER BY id LIMIT $2", "ii",
                 since, (int64_t)EVENT_BATCH_MAX) < 0)
        return -1;
    struct event *events = NULL;
    size_t count = 0, room = 0;
    int status;
    while ((status = db_next(rows, err)) > 0) {
        if (count == room)
            events = mem_realloc(events, (room = room ? room * 2 : 8) * sizeof *events);
        struct event *event = &events[count++];
        event->id = db_int(rows, 0);
        db_copy(rows, 1, event->kind, sizeof event->kind);
        db_copy(rows, 2, event->audience, sizeof event->audience);
        event->data = str_dup(db_text(rows, 3));
    }
    if (status < 0) {
        events_free(events, count);
        return -1;
    }
    *ret = events;
    *ret_count = count;
    return 0;
}

int event_newest(struct db_conn *conn, int64_t *ret, struct err *err) {
    _cleanup_rows_ struct db_rows *rows = NULL;
    int status = db_row(conn, &rows, err, "SELECT COALESCE(MAX(id), 0) FROM events", "");
    if (status > 0)
        *ret = db_int(rows, 0);
    return status < 0 ? -1 : 0;
}

int event_gap(struct db_conn *conn, int64_t since, bool *ret, struct err *err) {
    _cleanup_rows_ struct db_rows *rows = NULL;
    int status = db_row(conn, &rows, err, "SELECT COALESCE(MIN(id), 0) FROM events", "");
    if (status > 0) {
        /* The newest event is never pruned, so an empty table means that there never was one. */
        int64_t oldest = db_int(rows, 0);
        *ret = oldest > since + 1;
    }
    return status < 0 ? -1 : 0;
}

bool event_visible(const struct event *event, const char *username, bool is_operator) {
    if (str_eq(event->audience, EVENT_INTERNAL))
        return false;
    if (str_starts(event->audience, EVENT_GUEST))
        return !is_operator && str_eq(event->audience + strlen(EVENT_GUEST), username);
    if (is_operator || str_eq(event->audience, EVENT_EVERYBODY))
        return true;
    return str_starts(event->audience, "user:") && str_eq(event->audience + strlen("user:"), username);
}

int event_prune(struct db_conn *conn, struct err *err) {
    char before[TIME_TEXT_SIZE];
    time_format(clock_wall_ms() - EVENT_KEEP_SECONDS * 1000, before);
    return db_exec(conn, NULL, err,
                   "DELETE FROM events WHERE created_at < $1 AND id < (SELECT MAX(id) FROM events)", "s",
                   before);
}
