/* Groups of users: who belongs together, who looks after whom, and what bounds them in sum (quotas/quota.h).
 *
 * A member is a `member` or a `manager`. A manager sees his group and its members and adds or removes plain
 * members; everything else is for administrators. Functions that change something open their own transaction,
 * with its audit row.
 */
#ifndef SS_CONTROL_GROUP_H
#define SS_CONTROL_GROUP_H

#include "base/clock.h"
#include "base/err.h"
#include "base/id.h"
#include "base/str.h"
#include "control/audit/audit.h"
#include "control/users/user.h"
#include "db/db.h"
#include "json/writer.h"

#include <stdbool.h>
#include <stdint.h>

#define GROUP_NAME_MAX 63
#define GROUP_DISPLAY_NAME_MAX 128
#define GROUP_DESCRIPTION_MAX 512
#define GROUP_MEMBERS_MAX 10000

enum group_role { GROUP_ROLE_NONE, GROUP_ROLE_MEMBER, GROUP_ROLE_MANAGER };
const char *group_role_name(enum group_role role); /* "member", "manager"; "" for none. Static. */
enum group_role group_role_parse(const char *text);

/* A group's name: 1–63 of a-z 0-9 '.' '_' '-', beginning with a letter or digit. */
bool group_name_is_good(const char *name);

/* Plain data. */
struct group {
    int64_t id;
    char name[GROUP_NAME_MAX + 1];
    char display_name[GROUP_DISPLAY_NAME_MAX + 1]; /* "" when not given */
    char description[GROUP_DESCRIPTION_MAX + 1];   /* "" when not given */
    int64_t member_count;                          /* computed */
    char created_at[TIME_TEXT_SIZE], updated_at[TIME_TEXT_SIZE];
};
void group_write_json(const struct group *group, struct json_writer *w);

struct group_fields {
    const char *display_name, *description; /* NULL: none (create), as it is (update); "" none */
};
/* ERR_INVALID naming the field; ERR_CONFLICT "group_exists". */
int group_create(struct db_conn *conn, const struct actor *actor, const char *name,
                 const struct group_fields *fields, struct group *ret, struct err *err);
int group_update(struct db_conn *conn, const struct actor *actor, const char *name,
                 const struct group_fields *fields, struct group *ret, struct err *err);
/* With its memberships and its quota. */
int group_delete(struct db_conn *conn, const struct actor *actor, const char *name, struct err *err);

/* ERR_NOT_FOUND "group_not_found". No check of rights: group_get_for() has that. */
int group_get(struct db_conn *conn, const char *name, struct group *ret, struct err *err);
/* As group_get, and ERR_NOT_FOUND too when the actor is neither its manager nor an administrator. */
int group_get_for(struct db_conn *conn, const struct actor *actor, const char *name, struct group *ret,
                  struct err *err);

struct group_filter {
    int64_t manager_id; /* only groups that this user manages; 0: all */
    const char *search; /* part of name or display name, any case; NULL: any */
    const char *after;  /* cursor: names after this one; NULL: from the beginning */
    unsigned limit;     /* 0: 50; at most 200 */
};
struct group_list {
    struct group *items; /* owned */
    size_t count;
    int64_t total; /* of all pages */
    bool more;     /* the next page's cursor is the last item's name */
};
void group_list_finish(struct group_list *list);
/* Ordered by name. */
int group_list(struct db_conn *conn, const struct group_filter *filter, struct group_list *ret,
               struct err *err);

/* --- members --- */

struct group_member {
    char username[USERNAME_MAX + 1];
    char full_name[USER_FULL_NAME_MAX + 1]; /* "" when not given */
    enum group_role role;
    char since[TIME_TEXT_SIZE];
};
void group_member_write_json(const struct group_member *member, struct json_writer *w);

/* ERR_NOT_FOUND "user_not_found" (field username); ERR_CONFLICT "member_exists", "group_full"; ERR_DENIED
 * when the role is manager and the actor is no administrator. GROUP_ROLE_NONE: member. */
int group_add_member(struct db_conn *conn, const struct actor *actor, const char *group, const char *username,
                     enum group_role role, struct group_member *ret, struct err *err);
/* Administrators only (ERR_DENIED). ERR_NOT_FOUND "member_not_found". */
int group_set_member_role(struct db_conn *conn, const struct actor *actor, const char *group,
                          const char *username, enum group_role role, struct group_member *ret,
                          struct err *err);
/* A manager removes plain members, or himself (else ERR_DENIED). ERR_NOT_FOUND "member_not_found". */
int group_remove_member(struct db_conn *conn, const struct actor *actor, const char *group,
                        const char *username, struct err *err);

struct group_member_list {
    struct group_member *items; /* owned */
    size_t count;
    int64_t total;
    bool more; /* the next page's cursor is the last item's username */
};
void group_member_list_finish(struct group_member_list *list);
/* Ordered by username; `after` NULL from the beginning; limit 0: 50, at most 200. */
int group_list_members(struct db_conn *conn, int64_t group_id, const char *after, unsigned limit,
                       struct group_member_list *ret, struct err *err);

/* The names of the groups that a user is in, in order, appended. */
int group_names_of(struct db_conn *conn, int64_t user_id, struct strv *ret, struct err *err);
/* The role of a user in a group. */
int group_role_of(struct db_conn *conn, int64_t group_id, int64_t user_id, enum group_role *ret,
                  struct err *err);

#endif
