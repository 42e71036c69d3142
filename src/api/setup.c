/* Before anybody is signed in: how one may, and the first administrator. */
#include "control/users/setup.h"

#include "api/attempt.h"
#include "api/call.h"
#include "api/oidc_door.h"
#include "api/resources.h"
#include "control/settings/settings.h"

static int is_needed(struct call *call, bool *ret, struct err *err) {
    return call_conn(call, err) < 0 ? -1 : setup_needed(call->conn, ret, err);
}

void methods_get(struct call *call) {
    struct err err = {0};
    char provider[SETTING_TEXT_MAX];
    bool needed = false;
    int offered = -1;
    if (is_needed(call, &needed, &err) < 0 || (offered = oidc_door_name(call->conn, provider, &err)) < 0) {
        call_problem(call, &err);
        return;
    }
    struct strbuf text = STRBUF_MAX(ANSWER_MAX);
    struct json_writer w = JSON_WRITER(&text);
    jsonw_object_begin(&w);
    jsonw_put_bool(&w, "password", true);
    if (offered) {
        jsonw_put_object(&w, "oidc");
        jsonw_put_string(&w, "name", provider);
        jsonw_put_string(&w, "url", "/api/v1/auth/oidc/login");
        jsonw_object_end(&w);
    } else {
        jsonw_put_null(&w, "oidc");
    }
    jsonw_put_bool(&w, "setup", needed);
    jsonw_object_end(&w);
    call_json(call, 200, &w);
}

void setup_get(struct call *call) {
    struct err err = {0};
    bool needed = false;
    if (is_needed(call, &needed, &err) < 0) {
        call_problem(call, &err);
        return;
    }
    struct strbuf text = STRBUF_MAX(ANSWER_MAX);
    struct json_writer w = JSON_WRITER(&text);
    jsonw_object_begin(&w);
    jsonw_put_bool(&w, "needed", needed);
    jsonw_object_end(&w);
    call_json(call, 200, &w);
}

static int finish(struct call *call, struct user *user, struct login_tokens *tokens, struct err *err) {
    const struct setup_body *body = call->body;
    struct user_new fields = {.username = body->username ? body->username : "admin",
                              .password = body->password,
                              .email = body->email,
                              .full_name = body->full_name};
    struct actor actor = {.username = "unknown",
                          .address = http_peer(call->request),
                          .request_id = http_request_id(call->request)};
    struct attempt attempt;
    attempt_init(&attempt, call, "setup");
    if (attempt_begin(&attempt, call, err) < 0)
        return -1;
    int result = call_conn(call, err);
    if (result == 0)
        result = setup_finish(call->conn, &actor, body->token, &fields, user, err);
    if (result == 0 || err->kind != ERR_UNAUTHENTICATED)
        attempt_forgive(&attempt);
    if (result < 0)
        return -1;
    return login_create(call->conn, call->api->keyring, user, actor.address,
                        http_header(call->request, "User-Agent"), tokens, err);
}

/* Off the request threads: hashes the password. */
void setup_post(struct call *call) {
    struct err err = {0};
    struct user user = {0};
    struct login_tokens tokens = {0};
    if (finish(call, &user, &tokens, &err) < 0) {
        call_problem(call, &err);
        return;
    }
    cookies_set(call->request, call->api->secure, tokens.cookie, tokens.csrf);
    auth_answer(call, 201, &tokens, &user);
    explicit_bzero(&tokens, sizeof tokens);
}
