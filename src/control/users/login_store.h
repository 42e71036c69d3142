/* SQL of logins and refresh tokens; for login.c. */
#ifndef SS_CONTROL_LOGIN_STORE_H
#define SS_CONTROL_LOGIN_STORE_H

#include "control/users/login.h"

/* `kind`: "password", "oidc" or "key". */
int login_store_insert(struct db_conn *conn, int64_t user_id, const char *kind, const char *cookie_hash,
                       const char *address, const char *user_agent, int64_t *ret_id, struct err *err);
/* A living login and its user: 1, 0, -1. `used_at` (TIME_TEXT_SIZE, may be NULL). One of cookie_hash and id
 * is given. */
int login_store_find(struct db_conn *conn, const char *cookie_hash, int64_t id, struct user *ret_user,
                     int64_t *ret_id, char *used_at, struct err *err);
/* 1 when this is a living login of that user and not of a key. */
int login_store_is_of(struct db_conn *conn, int64_t id, int64_t user_id, struct err *err);
int login_store_touch(struct db_conn *conn, int64_t id, struct err *err);
/* *ret_username: of the login's user. 1 when it was alive. */
int login_store_end(struct db_conn *conn, int64_t id, struct err *err);
/* Ends all of a user's but one and those of API keys: the ended ids, at most `max` of them (there may be
 * more: call again). */
int login_store_end_all(struct db_conn *conn, int64_t user_id, int64_t except, int64_t *ids, size_t max,
                        size_t *ret_count, struct err *err);

int refresh_store_insert(struct db_conn *conn, const char *token_hash, int64_t login_id, struct err *err);
/* Uses it: 1 and its login when that was the first time; 2 and its login when it was used before; 0 unknown.
 */
int refresh_store_use(struct db_conn *conn, const char *token_hash, int64_t *ret_login, struct err *err);

#endif
