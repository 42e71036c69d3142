/* Accounts: administrators make, change and remove them; everybody sees and changes his own. */
#include "api/call.h"
#include "api/resources.h"
#include "base/log.h"
#include "control/groups/group.h"
#include "control/users/user_list.h"

#define SEARCH_MAX 256

static void put_groups(struct call *call, const struct user *user, struct json_writer *w) {
    _cleanup_strv_ struct strv names = {0};
    struct err err = {0};
    if (call_conn(call, &err) < 0 || group_names_of(call->conn, user->id, &names, &err) < 0) {
        log_warn("the groups of a user cannot be read", "user", user->username, "error", err.message);
        w->failed = true;
        return;
    }
    jsonw_key(w, "groups");
    jsonw_strings(w, &names);
}

void user_write_json(struct call *call, const struct user *user, struct json_writer *w) {
    jsonw_object_begin(w);
    jsonw_put_string(w, "username", user->username);
    jsonw_put_string(w, "role", user_role_name(user->role));
    jsonw_put_string(w, "fullName", *user->full_name ? user->full_name : NULL);
    jsonw_put_string(w, "email", *user->email ? user->email : NULL);
    jsonw_put_bool(w, "active", user->active);
    jsonw_put_bool(w, "mfaEnabled", user->mfa);
    put_groups(call, user, w);
    jsonw_put_string(w, "createdAt", user->created_at);
    jsonw_put_string(w, "updatedAt", user->updated_at);
    jsonw_put_string(w, "lastLoginAt", *user->last_login_at ? user->last_login_at : NULL);
    jsonw_object_end(w);
}

static void answer_user(struct call *call, int status, const struct user *user) {
    struct strbuf text = STRBUF_MAX(ANSWER_MAX);
    struct json_writer w = JSON_WRITER(&text);
    user_write_json(call, user, &w);
    call_json(call, status, &w);
}

/* Off the request threads: hashes the password. */
void user_create_post(struct call *call) {
    const struct user_body *body = call->body;
    struct user_new fields = {.username = body->username,
                              .password = body->password,
                              .full_name = body->full_name,
                              .email = body->email,
                              .role = user_role_parse(body->role)};
    struct err err = {0};
    struct user user;
    if (call_conn(call, &err) < 0 || user_create(call->conn, &call->actor, &fields, &user, &err) < 0) {
        call_problem(call, &err);
        return;
    }
    answer_user(call, 201, &user);
}

static int list_filter(struct call *call, struct user_filter *filter, struct err *err) {
    const char *role = http_query(call->request, "role"), *active = http_query(call->request, "active");
    *filter = (struct user_filter){.search = http_query(call->request, "search"),
                                   .role = user_role_parse(role),
                                   .active = !active ? -1 : str_eq(active, "true"),
                                   .after = http_query(call->request, "cursor")};
    if (role && filter->role == USER_ROLE_NONE)
        return err_set_field(err, ERR_INVALID, "invalid_parameter", "role",
                             "must be user, operator or admin");
    if (active && !str_eq(active, "true") && !str_eq(active, "false"))
        return err_set_field(err, ERR_INVALID, "invalid_parameter", "active", "must be true or false");
    if (filter->search && strlen(filter->search) > SEARCH_MAX)
        return err_set_field(err, ERR_INVALID, "invalid_parameter", "search", "must have at most %d bytes",
                             SEARCH_MAX);
    return call_limit(call, &filter->limit, err);
}

void user_list_get(struct call *call) {
    struct err err = {0};
    struct user_filter filter;
    struct user_list list = {0};
    if (list_filter(call, &filter, &err) < 0 || user_list(call->conn, &filter, &list, &err) < 0) {
        call_problem(call, &err);
        return;
    }
    struct strbuf text = STRBUF_MAX(ANSWER_MAX);
    struct json_writer w = JSON_WRITER(&text);
    jsonw_object_begin(&w);
    jsonw_put_array(&w, "users");
    for (size_t i = 0; i < list.count; i++)
        user_write_json(call, &list.items[i], &w);
    jsonw_array_end(&w);
    call_list_end(&w, list.total, list.more && list.count ? list.items[list.count - 1].username : NULL);
    jsonw_object_end(&w);
    user_list_finish(&list);
    call_json(call, 200, &w);
}

void user_get_one(struct call *call) {
    answer_user(call, 200, &call->account);
}

/* What only administrators may change, and what nobody may change of himself in this way: whoever has got
 * hold of a sign-in does not know the password, and must not be able to set one. */
static int check_patch(const struct call *call, const struct user_patch_body *body, struct err *err) {
    bool self = call->account.id == call->login.user.id;
    if (call->login.user.role != USER_ROLE_ADMIN && (body->role || body->has_active || body->password))
        return err_set(err, ERR_DENIED, NULL, "of yourself you may change email and fullName%s",
                       body->password ? "; for the password there is POST /auth/change-password" : "");
    if (self && body->password)
        return err_set(err, ERR_DENIED, "use_change_password",
                       "your own password is changed with POST /auth/change-password");
    return 0;
}

/* Off the request threads: may hash a password. */
void user_patch(struct call *call) {
    const struct user_patch_body *body = call->body;
    struct user_change change = {.email = body->email,
                                 .full_name = body->full_name,
                                 .has_email = body->has_email,
                                 .has_full_name = body->has_full_name,
                                 .role = user_role_parse(body->role),
                                 .has_active = body->has_active,
                                 .active = body->active,
                                 .password = body->password};
    struct err err = {0};
    struct user user;
    if (check_patch(call, body, &err) < 0 || call_conn(call, &err) < 0 ||
        user_update(call->conn, &call->actor, call->account.username, &change, &user, &err) < 0)
        call_problem(call, &err);
    else
        answer_user(call, 200, &user);
}

void user_delete_one(struct call *call) {
    struct err err = {0};
    if (user_delete(call->conn, &call->actor, call->account.username, &err) < 0)
        call_problem(call, &err);
    else
        call_no_content(call);
}
