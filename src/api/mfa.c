/* One-time codes: taken into use, given up, replaced. */
#include "control/users/mfa.h"

#include "api/attempt.h"
#include "api/call.h"
#include "api/resources.h"

static void answer_codes(struct call *call, const struct mfa_backup_codes *codes) {
    struct strbuf text = STRBUF_MAX(ANSWER_MAX);
    struct json_writer w = JSON_WRITER(&text);
    jsonw_object_begin(&w);
    jsonw_put_array(&w, "backupCodes");
    for (size_t i = 0; i < MFA_BACKUP_CODES; i++)
        jsonw_string(&w, codes->text[i]);
    jsonw_array_end(&w);
    jsonw_object_end(&w);
    call_json(call, 200, &w);
}

static int begin(struct call *call, char *secret, char *uri, struct err *err) {
    const struct mfa_begin_body *body = call->body;
    const struct user *self = &call->login.user;
    struct attempt attempt;
    struct user user;
    attempt_init(&attempt, call, self->username);
    if (attempt_begin(&attempt, call, err) < 0)
        return -1;
    if (call_conn(call, err) < 0) {
        attempt_forgive(&attempt);
        return -1;
    }
    if (user_verify_password(call->conn, self->username, body->password, &user, err) < 0) {
        if (err->kind == ERR_UNAUTHENTICATED) /* the caller is who he is: it is the field that is wrong */
            return err_set_field(err, ERR_INVALID, "wrong_password", "password",
                                 "this is not the present password");
        attempt_forgive(&attempt);
        return -1;
    }
    attempt_forgive(&attempt);
    return mfa_begin(call->conn, &user, secret, uri, err);
}

/* Off the request threads: checks the password. */
void mfa_begin_post(struct call *call) {
    char secret[TOTP_SECRET_TEXT_SIZE], uri[MFA_URI_SIZE];
    struct err err = {0};
    if (begin(call, secret, uri, &err) < 0) {
        call_problem(call, &err);
        return;
    }
    struct strbuf text = STRBUF_MAX(ANSWER_MAX);
    struct json_writer w = JSON_WRITER(&text);
    jsonw_object_begin(&w);
    jsonw_put_string(&w, "secret", secret);
    jsonw_put_string(&w, "uri", uri);
    jsonw_object_end(&w);
    explicit_bzero(secret, sizeof secret);
    explicit_bzero(uri, sizeof uri);
    call_json(call, 200, &w);
}

typedef int (*with_code_fn)(struct db_conn *conn, const struct actor *actor, const struct user *user,
                            const char *otp, struct mfa_backup_codes *ret, struct err *err);

static int disable(struct db_conn *conn, const struct actor *actor, const struct user *user, const char *otp,
                   struct mfa_backup_codes *ret, struct err *err) {
    return mfa_disable(conn, actor, user, otp, err);
}

/* What wants a code: guesses are counted. */
static int with_code(struct call *call, with_code_fn fn, struct mfa_backup_codes *ret, struct err *err) {
    const struct otp_body *body = call->body;
    struct attempt attempt;
    attempt_init_code(&attempt, call, call->login.user.username);
    if (attempt_begin(&attempt, call, err) < 0)
        return -1;
    int result = fn(call->conn, &call->actor, &call->login.user, body->otp, ret, err);
    if (result == 0 || !err_is(err, "mfa_invalid"))
        attempt_forgive(&attempt);
    return result;
}

static void codes_after(struct call *call, with_code_fn fn) {
    struct mfa_backup_codes codes;
    struct err err = {0};
    if (with_code(call, fn, &codes, &err) < 0)
        call_problem(call, &err);
    else
        answer_codes(call, &codes);
    explicit_bzero(&codes, sizeof codes);
}

void mfa_verify_post(struct call *call) {
    codes_after(call, mfa_confirm);
}

void mfa_codes_post(struct call *call) {
    codes_after(call, mfa_new_codes);
}

void mfa_delete(struct call *call) {
    struct err err = {0};
    if (with_code(call, disable, NULL, &err) < 0)
        call_problem(call, &err);
    else
        call_no_content(call);
}

void user_mfa_delete(struct call *call) {
    struct err err = {0};
    if (call->account.id == call->login.user.id)
        err_set(&err, ERR_DENIED, "use_own_code",
                "your own second step ends with a code: DELETE /auth/mfa/totp");
    if (err.kind || mfa_reset(call->conn, &call->actor, &call->account, &err) < 0)
        call_problem(call, &err);
    else
        call_no_content(call);
}
