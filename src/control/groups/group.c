#include "control/groups/group.h"

#include "control/groups/group_store.h"

#include <stdlib.h>

static const char *const role_names[] = {
    [GROUP_ROLE_NONE] = "", [GROUP_ROLE_MEMBER] = "member", [GROUP_ROLE_MANAGER] = "manager"};

const char *group_role_name(enum group_role role) {
    return role_names[role];
}

enum group_role group_role_parse(const char *text) {
    for (enum group_role role = GROUP_ROLE_MEMBER; role <= GROUP_ROLE_MANAGER; role++) {
        if (str_eq(text, role_names[role]))
            return role;
    }
    return GROUP_ROLE_NONE;
}

/* The same letters as usernames have: both stand in paths and on command lines. */
bool group_name_is_good(const char *name) {
    return id_is_username(name);
}

void group_list_finish(struct group_list *list) {
    free(list->items);
    *list = (struct group_list){0};
}

void group_write_json(const struct group *group, struct json_writer *w) {
    jsonw_object_begin(w);
    jsonw_put_string(w, "name", group->name);
    jsonw_put_string(w, "displayName", *group->display_name ? group->display_name : NULL);
    jsonw_put_string(w, "description", *group->description ? group->description : NULL);
    jsonw_put_int(w, "memberCount", group->member_count);
    jsonw_put_string(w, "createdAt", group->created_at);
    jsonw_put_string(w, "updatedAt", group->updated_at);
    jsonw_object_end(w);
}

static int check_text(const char *text, const char *field, size_t max, struct err *err) {
    if (!text)
        return 0;
    if (strlen(text) > max)
        return err_set_field(err, ERR_INVALID, "invalid_field", field, "must have at most %zu bytes", max);
    for (const char *at = text; *at; at++) {
        if ((unsigned char)*at < ' ' || *at == 0x7f)
            return err_set_field(err, ERR_INVALID, "invalid_field", field, "must be one line of text");
    }
    return 0;
}

static int check_fields(const struct group_fields *fields, struct err *err) {
    if (check_text(fields->display_name, "displayName", GROUP_DISPLAY_NAME_MAX, err) < 0)
        return -1;
    return check_text(fields->description, "description", GROUP_DESCRIPTION_MAX, err);
}

/* --- reading --- */

static int not_found(struct err *err) {
    return err_set(err, ERR_NOT_FOUND, "group_not_found", "there is no such group");
}

int group_get(struct db_conn *conn, const char *name, struct group *ret, struct err *err) {
    int found = group_name_is_good(name) ? group_store_find(conn, name, ret, err) : 0;
    return found == 0 ? not_found(err) : found < 0 ? -1 : 0;
}

int group_get_for(struct db_conn *conn, const struct actor *actor, const char *name, struct group *ret,
                  struct err *err) {
    struct group group;
    enum group_role role = GROUP_ROLE_NONE;
    if (group_get(conn, name, &group, err) < 0)
        return -1;
    if (!actor_is_admin(actor) && group_role_of(conn, group.id, actor->user_id, &role, err) < 0)
        return -1;
    if (!actor_is_admin(actor) && role != GROUP_ROLE_MANAGER)
        return not_found(err);
    *ret = group;
    return 0;
}

/* --- changing --- */

static int create(struct db_conn *conn, const struct actor *actor, const char *name,
                  const struct group_fields *fields, struct group *ret, struct err *err) {
    bool inserted = false;
    if (group_store_insert(conn, name, fields, &inserted, err) < 0)
        return -1;
    if (!inserted)
        return err_set_field(err, ERR_CONFLICT, "group_exists", "name", "there is a group %s already", name);
    if (audit_write(conn, actor, "group.create", name, "success", NULL, err) < 0)
        return -1;
    return group_get(conn, name, ret, err);
}

int group_create(struct db_conn *conn, const struct actor *actor, const char *name,
                 const struct group_fields *fields, struct group *ret, struct err *err) {
    if (!group_name_is_good(name))
        return err_set_field(err, ERR_INVALID, "invalid_field", "name",
                             "must be 1–%d of a-z 0-9 . _ - and begin with a letter or digit",
                             GROUP_NAME_MAX);
    if (check_fields(fields, err) < 0 || db_begin(conn, err) < 0)
        return -1;
    return db_end(conn, create(conn, actor, name, fields, ret, err), err);
}

static int update(struct db_conn *conn, const struct actor *actor, const char *name,
                  const struct group_fields *fields, struct group *ret, struct err *err) {
    if (group_get(conn, name, ret, err) < 0 || group_store_update(conn, ret->id, fields, err) < 0 ||
        audit_write(conn, actor, "group.update", name, "success", NULL, err) < 0)
        return -1;
    return group_get(conn, name, ret, err);
}

int group_update(struct db_conn *conn, const struct actor *actor, const char *name,
                 const struct group_fields *fields, struct group *ret, struct err *err) {
    if (check_fields(fields, err) < 0 || db_begin(conn, err) < 0)
        return -1;
    return db_end(conn, update(conn, actor, name, fields, ret, err), err);
}

static int delete_group(struct db_conn *conn, const struct actor *actor, const char *name, struct err *err) {
    struct group group;
    if (group_get(conn, name, &group, err) < 0 || group_store_delete(conn, group.id, err) < 0)
        return -1;
    return audit_write(conn, actor, "group.delete", name, "success", NULL, err);
}

int group_delete(struct db_conn *conn, const struct actor *actor, const char *name, struct err *err) {
    if (db_begin(conn, err) < 0)
        return -1;
    return db_end(conn, delete_group(conn, actor, name, err), err);
}
