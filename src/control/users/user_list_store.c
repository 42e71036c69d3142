#include "control/users/user_list.h"

#include "base/str.h"
#include "control/users/user_store.h"

#define LIMIT_DEFAULT 50
#define LIMIT_MAX 200

void user_list_finish(struct user_list *list) {
    free(list->items);
    *list = (struct user_list){0};
}

static int count_all(struct db_conn *conn, int64_t *ret, struct err *err) {
    _cleanup_rows_ struct db_rows *rows = NULL;
    int status = db_row(conn, &rows, err, "SELECT COUNT(*) FROM users", "");
    if (status > 0)
        *ret = db_int(rows, 0);
    return status < 0 ? -1 : 0;
}

int user_list(struct db_conn *conn, const char *after, unsigned limit, struct user_list *ret,
              struct err *err) {
    unsigned wanted = limit == 0 ? LIMIT_DEFAULT : limit > LIMIT_MAX ? LIMIT_MAX : limit;
    struct user_list list = {.items = mem_zalloc((wanted + 1) * sizeof *list.items)};
    _cleanup_rows_ struct db_rows *rows = NULL;
    int status = count_all(conn, &list.total, err);
    if (status == 0)
        status = db_query(conn, &rows, err,
                          "SELECT " USER_COLUMNS " FROM users u WHERE u.username > $1 "
                          "ORDER BY u.username LIMIT $2",
                          "si", after ? after : "", (int64_t)wanted + 1);
    while (status >= 0 && (status = db_next(rows, err)) > 0 && list.count <= wanted)
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
