/* SQL of quotas and homes; for quota.c. */
#ifndef SS_CONTROL_QUOTA_STORE_H
#define SS_CONTROL_QUOTA_STORE_H

#include "control/quotas/quota.h"

/* A user's or a group's row in its own table. */
struct quota_owner {
    bool group;
    int64_t id;
};

/* 1 found, 0 not, -1 error. */
int quota_store_find(struct db_conn *conn, const struct quota_owner *owner, struct quota *ret,
                     struct err *err);
int quota_store_put(struct db_conn *conn, const struct quota_owner *owner, const struct quota *quota,
                    struct err *err);
int quota_store_delete(struct db_conn *conn, const struct quota_owner *owner, bool *ret_deleted,
                       struct err *err);
/* What the user, or the members of the group in sum, hold. */
int quota_store_used(struct db_conn *conn, const struct quota_owner *owner, struct quota_use *ret,
                     struct err *err);

/* The quotas that bind a user: his own first. */
struct quota_row {
    struct quota_owner owner;
    char name[USERNAME_MAX + 1];
    struct quota quota;
};
/* *ret is owned (free). */
int quota_store_binding(struct db_conn *conn, int64_t user_id, struct quota_row **ret, size_t *ret_count,
                        struct err *err);

/* The size of a home, 0 where there is none. */
int home_store_size(struct db_conn *conn, int64_t user_id, const char *agent_id, int64_t *ret,
                    struct err *err);
/* Grows, never shrinks. */
int home_store_put(struct db_conn *conn, int64_t user_id, const char *agent_id, int64_t size_bytes,
                   struct err *err);

#endif
