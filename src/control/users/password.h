/* Passwords: argon2id by libsodium. Slow by purpose: 30–50 ms and 32 MiB each time.
 */
#ifndef SS_CONTROL_PASSWORD_H
#define SS_CONTROL_PASSWORD_H

#include "base/err.h"
#include "control/users/user_store.h"

#include <stdbool.h>

/* `hash` has PASSWORD_HASH_SIZE bytes. ERR_UNAVAILABLE when there is no memory for it. */
int password_hash(const char *password, char *hash, struct err *err);
/* False when it does not match, or `hash` is empty: then it takes as long all the same. */
bool password_matches(const char *hash, const char *password);
/* What an empty hash is checked against: a hash of a forgotten random password. For the test that holds its
 * cost against password_hash()'s. */
extern const char password_nobody[];

#endif
