#include "control/users/user_list.h"

#include "base/cleanup.h"
#include "base/str.h"
#include "control/like.h"
#include "control/users/user_store.h"

#define LIMIT_DEFAULT 50
#define LIMIT_MAX 200

/* $1 role or '', $2 active or -1, $3 pattern or ''. */
#define MATCHING                                                                                             \
    "(CAST($1 AS TEXT) = '' OR u.role = $1) AND (CAST($2 AS BIGINT) < 0 OR u.active = CAST($2 AS BIGINT)) "  \
    "AND (CAST($3 AS TEXT) = '' OR u.username LIKE $3 ESCAPE '\\' OR LOWER(u.full_name) LIKE $3 ESCAPE "     \
    "'\\' "                                                                                                  \
    "OR LOWER(u.email) LIKE $3 ESCAPE '\\')"

void user_list_finish(struct user_list *list) {
    free(list->items);
    *list = (struct user_list){0};
}

static int count_all(struct db_conn *conn, const struct user_filter *filter, const char *pattern,
                     int64_t *ret, struct err *err) {
    _cleanup_rows_ struct db_rows *rows = NULL;
    int status = db_row(conn, &rows, err, "SELECT COUNT(*) FROM users u WHERE " MATCHING, "sis",
                        user_role_name(filter->role), (int64_t)filter->active, pattern);
    if (status > 0)
        *ret = db_int(rows, 0);
    return status < 0 ? -1 : 0;
}

int user_list(struct db_conn *conn, const struct user_filter *filter, struct user_list *ret,
              struct err *err) {
    unsigned limit = filter->limit, wanted = limit == 0          ? LIMIT_DEFAULT
                                             : limit > LIMIT_MAX ? LIMIT_MAX
                                                                 : limit;
    struct user_list list = {.items = mem_zalloc((wanted + 1) * sizeof *list.items)};
    _cleanup_free_ char *search = like_pattern(filter->search);
    const char *pattern = search ? search : "";
    _cleanup_rows_ struct db_rows *rows = NULL;
    int status = count_all(conn, filter, pattern, &list.total, err);
    if (status == 0)
        status = db_query(conn, &rows, err,
                          "SELECT " USER_COLUMNS " FROM users u WHERE " MATCHING " AND u.username > $4 "
                          "ORDER BY u.username LIMIT $5",
                          "sissi", user_role_name(filter->role), (int64_t)filter->active, pattern,
                          filter->after ? filter->after : "", (int64_t)wanted + 1);
    while (status >= 0 && list.count <= wanted && (status = db_next(rows, err)) > 0)
        user_store_read(rows, 0, &list.items[list.count++]);
    if (status < 0) {
        user_list_finish(&list);
        return -1;
    }
    list.more = list.count > wanted;
    if (list.more)
        list.count = wanted;
    *ret = list;
    return 0;
}
