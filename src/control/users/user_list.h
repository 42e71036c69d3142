/* Users in pages, for administrators. */
#ifndef SS_CONTROL_USER_LIST_H
#define SS_CONTROL_USER_LIST_H

#include "control/users/user.h"

struct user_list {
    struct user *items; /* owned */
    size_t count;
    int64_t total; /* of all pages */
    bool more;     /* the next page's cursor is the last item's username */
};
void user_list_finish(struct user_list *list);

/* Ordered by username; `after` NULL from the beginning; limit 0: 50, at most 200. */
int user_list(struct db_conn *conn, const char *after, unsigned limit, struct user_list *ret,
              struct err *err);

#endif
