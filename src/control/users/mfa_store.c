#include "control/users/mfa_store.h"

int mfa_store_begin(struct db_conn *conn, int64_t user_id, const char *secret, struct err *err) {
    char now[TIME_TEXT_SIZE];
    if (db_now(conn, now, err) < 0)
        return -1;
    return db_exec(conn, NULL, err,
                   "INSERT INTO user_totp (user_id, secret, last_step, created_at) VALUES ($1, $2, 0, $3) "
                   "ON CONFLICT (user_id) DO UPDATE SET secret = excluded.secret, last_step = 0, "
                   "created_at = excluded.created_at WHERE user_totp.confirmed_at IS NULL",
                   "iss", user_id, secret, now);
}

int mfa_store_find(struct db_conn *conn, int64_t user_id, struct totp_row *ret, struct err *err) {
    _cleanup_rows_ struct db_rows *rows = NULL;
    int status =
        db_row(conn, &rows, err, "SELECT secret, last_step, confirmed_at FROM user_totp WHERE user_id = $1",
               "i", user_id);
    if (status <= 0)
        return status;
    db_copy(rows, 0, ret->secret, sizeof ret->secret);
    ret->last_step = db_int(rows, 1);
    ret->confirmed = !db_is_null(rows, 2);
    return 1;
}

int mfa_store_take_step(struct db_conn *conn, int64_t user_id, int64_t step, struct err *err) {
    int64_t changes = 0;
    if (db_exec(conn, &changes, err,
                "UPDATE user_totp SET last_step = $2 WHERE user_id = $1 AND last_step < $2", "ii", user_id,
                step) < 0)
        return -1;
    return changes > 0;
}

int mfa_store_take_code(struct db_conn *conn, int64_t user_id, const char *hash, struct err *err) {
    char now[TIME_TEXT_SIZE];
    int64_t changes = 0;
    if (db_now(conn, now, err) < 0 || db_exec(conn, &changes, err,
                                              "UPDATE mfa_backup_codes SET used_at = $3 WHERE user_id = $1 "
                                              "AND code_hash = $2 AND used_at IS NULL",
                                              "iss", user_id, hash, now) < 0)
        return -1;
    return changes > 0;
}

static int set_enabled(struct db_conn *conn, int64_t user_id, bool enabled, const char *now,
                       struct err *err) {
    int status = db_exec(conn, NULL, err, "UPDATE users SET mfa_enabled = $2, updated_at = $3 WHERE id = $1",
                         "iis", user_id, (int64_t)enabled, now);
    db_mark_move(conn, DB_MARK_LOGINS);
    return status;
}

int mfa_store_confirm(struct db_conn *conn, int64_t user_id, struct err *err) {
    char now[TIME_TEXT_SIZE];
    if (db_now(conn, now, err) < 0 || set_enabled(conn, user_id, true, now, err) < 0)
        return -1;
    return db_exec(conn, NULL, err, "UPDATE user_totp SET confirmed_at = $2 WHERE user_id = $1", "is",
                   user_id, now);
}

int mfa_store_remove(struct db_conn *conn, int64_t user_id, struct err *err) {
    char now[TIME_TEXT_SIZE];
    if (db_now(conn, now, err) < 0 || set_enabled(conn, user_id, false, now, err) < 0 ||
        mfa_store_clear_codes(conn, user_id, err) < 0)
        return -1;
    return db_exec(conn, NULL, err, "DELETE FROM user_totp WHERE user_id = $1", "i", user_id);
}

int mfa_store_clear_codes(struct db_conn *conn, int64_t user_id, struct err *err) {
    return db_exec(conn, NULL, err, "DELETE FROM mfa_backup_codes WHERE user_id = $1", "i", user_id);
}

int mfa_store_add_code(struct db_conn *conn, int64_t user_id, const char *hash, struct err *err) {
    char now[TIME_TEXT_SIZE];
    if (db_now(conn, now, err) < 0)
        return -1;
    return db_exec(conn, NULL, err,
                   "INSERT INTO mfa_backup_codes (user_id, code_hash, created_at) VALUES ($1, $2, $3)", "iss",
                   user_id, hash, now);
}
