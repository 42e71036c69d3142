/* SQL of signing keys and of the secrets that servers share; for keyring.c. */
#include "base/str.h"
#include "control/users/keyring.h"

#include <sodium.h>

static bool read_hex(const char *text, uint8_t key[JWT_KEY_SIZE]) {
    size_t got = 0;
    return text && sodium_hex2bin(key, JWT_KEY_SIZE, text, strlen(text), NULL, &got, NULL) == 0 &&
           got == JWT_KEY_SIZE;
}

int signing_key_store_list(struct db_conn *conn, struct signing_key keys[KEYRING_MAX], size_t *ret_count,
                           struct err *err) {
    _cleanup_rows_ struct db_rows *rows = NULL;
    if (db_query(conn, &rows, err,
                 "SELECT kid, secret FROM (SELECT id, kid, secret FROM signing_keys WHERE retired_at IS NULL "
                 "ORDER BY id DESC LIMIT $1) AS newest ORDER BY id",
                 "i", (int64_t)KEYRING_MAX) < 0)
        return -1;
    size_t count = 0;
    int status;
    while ((status = db_next(rows, err)) > 0) {
        db_copy(rows, 0, keys[count].kid, sizeof keys[count].kid);
        if (read_hex(db_text(rows, 1), keys[count].key))
            count++;
    }
    *ret_count = count;
    return status;
}

int signing_key_store_insert(struct db_conn *conn, const char *kid, const uint8_t key[JWT_KEY_SIZE],
                             struct err *err) {
    char now[TIME_TEXT_SIZE], secret[JWT_KEY_SIZE * 2 + 1];
    if (db_now(conn, now, err) < 0)
        return -1;
    sodium_bin2hex(secret, sizeof secret, key, JWT_KEY_SIZE);
    int status = db_exec(
        conn, NULL, err,
        "INSERT INTO signing_keys (kid, secret, created_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
        "sss", kid, secret, now);
    sodium_memzero(secret, sizeof secret);
    return status;
}

int signing_key_store_retire(struct db_conn *conn, const char *since, int64_t *ret_count, struct err *err) {
    char now[TIME_TEXT_SIZE];
    if (db_now(conn, now, err) < 0)
        return -1;
    return db_exec(conn, ret_count, err,
                   "UPDATE signing_keys SET retired_at = $1, secret = '' WHERE retired_at IS NULL AND id < "
                   "(SELECT MAX(id) FROM signing_keys WHERE created_at < $2)",
                   "ss", now, since);
}

int signing_key_store_info(struct db_conn *conn, struct signing_key_info keys[SIGNING_KEYS_SHOWN],
                           size_t *ret_count, struct err *err) {
    _cleanup_rows_ struct db_rows *rows = NULL;
    if (db_query(conn, &rows, err,
                 "SELECT kid, created_at, retired_at FROM signing_keys ORDER BY id DESC LIMIT $1", "i",
                 (int64_t)SIGNING_KEYS_SHOWN) < 0)
        return -1;
    size_t count = 0;
    int status;
    while ((status = db_next(rows, err)) > 0) {
        struct signing_key_info *key = &keys[count++];
        db_copy(rows, 0, key->kid, sizeof key->kid);
        db_copy(rows, 1, key->created_at, sizeof key->created_at);
        db_copy(rows, 2, key->retired_at, sizeof key->retired_at);
    }
    *ret_count = count;
    return status;
}

int server_secret_store_find(struct db_conn *conn, const char *name, uint8_t key[JWT_KEY_SIZE],
                             struct err *err) {
    _cleanup_rows_ struct db_rows *rows = NULL;
    int status = db_row(conn, &rows, err, "SELECT value FROM server_secrets WHERE name = $1", "s", name);
    if (status > 0 && !read_hex(db_text(rows, 0), key))
        return err_set(err, ERR_INTERNAL, NULL, "the server secret '%s' cannot be read", name);
    return status;
}

int server_secret_store_insert(struct db_conn *conn, const char *name, const uint8_t key[JWT_KEY_SIZE],
                               struct err *err) {
    char now[TIME_TEXT_SIZE], value[JWT_KEY_SIZE * 2 + 1];
    if (db_now(conn, now, err) < 0)
        return -1;
    sodium_bin2hex(value, sizeof value, key, JWT_KEY_SIZE);
    int status =
        db_exec(conn, NULL, err,
                "INSERT INTO server_secrets (name, value, created_at) VALUES ($1, $2, $3) ON CONFLICT DO "
                "NOTHING",
                "sss", name, value, now);
    sodium_memzero(value, sizeof value);
    return status;
}
