/* Inside users/: the signing keys, cached. */
#ifndef SS_CONTROL_KEYRING_H
#define SS_CONTROL_KEYRING_H

#include "control/users/login.h"

#define KEYRING_MAX 16 /* the oldest beyond it are forgotten: tokens live 15 minutes */

/* The newest key. `kid` has JWT_KID_MAX + 1 bytes. */
void keyring_newest(struct keyring *keyring, char *kid, uint8_t key[JWT_KEY_SIZE]);
/* By kid; one that is not cached is looked for in the database (another replica may have made it). 1, 0, -1.
 */
int keyring_find(struct keyring *keyring, struct db_conn *conn, const char *kid, uint8_t key[JWT_KEY_SIZE],
                 struct err *err);
/* The CSRF token of a login: HMAC with a key of its own, which rotation leaves alone. */
void keyring_csrf(struct keyring *keyring, int64_t login_id, char csrf[LOGIN_TOKEN_SIZE]);

/* Tokens that were checked a moment ago. */
struct login_cache *keyring_cache(struct keyring *keyring);

/* signing_key_store.c: rows that are not retired, oldest first. */
struct signing_key {
    char kid[JWT_KID_MAX + 1];
    uint8_t key[JWT_KEY_SIZE];
};
int signing_key_store_list(struct db_conn *conn, struct signing_key keys[KEYRING_MAX], size_t *ret_count,
                           struct err *err);
/* A kid that is there, retired or not, stays as it is. */
int signing_key_store_insert(struct db_conn *conn, const char *kid, const uint8_t key[JWT_KEY_SIZE],
                             struct err *err);
/* Forgets the keys that are older than one that was made before `since`. */
int signing_key_store_retire(struct db_conn *conn, const char *since, int64_t *ret_count, struct err *err);
int signing_key_store_info(struct db_conn *conn, struct signing_key_info keys[SIGNING_KEYS_SHOWN],
                           size_t *ret_count, struct err *err);

/* Secrets that all servers share: 1, 0, -1; one that is there stays as it is. */
int server_secret_store_find(struct db_conn *conn, const char *name, uint8_t key[JWT_KEY_SIZE],
                             struct err *err);
int server_secret_store_insert(struct db_conn *conn, const char *name, const uint8_t key[JWT_KEY_SIZE],
                               struct err *err);

#endif
