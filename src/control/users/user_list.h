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

struct user_filter {
    const char *search;  /* in username, full name and e-mail address; NULL: any */
    enum user_role role; /* USER_ROLE_NONE: any */
    int active;          /* 1, 0; -1: any */
    const char *after;   /* NULL: from the beginning */
    unsigned limit;      /* 0: 50; at most 200 */
};

/* Ordered by username. */
int user_list(struct db_conn *conn, const struct user_filter *filter, struct user_list *ret, struct err *err);

#endif
