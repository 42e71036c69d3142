/* Signing in and out. */
#include "api/call.h"
#include "api/resources.h"
#include "base/cleanup.h"
#include "control/audit/audit.h"

#define KEY_TEXT_MAX 400

static void answer_tokens(struct call *call, const struct login_tokens *tokens, const struct user *user) {
    struct strbuf text = STRBUF_MAX(ANSWER_MAX);
    struct json_writer w = JSON_WRITER(&text);
    jsonw_object_begin(&w);
    jsonw_put_string(&w, "token", tokens->access);
    jsonw_put_string(&w, "refreshToken", tokens->refresh);
    jsonw_put_string(&w, "expiresAt", tokens->expires_at);
    jsonw_key(&w, "user");
    user_write_json(call, user, &w);
    jsonw_object_end(&w);
    call_json(call, 200, &w);
}

/* --- how often may one try --- */

/* What a try is counted under: this account from this address, and more widely the address and the account
 * alone, so that neither many accounts from one place nor one account from many places can be tried for long.
 * The account's own wide bucket is large enough that a stranger cannot easily keep its owner out. */
struct attempt {
    struct rate_limit *limits[3];
    char keys[3][KEY_TEXT_MAX];
};

static void attempt_init(struct attempt *attempt, const struct call *call, const char *account) {
    const char *address = http_peer(call->request);
    attempt->limits[0] = call->api->login_accounts;
    attempt->limits[1] = attempt->limits[2] = call->api->login_addresses;
    snprintf(attempt->keys[0], KEY_TEXT_MAX, "both:%s:%s", address, account);
    snprintf(attempt->keys[1], KEY_TEXT_MAX, "address:%s", address);
    snprintf(attempt->keys[2], KEY_TEXT_MAX, "account:%s", account);
}

static int attempt_begin(struct attempt *attempt, struct call *call, struct err *err) {
    for (size_t i = 0; i < ARRAY_SIZE(attempt->limits); i++) {
        int64_t wait_ms;
        if (rate_limit_take(attempt->limits[i], attempt->keys[i], &wait_ms))
            continue;
        while (i--)
            rate_limit_give_back(attempt->limits[i], attempt->keys[i]);
        call->retry_after = (unsigned)(wait_ms / 1000 + 1);
        return err_set(err, ERR_LIMIT, NULL, "too many failed attempts; try again in %u s",
                       call->retry_after);
    }
    return 0;
}

/* It was no guess: it does not count. */
static void attempt_forgive(struct attempt *attempt) {
    for (size_t i = 0; i < ARRAY_SIZE(attempt->limits); i++)
        rate_limit_give_back(attempt->limits[i], attempt->keys[i]);
}

/* A refused sign-in. People type passwords into the name's field: only names that exist are written down. */
static void audit_refusal(struct call *call, const char *username, const struct err *cause) {
    struct user user;
    call->audited = true;
    bool exists = user_find(call->conn, username, &user, NULL) == 0;
    struct actor actor = {.username = exists ? user.username : "unknown",
                          .address = http_peer(call->request),
                          .request_id = http_request_id(call->request)};
    audit_write(call->conn, &actor, "login.create", exists ? user.username : NULL, "denied", cause->code,
                NULL);
}

static int sign_in(struct call *call, struct user *user, struct login_tokens *tokens, struct err *err) {
    const struct login_body *body = call->body;
    struct attempt attempt;
    attempt_init(&attempt, call, body->username);
    if (attempt_begin(&attempt, call, err) < 0)
        return -1;
    if (call_conn(call, err) < 0) {
        attempt_forgive(&attempt);
        return -1;
    }
    if (user_verify_password(call->conn, body->username, body->password, user, err) < 0) {
        if (err->kind == ERR_UNAUTHENTICATED || err->kind == ERR_DENIED)
            audit_refusal(call, body->username, err);
        else
            attempt_forgive(&attempt);
        return -1;
    }
    attempt_forgive(&attempt);
    return login_create(call->conn, call->api->keyring, user, http_peer(call->request),
                        http_header(call->request, "User-Agent"), tokens, err);
}

void auth_login(struct call *call) {
    struct err err = {0};
    struct user user = {0};
    struct login_tokens tokens = {0};
    if (sign_in(call, &user, &tokens, &err) < 0) {
        call_problem(call, &err);
        return;
    }
    cookies_set(call->request, call->api->secure, tokens.cookie, tokens.csrf);
    answer_tokens(call, &tokens, &user);
    explicit_bzero(&tokens, sizeof tokens);
}

void auth_refresh(struct call *call) {
    const struct refresh_body *body = call->body;
    struct err err = {0};
    struct login login = {0};
    struct login_tokens tokens = {0};
    struct attempt attempt;
    attempt_init(&attempt, call, "refresh"); /* tokens cannot be guessed; this spares the database */
    if (attempt_begin(&attempt, call, &err) < 0 || call_conn(call, &err) < 0 ||
        login_refresh(call->conn, call->api->keyring, body->refresh_token, &tokens, &login, &err) < 0) {
        if (err.kind == ERR_DENIED)
            err.kind = ERR_UNAUTHENTICATED;
        call_problem(call, &err);
        return;
    }
    attempt_forgive(&attempt);
    answer_tokens(call, &tokens, &login.user);
    explicit_bzero(&tokens, sizeof tokens);
}

void auth_logout(struct call *call) {
    struct err err = {0};
    if (login_end(call->conn, &call->actor, call->login.id, &err) < 0) {
        call_problem(call, &err);
        return;
    }
    cookies_set(call->request, call->api->secure, NULL, NULL);
    call_no_content(call);
}

void auth_me(struct call *call) {
    struct strbuf text = STRBUF_MAX(ANSWER_MAX);
    struct json_writer w = JSON_WRITER(&text);
    user_write_json(call, &call->login.user, &w);
    call_json(call, 200, &w);
}

static int change_password(struct call *call, struct err *err) {
    const struct change_password_body *body = call->body;
    struct attempt attempt;
    struct user user;
    attempt_init(&attempt, call, call->login.user.username);
    if (attempt_begin(&attempt, call, err) < 0)
        return -1;
    if (call_conn(call, err) < 0) {
        attempt_forgive(&attempt);
        return -1;
    }
    if (user_verify_password(call->conn, call->login.user.username, body->current_password, &user, err) < 0) {
        if (err->kind == ERR_UNAUTHENTICATED) /* the caller is who he is: it is the field that is wrong */
            return err_set_field(err, ERR_INVALID, "wrong_password", "currentPassword",
                                 "this is not the present password");
        attempt_forgive(&attempt);
        return -1;
    }
    attempt_forgive(&attempt);
    if (user_check_password(body->new_password, err) < 0) {
        str_copy(err->field, sizeof err->field, "newPassword");
        return -1;
    }
    if (user_set_password(call->conn, &call->actor, user.username, body->new_password, err) < 0)
        return -1;
    /* Whoever knew the old password is signed out; this login stays. */
    return login_end_all(call->conn, user.id, call->login.id, err);
}

void auth_change_password(struct call *call) {
    struct err err = {0};
    if (change_password(call, &err) < 0)
        call_problem(call, &err);
    else
        call_no_content(call);
}
