#include "control/users/api_key_store.h"

#include "base/str.h"
#include "control/users/user_store.h"

#define KEY_COLUMNS                                                                                          \
    "k.id, k.login_id, u.username, k.name, k.prefix, k.scopes, k.created_at, k.expires_at, k.last_used_at"
#define KEY_COLUMN_COUNT 9
#define LIMIT_DEFAULT 50
#define LIMIT_MAX 200

static void read_key(struct db_rows *rows, struct api_key *ret) {
    ret->id = db_int(rows, 0);
    ret->login_id = db_int(rows, 1);
    db_copy(rows, 2, ret->username, sizeof ret->username);
    db_copy(rows, 3, ret->name, sizeof ret->name);
    db_copy(rows, 4, ret->prefix, sizeof ret->prefix);
    ret->scopes = scopes_read(db_text(rows, 5));
    db_copy(rows, 6, ret->created_at, sizeof ret->created_at);
    db_copy(rows, 7, ret->expires_at, sizeof ret->expires_at);
    db_copy(rows, 8, ret->last_used_at, sizeof ret->last_used_at);
}

int api_key_store_insert(struct db_conn *conn, int64_t user_id, const char *hash, struct api_key *key,
                         struct err *err) {
    char scopes[SCOPES_TEXT_SIZE];
    if (db_now(conn, key->created_at, err) < 0)
        return -1;
    _cleanup_rows_ struct db_rows *rows = NULL;
    int status = db_row(
        conn, &rows, err,
        "INSERT INTO api_keys (login_id, user_id, name, prefix, key_hash, scopes, created_at, "
        "expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING id",
        "iissssss", key->login_id, user_id, key->name, key->prefix, hash, scopes_format(key->scopes, scopes),
        key->created_at, *key->expires_at ? key->expires_at : NULL);
    if (status > 0)
        key->id = db_int(rows, 0);
    return status < 0 ? -1 : 0;
}

int api_key_store_count(struct db_conn *conn, int64_t user_id, int64_t *ret, struct err *err) {
    _cleanup_rows_ struct db_rows *rows = NULL;
    int status = db_row(conn, &rows, err, "SELECT COUNT(*) FROM api_keys WHERE user_id = $1", "i", user_id);
    if (status > 0)
        *ret = db_int(rows, 0);
    return status < 0 ? -1 : 0;
}

int api_key_store_find(struct db_conn *conn, const char *hash, struct api_key *ret, struct user *ret_user,
                       struct err *err) {
    _cleanup_rows_ struct db_rows *rows = NULL;
    int status =
        db_row(conn, &rows, err,
               "SELECT " KEY_COLUMNS ", " USER_COLUMNS
               " FROM api_keys k JOIN logins l ON l.id = k.login_id JOIN users u ON u.id = l.user_id "
               "WHERE k.key_hash = $1 AND l.ended_at IS NULL",
               "s", hash);
    if (status <= 0)
        return status;
    read_key(rows, ret);
    user_store_read(rows, KEY_COLUMN_COUNT, ret_user);
    return 1;
}

static int find_by_id(struct db_conn *conn, int64_t id, int64_t user_id, struct api_key *ret,
                      struct err *err) {
    _cleanup_rows_ struct db_rows *rows = NULL;
    int status = db_row(conn, &rows, err,
                        "SELECT " KEY_COLUMNS " FROM api_keys k JOIN users u ON u.id = k.user_id "
                        "WHERE k.id = $1 AND (CAST($2 AS BIGINT) = 0 OR k.user_id = $2)",
                        "ii", id, user_id);
    if (status > 0)
        read_key(rows, ret);
    return status;
}

int api_key_store_delete(struct db_conn *conn, int64_t id, int64_t user_id, struct api_key *ret,
                         struct err *err) {
    int64_t changes = 0;
    int found = find_by_id(conn, id, user_id, ret, err);
    if (found <= 0)
        return found;
    if (db_exec(conn, &changes, err, "DELETE FROM api_keys WHERE id = $1", "i", id) < 0)
        return -1;
    return changes > 0;
}

int api_key_store_touch(struct db_conn *conn, int64_t id, struct err *err) {
    char now[TIME_TEXT_SIZE];
    if (db_now(conn, now, err) < 0)
        return -1;
    return db_exec(conn, NULL, err, "UPDATE api_keys SET last_used_at = $2 WHERE id = $1", "is", id, now);
}

int api_key_store_expired(struct db_conn *conn, const char *now, int64_t *ids, size_t max, size_t *ret_count,
                          struct err *err) {
    _cleanup_rows_ struct db_rows *rows = NULL;
    if (db_query(conn, &rows, err,
                 "SELECT l.id FROM api_keys k JOIN logins l ON l.id = k.login_id "
                 "WHERE k.expires_at < $1 AND l.ended_at IS NULL LIMIT $2",
                 "si", now, (int64_t)max) < 0)
        return -1;
    int status;
    *ret_count = 0;
    while ((status = db_next(rows, err)) > 0)
        ids[(*ret_count)++] = db_int(rows, 0);
    return status;
}

void api_key_list_finish(struct api_key_list *list) {
    free(list->items);
    *list = (struct api_key_list){0};
}

int api_key_list(struct db_conn *conn, int64_t user_id, int64_t after, unsigned limit,
                 struct api_key_list *ret, struct err *err) {
    unsigned wanted = limit == 0 ? LIMIT_DEFAULT : limit > LIMIT_MAX ? LIMIT_MAX : limit;
    struct api_key_list list = {.items = mem_zalloc((wanted + 1) * sizeof *list.items)};
    _cleanup_rows_ struct db_rows *rows = NULL;
    int status = api_key_store_count(conn, user_id, &list.total, err);
    if (status == 0)
        status = db_query(conn, &rows, err,
                          "SELECT " KEY_COLUMNS " FROM api_keys k JOIN users u ON u.id = k.user_id "
                          "WHERE k.user_id = $1 AND k.id > $2 ORDER BY k.id LIMIT $3",
                          "iii", user_id, after, (int64_t)wanted + 1);
    while (status >= 0 && list.count <= wanted && (status = db_next(rows, err)) > 0)
        read_key(rows, &list.items[list.count++]);
    if (status < 0) {
        api_key_list_finish(&list);
        return -1;
    }
    list.more = list.count > wanted;
    if (list.more)
        list.count = wanted;
    *ret = list;
    return 0;
}
