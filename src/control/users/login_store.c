#include "control/users/login_store.h"

#include "base/str.h"
#include "control/users/user_store.h"

/* --- logins --- */

int login_store_insert(struct db_conn *conn, int64_t user_id, const char *kind, const char *cookie_hash,
                       const char *address, const char *user_agent, int64_t *ret_id, struct err *err) {
    char now[TIME_TEXT_SIZE], agent[LOGIN_USER_AGENT_MAX + 1] = "";
    if (db_now(conn, now, err) < 0)
        return -1;
    if (user_agent && str_is_utf8(user_agent, strlen(user_agent)) &&
        strlen(user_agent) <= LOGIN_USER_AGENT_MAX)
        str_copy(agent, sizeof agent, user_agent);
    _cleanup_rows_ struct db_rows *rows = NULL;
    int status =
        db_row(conn, &rows, err,
               "INSERT INTO logins (user_id, kind, cookie_hash, address, user_agent, created_at, used_at) "
               "VALUES ($1, $2, $3, $4, $5, $6, $6) RETURNING id",
               "isssss", user_id, kind, cookie_hash, address, *agent ? agent : NULL, now);
    if (status > 0)
        *ret_id = db_int(rows, 0);
    return status < 0 ? -1 : 0;
}

int login_store_find(struct db_conn *conn, const char *cookie_hash, int64_t id, struct user *ret_user,
                     int64_t *ret_id, char *used_at, struct err *err) {
    char oldest[TIME_TEXT_SIZE];
    time_format(clock_wall_ms() - (int64_t)LOGIN_IDLE_DAYS * 86400000, oldest);
    _cleanup_rows_ struct db_rows *rows = NULL;
    int status = cookie_hash
                     ? db_row(conn, &rows, err,
                              "SELECT " USER_COLUMNS
                              ", l.id, l.used_at FROM logins l JOIN users u ON u.id = l.user_id "
                              "WHERE l.cookie_hash = $1 AND l.ended_at IS NULL AND l.used_at > $2",
                              "ss", cookie_hash, oldest)
                     : db_row(conn, &rows, err,
                              "SELECT " USER_COLUMNS
                              ", l.id, l.used_at FROM logins l JOIN users u ON u.id = l.user_id "
                              "WHERE l.id = $1 AND l.ended_at IS NULL AND (l.used_at > $2 OR l.kind = 'key')",
                              "is", id, oldest);
    if (status <= 0)
        return status;
    user_store_read(rows, 0, ret_user);
    *ret_id = db_int(rows, USER_COLUMN_COUNT);
    if (used_at)
        db_copy(rows, USER_COLUMN_COUNT + 1, used_at, TIME_TEXT_SIZE);
    return 1;
}

int login_store_is_of(struct db_conn *conn, int64_t id, int64_t user_id, struct err *err) {
    _cleanup_rows_ struct db_rows *rows = NULL;
    return db_row(
        conn, &rows, err,
        "SELECT 1 FROM logins WHERE id = $1 AND user_id = $2 AND kind <> 'key' AND ended_at IS NULL", "ii",
        id, user_id);
}

int login_store_touch(struct db_conn *conn, int64_t id, struct err *err) {
    char now[TIME_TEXT_SIZE];
    if (db_now(conn, now, err) < 0)
        return -1;
    return db_exec(conn, NULL, err, "UPDATE logins SET used_at = $2 WHERE id = $1", "is", id, now);
}

int login_store_end(struct db_conn *conn, int64_t id, struct err *err) {
    char now[TIME_TEXT_SIZE];
    int64_t changes = 0;
    if (db_now(conn, now, err) < 0 ||
        db_exec(conn, &changes, err, "UPDATE logins SET ended_at = $2 WHERE id = $1 AND ended_at IS NULL",
                "is", id, now) < 0)
        return -1;
    db_mark_move(conn, DB_MARK_LOGINS);
    return changes > 0 ? 1 : 0;
}

int login_store_end_all(struct db_conn *conn, int64_t user_id, int64_t except, int64_t *ids, size_t max,
                        size_t *ret_count, struct err *err) {
    char now[TIME_TEXT_SIZE];
    if (db_now(conn, now, err) < 0)
        return -1;
    _cleanup_rows_ struct db_rows *rows = NULL;
    if (db_query(conn, &rows, err,
                 "UPDATE logins SET ended_at = $3 WHERE id IN (SELECT id FROM logins WHERE user_id = $1 AND "
                 "id <> $2 "
                 "AND kind <> 'key' AND ended_at IS NULL ORDER BY id LIMIT $4) RETURNING id",
                 "iisi", user_id, except, now, (int64_t)max) < 0)
        return -1;
    int status;
    size_t count = 0;
    while ((status = db_next(rows, err)) > 0)
        ids[count++] = db_int(rows, 0);
    *ret_count = count;
    db_mark_move(conn, DB_MARK_LOGINS);
    return status;
}

