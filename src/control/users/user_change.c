/* Changes of accounts and their end. */
#include "base/str.h"
#include "control/users/login.h"
#include "control/users/password.h"
#include "control/users/user_store.h"

/* Who changes or removes administrators does so one after the other: two that demote each other at once must
 * not both succeed. */
static int find_locked(struct db_conn *conn, const char *username, struct user *ret, struct err *err) {
    return db_lock(conn, "administrators", err) < 0 ? -1 : user_find(conn, username, ret, err);
}

/* `user` will not be an active administrator any more. */
static int check_last_admin(struct db_conn *conn, const struct user *user, struct err *err) {
    int64_t admins = 0;
    if (!user->active || user->role != USER_ROLE_ADMIN)
        return 0;
    if (user_count_admins(conn, &admins, err) < 0)
        return -1;
    if (admins <= 1)
        return err_set(err, ERR_CONFLICT, "last_admin", "%s is the only active administrator",
                       user->username);
    return 0;
}

/* All of them, and what API keys have opened; or all but one, where the user himself changes his password. */
static int end_logins(struct db_conn *conn, const struct user *user, int64_t except, struct err *err) {
    if (except)
        return login_end_all(conn, user->id, except, err);
    return login_end_all(conn, user->id, 0, err) < 0 || login_close_streams(conn, user->username, err) < 0
               ? -1
               : 0;
}

static int end_by_admin(struct db_conn *conn, const struct actor *actor, const struct user *user,
                        struct err *err) {
    if (end_logins(conn, user, 0, err) < 0)
        return -1;
    return audit_write(conn, actor, "login.end-all", user->username, AUDIT_ALLOWED, NULL, err);
}

int user_end_logins(struct db_conn *conn, const struct actor *actor, const struct user *user,
                    struct err *err) {
    if (db_begin(conn, err) < 0)
        return -1;
    return db_end(conn, end_by_admin(conn, actor, user, err), err);
}

static int tell(struct db_conn *conn, const struct actor *actor, const struct user *was,
                const struct user *now, bool new_password, struct err *err) {
    char detail[64];
    snprintf(detail, sizeof detail, "from %s to %s", user_role_name(was->role), user_role_name(now->role));
    const struct {
        bool happened;
        const char *action, *detail;
    } rows[] = {
        {!str_eq(was->email, now->email) || !str_eq(was->full_name, now->full_name), "user.update", NULL},
        {was->role != now->role, "user.role", detail},
        {!was->active && now->active, "user.activate", NULL},
        {was->active && !now->active, "user.deactivate", NULL},
        {new_password, "user.password", NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rows[i].happened &&
            audit_write(conn, actor, rows[i].action, now->username, AUDIT_ALLOWED, rows[i].detail, err) < 0)
            return -1;
    return 0;
}

/* `hash`: of the new password, or NULL. */
static int update(struct db_conn *conn, const struct actor *actor, const char *username,
                  const struct user_change *change, const char *hash, struct user *ret, struct err *err) {
    struct user was, now;
    if (find_locked(conn, username, &was, err) < 0)
        return -1;
    now = was;
    if (change->has_email)
        str_copy(now.email, sizeof now.email, change->email ? change->email : "");
    if (change->has_full_name)
        str_copy(now.full_name, sizeof now.full_name, change->full_name ? change->full_name : "");
    if (change->role != USER_ROLE_NONE)
        now.role = change->role;
    if (change->has_active)
        now.active = change->active;
    bool new_role = now.role != was.role, deactivated = was.active && !now.active;
    if ((new_role || deactivated) && check_last_admin(conn, &was, err) < 0)
        return -1;
    if (user_store_update(conn, &now, err) < 0 ||
        (hash && user_store_set_password(conn, now.id, hash, err) < 0) ||
        ((new_role || deactivated || hash) && end_logins(conn, &now, change->keep_login, err) < 0) ||
        tell(conn, actor, &was, &now, hash != NULL, err) < 0)
        return -1;
    return user_find(conn, username, ret, err);
}

int user_update(struct db_conn *conn, const struct actor *actor, const char *username,
                const struct user_change *change, struct user *ret, struct err *err) {
    char hash[PASSWORD_HASH_SIZE];
    if (user_check_about(change->has_full_name ? change->full_name : NULL,
                         change->has_email ? change->email : NULL, err) < 0)
        return -1;
    if (change->password &&
        (user_check_password(change->password, err) < 0 || password_hash(change->password, hash, err) < 0))
        return -1;
    if (db_begin(conn, err) < 0)
        return -1;
    return db_end(conn, update(conn, actor, username, change, change->password ? hash : NULL, ret, err), err);
}

int user_set_active(struct db_conn *conn, const struct actor *actor, const char *username, bool active,
                    struct err *err) {
    struct user user;
    return user_update(conn, actor, username, &(struct user_change){.has_active = true, .active = active},
                       &user, err);
}

static int delete (struct db_conn *conn, const struct actor *actor, const char *username, struct err *err) {
    struct user user;
    int64_t live = 0;
    /* No session of his may begin meanwhile. */
    if (db_lock(conn, "placement", err) < 0 || find_locked(conn, username, &user, err) < 0 ||
        check_last_admin(conn, &user, err) < 0 || user_store_live_sessions(conn, user.id, &live, err) < 0)
        return -1;
    if (live > 0)
        return err_set(err, ERR_CONFLICT, "user_has_sessions", "%s has %lld session%s that %s not ended",
                       username, (long long)live, live == 1 ? "" : "s", live == 1 ? "has" : "have");
    if (login_end_all(conn, user.id, 0, err) < 0 || login_close_streams(conn, username, err) < 0 ||
        user_store_delete(conn, user.id, err) < 0)
        return -1;
    return audit_write(conn, actor, "user.delete", username, AUDIT_ALLOWED, NULL, err);
}

int user_delete(struct db_conn *conn, const struct actor *actor, const char *username, struct err *err) {
    if (db_begin(conn, err) < 0)
        return -1;
    return db_end(conn, delete (conn, actor, username, err), err);
}
