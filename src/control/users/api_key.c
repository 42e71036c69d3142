#include "control/users/api_key.h"

#include "base/str.h"
#include "control/secret.h"
#include "control/users/api_key_store.h"
#include "control/users/login_store.h"

#define PREFIX "ss_"
#define DIGITS 64
#define TOUCH_MS (60 * 1000) /* last_used_at is written this rarely */
#define EXPIRE_BATCH 64

_Static_assert(sizeof PREFIX + DIGITS == API_KEY_TEXT_SIZE, "a key fits");

bool api_key_looks_like(const char *text) {
    return str_starts(text, PREFIX);
}

static int check_name(const char *name, struct err *err) {
    size_t length = name ? strlen(name) : 0;
    if (!length || length > API_KEY_NAME_MAX || !str_is_utf8(name, length))
        return err_set_field(err, ERR_INVALID, "invalid_field", "name", "must be 1–%d bytes of UTF-8",
                             API_KEY_NAME_MAX);
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)name[i] < 0x20 || name[i] == 0x7f)
            return err_set_field(err, ERR_INVALID, "invalid_field", "name", "must be one line");
    return 0;
}

static int check_expiry(const char *text, char *ret, struct err *err) {
    int64_t at;
    if (!text)
        return 0;
    if (!time_parse(text, &at))
        return err_set_field(err, ERR_INVALID, "invalid_field", "expiresAt",
                             "must be a time such as 2030-01-31T12:00:00Z");
    if (at <= clock_wall_ms())
        return err_set_field(err, ERR_INVALID, "invalid_field", "expiresAt", "must be in the future");
    time_format(at, ret);
    return 0;
}

static int create(struct db_conn *conn, const struct actor *actor, const char *hash, struct api_key *key,
                  struct err *err) {
    int64_t count = 0;
    char nobody[LOGIN_TOKEN_SIZE], unused[KEY_HEX_SIZE], target[API_KEY_NAME_MAX + 16];
    if (db_lock(conn, "api_keys", err) < 0 || api_key_store_count(conn, actor->user_id, &count, err) < 0)
        return -1;
    if (count >= API_KEYS_MAX)
        return err_set(err, ERR_CONFLICT, "too_many_keys", "a user has at most %d API keys", API_KEYS_MAX);
    random_hex(nobody, LOGIN_TOKEN_SIZE - 1); /* the cookie that nobody gets */
    secret_hash(nobody, unused);
    snprintf(target, sizeof target, "%s %s", key->prefix, key->name);
    if (login_store_insert(conn, actor->user_id, "key", unused, actor->address, NULL, &key->login_id, err) <
            0 ||
        api_key_store_insert(conn, actor->user_id, hash, key, err) < 0)
        return -1;
    return audit_write(conn, actor, "api_key.create", target, AUDIT_ALLOWED, NULL, err);
}

int api_key_create(struct db_conn *conn, const struct actor *actor, const struct api_key_new *fields,
                   char *key, struct api_key *ret, struct err *err) {
    struct api_key made = {.scopes = fields->scopes};
    char hash[KEY_HEX_SIZE], text[API_KEY_TEXT_SIZE] = PREFIX;
    if (check_name(fields->name, err) < 0 || check_expiry(fields->expires_at, made.expires_at, err) < 0)
        return -1;
    random_hex(text + strlen(PREFIX), DIGITS);
    secret_hash(text, hash);
    str_copy(made.name, sizeof made.name, fields->name);
    str_copy(made.prefix, sizeof made.prefix, text);
    str_copy(made.username, sizeof made.username, actor->username);
    if (db_begin(conn, err) < 0 || db_end(conn, create(conn, actor, hash, &made, err), err) < 0)
        return -1;
    memcpy(key, text, sizeof text);
    explicit_bzero(text, sizeof text);
    *ret = made;
    return 0;
}

static int bad_key(struct err *err) {
    return err_set(err, ERR_UNAUTHENTICATED, "bad_token", "the API key is not valid");
}

int api_key_find(struct db_conn *conn, const char *key, struct login *ret, struct err *err) {
    char hash[KEY_HEX_SIZE];
    struct api_key found;
    struct user user;
    int64_t at, now = clock_wall_ms();
    if (!str_starts(key, PREFIX) || !id_is_hex(key + strlen(PREFIX), DIGITS))
        return bad_key(err);
    secret_hash(key, hash);
    int status = api_key_store_find(conn, hash, &found, &user, err);
    if (status <= 0)
        return status < 0 ? -1 : bad_key(err);
    if (*found.expires_at && (!time_parse(found.expires_at, &at) || at <= now))
        return err_set(err, ERR_UNAUTHENTICATED, "token_expired", "the API key has expired");
    if (!user.active)
        return err_set(err, ERR_DENIED, "user_disabled", "this account is disabled");
    bool stale = !time_parse(found.last_used_at, &at) || now - at > TOUCH_MS;
    if (stale && api_key_store_touch(conn, found.id, err) < 0)
        return -1;
    *ret = (struct login){.id = found.login_id, .user = user, .by_key = true, .scopes = found.scopes};
    return 0;
}

static int delete (struct db_conn *conn, const struct actor *actor, int64_t id, struct err *err) {
    struct api_key key;
    char target[API_KEY_NAME_MAX + 16];
    int found = api_key_store_delete(conn, id, actor_is_admin(actor) ? 0 : actor->user_id, &key, err);
    if (found < 0)
        return -1;
    if (found == 0)
        return err_set(err, ERR_NOT_FOUND, "api_key_not_found", "there is no such API key");
    snprintf(target, sizeof target, "%s %s", key.prefix, key.name);
    if (login_end_quietly(conn, key.login_id, err) < 0)
        return -1;
    return audit_write(conn, actor, "api_key.delete", target, AUDIT_ALLOWED,
                       str_eq(key.username, actor->username) ? NULL : key.username, err);
}

int api_key_delete(struct db_conn *conn, const struct actor *actor, int64_t id, struct err *err) {
    if (db_begin(conn, err) < 0)
        return -1;
    return db_end(conn, delete (conn, actor, id, err), err);
}

static int expire(struct db_conn *conn, struct err *err) {
    int64_t ids[EXPIRE_BATCH];
    size_t count = 0;
    char now[TIME_TEXT_SIZE];
    if (api_key_store_expired(conn, time_now(now), ids, EXPIRE_BATCH, &count, err) < 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        if (login_end_quietly(conn, ids[i], err) < 0)
            return -1;
    return 0;
}

int api_key_expire(struct db_conn *conn, struct err *err) {
    if (db_in_transaction(conn))
        return expire(conn, err);
    if (db_begin(conn, err) < 0)
        return -1;
    return db_end(conn, expire(conn, err), err);
}
