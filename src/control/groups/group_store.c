#include "control/groups/group_store.h"

#include "control/like.h"

#include <stdlib.h>

#define PAGE_DEFAULT 50
#define PAGE_MAX 200
#define COLUMNS                                                                                              \
    "g.id, g.name, g.display_name, g.description, g.created_at, g.updated_at, "                              \
    "(SELECT COUNT(*) FROM group_memberships c WHERE c.group_id = g.id)"

static void read_group(struct db_rows *rows, struct group *ret) {
    ret->id = db_int(rows, 0);
    db_copy(rows, 1, ret->name, sizeof ret->name);
    db_copy(rows, 2, ret->display_name, sizeof ret->display_name);
    db_copy(rows, 3, ret->description, sizeof ret->description);
    db_copy(rows, 4, ret->created_at, sizeof ret->created_at);
    db_copy(rows, 5, ret->updated_at, sizeof ret->updated_at);
    ret->member_count = db_int(rows, 6);
}

static const char *null_if_empty(const char *text) {
    return str_empty(text) ? NULL : text;
}

int group_store_find(struct db_conn *conn, const char *name, struct group *ret, struct err *err) {
    _cleanup_rows_ struct db_rows *rows = NULL;
    int status = db_row(conn, &rows, err, "SELECT " COLUMNS " FROM groups g WHERE g.name = $1", "s", name);
    if (status > 0)
        read_group(rows, ret);
    return status;
}

int group_store_insert(struct db_conn *conn, const char *name, const struct group_fields *fields,
                       bool *ret_inserted, struct err *err) {
    char now[TIME_TEXT_SIZE];
    int64_t changes = 0;
    if (db_now(conn, now, err) < 0 ||
        db_exec(conn, &changes, err,
                "INSERT INTO groups (name, display_name, description, created_at, updated_at) "
                "VALUES ($1, $2, $3, $4, $4) ON CONFLICT DO NOTHING",
                "ssss", name, null_if_empty(fields->display_name), null_if_empty(fields->description),
                now) < 0)
        return -1;
    *ret_inserted = changes > 0;
    return 0;
}

int group_store_update(struct db_conn *conn, int64_t id, const struct group_fields *fields, struct err *err) {
    char now[TIME_TEXT_SIZE];
    if (db_now(conn, now, err) < 0)
        return -1;
    return db_exec(
        conn, NULL, err,
        "UPDATE groups SET updated_at = $2, "
        "display_name = CASE WHEN CAST($3 AS BIGINT) = 1 THEN CAST($4 AS TEXT) ELSE display_name END, "
        "description = CASE WHEN CAST($5 AS BIGINT) = 1 THEN CAST($6 AS TEXT) ELSE description END WHERE id "
        "= $1",
        "isisis", id, now, (int64_t)(fields->display_name != NULL), null_if_empty(fields->display_name),
        (int64_t)(fields->description != NULL), null_if_empty(fields->description));
}

int group_store_delete(struct db_conn *conn, int64_t id, struct err *err) {
    return db_exec(conn, NULL, err, "DELETE FROM groups WHERE id = $1", "i", id);
}

/* --- lists --- */

#define WHERE                                                                                                \
    "WHERE (CAST($1 AS BIGINT) = 0 OR EXISTS (SELECT 1 FROM group_memberships m WHERE m.group_id = g.id "    \
    "AND m.user_id = $1 AND m.role = 'manager')) AND (LOWER(g.name) LIKE $2 ESCAPE '\\' "                    \
    "OR LOWER(COALESCE(g.display_name, '')) LIKE $2 ESCAPE '\\') "

static int load_groups(struct db_conn *conn, const struct group_filter *filter, const char *like,
                       unsigned limit, struct group_list *ret, struct err *err) {
    _cleanup_rows_ struct db_rows *total = NULL, *rows = NULL;
    if (db_row(conn, &total, err, "SELECT COUNT(*) FROM groups g " WHERE, "is", filter->manager_id, like) <=
        0)
        return -1;
    ret->total = db_int(total, 0);
    if (db_query(conn, &rows, err,
                 "SELECT " COLUMNS " FROM groups g " WHERE "AND g.name > $3 ORDER BY g.name LIMIT $4", "issi",
                 filter->manager_id, like, filter->after ? filter->after : "", (int64_t)limit + 1) < 0)
        return -1;
    int status;
    while ((status = db_next(rows, err)) > 0) {
        if (ret->count == limit) {
            ret->more = true;
            return 0;
        }
        read_group(rows, &ret->items[ret->count++]);
    }
    return status;
}

static unsigned page_size(unsigned limit) {
    return limit == 0 ? PAGE_DEFAULT : limit > PAGE_MAX ? PAGE_MAX : limit;
}

int group_list(struct db_conn *conn, const struct group_filter *filter, struct group_list *ret,
               struct err *err) {
    unsigned limit = page_size(filter->limit);
    struct group_list list = {.items = mem_zalloc(limit * sizeof *list.items)};
    char *like = like_pattern(filter->search ? filter->search : "");
    int status = load_groups(conn, filter, like, limit, &list, err);
    free(like);
    if (status < 0) {
        group_list_finish(&list);
        return -1;
    }
    *ret = list;
    return 0;
}

