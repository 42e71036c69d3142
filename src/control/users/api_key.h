/* API keys: what programs sign in with. "ss_" and 64 hex digits, shown once, stored as SHA-256.
 *
 * Behind each key stands a login of its own (logins, kind 'key') that lives as long as the key: tickets,
 * streams and event streams that a key opened know that login, and end with it when the key is deleted.
 * Signing in and out, and changes of a user's password or role, leave his keys alone; a deactivated user's
 * keys do nothing. A key never reaches /auth/… (but GET /auth/me) and /api-keys: it makes no further keys.
 */
#ifndef SS_CONTROL_API_KEY_H
#define SS_CONTROL_API_KEY_H

#include "control/users/login.h"
#include "control/users/scope.h"

#define API_KEY_TEXT_SIZE 68 /* of a whole key, with terminator */
#define API_KEY_NAME_MAX 64
#define API_KEYS_MAX 100 /* of one user */

struct api_key {
    int64_t id, login_id;
    char username[USERNAME_MAX + 1];
    char name[API_KEY_NAME_MAX + 1];
    char prefix[12]; /* "ss_" and 8 digits: to tell keys apart */
    scope_set scopes;
    char created_at[TIME_TEXT_SIZE], expires_at[TIME_TEXT_SIZE], last_used_at[TIME_TEXT_SIZE]; /* "": none */
};

struct api_key_new {
    const char *name;       /* one line, at most API_KEY_NAME_MAX bytes */
    const char *expires_at; /* RFC 3339 in the future, or NULL: never */
    scope_set scopes;
};

/* Could this be a key? By its beginning alone. */
bool api_key_looks_like(const char *text);

/* For the actor himself. `key` (API_KEY_TEXT_SIZE bytes) is shown to him once. One transaction with audit
 * "api_key.create". ERR_INVALID naming the field; ERR_CONFLICT "too_many_keys". */
int api_key_create(struct db_conn *conn, const struct actor *actor, const struct api_key_new *fields,
                   char *key, struct api_key *ret, struct err *err);
/* Signs in with a key: fills login.id (the key's own), login.user, login.by_key and login.scopes.
 * ERR_UNAUTHENTICATED "bad_token" / "token_expired"; ERR_DENIED "user_disabled". Now and then writes when it
 * was used. */
int api_key_find(struct db_conn *conn, const char *key, struct login *ret, struct err *err);
/* The actor's own key, or anybody's for administrators; ends all that it has opened. ERR_NOT_FOUND
 * "api_key_not_found". */
int api_key_delete(struct db_conn *conn, const struct actor *actor, int64_t id, struct err *err);

struct api_key_list {
    struct api_key *items; /* owned */
    size_t count;
    int64_t total;
    bool more; /* the next page's cursor is the last item's id */
};
void api_key_list_finish(struct api_key_list *list);
/* One user's keys by id, after `after` (0: from the beginning); limit 0: 50, at most 200. */
int api_key_list(struct db_conn *conn, int64_t user_id, int64_t after, unsigned limit,
                 struct api_key_list *ret, struct err *err);
/* Ends the logins of keys that have expired, and with them what they have opened. */
int api_key_expire(struct db_conn *conn, struct err *err);

#endif
