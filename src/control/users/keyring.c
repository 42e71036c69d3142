#include "control/users/keyring.h"

#include "base/str.h"
#include "control/secret.h"
#include "control/settings/settings.h"
#include "control/users/login_cache.h"

#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>

#define JWT_SECRET_MIN 32
#define CSRF_SECRET "csrf"

struct keyring {
    pthread_rwlock_t lock;
    struct signing_key keys[KEYRING_MAX]; /* oldest first */
    size_t count;
    uint8_t csrf_key[JWT_KEY_SIZE];
    struct login_cache *cache;
};

static int load(struct keyring *keyring, struct db_conn *conn, struct err *err) {
    struct signing_key keys[KEYRING_MAX];
    size_t count = 0;
    if (signing_key_store_list(conn, keys, &count, err) < 0)
        return -1;
    if (count == 0)
        return err_set(err, ERR_INTERNAL, NULL, "there is no signing key");
    pthread_rwlock_wrlock(&keyring->lock);
    memcpy(keyring->keys, keys, sizeof keys);
    keyring->count = count;
    pthread_rwlock_unlock(&keyring->lock);
    sodium_memzero(keys, sizeof keys);
    return 0;
}

static int add_random(struct db_conn *conn, struct err *err) {
    char kid[JWT_KID_MAX + 1];
    uint8_t key[JWT_KEY_SIZE];
    random_hex(kid, 16);
    random_bytes(key, sizeof key);
    return signing_key_store_insert(conn, kid, key, err);
}

/* The same secret always makes the same key under the same name: inserting it again changes nothing. */
static int add_secret(struct db_conn *conn, const char *secret, struct err *err) {
    if (strlen(secret) < JWT_SECRET_MIN)
        return err_set_field(err, ERR_INVALID, "weak_secret", "JWT_SECRET",
                             "JWT_SECRET must have at least %d bytes", JWT_SECRET_MIN);
    uint8_t key[JWT_KEY_SIZE], name[crypto_hash_sha256_BYTES];
    char kid[JWT_KID_MAX + 1];
    crypto_hash_sha256(key, (const unsigned char *)secret, strlen(secret));
    crypto_auth_hmacsha256(name, (const unsigned char *)"kid", 3, key);
    sodium_bin2hex(kid, 17, name, 8);
    return signing_key_store_insert(conn, kid, key, err);
}

static int ensure_keys(struct db_conn *conn, const char *jwt_secret, struct err *err) {
    struct signing_key keys[KEYRING_MAX];
    size_t count = 0;
    if (!str_empty(jwt_secret))
        return add_secret(conn, jwt_secret, err);
    if (signing_key_store_list(conn, keys, &count, err) < 0)
        return -1;
    return count > 0 ? 0 : add_random(conn, err);
}

/* Made from the oldest key there is: versions before this one did so at every start, and what pages hold
 * stays good. */
static int ensure_csrf_key(struct db_conn *conn, uint8_t key[JWT_KEY_SIZE], struct err *err) {
    struct signing_key keys[KEYRING_MAX];
    size_t count = 0;
    int found = server_secret_store_find(conn, CSRF_SECRET, key, err);
    if (found != 0)
        return found < 0 ? -1 : 0;
    if (signing_key_store_list(conn, keys, &count, err) < 0)
        return -1;
    crypto_auth_hmacsha256(key, (const unsigned char *)"csrf", 4, keys[0].key);
    return server_secret_store_insert(conn, CSRF_SECRET, key, err);
}

static int ensure_secrets(struct db_conn *conn, const char *jwt_secret, uint8_t csrf_key[JWT_KEY_SIZE],
                          struct err *err) {
    if (db_lock(conn, "signing_keys", err) < 0 || ensure_keys(conn, jwt_secret, err) < 0)
        return -1;
    return ensure_csrf_key(conn, csrf_key, err);
}

int keyring_create(struct keyring **ret, struct db_conn *conn, const char *jwt_secret, struct err *err) {
    uint8_t csrf_key[JWT_KEY_SIZE];
    secret_init();
    if (db_begin(conn, err) < 0 || db_end(conn, ensure_secrets(conn, jwt_secret, csrf_key, err), err) < 0)
        return -1;
    struct keyring *keyring = mem_zalloc(sizeof *keyring);
    pthread_rwlock_init(&keyring->lock, NULL);
    memcpy(keyring->csrf_key, csrf_key, sizeof csrf_key);
    keyring->cache = login_cache_create();
    if (load(keyring, conn, err) < 0) {
        keyring_destroy(keyring);
        return -1;
    }
    *ret = keyring;
    return 0;
}

void keyring_destroy(struct keyring *keyring) {
    if (!keyring)
        return;
    login_cache_destroy(keyring->cache);
    pthread_rwlock_destroy(&keyring->lock);
    sodium_memzero(keyring, sizeof *keyring);
    free(keyring);
}

int keyring_reload(struct keyring *keyring, struct db_conn *conn, struct err *err) {
    return load(keyring, conn, err);
}

/* --- rotation --- */

