/* Who is in a group, and who may say so. */
#include "control/groups/group.h"
#include "control/groups/group_store.h"

#include <stdlib.h>

void group_member_list_finish(struct group_member_list *list) {
    free(list->items);
    *list = (struct group_member_list){0};
}

void group_member_write_json(const struct group_member *member, struct json_writer *w) {
    jsonw_object_begin(w);
    jsonw_put_string(w, "username", member->username);
    jsonw_put_string(w, "fullName", *member->full_name ? member->full_name : NULL);
    jsonw_put_string(w, "role", group_role_name(member->role));
    jsonw_put_string(w, "since", member->since);
    jsonw_object_end(w);
}

/* Who and where, found anew inside the transaction. */
struct membership {
    struct group group;
    struct user user;
    struct group_member member; /* role NONE: he is none */
};

static int find_both(struct db_conn *conn, const char *group, const char *username, struct membership *ret,
                     struct err *err) {
    *ret = (struct membership){0};
    if (group_get(conn, group, &ret->group, err) < 0)
        return -1;
    if (user_find(conn, username, &ret->user, err) < 0) {
        if (err && err->kind == ERR_NOT_FOUND)
            str_copy(err->field, sizeof err->field, "username");
        return -1;
    }
    return group_store_find_member(conn, ret->group.id, ret->user.id, &ret->member, err);
}

static int no_member(const struct membership *m, struct err *err) {
    return err_set(err, ERR_NOT_FOUND, "member_not_found", "%s is not in the group %s", m->user.username,
                   m->group.name);
}

static int audit(struct db_conn *conn, const struct actor *actor, const char *action,
                 const struct membership *m, enum group_role role, struct err *err) {
    char detail[USERNAME_MAX + 32];
    snprintf(detail, sizeof detail, "%s%s%s", m->user.username, role ? " as " : "", group_role_name(role));
    return audit_write(conn, actor, action, m->group.name, "success", detail, err);
}

static int finish(struct db_conn *conn, const struct membership *m, struct group_member *ret,
                  struct err *err) {
    int found = group_store_find_member(conn, m->group.id, m->user.id, ret, err);
    return found > 0 ? 0 : found < 0 ? -1 : no_member(m, err);
}

static int only_admins(struct err *err) {
    return err_set(err, ERR_DENIED, NULL, "only administrators name managers and dismiss them");
}

static int add(struct db_conn *conn, const struct actor *actor, const char *group, const char *username,
               enum group_role role, struct group_member *ret, struct err *err) {
    struct membership m;
    bool inserted = false;
    if (find_both(conn, group, username, &m, err) < 0)
        return -1;
    if (m.group.member_count >= GROUP_MEMBERS_MAX)
        return err_set(err, ERR_CONFLICT, "group_full", "a group has at most %d members", GROUP_MEMBERS_MAX);
    if (group_store_add_member(conn, m.group.id, m.user.id, role, &inserted, err) < 0)
        return -1;
    if (!inserted)
        return err_set_field(err, ERR_CONFLICT, "member_exists", "username", "%s is in the group already",
                             username);
    if (audit(conn, actor, "group.add-member", &m, role, err) < 0)
        return -1;
    return finish(conn, &m, ret, err);
}

int group_add_member(struct db_conn *conn, const struct actor *actor, const char *group, const char *username,
                     enum group_role role, struct group_member *ret, struct err *err) {
    if (role == GROUP_ROLE_NONE)
        role = GROUP_ROLE_MEMBER;
    if (role == GROUP_ROLE_MANAGER && !actor_is_admin(actor))
        return only_admins(err);
    if (db_begin(conn, err) < 0)
        return -1;
    return db_end(conn, add(conn, actor, group, username, role, ret, err), err);
}

static int set_role(struct db_conn *conn, const struct actor *actor, const char *group, const char *username,
                    enum group_role role, struct group_member *ret, struct err *err) {
    struct membership m;
    if (find_both(conn, group, username, &m, err) < 0)
        return -1;
    if (m.member.role == GROUP_ROLE_NONE)
        return no_member(&m, err);
    if (group_store_set_role(conn, m.group.id, m.user.id, role, err) < 0 ||
        audit(conn, actor, "group.set-role", &m, role, err) < 0)
        return -1;
    return finish(conn, &m, ret, err);
}

int group_set_member_role(struct db_conn *conn, const struct actor *actor, const char *group,
                          const char *username, enum group_role role, struct group_member *ret,
                          struct err *err) {
    if (!actor_is_admin(actor))
        return only_admins(err);
    if (role == GROUP_ROLE_NONE)
        return err_set_field(err, ERR_INVALID, "invalid_field", "role", "must be member or manager");
    if (db_begin(conn, err) < 0)
        return -1;
    return db_end(conn, set_role(conn, actor, group, username, role, ret, err), err);
}

static int remove_member(struct db_conn *conn, const struct actor *actor, const char *group,
                         const char *username, struct err *err) {
    struct membership m;
    if (find_both(conn, group, username, &m, err) < 0)
        return -1;
    if (m.member.role == GROUP_ROLE_NONE)
        return no_member(&m, err);
    if (m.member.role == GROUP_ROLE_MANAGER && !actor_is_admin(actor) && m.user.id != actor->user_id)
        return only_admins(err);
    if (group_store_remove_member(conn, m.group.id, m.user.id, err) < 0)
        return -1;
    return audit(conn, actor, "group.remove-member", &m, GROUP_ROLE_NONE, err);
}

int group_remove_member(struct db_conn *conn, const struct actor *actor, const char *group,
                        const char *username, struct err *err) {
    if (db_begin(conn, err) < 0)
        return -1;
    return db_end(conn, remove_member(conn, actor, group, username, err), err);
}
