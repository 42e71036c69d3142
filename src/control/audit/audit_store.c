#include "base/str.h"
#include "control/audit/audit.h"

#include <stdlib.h>

#define PAGE_DEFAULT 50
#define PAGE_MAX 200

bool actor_is_admin(const struct actor *actor) {
    return str_eq(actor->role, "admin");
}

bool actor_is_operator(const struct actor *actor) {
    return actor_is_admin(actor) || str_eq(actor->role, "operator");
}

int audit_write(struct db_conn *conn, const struct actor *actor, const char *action, const char *target,
                const char *outcome, const char *detail, struct err *err) {
    char now[TIME_TEXT_SIZE];
    if (db_now(conn, now, err) < 0)
        return -1;
    return db_exec(conn, NULL, err,
                   "INSERT INTO audit_log (created_at, user_id, username, action, target, outcome, address, "
                   "request_id, detail) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
                   "sIsssssss", now, actor->user_id, actor->username, action, target, outcome, actor->address,
                   actor->request_id, detail);
}

static void read_row(struct db_rows *rows, struct audit_row *row) {
    row->id = db_int(rows, 0);
    db_copy(rows, 1, row->at, sizeof row->at);
    db_copy(rows, 2, row->username, sizeof row->username);
    db_copy(rows, 3, row->action, sizeof row->action);
    db_copy(rows, 4, row->target, sizeof row->target);
    db_copy(rows, 5, row->outcome, sizeof row->outcome);
    db_copy(rows, 6, row->address, sizeof row->address);
    db_copy(rows, 7, row->request_id, sizeof row->request_id);
    db_copy(rows, 8, row->detail, sizeof row->detail);
}

int audit_list(struct db_conn *conn, const struct audit_filter *filter, struct audit_row **ret,
               size_t *ret_count, struct err *err) {
    unsigned limit = filter->limit ? filter->limit : PAGE_DEFAULT;
    if (limit > PAGE_MAX)
        limit = PAGE_MAX;
    _cleanup_rows_ struct db_rows *rows = NULL;
    if (db_query(conn, &rows, err,
                 "SELECT id, created_at, username, action, target, outcome, address, request_id, detail FROM "
                 "audit_log "
                 "WHERE ($1 IS NULL OR username = $1) AND ($2 IS NULL OR action = $2) AND ($3 IS NULL OR "
                 "target = $3) "
                 "AND ($4 IS NULL OR outcome = $4) AND ($5 IS NULL OR created_at >= $5) "
                 "AND ($6 IS NULL OR created_at < $6) AND id < $7 ORDER BY id DESC LIMIT $8",
                 "ssssssii", filter->username, filter->action, filter->target, filter->outcome, filter->since,
                 filter->until, filter->before_id ? filter->before_id : INT64_MAX, (int64_t)limit) < 0)
        return -1;
    struct audit_row *items = mem_zalloc(limit * sizeof *items);
    size_t count = 0;
    int status = 0;
    while (count < limit && (status = db_next(rows, err)) > 0)
        read_row(rows, &items[count++]);
    if (status < 0) {
        free(items);
        return -1;
    }
    *ret = items;
    *ret_count = count;
    return 0;
}
