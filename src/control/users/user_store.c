#include "control/users/user_store.h"

#include "base/str.h"

void user_store_read(struct db_rows *rows, int first, struct user *ret) {
    ret->id = db_int(rows, first);
    db_copy(rows, first + 1, ret->username, sizeof ret->username);
    ret->role = user_role_parse(db_text(rows, first + 2));
    ret->active = db_int(rows, first + 3) != 0;
    db_copy(rows, first + 4, ret->full_name, sizeof ret->full_name);
    db_copy(rows, first + 5, ret->email, sizeof ret->email);
    db_copy(rows, first + 6, ret->created_at, sizeof ret->created_at);
    db_copy(rows, first + 7, ret->updated_at, sizeof ret->updated_at);
    db_copy(rows, first + 8, ret->last_login_at, sizeof ret->last_login_at);
    ret->mfa = db_int(rows, first + 9) != 0;
}

int user_store_find(struct db_conn *conn, const char *username, struct user *ret, char *password_hash,
                    struct err *err) {
    _cleanup_rows_ struct db_rows *rows = NULL;
    int status =
        db_row(conn, &rows, err,
               "SELECT " USER_COLUMNS ", u.password_hash FROM users u WHERE u.username = $1", "s", username);
    if (status <= 0)
        return status;
    user_store_read(rows, 0, ret);
    if (password_hash)
        db_copy(rows, USER_COLUMN_COUNT, password_hash, PASSWORD_HASH_SIZE);
    return 1;
}

int user_store_find_id(struct db_conn *conn, int64_t id, struct user *ret, struct err *err) {
    _cleanup_rows_ struct db_rows *rows = NULL;
    int status = db_row(conn, &rows, err, "SELECT " USER_COLUMNS " FROM users u WHERE u.id = $1", "i", id);
    if (status > 0)
        user_store_read(rows, 0, ret);
    return status;
}

int user_count_admins(struct db_conn *conn, int64_t *ret, struct err *err) {
    _cleanup_rows_ struct db_rows *rows = NULL;
    int status =
        db_row(conn, &rows, err, "SELECT COUNT(*) FROM users WHERE role = 'admin' AND active = 1", "");
    if (status > 0)
        *ret = db_int(rows, 0);
    return status < 0 ? -1 : 0;
}

int user_store_insert(struct db_conn *conn, const struct user_new *fields, const char *password_hash,
                      struct err *err) {
    char now[TIME_TEXT_SIZE];
    if (db_now(conn, now, err) < 0)
        return -1;
    enum user_role role = fields->role == USER_ROLE_NONE ? USER_ROLE_USER : fields->role;
    int64_t changes = 0;
    if (db_exec(conn, &changes, err,
                "INSERT INTO users (username, password_hash, role, active, full_name, email, created_at, "
                "updated_at) "
                "VALUES ($1, $2, $3, 1, $4, $5, $6, $6) ON CONFLICT DO NOTHING",
                "ssssss", fields->username, password_hash, user_role_name(role),
                str_empty(fields->full_name) ? NULL : fields->full_name,
                str_empty(fields->email) ? NULL : fields->email, now) < 0)
        return -1;
    if (changes == 0)
        return err_set_field(err, ERR_CONFLICT, "user_exists", "username", "there is a user %s already",
                             fields->username);
    return 0;
}

int user_store_set_password(struct db_conn *conn, int64_t id, const char *password_hash, struct err *err) {
    char now[TIME_TEXT_SIZE];
    if (db_now(conn, now, err) < 0)
        return -1;
    int status =
        db_exec(conn, NULL, err, "UPDATE users SET password_hash = $2, updated_at = $3 WHERE id = $1", "iss",
                id, password_hash, now);
    db_mark_move(conn, DB_MARK_LOGINS);
    return status;
}

int user_store_update(struct db_conn *conn, const struct user *user, struct err *err) {
    char now[TIME_TEXT_SIZE];
    if (db_now(conn, now, err) < 0)
        return -1;
    int status =
        db_exec(conn, NULL, err,
                "UPDATE users SET role = $2, active = $3, full_name = $4, email = $5, updated_at = $6 "
                "WHERE id = $1",
                "isisss", user->id, user_role_name(user->role), (int64_t)user->active,
                *user->full_name ? user->full_name : NULL, *user->email ? user->email : NULL, now);
    db_mark_move(conn, DB_MARK_LOGINS);
    return status;
}

int user_store_signed_in(struct db_conn *conn, int64_t id, struct err *err) {
    char now[TIME_TEXT_SIZE];
    if (db_now(conn, now, err) < 0)
        return -1;
    return db_exec(conn, NULL, err, "UPDATE users SET last_login_at = $2 WHERE id = $1", "is", id, now);
}

int user_store_live_sessions(struct db_conn *conn, int64_t id, int64_t *ret, struct err *err) {
    _cleanup_rows_ struct db_rows *rows = NULL;
    int status = db_row(conn, &rows, err,
                        "SELECT COUNT(*) FROM sessions WHERE user_id = $1 AND state NOT IN ('terminated', "
                        "'failed')",
                        "i", id);
    if (status > 0)
        *ret = db_int(rows, 0);
    return status < 0 ? -1 : 0;
}

int user_store_delete(struct db_conn *conn, int64_t id, struct err *err) {
    if (db_exec(conn, NULL, err,
                "DELETE FROM sessions WHERE user_id = $1 AND state IN ('terminated', 'failed')", "i", id) < 0)
        return -1;
    int status = db_exec(conn, NULL, err, "DELETE FROM users WHERE id = $1", "i", id);
    db_mark_move(conn, DB_MARK_LOGINS);
    return status;
}
