/* SQL of external identities; for external.c. */
#ifndef SS_CONTROL_EXTERNAL_STORE_H
#define SS_CONTROL_EXTERNAL_STORE_H

#include "base/str.h"
#include "control/users/user.h"

/* Finds and stamps it. 1 found, 0 not, -1 error. */
int external_store_use(struct db_conn *conn, const char *issuer, const char *subject, int64_t *ret_user_id,
                       struct err *err);
int external_store_insert(struct db_conn *conn, const char *issuer, const char *subject, int64_t user_id,
                          struct err *err);
/* Names of the groups that a provider put the user into, appended. */
int external_store_groups(struct db_conn *conn, int64_t user_id, struct strv *ret, struct err *err);
/* 1 when that changed something, 0 when there is no such group or he is (not) in it already. */
int external_store_join(struct db_conn *conn, int64_t user_id, const char *group, struct err *err);
int external_store_leave(struct db_conn *conn, int64_t user_id, const char *group, struct err *err);

#endif
