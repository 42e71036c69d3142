/* SQL of API keys; for api_key.c. */
#ifndef SS_CONTROL_API_KEY_STORE_H
#define SS_CONTROL_API_KEY_STORE_H

#include "control/users/api_key.h"

/* Fills key->id and key->created_at. */
int api_key_store_insert(struct db_conn *conn, int64_t user_id, const char *hash, struct api_key *key,
                         struct err *err);
int api_key_store_count(struct db_conn *conn, int64_t user_id, int64_t *ret, struct err *err);
/* 1, 0, -1. A key whose login lives, and its user. */
int api_key_store_find(struct db_conn *conn, const char *hash, struct api_key *ret, struct user *ret_user,
                       struct err *err);
/* user_id 0: anybody's. Deletes and fills *ret: 1, 0, -1. */
int api_key_store_delete(struct db_conn *conn, int64_t id, int64_t user_id, struct api_key *ret,
                         struct err *err);
int api_key_store_touch(struct db_conn *conn, int64_t id, struct err *err);
/* Logins of keys that have expired and are not ended, at most `max`. */
int api_key_store_expired(struct db_conn *conn, const char *now, int64_t *ids, size_t max, size_t *ret_count,
                          struct err *err);

#endif
