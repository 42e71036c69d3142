#include "control/sessions/ticket_store.h"

#include "base/str.h"
#include "control/settings/settings.h"

int ticket_store_insert(struct db_conn *conn, const char *hash, const struct ticket_row *row,
                        struct err *err) {
    char now[TIME_TEXT_SIZE];
    if (db_now(conn, now, err) < 0)
        return -1;
    return db_exec(
        conn, NULL, err,
        "INSERT INTO tickets (ticket_hash, session_id, user_id, login_id, mode, expires_due, created_at, "
        "share_id) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        "ssiIsisI", hash, row->session, row->user_id, row->login_id,
        row->mode == TICKET_VIEW ? "view" : "control", row->expires_due, now, row->share_id);
}

int ticket_store_take(struct db_conn *conn, const char *hash, struct ticket_row *ret, struct err *err) {
    _cleanup_rows_ struct db_rows *rows = NULL;
    int status = db_row(conn, &rows, err,
                        "DELETE FROM tickets WHERE ticket_hash = $1 RETURNING session_id, user_id, login_id, "
                        "expires_due, mode, share_id",
                        "s", hash);
    if (status <= 0)
        return status;
    db_copy(rows, 0, ret->session, sizeof ret->session);
    ret->user_id = db_int(rows, 1);
    ret->login_id = db_int(rows, 2);
    ret->expires_due = db_int(rows, 3);
    ret->share_id = db_int(rows, 5);
    ret->mode = str_eq(db_text(rows, 4), "view") ? TICKET_VIEW : TICKET_CONTROL;
    return 1;
}

int ticket_prune(struct db_conn *conn, struct err *err) {
    int64_t now = 0;
    if (steady_now(conn, &now, err) < 0)
        return -1;
    return db_exec(conn, NULL, err, "DELETE FROM tickets WHERE expires_due <= $1", "i", now);
}