int login_prune(struct db_conn *conn, struct err *err) {
    char ended[TIME_TEXT_SIZE], idle[TIME_TEXT_SIZE];
    time_format(clock_wall_ms() - 86400000, ended);
    time_format(clock_wall_ms() - (int64_t)(LOGIN_IDLE_DAYS + 1) * 86400000, idle);
    return db_exec(conn, NULL, err,
                   "DELETE FROM logins WHERE ended_at < $1 OR (used_at < $2 AND kind <> 'key')", "ss", ended,
                   idle);
}

/* --- lists --- */

#define LIMIT_DEFAULT 50
#define LIMIT_MAX 200
#define LIVING "user_id = $1 AND kind <> 'key' AND ended_at IS NULL AND used_at > $2"

void login_list_finish(struct login_list *list) {
    free(list->items);
    *list = (struct login_list){0};
}

static void read_entry(struct db_rows *rows, struct login_entry *ret) {
    ret->id = db_int(rows, 0);
    db_copy(rows, 1, ret->kind, sizeof ret->kind);
    db_copy(rows, 2, ret->address, sizeof ret->address);
    db_copy(rows, 3, ret->user_agent, sizeof ret->user_agent);
    db_copy(rows, 4, ret->created_at, sizeof ret->created_at);
    db_copy(rows, 5, ret->used_at, sizeof ret->used_at);
}

static int count_living(struct db_conn *conn, int64_t user_id, const char *oldest, int64_t *ret,
                        struct err *err) {
    _cleanup_rows_ struct db_rows *rows = NULL;
    int status = db_row(conn, &rows, err, "SELECT COUNT(*) FROM logins WHERE " LIVING, "is", user_id, oldest);
    if (status > 0)
        *ret = db_int(rows, 0);
    return status < 0 ? -1 : 0;
}

int login_list(struct db_conn *conn, int64_t user_id, int64_t before, unsigned limit, struct login_list *ret,
               struct err *err) {
    unsigned wanted = limit == 0 ? LIMIT_DEFAULT : limit > LIMIT_MAX ? LIMIT_MAX : limit;
    struct login_list list = {.items = mem_zalloc((wanted + 1) * sizeof *list.items)};
    char oldest[TIME_TEXT_SIZE];
    time_format(clock_wall_ms() - (int64_t)LOGIN_IDLE_DAYS * 86400000, oldest);
    _cleanup_rows_ struct db_rows *rows = NULL;
    int status = count_living(conn, user_id, oldest, &list.total, err);
    if (status == 0)
        status =
            db_query(conn, &rows, err,
                     "SELECT id, kind, address, user_agent, created_at, used_at FROM logins WHERE " LIVING
                     " AND id < $3 ORDER BY id DESC LIMIT $4",
                     "isii", user_id, oldest, before ? before : INT64_MAX, (int64_t)wanted + 1);
    while (status >= 0 && list.count <= wanted && (status = db_next(rows, err)) > 0)
        read_entry(rows, &list.items[list.count++]);
    if (status < 0) {
        login_list_finish(&list);
        return -1;
    }
    list.more = list.count > wanted;
    if (list.more)
        list.count = wanted;
    *ret = list;
    return 0;
}

/* --- refresh tokens --- */

int refresh_store_insert(struct db_conn *conn, const char *token_hash, int64_t login_id, struct err *err) {
    char now[TIME_TEXT_SIZE];
    if (db_now(conn, now, err) < 0)
        return -1;
    return db_exec(conn, NULL, err,
                   "INSERT INTO refresh_tokens (token_hash, login_id, created_at) VALUES ($1, $2, $3)", "sis",
                   token_hash, login_id, now);
}

int refresh_store_use(struct db_conn *conn, const char *token_hash, int64_t *ret_login, struct err *err) {
    char now[TIME_TEXT_SIZE];
    if (db_now(conn, now, err) < 0)
        return -1;
    _cleanup_rows_ struct db_rows *first = NULL, *again = NULL;
    int status = db_row(conn, &first, err,
                        "UPDATE refresh_tokens SET used_at = $2 WHERE token_hash = $1 AND used_at IS NULL "
                        "RETURNING login_id",
                        "ss", token_hash, now);
    if (status != 0) {
        if (status > 0)
            *ret_login = db_int(first, 0);
        return status;
    }
    status = db_row(conn, &again, err, "SELECT login_id FROM refresh_tokens WHERE token_hash = $1", "s",
                    token_hash);
    if (status <= 0)
        return status;
    *ret_login = db_int(again, 0);
    return 2;
}
