#include "control/users/external_store.h"

int external_store_use(struct db_conn *conn, const char *issuer, const char *subject, int64_t *ret_user_id,
                       struct err *err) {
    char now[TIME_TEXT_SIZE];
    if (db_now(conn, now, err) < 0)
        return -1;
    _cleanup_rows_ struct db_rows *rows = NULL;
    int status = db_row(conn, &rows, err,
                        "UPDATE external_identities SET used_at = $3 WHERE issuer = $1 AND subject = $2 "
                        "RETURNING user_id",
                        "sss", issuer, subject, now);
    if (status > 0)
        *ret_user_id = db_int(rows, 0);
    return status;
}

int external_store_insert(struct db_conn *conn, const char *issuer, const char *subject, int64_t user_id,
                          struct err *err) {
    char now[TIME_TEXT_SIZE];
    if (db_now(conn, now, err) < 0)
        return -1;
    return db_exec(conn, NULL, err,
                   "INSERT INTO external_identities (issuer, subject, user_id, created_at, used_at) "
                   "VALUES ($1, $2, $3, $4, $4)",
                   "ssis", issuer, subject, user_id, now);
}

int external_store_groups(struct db_conn *conn, int64_t user_id, struct strv *ret, struct err *err) {
    _cleanup_rows_ struct db_rows *rows = NULL;
    int status;
    if (db_query(conn, &rows, err,
                 "SELECT g.name FROM group_memberships m JOIN groups g ON g.id = m.group_id "
                 "WHERE m.user_id = $1 AND m.source = 'oidc' ORDER BY g.name",
                 "i", user_id) < 0)
        return -1;
    while ((status = db_next(rows, err)) > 0)
        strv_add(ret, db_text(rows, 0));
    return status;
}

static int changed(int status, int64_t changes) {
    return status < 0 ? -1 : changes > 0;
}

int external_store_join(struct db_conn *conn, int64_t user_id, const char *group, struct err *err) {
    char now[TIME_TEXT_SIZE];
    int64_t changes = 0;
    if (db_now(conn, now, err) < 0)
        return -1;
    return changed(db_exec(conn, &changes, err,
                           "INSERT INTO group_memberships (group_id, user_id, role, source, created_at) "
                           "SELECT id, $1, 'member', 'oidc', CAST($3 AS TEXT) FROM groups WHERE name = $2 "
                           "ON CONFLICT (group_id, user_id) DO NOTHING",
                           "iss", user_id, group, now),
                   changes);
}

int external_store_leave(struct db_conn *conn, int64_t user_id, const char *group, struct err *err) {
    int64_t changes = 0;
    return changed(
        db_exec(conn, &changes, err,
                "DELETE FROM group_memberships WHERE user_id = $1 AND source = 'oidc' AND group_id = "
                "(SELECT id FROM groups WHERE name = $2)",
                "is", user_id, group),
        changes);
}
