#include "control/users/external.h"

#include "base/log.h"
#include "control/users/external_store.h"
#include "control/users/login.h"
#include "control/users/user_store.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

bool external_make_username(const char *text, char *name) {
    size_t length = 0;
    for (; *text && *text != '@' && length < USERNAME_MAX; text++) {
        unsigned char c = (unsigned char)tolower((unsigned char)*text);
        bool plain = c < 0x80 && isalnum(c);
        if (!length && !plain)
            continue; /* names begin with a letter or digit */
        name[length++] = plain || c == '.' || c == '_' ? (char)c : '-';
    }
    while (length && name[length - 1] == '-')
        length--;
    name[length] = '\0';
    return length > 0;
}

/* The first of what the provider says that makes a name; the subject always is something. */
static void wish_username(const struct external_identity *identity, char *name) {
    char hex[9];
    if ((identity->username && external_make_username(identity->username, name)) ||
        (identity->email && external_make_username(identity->email, name)) ||
        external_make_username(identity->subject, name))
        return;
    snprintf(name, USERNAME_MAX + 1, "user-%s", random_hex(hex, 8));
}

/* --- which user --- */

static int insert_user(struct db_conn *conn, const struct actor *actor, const char *name,
                       const struct external_identity *identity, struct user *ret, struct err *err) {
    const char *full_name = user_check_about(identity->name, NULL, NULL) == 0 ? identity->name : NULL;
    const char *email = user_check_about(NULL, identity->email, NULL) == 0 ? identity->email : NULL;
    struct user_new fields = {
        .username = name, .full_name = full_name, .email = email, .role = USER_ROLE_USER};
    if (user_store_insert(conn, &fields, NULL, err) < 0 || user_find(conn, name, ret, err) < 0)
        return -1;
    return audit_write(conn, actor, "user.create", name, AUDIT_ALLOWED, "by its identity provider", err);
}

static int make_user(struct db_conn *conn, const struct actor *actor,
                     const struct external_identity *identity, const struct external_policy *policy,
                     struct user *ret, struct err *err) {
    char wish[USERNAME_MAX + 1], name[USERNAME_MAX + 1];
    wish_username(identity, wish);
    str_copy(name, sizeof name, wish);
    for (int number = 2; number <= EXTERNAL_NAME_TRIES + 1; number++) {
        int found = user_store_find(conn, name, ret, NULL, err);
        if (found < 0)
            return -1;
        if (found && policy->link_by_name && number == 2)
            return audit_write(conn, actor, "user.link", name, AUDIT_ALLOWED, identity->issuer, err);
        if (!policy->create)
            return err_set(err, ERR_DENIED, "user_unknown",
                           "there is no account for you here; ask an administrator");
        if (!found)
            return insert_user(conn, actor, name, identity, ret, err);
        snprintf(name, sizeof name, "%.*s-%d", USERNAME_MAX - 4, wish, number);
    }
    return err_set(err, ERR_CONFLICT, "user_exists", "every name like %s is taken", wish);
}

static int find_user(struct db_conn *conn, const struct actor *actor,
                     const struct external_identity *identity, const struct external_policy *policy,
                     struct user *ret, struct err *err) {
    int64_t id = 0;
    int found = external_store_use(conn, identity->issuer, identity->subject, &id, err);
    if (found != 0)
        return found < 0 ? -1 : user_find_id(conn, id, ret, err);
    if (make_user(conn, actor, identity, policy, ret, err) < 0)
        return -1;
    return external_store_insert(conn, identity->issuer, identity->subject, ret->id, err);
}

/* --- what the provider says of him --- */

static int update_about(struct db_conn *conn, const struct external_identity *identity, struct user *user,
                        struct err *err) {
    struct user now = *user;
    if (!str_empty(identity->name) && user_check_about(identity->name, NULL, NULL) == 0)
        str_copy(now.full_name, sizeof now.full_name, identity->name);
    if (!str_empty(identity->email) && user_check_about(NULL, identity->email, NULL) == 0)
        str_copy(now.email, sizeof now.email, identity->email);
    if (str_eq(now.full_name, user->full_name) && str_eq(now.email, user->email))
        return 0;
    *user = now;
    return user_store_update(conn, user, err);
}

