/* SQL of shares; for share.c, session.c and ticket.c. */
#ifndef SS_CONTROL_SHARE_STORE_H
#define SS_CONTROL_SHARE_STORE_H

#include "control/shares/share.h"

/* *ret_id 0: this user has one already. `token_hash` NULL: a user's. */
int share_store_insert(struct db_conn *conn, const struct share *share, const char *token_hash,
                       int64_t *ret_id, struct err *err);
/* One that holds, by id (token_hash NULL) or by token. 1, 0, -1. */
int share_store_find(struct db_conn *conn, int64_t id, const char *token_hash, struct share *ret,
                     struct err *err);
/* What a user may do with a session by a share that holds. 1, 0 (nothing), -1. */
int share_store_access(struct db_conn *conn, const char *session, int64_t user_id,
                       enum session_access *ret_mode, int64_t *ret_id, struct err *err);
int share_store_list(struct db_conn *conn, const char *session, struct share *items, size_t room,
                     size_t *ret_count, struct err *err);
/* Takes it out, whether or not it holds. `session` NULL: of any. 1, 0, -1. */
int share_store_take(struct db_conn *conn, const char *session, int64_t id, struct share *ret,
                     struct err *err);
/* Numbers of those that have expired; of one session, or of all (NULL). At most `room`. */
int share_store_expired(struct db_conn *conn, const char *session, int64_t *ids, size_t room,
                        size_t *ret_count, struct err *err);

#endif
