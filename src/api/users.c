/* Accounts, as far as administrators need them from the start. */
#include "api/call.h"
#include "api/resources.h"
#include "control/users/user_list.h"

void user_write_json(const struct user *user, struct json_writer *w) {
    jsonw_object_begin(w);
    jsonw_put_string(w, "username", user->username);
    jsonw_put_string(w, "role", user_role_name(user->role));
    jsonw_put_string(w, "fullName", *user->full_name ? user->full_name : NULL);
    jsonw_put_string(w, "email", *user->email ? user->email : NULL);
    jsonw_put_bool(w, "active", user->active);
    jsonw_put_string(w, "createdAt", user->created_at);
    jsonw_object_end(w);
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
    struct strbuf text = STRBUF_MAX(ANSWER_MAX);
    struct json_writer w = JSON_WRITER(&text);
    user_write_json(&user, &w);
    call_json(call, 201, &w);
}

void user_list_get(struct call *call) {
    struct err err = {0};
    unsigned limit;
    struct user_list list = {0};
    if (call_limit(call, &limit, &err) < 0 ||
        user_list(call->conn, http_query(call->request, "cursor"), limit, &list, &err) < 0) {
        call_problem(call, &err);
        return;
    }
    struct strbuf text = STRBUF_MAX(ANSWER_MAX);
    struct json_writer w = JSON_WRITER(&text);
    jsonw_object_begin(&w);
    jsonw_put_array(&w, "users");
    for (size_t i = 0; i < list.count; i++)
        user_write_json(&list.items[i], &w);
    jsonw_array_end(&w);
    call_list_end(&w, list.total, list.more && list.count ? list.items[list.count - 1].username : NULL);
    jsonw_object_end(&w);
    user_list_finish(&list);
    call_json(call, 200, &w);
}