static enum user_role mapped_role(const struct external_identity *identity,
                                  const struct external_policy *policy) {
    bool admins = !str_empty(policy->admin_group), operators = !str_empty(policy->operator_group);
    if (!identity->groups || (!admins && !operators))
        return USER_ROLE_NONE;
    if (admins && strv_contains(identity->groups, policy->admin_group))
        return USER_ROLE_ADMIN;
    if (operators && strv_contains(identity->groups, policy->operator_group))
        return USER_ROLE_OPERATOR;
    return USER_ROLE_USER;
}

static int update_role(struct db_conn *conn, const struct actor *actor, enum user_role role,
                       struct user *user, struct err *err) {
    char detail[96];
    int64_t admins = 0;
    if (role == USER_ROLE_NONE || role == user->role)
        return 0;
    if (user->role == USER_ROLE_ADMIN && user_count_admins(conn, &admins, err) < 0)
        return -1;
    if (user->role == USER_ROLE_ADMIN && admins <= 1) {
        log_warn("the only administrator stays one, whatever the identity provider says", "user",
                 user->username);
        return 0;
    }
    snprintf(detail, sizeof detail, "from %s to %s, by its identity provider", user_role_name(user->role),
             user_role_name(role));
    user->role = role;
    if (user_store_update(conn, user, err) < 0 || login_end_all(conn, user->id, 0, err) < 0)
        return -1;
    return audit_write(conn, actor, "user.role", user->username, AUDIT_ALLOWED, detail, err);
}

static int update_groups(struct db_conn *conn, const struct actor *actor, const struct strv *groups,
                         const struct user *user, struct err *err) {
    _cleanup_strv_ struct strv had = {0};
    if (!groups)
        return 0;
    if (external_store_groups(conn, user->id, &had, err) < 0)
        return -1;
    for (size_t i = 0; i < had.count; i++) {
        int left =
            strv_contains(groups, had.items[i]) ? 0 : external_store_leave(conn, user->id, had.items[i], err);
        if (left < 0 || (left > 0 && audit_write(conn, actor, "group.remove-member", had.items[i],
                                                 AUDIT_ALLOWED, user->username, err) < 0))
            return -1;
    }
    for (size_t i = 0; i < groups->count; i++) {
        int joined = strv_contains(&had, groups->items[i])
                         ? 0
                         : external_store_join(conn, user->id, groups->items[i], err);
        if (joined < 0 || (joined > 0 && audit_write(conn, actor, "group.add-member", groups->items[i],
                                                     AUDIT_ALLOWED, user->username, err) < 0))
            return -1;
    }
    return 0;
}

static int sign_in(struct db_conn *conn, const struct actor *actor, const struct external_identity *identity,
                   const struct external_policy *policy, struct user *ret, struct err *err) {
    struct user user;
    /* Two first sign-ins of one person, and changes of administrators, one after the other. */
    if (db_lock(conn, "administrators", err) < 0 || find_user(conn, actor, identity, policy, &user, err) < 0)
        return -1;
    if (!user.active)
        return err_set(err, ERR_DENIED, "user_disabled", "this account is disabled");
    if (update_about(conn, identity, &user, err) < 0 ||
        update_role(conn, actor, mapped_role(identity, policy), &user, err) < 0 ||
        update_groups(conn, actor, identity->groups, &user, err) < 0)
        return -1;
    return user_find_id(conn, user.id, ret, err);
}

int external_sign_in(struct db_conn *conn, const struct actor *actor,
                     const struct external_identity *identity, const struct external_policy *policy,
                     struct user *ret, struct err *err) {
    if (str_empty(identity->subject) || strlen(identity->subject) > EXTERNAL_SUBJECT_MAX)
        return err_set(err, ERR_INVALID, "bad_subject", "the identity provider names no subject");
    if (db_begin(conn, err) < 0)
        return -1;
    return db_end(conn, sign_in(conn, actor, identity, policy, ret, err), err);
}
