#include "control/users/user.h"

#include "base/str.h"
#include "control/events/event.h"
#include "control/users/login.h"
#include "control/users/password.h"
#include "control/users/user_store.h"

#include <sodium.h>
#include <string.h>

static const char *const role_names[] = {[USER_ROLE_NONE] = "",
                                         [USER_ROLE_USER] = "user",
                                         [USER_ROLE_OPERATOR] = "operator",
                                         [USER_ROLE_ADMIN] = "admin"};

const char *user_role_name(enum user_role role) {
    return role_names[role];
}

enum user_role user_role_parse(const char *text) {
    for (enum user_role role = USER_ROLE_USER; role <= USER_ROLE_ADMIN; role++) {
        if (str_eq(text, role_names[role]))
            return role;
    }
    return USER_ROLE_NONE;
}

int user_check_password(const char *password, struct err *err) {
    size_t length = strlen(password);
    if (length < USER_PASSWORD_MIN)
        return err_set_field(err, ERR_INVALID, "weak_password", "password",
                             "must have at least %d characters", USER_PASSWORD_MIN);
    if (length > USER_PASSWORD_MAX)
        return err_set_field(err, ERR_INVALID, "invalid_field", "password", "must have at most %d bytes",
                             USER_PASSWORD_MAX);
    if (!str_is_utf8(password, length))
        return err_set_field(err, ERR_INVALID, "invalid_field", "password", "must be UTF-8");
    return 0;
}

static int check_text(const char *text, const char *field, size_t max, struct err *err) {
    if (!text)
        return 0;
    if (strlen(text) > max)
        return err_set_field(err, ERR_INVALID, "invalid_field", field, "must have at most %zu bytes", max);
    if (!str_is_utf8(text, strlen(text)) || strpbrk(text, "\r\n\t"))
        return err_set_field(err, ERR_INVALID, "invalid_field", field, "must be one line of UTF-8");
    return 0;
}

int user_check_about(const char *full_name, const char *email, struct err *err) {
    if (check_text(full_name, "fullName", USER_FULL_NAME_MAX, err) < 0 ||
        check_text(email, "email", USER_EMAIL_MAX, err) < 0)
        return -1;
    if (!str_empty(email) && !strchr(email, '@'))
        return err_set_field(err, ERR_INVALID, "invalid_field", "email", "must be an address");
    return 0;
}

int user_check_new(const struct user_new *fields, struct err *err) {
    if (!fields->username || !id_is_username(fields->username))
        return err_set_field(err, ERR_INVALID, "invalid_field", "username",
                             "must be 1–%d of a-z 0-9 . _ - and begin with a letter or digit", USERNAME_MAX);
    if (user_check_about(fields->full_name, fields->email, err) < 0)
        return -1;
    return fields->password ? user_check_password(fields->password, err) : 0;
}

static int create_row(struct db_conn *conn, const struct actor *actor, const struct user_new *fields,
                      const char *hash, struct user *ret, struct err *err) {
    if (user_store_insert(conn, fields, hash, err) < 0 ||
        audit_write(conn, actor, "user.create", fields->username, "success", NULL, err) < 0)
        return -1;
    return user_find(conn, fields->username, ret, err);
}

int user_create(struct db_conn *conn, const struct actor *actor, const struct user_new *fields,
                struct user *ret, struct err *err) {
    char hash[PASSWORD_HASH_SIZE];
    if (user_check_new(fields, err) < 0 ||
        (fields->password && password_hash(fields->password, hash, err) < 0) || db_begin(conn, err) < 0)
        return -1;
    return db_end(conn, create_row(conn, actor, fields, fields->password ? hash : NULL, ret, err), err);
}

static int not_found(struct err *err) {
    return err_set(err, ERR_NOT_FOUND, "user_not_found", "there is no such user");
}

int user_find(struct db_conn *conn, const char *username, struct user *ret, struct err *err) {
    int found = user_store_find(conn, username, ret, NULL, err);
    return found == 0 ? not_found(err) : found < 0 ? -1 : 0;
}

int user_find_id(struct db_conn *conn, int64_t id, struct user *ret, struct err *err) {
    int found = user_store_find_id(conn, id, ret, err);
    return found == 0 ? not_found(err) : found < 0 ? -1 : 0;
}

int user_verify_password(struct db_conn *conn, const char *username, const char *password, struct user *ret,
                         struct err *err) {
    struct user user = {0};
    char hash[PASSWORD_HASH_SIZE] = "";
    /* No read for names that cannot be: but the time of the hash is spent on everybody. */
    int found = id_is_username(username) ? user_store_find(conn, username, &user, hash, err) : 0;
    if (found < 0)
        return -1;
    bool fits = strlen(password) <= USER_PASSWORD_MAX;
    bool right = password_matches(hash, fits ? password : "");
    if (!right || !fits)
        return err_set(err, ERR_UNAUTHENTICATED, "bad_credentials", "wrong username or password");
    if (!user.active)
        return err_set(err, ERR_DENIED, "user_disabled", "this account is disabled");
    *ret = user;
    return 0;
}

/* 24 characters without those that look alike: 5 bits each, 120 in all. */
static void generate_password(char *password) {
    static const char letters[] = "abcdefghijkmnpqrstuvwxyz23456789"; /* no l, o, 0, 1 */
    unsigned char bytes[USER_GENERATED_PASSWORD_SIZE - 1];
    random_bytes(bytes, sizeof bytes);
    for (size_t i = 0; i < sizeof bytes; i++)
        password[i] = letters[bytes[i] & 31];
    password[sizeof bytes] = '\0';
}

int user_ensure_first_admin(struct db_conn *conn, const char *password, bool generate, char *generated,
                            bool *ret_created, struct err *err) {
    bool given = !str_empty(password);
    int64_t admins = 0;
    generated[0] = '\0';
    *ret_created = false;
    if (given && strlen(password) < USER_PASSWORD_MIN)
        return err_set_field(err, ERR_INVALID, "weak_password", "ADMIN_PASSWORD",
                             "ADMIN_PASSWORD must have at least %d characters", USER_PASSWORD_MIN);
    if (user_count_admins(conn, &admins, err) < 0)
        return -1;
    if (admins > 0)
        return 0;
    if (!given && !generate)
        return 0;
    char made[USER_GENERATED_PASSWORD_SIZE] = "";
    if (!given)
        generate_password(made);
    struct user user;
    struct user_new fields = {
        .username = "admin", .password = given ? password : made, .role = USER_ROLE_ADMIN};
    struct err why = {0};
    if (user_create(conn, &ACTOR_SYSTEM, &fields, &user, &why) < 0) {
        sodium_memzero(made, sizeof made);
        /* Another server that starts on the same database was faster. */
        if (err_is(&why, "user_exists") && user_count_admins(conn, &admins, err) == 0 && admins > 0)
            return 0;
        err_copy(err, &why);
        return err_wrap(err, "cannot make the first administrator");
    }
    str_copy(generated, USER_GENERATED_PASSWORD_SIZE, made);
    *ret_created = true;
    sodium_memzero(made, sizeof made);
    return 0;
}
