/* SQL of groups; for group.c and member.c. */
#ifndef SS_CONTROL_GROUP_STORE_H
#define SS_CONTROL_GROUP_STORE_H

#include "control/groups/group.h"

/* 1 found, 0 not, -1 error. */
int group_store_find(struct db_conn *conn, const char *name, struct group *ret, struct err *err);
/* *ret_inserted false: the name is taken. */
int group_store_insert(struct db_conn *conn, const char *name, const struct group_fields *fields,
                       bool *ret_inserted, struct err *err);
int group_store_update(struct db_conn *conn, int64_t id, const struct group_fields *fields, struct err *err);
int group_store_delete(struct db_conn *conn, int64_t id, struct err *err);

/* *ret_inserted false: he is a member already. */
int group_store_add_member(struct db_conn *conn, int64_t group_id, int64_t user_id, enum group_role role,
                           bool *ret_inserted, struct err *err);
int group_store_set_role(struct db_conn *conn, int64_t group_id, int64_t user_id, enum group_role role,
                         struct err *err);
int group_store_remove_member(struct db_conn *conn, int64_t group_id, int64_t user_id, struct err *err);
/* 1 found, 0 not, -1 error. */
int group_store_find_member(struct db_conn *conn, int64_t group_id, int64_t user_id, struct group_member *ret,
                            struct err *err);

#endif