int signing_keys_list(struct db_conn *conn, struct signing_key_info keys[SIGNING_KEYS_SHOWN],
                      size_t *ret_count, struct err *err) {
    return signing_key_store_info(conn, keys, ret_count, err);
}

/* Under the lock "signing_keys". */
static int add_next(struct db_conn *conn, const struct actor *actor, const char *detail,
                    struct signing_key_info *ret, struct err *err) {
    struct signing_key_info keys[SIGNING_KEYS_SHOWN];
    size_t count = 0;
    if (add_random(conn, err) < 0 || signing_key_store_info(conn, keys, &count, err) < 0 ||
        audit_write(conn, actor, "signing_key.rotate", keys[0].kid, AUDIT_ALLOWED, detail, err) < 0)
        return -1;
    if (ret)
        *ret = keys[0];
    return db_notify(conn, SIGNING_KEYS_CHANNEL, "new", err);
}

static int rotate(struct db_conn *conn, const struct actor *actor, struct signing_key_info *ret,
                  struct err *err) {
    return db_lock(conn, "signing_keys", err) < 0 ? -1 : add_next(conn, actor, NULL, ret, err);
}

int keyring_rotate(struct keyring *keyring, struct db_conn *conn, const struct actor *actor,
                   struct signing_key_info *ret, struct err *err) {
    if (db_begin(conn, err) < 0 || db_end(conn, rotate(conn, actor, ret, err), err) < 0)
        return -1;
    return load(keyring, conn, err);
}

/* Every replica's reconciler gets here: the lock, and looking again under it, let one of them act. */
static int maintain(struct db_conn *conn, int64_t days, struct err *err) {
    struct signing_key_info keys[SIGNING_KEYS_SHOWN];
    size_t count = 0;
    int64_t newest, now = clock_wall_ms(), retired = 0;
    char since[TIME_TEXT_SIZE];
    if (db_lock(conn, "signing_keys", err) < 0 || signing_key_store_info(conn, keys, &count, err) < 0)
        return -1;
    bool old = count > 0 && time_parse(keys[0].created_at, &newest) && now - newest > days * 86400000;
    if (days > 0 && old && add_next(conn, &ACTOR_SYSTEM, "it was time", NULL, err) < 0)
        return -1;
    time_format(now - SIGNING_KEY_KEEP_MS, since);
    return signing_key_store_retire(conn, since, &retired, err);
}

int signing_keys_maintain(struct db_conn *conn, struct err *err) {
    int64_t days = 0;
    if (setting_get(conn, SETTING_KEY_ROTATION_DAYS, &days, err) < 0)
        return -1;
    if (db_in_transaction(conn))
        return maintain(conn, days, err);
    if (db_begin(conn, err) < 0)
        return -1;
    return db_end(conn, maintain(conn, days, err), err);
}

/* --- using them --- */

void keyring_newest(struct keyring *keyring, char *kid, uint8_t key[JWT_KEY_SIZE]) {
    pthread_rwlock_rdlock(&keyring->lock);
    const struct signing_key *newest = &keyring->keys[keyring->count - 1];
    str_copy(kid, JWT_KID_MAX + 1, newest->kid);
    memcpy(key, newest->key, JWT_KEY_SIZE);
    pthread_rwlock_unlock(&keyring->lock);
}

static bool find_cached(struct keyring *keyring, const char *kid, uint8_t key[JWT_KEY_SIZE]) {
    bool found = false;
    pthread_rwlock_rdlock(&keyring->lock);
    for (size_t i = keyring->count; i-- > 0 && !found;) {
        found = str_eq(keyring->keys[i].kid, kid);
        if (found)
            memcpy(key, keyring->keys[i].key, JWT_KEY_SIZE);
    }
    pthread_rwlock_unlock(&keyring->lock);
    return found;
}

int keyring_find(struct keyring *keyring, struct db_conn *conn, const char *kid, uint8_t key[JWT_KEY_SIZE],
                 struct err *err) {
    if (find_cached(keyring, kid, key))
        return 1;
    if (load(keyring, conn, err) < 0)
        return -1;
    return find_cached(keyring, kid, key) ? 1 : 0;
}

void keyring_csrf(struct keyring *keyring, int64_t login_id, char csrf[LOGIN_TOKEN_SIZE]) {
    char text[32];
    uint8_t mac[crypto_auth_hmacsha256_BYTES];
    int length = snprintf(text, sizeof text, "login %lld", (long long)login_id);
    pthread_rwlock_rdlock(&keyring->lock);
    crypto_auth_hmacsha256(mac, (const unsigned char *)text, (size_t)length, keyring->csrf_key);
    pthread_rwlock_unlock(&keyring->lock);
    sodium_bin2hex(csrf, LOGIN_TOKEN_SIZE, mac, sizeof mac);
}

struct login_cache *keyring_cache(struct keyring *keyring) {
    return keyring->cache;
}

void keyring_sign_in_key(struct keyring *keyring, uint8_t key[JWT_KEY_SIZE]) {
    pthread_rwlock_rdlock(&keyring->lock);
    crypto_auth_hmacsha256(key, (const unsigned char *)"sign-in", 7, keyring->csrf_key);
    pthread_rwlock_unlock(&keyring->lock);
}