/* --- members --- */

int group_store_add_member(struct db_conn *conn, int64_t group_id, int64_t user_id, enum group_role role,
                           bool *ret_inserted, struct err *err) {
    char now[TIME_TEXT_SIZE];
    int64_t changes = 0;
    if (db_now(conn, now, err) < 0 ||
        db_exec(conn, &changes, err,
                "INSERT INTO group_memberships (group_id, user_id, role, created_at) "
                "VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
                "iiss", group_id, user_id, group_role_name(role), now) < 0)
        return -1;
    *ret_inserted = changes > 0;
    return 0;
}

int group_store_set_role(struct db_conn *conn, int64_t group_id, int64_t user_id, enum group_role role,
                         struct err *err) {
    return db_exec(conn, NULL, err,
                   "UPDATE group_memberships SET role = $3 WHERE group_id = $1 AND user_id = $2", "iis",
                   group_id, user_id, group_role_name(role));
}

int group_store_remove_member(struct db_conn *conn, int64_t group_id, int64_t user_id, struct err *err) {
    return db_exec(conn, NULL, err, "DELETE FROM group_memberships WHERE group_id = $1 AND user_id = $2",
                   "ii", group_id, user_id);
}

#define MEMBER_COLUMNS "u.username, u.full_name, m.role, m.created_at"
#define MEMBER_FROM "FROM group_memberships m JOIN users u ON u.id = m.user_id WHERE m.group_id = $1 "

static void read_member(struct db_rows *rows, struct group_member *ret) {
    db_copy(rows, 0, ret->username, sizeof ret->username);
    db_copy(rows, 1, ret->full_name, sizeof ret->full_name);
    ret->role = group_role_parse(db_text(rows, 2));
    db_copy(rows, 3, ret->since, sizeof ret->since);
}

int group_store_find_member(struct db_conn *conn, int64_t group_id, int64_t user_id, struct group_member *ret,
                            struct err *err) {
    _cleanup_rows_ struct db_rows *rows = NULL;
    int status = db_row(conn, &rows, err, "SELECT " MEMBER_COLUMNS " " MEMBER_FROM "AND m.user_id = $2", "ii",
                        group_id, user_id);
    if (status > 0)
        read_member(rows, ret);
    return status;
}

static int load_members(struct db_conn *conn, int64_t group_id, const char *after, unsigned limit,
                        struct group_member_list *ret, struct err *err) {
    _cleanup_rows_ struct db_rows *total = NULL, *rows = NULL;
    if (db_row(conn, &total, err, "SELECT COUNT(*) FROM group_memberships m WHERE m.group_id = $1", "i",
               group_id) <= 0)
        return -1;
    ret->total = db_int(total, 0);
    if (db_query(conn, &rows, err,
                 "SELECT " MEMBER_COLUMNS " " MEMBER_FROM "AND u.username > $2 ORDER BY u.username LIMIT $3",
                 "isi", group_id, after ? after : "", (int64_t)limit + 1) < 0)
        return -1;
    int status;
    while ((status = db_next(rows, err)) > 0) {
        if (ret->count == limit) {
            ret->more = true;
            return 0;
        }
        read_member(rows, &ret->items[ret->count++]);
    }
    return status;
}

int group_list_members(struct db_conn *conn, int64_t group_id, const char *after, unsigned limit,
                       struct group_member_list *ret, struct err *err) {
    limit = page_size(limit);
    struct group_member_list list = {.items = mem_zalloc(limit * sizeof *list.items)};
    if (load_members(conn, group_id, after, limit, &list, err) < 0) {
        group_member_list_finish(&list);
        return -1;
    }
    *ret = list;
    return 0;
}

int group_names_of(struct db_conn *conn, int64_t user_id, struct strv *ret, struct err *err) {
    _cleanup_rows_ struct db_rows *rows = NULL;
    if (db_query(conn, &rows, err,
                 "SELECT g.name FROM groups g JOIN group_memberships m ON m.group_id = g.id "
                 "WHERE m.user_id = $1 ORDER BY g.name",
                 "i", user_id) < 0)
        return -1;
    int status;
    while ((status = db_next(rows, err)) > 0)
        strv_add(ret, db_text(rows, 0));
    return status;
}

int group_role_of(struct db_conn *conn, int64_t group_id, int64_t user_id, enum group_role *ret,
                  struct err *err) {
    _cleanup_rows_ struct db_rows *rows = NULL;
    int status =
        db_row(conn, &rows, err, "SELECT role FROM group_memberships WHERE group_id = $1 AND user_id = $2",
               "ii", group_id, user_id);
    *ret = status > 0 ? group_role_parse(db_text(rows, 0)) : GROUP_ROLE_NONE;
    return status < 0 ? -1 : 0;
}
