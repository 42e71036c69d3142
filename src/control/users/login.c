#include "control/users/login.h"

#include "base/str.h"
#include "control/events/event.h"
#include "control/secret.h"
#include "control/users/keyring.h"
#include "control/users/login_cache.h"
#include "control/users/login_store.h"
#include "control/users/user_store.h"

#define TOUCH_MS (3600 * 1000) /* used_at is written this rarely */
#define END_BATCH 64

static int make_access(struct keyring *keyring, const struct user *user, int64_t login_id,
                       struct login_tokens *ret, struct err *err) {
    char kid[JWT_KID_MAX + 1];
    uint8_t key[JWT_KEY_SIZE];
    int64_t now = clock_wall_ms() / 1000;
    struct jwt_claims claims = {
        .login_id = login_id, .issued_at = now, .expires_at = now + LOGIN_ACCESS_SECONDS};
    str_copy(claims.subject, sizeof claims.subject, user->username);
    str_copy(claims.role, sizeof claims.role, user_role_name(user->role));
    keyring_newest(keyring, kid, key);
    time_format(claims.expires_at * 1000, ret->expires_at);
    return jwt_encode(&claims, kid, key, ret->access, err);
}

static int make_refresh(struct db_conn *conn, int64_t login_id, struct login_tokens *ret, struct err *err) {
    char hash[KEY_HEX_SIZE];
    random_hex(ret->refresh, LOGIN_TOKEN_SIZE - 1);
    secret_hash(ret->refresh, hash);
    return refresh_store_insert(conn, hash, login_id, err);
}

static int create(struct db_conn *conn, struct keyring *keyring, const struct user *user, const char *kind,
                  const char *address, const char *user_agent, struct login_tokens *ret, struct err *err) {
    char hash[KEY_HEX_SIZE];
    int64_t id = 0;
    struct actor actor = {.user_id = user->id, .username = user->username, .address = address};
    random_hex(ret->cookie, LOGIN_TOKEN_SIZE - 1);
    secret_hash(ret->cookie, hash);
    if (login_store_insert(conn, user->id, kind, hash, address, user_agent, &id, err) < 0 ||
        make_refresh(conn, id, ret, err) < 0 || make_access(keyring, user, id, ret, err) < 0)
        return -1;
    if (user_store_signed_in(conn, user->id, err) < 0)
        return -1;
    keyring_csrf(keyring, id, ret->csrf);
    return audit_write(conn, &actor, "login.create", user->username, "success", NULL, err);
}

int login_create(struct db_conn *conn, struct keyring *keyring, const struct user *user, const char *address,
                 const char *user_agent, struct login_tokens *ret, struct err *err) {
    return login_create_by(conn, keyring, user, LOGIN_BY_PASSWORD, address, user_agent, ret, err);
}

int login_create_by(struct db_conn *conn, struct keyring *keyring, const struct user *user, const char *kind,
                    const char *address, const char *user_agent, struct login_tokens *ret, struct err *err) {
    if (!user->active)
        return err_set(err, ERR_DENIED, "user_disabled", "this account is disabled");
    if (db_begin(conn, err) < 0)
        return -1;
    return db_end(conn, create(conn, keyring, user, kind, address, user_agent, ret, err), err);
}

/* A login that was found: is its user allowed in? */
static int admit(struct keyring *keyring, struct login *login, struct err *err) {
    if (!login->user.active)
        return err_set(err, ERR_DENIED, "user_disabled", "this account is disabled");
    keyring_csrf(keyring, login->id, login->csrf);
    return 0;
}

int login_find_cookie(struct db_conn *conn, struct keyring *keyring, const char *cookie, struct login *ret,
                      struct err *err) {
    char hash[KEY_HEX_SIZE], used_at[TIME_TEXT_SIZE] = "";
    struct login login = {0};
    struct login_cache *cache = keyring_cache(keyring);
    uint64_t mark = db_mark_read(conn, DB_MARK_LOGINS);
    int found = 0;
    if (cookie && id_is_hex(cookie, LOGIN_TOKEN_SIZE - 1)) {
        if (login_cache_find(cache, cookie, LOGIN_TOKEN_SIZE - 1, mark, ret))
            return 0;
        secret_hash(cookie, hash);
        found = login_store_find(conn, hash, 0, &login.user, &login.id, used_at, err);
    }
    if (found < 0)
        return -1;
    if (found == 0)
        return err_set(err, ERR_UNAUTHENTICATED, "bad_cookie", "you are signed out");
    if (admit(keyring, &login, err) < 0)
        return -1;
    int64_t used = 0;
    if (time_parse(used_at, &used) && clock_wall_ms() - used > TOUCH_MS &&
        login_store_touch(conn, login.id, err) < 0)
        return -1;
    login_cache_put(cache, cookie, LOGIN_TOKEN_SIZE - 1, mark, 0, &login);
    *ret = login;
    return 0;
}

int login_find_token(struct db_conn *conn, struct keyring *keyring, const char *token, size_t length,
                     struct login *ret, struct err *err) {
    char kid[JWT_KID_MAX + 1];
    uint8_t key[JWT_KEY_SIZE];
    struct jwt_claims claims;
    struct login login = {0};
    struct login_cache *cache = keyring_cache(keyring);
    uint64_t mark = db_mark_read(conn, DB_MARK_LOGINS);
    if (login_cache_find(cache, token, length, mark, ret))
        return 0;
    if (jwt_key_id(token, length, kid, err) < 0)
        return -1;
    int found = keyring_find(keyring, conn, kid, key, err);
    if (found < 0)
        return -1;
    if (found > 0 && jwt_decode(token, length, key, clock_wall_ms() / 1000, &claims, err) < 0)
        return -1;
    if (found > 0)
        found = login_store_find(conn, NULL, claims.login_id, &login.user, &login.id, NULL, err);
    if (found < 0)
        return -1;
    if (found == 0 || !str_eq(login.user.username, claims.subject))
        return err_set(err, ERR_UNAUTHENTICATED, "bad_token", "the token is not valid any more");
    if (admit(keyring, &login, err) < 0)
        return -1;
    login_cache_put(cache, token, length, mark, claims.expires_at, &login);
    *ret = login;
    return 0;
}

