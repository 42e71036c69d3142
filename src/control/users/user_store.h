/* SQL of users; for user.c and login.c. */
#ifndef SS_CONTROL_USER_STORE_H
#define SS_CONTROL_USER_STORE_H

#include "control/users/user.h"

#define PASSWORD_HASH_SIZE 128

/* The columns that user_store_read() takes, from `users u`, and how many they are. */
#define USER_COLUMNS                                                                                         \
    "u.id, u.username, u.role, u.active, u.full_name, u.email, u.created_at, u.updated_at, "                 \
    "u.last_login_at, "                                                                                      \
    "u.mfa_enabled"
#define USER_COLUMN_COUNT 10
void user_store_read(struct db_rows *rows, int first_column, struct user *ret);

/* 1 found, 0 not, -1 error. `password_hash` (PASSWORD_HASH_SIZE bytes, may be NULL) is "" where there is
 * none. */
int user_store_find(struct db_conn *conn, const char *username, struct user *ret, char *password_hash,
                    struct err *err);
int user_store_find_id(struct db_conn *conn, int64_t id, struct user *ret, struct err *err);
/* ERR_CONFLICT "user_exists". */
int user_store_insert(struct db_conn *conn, const struct user_new *fields, const char *password_hash,
                      struct err *err);
int user_store_set_password(struct db_conn *conn, int64_t id, const char *password_hash, struct err *err);
/* Role, active, full name and e-mail address as they stand in `user`. */
int user_store_update(struct db_conn *conn, const struct user *user, struct err *err);
int user_store_signed_in(struct db_conn *conn, int64_t id, struct err *err);
/* Sessions that are neither terminated nor failed. */
int user_store_live_sessions(struct db_conn *conn, int64_t id, int64_t *ret, struct err *err);
/* With his ended sessions. */
int user_store_delete(struct db_conn *conn, int64_t id, struct err *err);

#endif
