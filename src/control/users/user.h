/* Users: accounts with a role and a password.
 */
#ifndef SS_CONTROL_USER_H
#define SS_CONTROL_USER_H

#include "base/clock.h"
#include "base/err.h"
#include "base/id.h"
#include "control/audit/audit.h"
#include "db/db.h"

#include <stdbool.h>
#include <stdint.h>

#define USER_PASSWORD_MIN 12
#define USER_PASSWORD_MAX 1024 /* bytes */
#define USER_FULL_NAME_MAX 128
#define USER_EMAIL_MAX 254
#define USER_GENERATED_PASSWORD_SIZE 25 /* 24 characters and terminator */

enum user_role { USER_ROLE_NONE, USER_ROLE_USER, USER_ROLE_OPERATOR, USER_ROLE_ADMIN };
/* "user", "operator", "admin"; "" for USER_ROLE_NONE. Static. */
const char *user_role_name(enum user_role role);
enum user_role user_role_parse(const char *text); /* USER_ROLE_NONE: unknown */

/* Plain data. */
struct user {
    int64_t id;
    char username[USERNAME_MAX + 1];
    enum user_role role;
    bool active;
    bool mfa;                               /* a code is asked for when he signs in */
    char full_name[USER_FULL_NAME_MAX + 1]; /* "" when not given */
    char email[USER_EMAIL_MAX + 1];         /* "" when not given */
    char created_at[TIME_TEXT_SIZE], updated_at[TIME_TEXT_SIZE];
    char last_login_at[TIME_TEXT_SIZE]; /* "" when never */
};

struct user_new {
    const char *username, *password; /* password: NULL for accounts that sign in elsewhere (OpenID Connect) */
    const char *full_name, *email;   /* or NULL */
    enum user_role role;             /* USER_ROLE_NONE: user */
};

/* Hashes the password (20–90 ms: off the request threads), then one transaction with audit. ERR_INVALID
 * naming the field; ERR_CONFLICT "user_exists". */
int user_create(struct db_conn *conn, const struct actor *actor, const struct user_new *fields,
                struct user *ret, struct err *err);
/* ERR_NOT_FOUND "user_not_found". */
int user_find(struct db_conn *conn, const char *username, struct user *ret, struct err *err);
int user_find_id(struct db_conn *conn, int64_t id, struct user *ret, struct err *err);
int user_count_admins(struct db_conn *conn, int64_t *ret, struct err *err); /* active ones */

/* True when the text can be a password: length and UTF-8; else ERR_INVALID for field "password". */
int user_check_password(const char *password, struct err *err);

/* Everything that user_create() wants of a new account, before anything is hashed: ERR_INVALID naming the
 * field. */
int user_check_new(const struct user_new *fields, struct err *err);
/* Full name and e-mail address (each may be NULL or ""): ERR_INVALID naming the field. */
int user_check_about(const char *full_name, const char *email, struct err *err);

/* Takes 20–90 ms and as long for unknown users as for known ones: call it off the request threads, two at a
 * time. Fills *ret on success. ERR_UNAUTHENTICATED "bad_credentials" for unknown users and wrong passwords
 * alike; ERR_DENIED "user_disabled" when the password is right but the account is not active. Nothing is
 * audited here: the caller knows whether it was a login. */
int user_verify_password(struct db_conn *conn, const char *username, const char *password, struct user *ret,
                         struct err *err);
/* Activates or deactivates; deactivating ends all logins, and API keys do nothing while it lasts.
 * ERR_CONFLICT "last_admin". */
int user_set_active(struct db_conn *conn, const struct actor *actor, const char *username, bool active,
                    struct err *err);

/* What an administrator, or the user himself, changes. */
struct user_change {
    const char *email, *full_name; /* with has_…; NULL or "": taken away */
    bool has_email, has_full_name;
    enum user_role role; /* USER_ROLE_NONE: stays */
    bool has_active, active;
    const char *password; /* NULL: stays */
    int64_t keep_login;   /* the login that changes its own password goes on; 0: all end */
};
/* One transaction with audit, a row for each kind of change. A new role, a new password and deactivation end
 * the user's logins and close his streams. Slow when a password is given (as user_create). ERR_NOT_FOUND,
 * ERR_INVALID naming the field, ERR_CONFLICT "last_admin" when no active administrator would be left. */
int user_update(struct db_conn *conn, const struct actor *actor, const char *username,
                const struct user_change *change, struct user *ret, struct err *err);
/* Ends all logins of a user and closes his streams; his API keys go on. One transaction with audit. */
int user_end_logins(struct db_conn *conn, const struct actor *actor, const struct user *user,
                    struct err *err);
/* Removes the account and the records of its ended sessions; the audit log keeps its name. ERR_NOT_FOUND;
 * ERR_CONFLICT "last_admin", or "user_has_sessions" while some of its sessions are not at their end. */
int user_delete(struct db_conn *conn, const struct actor *actor, const char *username, struct err *err);

/* At start: makes user "admin" when there is no active user with role admin, with `password` (ADMIN_PASSWORD)
 * or, when that is NULL or empty and `generate` is true, with a random one that is put into `generated`
 * (USER_GENERATED_PASSWORD_SIZE bytes; "" when none was made) to be printed once. Never changes an existing
 * password. ERR_INVALID when `password` is given and shorter than USER_PASSWORD_MIN, whether or not it would
 * be used. */
int user_ensure_first_admin(struct db_conn *conn, const char *password, bool generate, char *generated,
                            bool *ret_created, struct err *err);

#endif
