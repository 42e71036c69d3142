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
/* The CSRF token of a login: HMAC with a key of its own, made from the first signing key so that rotation
 * leaves the pages' tokens alone. */
void keyring_csrf(struct keyring *keyring, int64_t login_id, char csrf[LOGIN_TOKEN_SIZE]);

/* Tokens that were checked a moment ago. */
struct login_cache *keyring_cache(struct keyring *keyring);

/* login_store.c: rows of signing_keys, oldest first. */
struct signing_key {
    int64_t id;
    char kid[JWT_KID_MAX + 1];
    uint8_t key[JWT_KEY_SIZE];
};
int signing_key_store_list(struct db_conn *conn, struct signing_key keys[KEYRING_MAX], size_t *ret_count,
                           struct signing_key *ret_first, struct err *err);
int signing_key_store_insert(struct db_conn *conn, const char *kid, const uint8_t key[JWT_KEY_SIZE],
                             struct err *err);

#endif
