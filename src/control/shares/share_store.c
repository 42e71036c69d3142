#include "control/shares/share_store.h"

#include "base/str.h"

#define COLUMNS "h.id, h.session_id, h.user_id, u.username, h.mode, h.created_by, h.created_at, h.expires_at"
#define FROM "FROM session_shares h LEFT JOIN users u ON u.id = h.user_id "
/* … and the owner, who must be active. */
#define FROM_OWNED                                                                                           \
    FROM "JOIN sessions s ON s.id = h.session_id JOIN users o ON o.id = s.user_id AND o.active = 1 "

static const char *mode_name(enum session_access mode) {
    return mode == SESSION_ACCESS_CONTROL ? "control" : "view";
}

static enum session_access mode_parse(const char *text) {
    return str_eq(text, "control") ? SESSION_ACCESS_CONTROL : SESSION_ACCESS_VIEW;
}

static void read_share(struct db_rows *rows, struct share *ret) {
    *ret = (struct share){
        .id = db_int(rows, 0), .user_id = db_int(rows, 2), .mode = mode_parse(db_text(rows, 4))};
    db_copy(rows, 1, ret->session, sizeof ret->session);
    db_copy(rows, 3, ret->username, sizeof ret->username);
    db_copy(rows, 5, ret->created_by, sizeof ret->created_by);
    db_copy(rows, 6, ret->created_at, sizeof ret->created_at);
    db_copy(rows, 7, ret->expires_at, sizeof ret->expires_at);
}

int share_store_insert(struct db_conn *conn, const struct share *share, const char *token_hash,
                       int64_t *ret_id, struct err *err) {
    _cleanup_rows_ struct db_rows *rows = NULL;
    int status =
        db_row(conn, &rows, err,
               "INSERT INTO session_shares (session_id, user_id, token_hash, mode, created_by, created_at, "
               "expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING RETURNING id",
               "sIsssss", share->session, share->user_id, token_hash, mode_name(share->mode),
               share->created_by, share->created_at, *share->expires_at ? share->expires_at : NULL);
    *ret_id = status > 0 ? db_int(rows, 0) : 0;
    return status < 0 ? -1 : 0;
}

int share_store_find(struct db_conn *conn, int64_t id, const char *token_hash, struct share *ret,
                     struct err *err) {
    char now[TIME_TEXT_SIZE];
    _cleanup_rows_ struct db_rows *rows = NULL;
    if (db_now(conn, now, err) < 0)
        return -1;
    int status = token_hash
                     ? db_row(conn, &rows, err,
                              "SELECT " COLUMNS " " FROM_OWNED
                              "WHERE h.token_hash = $1 AND (h.expires_at IS NULL OR h.expires_at > $2)",
                              "ss", token_hash, now)
                     : db_row(conn, &rows, err,
                              "SELECT " COLUMNS " " FROM_OWNED
                              "WHERE h.id = $1 AND (h.expires_at IS NULL OR h.expires_at > $2)",
                              "is", id, now);
    if (status > 0)
        read_share(rows, ret);
    return status;
}

int share_store_access(struct db_conn *conn, const char *session, int64_t user_id,
                       enum session_access *ret_mode, int64_t *ret_id, struct err *err) {
    char now[TIME_TEXT_SIZE];
    _cleanup_rows_ struct db_rows *rows = NULL;
    if (db_now(conn, now, err) < 0)
        return -1;
    int status = db_row(conn, &rows, err,
                        "SELECT h.id, h.mode " FROM_OWNED "WHERE h.session_id = $1 AND h.user_id = $2 "
                        "AND (h.expires_at IS NULL OR h.expires_at > $3)",
                        "sis", session, user_id, now);
    if (status > 0) {
        *ret_id = db_int(rows, 0);
        *ret_mode = mode_parse(db_text(rows, 1));
    }
    return status;
}

int share_store_list(struct db_conn *conn, const char *session, struct share *items, size_t room,
                     size_t *ret_count, struct err *err) {
    char now[TIME_TEXT_SIZE];
    _cleanup_rows_ struct db_rows *rows = NULL;
    if (db_now(conn, now, err) < 0 ||
        db_query(conn, &rows, err,
                 "SELECT " COLUMNS " " FROM "WHERE h.session_id = $1 "
                 "AND (h.expires_at IS NULL OR h.expires_at > $2) ORDER BY h.id LIMIT $3",
                 "ssi", session, now, (int64_t)room) < 0)
        return -1;
    int status;
    *ret_count = 0;
    while ((status = db_next(rows, err)) > 0)
        read_share(rows, &items[(*ret_count)++]);
    return status;
}

int share_store_take(struct db_conn *conn, const char *session, int64_t id, struct share *ret,
                     struct err *err) {
    _cleanup_rows_ struct db_rows *rows = NULL;
    int status = db_row(conn, &rows, err, "SELECT " COLUMNS " " FROM "WHERE h.id = $1", "i", id);
    if (status <= 0)
        return status;
    read_share(rows, ret);
    if (session && !str_eq(session, ret->session))
        return 0;
    int64_t changes = 0;
    if (db_exec(conn, &changes, err, "DELETE FROM session_shares WHERE id = $1", "i", id) < 0)
        return -1;
    return changes > 0;
}

int share_store_expired(struct db_conn *conn, const char *session, int64_t *ids, size_t room,
                        size_t *ret_count, struct err *err) {
    char now[TIME_TEXT_SIZE];
    _cleanup_rows_ struct db_rows *rows = NULL;
    if (db_now(conn, now, err) < 0)
        return -1;
    int status =
        session ? db_query(conn, &rows, err,
                           "SELECT id FROM session_shares WHERE expires_at IS NOT NULL AND expires_at <= $1 "
                           "AND session_id = $2 ORDER BY id LIMIT $3",
                           "ssi", now, session, (int64_t)room)
                : db_query(conn, &rows, err,
                           "SELECT id FROM session_shares WHERE expires_at IS NOT NULL AND expires_at <= $1 "
                           "ORDER BY id LIMIT $2",
                           "si", now, (int64_t)room);
    if (status < 0)
        return -1;
    *ret_count = 0;
    while ((status = db_next(rows, err)) > 0)
        ids[(*ret_count)++] = db_int(rows, 0);
    return status;
}
