#include "base/str.h"
#include "control/secret.h"
#include "control/users/password.h"
#include "control/users/setup.h"
#include "control/users/user_store.h"

int setup_needed(struct db_conn *conn, bool *ret, struct err *err) {
    int64_t admins = 0;
    if (user_count_admins(conn, &admins, err) < 0)
        return -1;
    *ret = admins == 0;
    return 0;
}

static void oldest_good(char *text) {
    time_format(clock_wall_ms() - (int64_t)SETUP_HOURS * 3600 * 1000, text);
}

int setup_offer(struct db_conn *conn, char *token, struct err *err) {
    char hash[KEY_HEX_SIZE], now[TIME_TEXT_SIZE], oldest[TIME_TEXT_SIZE];
    bool needed = false;
    token[0] = '\0';
    oldest_good(oldest);
    if (setup_needed(conn, &needed, err) < 0)
        return -1;
    if (!needed)
        return 0;
    random_hex(token, KEY_HEX_SIZE - 1);
    secret_hash(token, hash);
    if (db_exec(conn, NULL, err, "DELETE FROM setup_tokens WHERE created_at < $1", "s", oldest) < 0)
        return -1;
    return db_exec(conn, NULL, err, "INSERT INTO setup_tokens (token_hash, created_at) VALUES ($1, $2)", "ss",
                   hash, time_now(now));
}

/* 1: the token is good. Other replicas' tokens end with it. */
static int take_token(struct db_conn *conn, const char *token, struct err *err) {
    char hash[KEY_HEX_SIZE], oldest[TIME_TEXT_SIZE];
    _cleanup_rows_ struct db_rows *rows = NULL;
    oldest_good(oldest);
    secret_hash(token, hash);
    int found =
        db_row(conn, &rows, err, "SELECT 1 FROM setup_tokens WHERE token_hash = $1 AND created_at >= $2",
               "ss", hash, oldest);
    if (found <= 0)
        return found;
    db_finish(rows);
    rows = NULL;
    return db_exec(conn, NULL, err, "DELETE FROM setup_tokens", "") < 0 ? -1 : 1;
}

static int finish(struct db_conn *conn, const struct actor *from, const char *token,
                  const struct user_new *fields, const char *hash, struct user *ret, struct err *err) {
    bool needed = false;
    struct actor actor = *from;
    if (db_lock(conn, "administrators", err) < 0 || setup_needed(conn, &needed, err) < 0)
        return -1;
    if (!needed)
        return err_set(err, ERR_CONFLICT, "setup_done", "there is an administrator already");
    int good = take_token(conn, token, err);
    if (good <= 0)
        return good < 0 ? -1
                        : err_set_field(err, ERR_UNAUTHENTICATED, "bad_setup_token", "token",
                                        "is not the one in the server's log, or is older than %d hours",
                                        SETUP_HOURS);
    if (user_store_insert(conn, fields, hash, err) < 0 || user_find(conn, fields->username, ret, err) < 0)
        return -1;
    actor.username = ret->username;
    actor.user_id = ret->id;
    return audit_write(conn, &actor, "setup.finish", ret->username, AUDIT_ALLOWED, NULL, err);
}

int setup_finish(struct db_conn *conn, const struct actor *actor, const char *token,
                 const struct user_new *fields, struct user *ret, struct err *err) {
    struct user_new admin = *fields;
    char hash[PASSWORD_HASH_SIZE];
    bool needed = false;
    admin.role = USER_ROLE_ADMIN;
    if (setup_needed(conn, &needed, err) < 0)
        return -1;
    if (!needed) /* before anything is hashed */
        return err_set(err, ERR_CONFLICT, "setup_done", "there is an administrator already");
    if (user_check_new(&admin, err) < 0 || password_hash(admin.password, hash, err) < 0 ||
        db_begin(conn, err) < 0)
        return -1;
    return db_end(conn, finish(conn, actor, token, &admin, hash, ret, err), err);
}
