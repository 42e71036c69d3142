/* Inside users/: who showed this token or cookie a moment ago.
 *
 * Checking a token costs a signature, a JSON text and a row of the database; a client shows the same one many
 * times a second. Entries are found by a keyed 128-bit hash of the text (the text itself is not kept), live
 * LOGIN_CACHE_MS at most, which bounds how long another replica's change goes unseen, and end with any change
 * that this process makes to logins or users (DB_MARK_LOGINS).
 */
#ifndef SS_CONTROL_LOGIN_CACHE_H
#define SS_CONTROL_LOGIN_CACHE_H

#include "control/users/login.h"

#define LOGIN_CACHE_MS 500
#define LOGIN_CACHE_MAX 1024 /* entries; a newer one takes the place of an older */

struct login_cache;
struct login_cache *login_cache_create(void);
void login_cache_destroy(struct login_cache *cache); /* accepts NULL */

/* `mark`: what db_mark_read(conn, DB_MARK_LOGINS) says now. */
bool login_cache_find(struct login_cache *cache, const char *text, size_t length, uint64_t mark,
                      struct login *ret);
/* `mark`: as read before the rows were. `expires_at`: seconds since 1970 after which the text is void
 * whatever else is true; 0: never. */
void login_cache_put(struct login_cache *cache, const char *text, size_t length, uint64_t mark,
                     int64_t expires_at, const struct login *login);

#endif
