/* API keys: made by their user, seen and ended by him and by administrators. */
#include "api/call.h"
#include "api/resources.h"
#include "base/cleanup.h"
#include "control/users/api_key.h"

#include <inttypes.h>

static void put_time(struct json_writer *w, const char *name, const char *time) {
    jsonw_put_string(w, name, *time ? time : NULL);
}

/* `secret`: the key itself, or NULL. */
static void write_key(const struct api_key *key, const char *secret, struct json_writer *w) {
    char text[SCOPES_TEXT_SIZE];
    _cleanup_strv_ struct strv scopes = {0};
    scopes_format(key->scopes, text);
    if (*text)
        strv_split(&scopes, text, ' ');
    jsonw_object_begin(w);
    jsonw_put_int(w, "id", key->id);
    jsonw_put_string(w, "name", key->name);
    jsonw_put_string(w, "user", key->username);
    jsonw_put_string(w, "prefix", key->prefix);
    jsonw_key(w, "scopes");
    jsonw_strings(w, &scopes);
    put_time(w, "createdAt", key->created_at);
    put_time(w, "expiresAt", key->expires_at);
    put_time(w, "lastUsedAt", key->last_used_at);
    if (secret)
        jsonw_put_string(w, "key", secret);
    jsonw_object_end(w);
}

static int whose(struct call *call, int64_t *ret, struct err *err) {
    const char *name = http_query(call->request, "user");
    struct user user = call->login.user;
    if (name && !str_eq(name, "me") && !str_eq(name, user.username)) {
        if (user.role != USER_ROLE_ADMIN)
            return err_set(err, ERR_DENIED, NULL, "only administrators see other users' keys");
        if (user_find(call->conn, name, &user, err) < 0)
            return -1;
    }
    *ret = user.id;
    return 0;
}

void api_key_list_get(struct call *call) {
    const char *cursor = http_query(call->request, "cursor");
    struct err err = {0};
    struct api_key_list list = {0};
    unsigned limit;
    int64_t user_id = 0, after = 0;
    if (cursor && !str_to_i64(cursor, 0, INT64_MAX, &after))
        err_set_field(&err, ERR_INVALID, "invalid_parameter", "cursor", "is not one of ours");
    if (err.kind || call_limit(call, &limit, &err) < 0 || whose(call, &user_id, &err) < 0 ||
        api_key_list(call->conn, user_id, after, limit, &list, &err) < 0) {
        call_problem(call, &err);
        return;
    }
    char next[24] = "";
    struct strbuf text = STRBUF_MAX(ANSWER_MAX);
    struct json_writer w = JSON_WRITER(&text);
    jsonw_object_begin(&w);
    jsonw_put_array(&w, "apiKeys");
    for (size_t i = 0; i < list.count; i++)
        write_key(&list.items[i], NULL, &w);
    jsonw_array_end(&w);
    if (list.more && list.count)
        snprintf(next, sizeof next, "%" PRId64, list.items[list.count - 1].id);
    call_list_end(&w, list.total, next);
    jsonw_object_end(&w);
    api_key_list_finish(&list);
    call_json(call, 200, &w);
}

void api_key_post(struct call *call) {
    const struct api_key_body *body = call->body;
    struct api_key_new fields = {.name = body->name, .expires_at = body->expires_at};
    struct err err = {0};
    struct api_key key;
    char secret[API_KEY_TEXT_SIZE];
    if (scopes_parse(&body->scopes, &fields.scopes, &err) < 0 ||
        api_key_create(call->conn, &call->actor, &fields, secret, &key, &err) < 0) {
        call_problem(call, &err);
        return;
    }
    struct strbuf text = STRBUF_MAX(ANSWER_MAX);
    struct json_writer w = JSON_WRITER(&text);
    write_key(&key, secret, &w);
    explicit_bzero(secret, sizeof secret);
    call_json(call, 201, &w);
}

void api_key_delete_one(struct call *call) {
    struct err err = {0};
    int64_t id;
    if (!str_to_i64(call_param(call, 0), 1, INT64_MAX, &id))
        err_set(&err, ERR_NOT_FOUND, "api_key_not_found", "there is no such API key");
    if (err.kind || api_key_delete(call->conn, &call->actor, id, &err) < 0)
        call_problem(call, &err);
    else
        call_no_content(call);
}
