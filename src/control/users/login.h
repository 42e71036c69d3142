/* Logins: one row for each browser or program that signed in.
 *
 * A login has an opaque cookie id, a refresh token (rotating: used once, a second use ends the login, since
 * one of the two users of it has stolen it) — both 256 random bits, stored as SHA-256 — and hands out access
 * tokens (JWT HS256, 15 min). The CSRF token is an HMAC over the login's number: no state. Logging out ends
 * this login only. Each check reads the row and its user: ended logins and deactivated users stop at once.
 *
 * Signing keys are rows of `signing_keys` with a `kid`; the newest signs, all of them check. They are cached
 * in `struct keyring`.
 */
#ifndef SS_CONTROL_LOGIN_H
#define SS_CONTROL_LOGIN_H

#include "control/users/jwt.h"
#include "control/users/scope.h"
#include "control/users/user.h"

#define LOGIN_ACCESS_SECONDS (15 * 60)
#define LOGIN_IDLE_DAYS 14 /* a login that is not refreshed or used for this long is over */
#define LOGIN_USER_AGENT_MAX 255
#define LOGIN_TOKEN_SIZE KEY_HEX_SIZE /* 64 hex digits and terminator */

struct keyring;
/* Loads the keys; makes the first one from `jwt_secret` (JWT_SECRET, at least 32 bytes, else ERR_INVALID) or,
 * when that is NULL or empty, at random. A changed JWT_SECRET becomes a new key: the old ones go on checking.
 */
int keyring_create(struct keyring **ret, struct db_conn *conn, const char *jwt_secret, struct err *err);
void keyring_destroy(struct keyring *keyring); /* accepts NULL */
/* Reads the keys again: another replica has made one (SIGNING_KEYS_CHANNEL speaks). Keys that tokens name are
 * found without it; it is what makes this replica sign with the newest. */
int keyring_reload(struct keyring *keyring, struct db_conn *conn, struct err *err);
#define SIGNING_KEYS_CHANNEL "signing_keys"
#define SIGNING_KEY_KEEP_MS (60 * 60 * 1000) /* a key checks for this long after the next one was made */

struct signing_key_info {
    char kid[JWT_KID_MAX + 1];
    char created_at[TIME_TEXT_SIZE], retired_at[TIME_TEXT_SIZE]; /* "": checks tokens still */
};
#define SIGNING_KEYS_SHOWN 100
/* Newest first: the first one signs. */
int signing_keys_list(struct db_conn *conn, struct signing_key_info keys[SIGNING_KEYS_SHOWN],
                      size_t *ret_count, struct err *err);
/* Makes a new signing key; the others go on checking for SIGNING_KEY_KEEP_MS, so that nobody is signed out.
 * One transaction with audit "signing_key.rotate"; all replicas are told. `ret` may be NULL. */
int keyring_rotate(struct keyring *keyring, struct db_conn *conn, const struct actor *actor,
                   struct signing_key_info *ret, struct err *err);
/* Now and then, by the reconciler: a new key when the newest is older than the setting key-rotation-days;
 * keys whose tokens have all expired are forgotten. */
int signing_keys_maintain(struct db_conn *conn, struct err *err);

/* For sealing what a browser keeps while it is away at an identity provider: the same on all replicas,
 * whatever key signs. */
void keyring_sign_in_key(struct keyring *keyring, uint8_t key[JWT_KEY_SIZE]);

/* What a login gives to the client, once. */
struct login_tokens {
    char cookie[LOGIN_TOKEN_SIZE];
    char access[JWT_TEXT_MAX + 1];
    char refresh[LOGIN_TOKEN_SIZE];
    char csrf[LOGIN_TOKEN_SIZE];
    char expires_at[TIME_TEXT_SIZE]; /* of the access token */
};

struct login {
    int64_t id;
    struct user user;
    char csrf[LOGIN_TOKEN_SIZE];
    bool by_key;      /* signed in with an API key (api_key.h) … */
    scope_set scopes; /* … that has these scopes */
};

/* For a user that has proved who he is (user_verify_password …). One transaction with audit "login.create".
 */
int login_create(struct db_conn *conn, struct keyring *keyring, const struct user *user, const char *address,
                 const char *user_agent, struct login_tokens *ret, struct err *err);
/* The same, saying how he proved it. */
#define LOGIN_BY_PASSWORD "password"
#define LOGIN_BY_OIDC "oidc"
int login_create_by(struct db_conn *conn, struct keyring *keyring, const struct user *user, const char *kind,
                    const char *address, const char *user_agent, struct login_tokens *ret, struct err *err);
/* By cookie. ERR_UNAUTHENTICATED "bad_cookie" when there is no such living login; ERR_DENIED "user_disabled".
 */
int login_find_cookie(struct db_conn *conn, struct keyring *keyring, const char *cookie, struct login *ret,
                      struct err *err);
/* By access token (JWT); one indexed read. ERR_UNAUTHENTICATED "bad_token" / "token_expired"; ERR_DENIED
 * "user_disabled". */
int login_find_token(struct db_conn *conn, struct keyring *keyring, const char *token, size_t length,
                     struct login *ret, struct err *err);
/* Exchanges the refresh token for new access and refresh tokens (cookie and csrf stay and are not filled in).
 * ERR_UNAUTHENTICATED "bad_token"; a token used before ends the login. */
int login_refresh(struct db_conn *conn, struct keyring *keyring, const char *refresh,
                  struct login_tokens *ret, struct login *ret_login, struct err *err);
/* One of a user's living logins, as he sees it. */
struct login_entry {
    int64_t id;
    char kind[16];                                          /* "password" or "oidc" */
    char address[64], user_agent[LOGIN_USER_AGENT_MAX + 1]; /* "" when unknown */
    char created_at[TIME_TEXT_SIZE], used_at[TIME_TEXT_SIZE];
};
struct login_list {
    struct login_entry *items; /* owned */
    size_t count;
    int64_t total;
    bool more; /* the next page's cursor is the last item's id */
};
void login_list_finish(struct login_list *list);
/* Newest first, those of API keys left out; `before` 0: from the newest; limit 0: 50, at most 200. */
int login_list(struct db_conn *conn, int64_t user_id, int64_t before, unsigned limit, struct login_list *ret,
               struct err *err);
/* Ends a login of the actor's own. ERR_NOT_FOUND "login_not_found". */
int login_end_own(struct db_conn *conn, const struct actor *actor, int64_t login_id, struct err *err);

/* Ends one login (already ended: success), with audit and an event "login" so that its streams close. */
int login_end(struct db_conn *conn, const struct actor *actor, int64_t login_id, struct err *err);
/* The same inside the caller's transaction, without audit: whoever calls tells of the cause. */
int login_end_quietly(struct db_conn *conn, int64_t login_id, struct err *err);
/* Ends all of a user's logins but `except` (0: none), those of his API keys excepted. Inside the caller's
 * transaction or alone. */
int login_end_all(struct db_conn *conn, int64_t user_id, int64_t except, struct err *err);
/* All that a user watches closes, on every replica, what his API keys opened included. */
int login_close_streams(struct db_conn *conn, const char *username, struct err *err);
/* Constant-time comparison of the X-CSRF-Token header with the login's token. NULL is false. */
bool login_csrf_matches(const struct login *login, const char *header);
/* Removes rows of logins that ended or idled out more than a day ago. */
int login_prune(struct db_conn *conn, struct err *err);

#endif
