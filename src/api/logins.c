/* Where one is signed in. */
#include "api/call.h"
#include "api/resources.h"

#include <inttypes.h>

static void write_login(const struct login_entry *login, int64_t current, struct json_writer *w) {
    jsonw_object_begin(w);
    jsonw_put_int(w, "id", login->id);
    jsonw_put_string(w, "kind", login->kind);
    jsonw_put_string(w, "address", *login->address ? login->address : NULL);
    jsonw_put_string(w, "userAgent", *login->user_agent ? login->user_agent : NULL);
    jsonw_put_string(w, "createdAt", login->created_at);
    jsonw_put_string(w, "usedAt", login->used_at);
    jsonw_put_bool(w, "current", login->id == current);
    jsonw_object_end(w);
}

void login_list_get(struct call *call) {
    const char *cursor = http_query(call->request, "cursor");
    struct err err = {0};
    struct login_list list = {0};
    unsigned limit;
    int64_t before = 0;
    if (cursor && !str_to_i64(cursor, 1, INT64_MAX, &before))
        err_set_field(&err, ERR_INVALID, "invalid_parameter", "cursor", "is not one of ours");
    if (err.kind || call_limit(call, &limit, &err) < 0 ||
        login_list(call->conn, call->login.user.id, before, limit, &list, &err) < 0) {
        call_problem(call, &err);
        return;
    }
    char next[24] = "";
    struct strbuf text = STRBUF_MAX(ANSWER_MAX);
    struct json_writer w = JSON_WRITER(&text);
    jsonw_object_begin(&w);
    jsonw_put_array(&w, "logins");
    for (size_t i = 0; i < list.count; i++)
        write_login(&list.items[i], call->login.id, &w);
    jsonw_array_end(&w);
    if (list.more && list.count)
        snprintf(next, sizeof next, "%" PRId64, list.items[list.count - 1].id);
    call_list_end(&w, list.total, next);
    jsonw_object_end(&w);
    login_list_finish(&list);
    call_json(call, 200, &w);
}

void login_delete_one(struct call *call) {
    struct err err = {0};
    int64_t id;
    if (!str_to_i64(call_param(call, 0), 1, INT64_MAX, &id))
        err_set(&err, ERR_NOT_FOUND, "login_not_found", "there is no such login");
    if (err.kind || login_end_own(call->conn, &call->actor, id, &err) < 0) {
        call_problem(call, &err);
        return;
    }
    if (id == call->login.id)
        cookies_set(call->request, call->api->secure, NULL, NULL);
    call_no_content(call);
}

void user_logins_delete(struct call *call) {
    struct err err = {0};
    if (user_end_logins(call->conn, &call->actor, &call->account, &err) < 0) {
        call_problem(call, &err);
        return;
    }
    if (call->account.id == call->login.user.id)
        cookies_set(call->request, call->api->secure, NULL, NULL);
    call_no_content(call);
}