static int announce_end(struct db_conn *conn, int64_t login_id, struct err *err) {
    char data[64];
    snprintf(data, sizeof data, "{\"action\":\"removed\",\"loginId\":%lld}", (long long)login_id);
    return event_write(conn, "login", EVENT_INTERNAL, data, err);
}

int login_end_quietly(struct db_conn *conn, int64_t login_id, struct err *err) {
    int ended = login_store_end(conn, login_id, err);
    return ended > 0 ? announce_end(conn, login_id, err) : ended;
}

int login_close_streams(struct db_conn *conn, const char *username, struct err *err) {
    char data[64 + USERNAME_MAX];
    snprintf(data, sizeof data, "{\"action\":\"removed\",\"user\":\"%s\"}", username);
    return event_write(conn, "login", EVENT_INTERNAL, data, err);
}

/* 0 refreshed, 1 the token may not be used (the transaction is committed all the same: a theft ends the
 * login). */
static int refresh(struct db_conn *conn, struct keyring *keyring, const char *token, struct login_tokens *ret,
                   struct login *login, struct err *err) {
    char hash[KEY_HEX_SIZE];
    secret_hash(token, hash);
    int64_t id = 0;
    int used = refresh_store_use(conn, hash, &id, err);
    if (used <= 0)
        return used < 0 ? -1 : 1;
    int alive = login_store_find(conn, NULL, id, &login->user, &login->id, NULL, err);
    if (alive < 0)
        return -1;
    if (used == 2) {
        struct actor actor = {.user_id = alive ? login->user.id : 0,
                              .username = alive ? login->user.username : "?"};
        if (alive && (login_end_quietly(conn, id, err) < 0 ||
                      audit_write(conn, &actor, "login.refresh", actor.username, "denied",
                                  "a refresh token was used twice: the login was ended", err) < 0))
            return -1;
        return 1;
    }
    if (!alive || !login->user.active)
        return 1;
    if (login_store_touch(conn, id, err) < 0 || make_refresh(conn, id, ret, err) < 0 ||
        make_access(keyring, &login->user, id, ret, err) < 0)
        return -1;
    keyring_csrf(keyring, id, login->csrf);
    return 0;
}

int login_refresh(struct db_conn *conn, struct keyring *keyring, const char *token, struct login_tokens *ret,
                  struct login *ret_login, struct err *err) {
    struct login_tokens tokens = {0};
    struct login login = {0};
    int status = 1;
    if (token && id_is_hex(token, LOGIN_TOKEN_SIZE - 1)) {
        if (db_begin(conn, err) < 0)
            return -1;
        status = db_end(conn, refresh(conn, keyring, token, &tokens, &login, err), err);
    }
    if (status < 0)
        return -1;
    if (status > 0)
        return err_set(err, ERR_UNAUTHENTICATED, "bad_token", "the refresh token is not valid");
    *ret = tokens;
    *ret_login = login;
    return 0;
}

int login_end(struct db_conn *conn, const struct actor *actor, int64_t login_id, struct err *err) {
    if (db_begin(conn, err) < 0)
        return -1;
    int status = login_end_quietly(conn, login_id, err);
    if (status == 0)
        status = audit_write(conn, actor, "login.end", actor->username, "success", NULL, err);
    return db_end(conn, status, err);
}

static int end_all(struct db_conn *conn, int64_t user_id, int64_t except, struct err *err) {
    int64_t ids[END_BATCH];
    size_t count = 0;
    do {
        if (login_store_end_all(conn, user_id, except, ids, END_BATCH, &count, err) < 0)
            return -1;
        for (size_t i = 0; i < count; i++) {
            if (announce_end(conn, ids[i], err) < 0)
                return -1;
        }
    } while (count == END_BATCH);
    return 0;
}

int login_end_all(struct db_conn *conn, int64_t user_id, int64_t except, struct err *err) {
    if (db_in_transaction(conn))
        return end_all(conn, user_id, except, err);
    if (db_begin(conn, err) < 0)
        return -1;
    return db_end(conn, end_all(conn, user_id, except, err), err);
}

bool login_csrf_matches(const struct login *login, const char *header) {
    return secret_equal(login->csrf, header);
}

static int end_own(struct db_conn *conn, const struct actor *actor, int64_t login_id, struct err *err) {
    int own = login_store_is_of(conn, login_id, actor->user_id, err);
    if (own < 0)
        return -1;
    if (own == 0)
        return err_set(err, ERR_NOT_FOUND, "login_not_found", "there is no such login");
    if (login_end_quietly(conn, login_id, err) < 0)
        return -1;
    return audit_write(conn, actor, "login.end", actor->username, AUDIT_ALLOWED, NULL, err);
}

int login_end_own(struct db_conn *conn, const struct actor *actor, int64_t login_id, struct err *err) {
    if (db_begin(conn, err) < 0)
        return -1;
    return db_end(conn, end_own(conn, actor, login_id, err), err);
}
