/* Signing in and out. */
#include "api/attempt.h"
#include "api/call.h"
#include "api/resources.h"
#include "base/cleanup.h"
#include "control/audit/audit.h"
#include "control/users/mfa.h"

void auth_answer(struct call *call, int status, const struct login_tokens *tokens, const struct user *user) {
    struct strbuf text = STRBUF_MAX(ANSWER_MAX);
    struct json_writer w = JSON_WRITER(&text);
    jsonw_object_begin(&w);
    jsonw_put_string(&w, "token", tokens->access);
    jsonw_put_string(&w, "refreshToken", tokens->refresh);
    jsonw_put_string(&w, "expiresAt", tokens->expires_at);
    jsonw_key(&w, "user");
    user_write_json(call, user, &w);
    jsonw_object_end(&w);
    call_json(call, status, &w);
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

/* The second step, where the user has one. Guesses are counted by user: whoever gets here knows the password,
 * and may have many addresses. */
static int check_code(struct call *call, const struct user *user, const char *otp, struct err *err) {
    struct actor actor = {.user_id = user->id,
                          .username = user->username,
                          .address = http_peer(call->request),
                          .request_id = http_request_id(call->request)};
    struct attempt attempt;
    if (!user->mfa)
        return 0;
    if (!str_empty(otp)) {
        attempt_init_code(&attempt, call, user->username);
        if (attempt_begin(&attempt, call, err) < 0)
            return -1;
    }
    int result = mfa_check(call->conn, &actor, user, otp, err);
    if (!str_empty(otp) && (result == 0 || err->kind != ERR_UNAUTHENTICATED))
        attempt_forgive(&attempt);
    else if (!str_empty(otp))
        audit_refusal(call, user->username, err);
    else
        call->audited = true; /* no refusal: the question of the second step */
    return result;
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
    if (check_code(call, user, body->otp, err) < 0)
        return -1;
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
    auth_answer(call, 200, &tokens, &user);
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
    auth_answer(call, 200, &tokens, &login.user);
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
    /* Whoever knew the old password is signed out; this login stays. */
    struct user_change change = {.password = body->new_password, .keep_login = call->login.id};
    return user_update(call->conn, &call->actor, user.username, &change, &user, err);
}

void auth_change_password(struct call *call) {
    struct err err = {0};
    if (change_password(call, &err) < 0)
        call_problem(call, &err);
    else
        call_no_content(call);
}
