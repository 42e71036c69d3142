/* Signing in at an identity provider (OpenID Connect, auth/oidc.h): the way there and the way back.
 *
 * What must be kept meanwhile (state, nonce, PKCE verifier, where to go afterwards) is sealed into a cookie:
 * only the browser that began can come back, any replica can receive it, and nobody can fill a table by
 * beginning and never coming back. The provider's code is good once.
 */
#include "api/attempt.h"
#include "api/call.h"
#include "api/oidc_door.h"
#include "api/resources.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "control/audit/audit.h"
#include "json/fields.h"

#include <sodium.h>

#define COOKIE_NAME "streamspace_oidc"
#define COOKIE_SECONDS 600
#define NEXT_MAX 512 /* bytes of the path to go to afterwards */
#define URL_TEXT_MAX 1024
#define SEALED_MAX 3072
#define CALLBACK_PATH "/api/v1/auth/oidc/callback"

struct kept {
    struct oidc_request request;
    char redirect_uri[URL_TEXT_MAX], next[NEXT_MAX + 1];
    int64_t expires_at; /* seconds */
};

DEFINE_CLEANUP(json_t, json_decref);

/* --- the cookie --- */

static const char *cookie_name(const struct call *call) {
    return call->api->secure || http_is_secure(call->request) ? "__Host-" COOKIE_NAME : COOKIE_NAME;
}

static void set_cookie(struct call *call, const char *value) {
    bool secure = call->api->secure || http_is_secure(call->request);
    _cleanup_free_ char *line =
        str_format("%s=%s; Path=/; Max-Age=%d; SameSite=Lax; HttpOnly%s", cookie_name(call), value,
                   *value ? COOKIE_SECONDS : 0, secure ? "; Secure" : "");
    http_add_header(call->request, "Set-Cookie", line);
}

/* Owned. */
static char *seal_kept(struct call *call, const struct kept *kept) {
    uint8_t key[crypto_secretbox_KEYBYTES], box[SEALED_MAX];
    struct strbuf text = STRBUF_MAX(SEALED_MAX - crypto_secretbox_NONCEBYTES - crypto_secretbox_MACBYTES);
    struct json_writer w = JSON_WRITER(&text);
    jsonw_object_begin(&w);
    jsonw_put_string(&w, "state", kept->request.state);
    jsonw_put_string(&w, "nonce", kept->request.nonce);
    jsonw_put_string(&w, "verifier", kept->request.verifier);
    jsonw_put_string(&w, "redirect", kept->redirect_uri);
    jsonw_put_string(&w, "next", kept->next);
    jsonw_put_int(&w, "expires", kept->expires_at);
    jsonw_object_end(&w);
    if (!jsonw_ok(&w)) {
        strbuf_finish(&text);
        return NULL;
    }
    keyring_sign_in_key(call->api->keyring, key);
    randombytes_buf(box, crypto_secretbox_NONCEBYTES);
    crypto_secretbox_easy(box + crypto_secretbox_NONCEBYTES, (const unsigned char *)text.data, text.length,
                          box, key);
    size_t length = crypto_secretbox_NONCEBYTES + crypto_secretbox_MACBYTES + text.length;
    size_t size = sodium_base64_encoded_len(length, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    char *sealed = mem_zalloc(size);
    sodium_bin2base64(sealed, size, box, length, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    strbuf_finish(&text);
    sodium_memzero(key, sizeof key);
    return sealed;
}

static bool copy_member(const json_t *object, const char *name, char *target, size_t size) {
    const char *text = json_string_value(json_object_get(object, name));
    return text && str_copy(target, size, text);
}

static bool open_kept(struct call *call, struct kept *ret) {
    uint8_t key[crypto_secretbox_KEYBYTES], box[SEALED_MAX], text[SEALED_MAX];
    const char *sealed = http_cookie(call->request, cookie_name(call));
    size_t length;
    if (!sealed ||
        sodium_base642bin(box, sizeof box, sealed, strlen(sealed), NULL, &length, NULL,
                          sodium_base64_VARIANT_URLSAFE_NO_PADDING) < 0 ||
        length < crypto_secretbox_NONCEBYTES + crypto_secretbox_MACBYTES)
        return false;
    keyring_sign_in_key(call->api->keyring, key);
    int status = crypto_secretbox_open_easy(text, box + crypto_secretbox_NONCEBYTES,
                                            length - crypto_secretbox_NONCEBYTES, box, key);
    sodium_memzero(key, sizeof key);
    if (status < 0)
        return false;
    length -= crypto_secretbox_NONCEBYTES + crypto_secretbox_MACBYTES;
    _cleanup_(json_decref_p) json_t *object = json_loadb((const char *)text, length, 0, NULL);
    ret->expires_at = json_integer_value(json_object_get(object, "expires"));
    ret->request.redirect_uri = ret->redirect_uri;
    return copy_member(object, "state", ret->request.state, OIDC_SECRET_SIZE) &&
           copy_member(object, "nonce", ret->request.nonce, OIDC_SECRET_SIZE) &&
           copy_member(object, "verifier", ret->request.verifier, OIDC_SECRET_SIZE) &&
           copy_member(object, "redirect", ret->redirect_uri, URL_TEXT_MAX) &&
           copy_member(object, "next", ret->next, sizeof ret->next);
}

/* --- answers --- */

static void redirect(struct call *call, const char *url) {
    http_add_header(call->request, "Location", url);
    call_text(call, 303, "text/plain", "", 0);
}

/* The browser shows an error on the sign-in page; a program gets no worse answer by that. */
static void redirect_error(struct call *call, const struct err *err) {
    char url[128];
    snprintf(url, sizeof url, "/login?error=%s", err->code);
    set_cookie(call, "");
    redirect(call, url);
}

/* A path of ours, and nothing that a browser could take for another host. */
static bool is_own_path(const char *text) {
    if (text[0] != '/' || text[1] == '/' || strlen(text) > NEXT_MAX)
        return false;
    for (const char *c = text; *c; c++)
        if ((unsigned char)*c <= ' ' || *c == '\\' || *c == 0x7f)
            return false;
    return true;
}

/* By which address this browser reaches us. */
static int own_url(const struct call *call, char *text, size_t size, struct err *err) {
    const char *host = http_header(call->request, "Host");
    if (call->api->public_url) {
        size_t length = strlen(call->api->public_url);
        while (length && call->api->public_url[length - 1] == '/')
            length--;
        snprintf(text, size, "%.*s" CALLBACK_PATH, (int)length, call->api->public_url);
        return 0;
    }
    if (str_empty(host) || strlen(host) > 300 || strpbrk(host, "/\\@?# \t"))
        return err_set(err, ERR_INVALID, "bad_host", "the Host header is missing or malformed");
    bool secure = call->api->secure || http_is_secure(call->request);
    snprintf(text, size, "%s://%s" CALLBACK_PATH, secure ? "https" : "http", host);
    return 0;
}

/* --- there --- */

static int begin(struct call *call, struct kept *kept, char **ret_url, struct err *err) {
    struct oidc_visit visit = {0};
    const char *next = http_query(call->request, "next");
    str_copy(kept->next, sizeof kept->next, next && is_own_path(next) ? next : "/");
    kept->request.redirect_uri = kept->redirect_uri;
    kept->expires_at = clock_wall_ms() / 1000 + COOKIE_SECONDS;
    if (own_url(call, kept->redirect_uri, sizeof kept->redirect_uri, err) < 0 || call_conn(call, err) < 0 ||
        oidc_door_enter(call->api->oidc_door, call->conn, &visit, err) < 0)
        return -1;
    call_release_conn(call); /* the provider may take its time */
    int status = oidc_begin(visit.oidc, &kept->request, ret_url, err);
    oidc_door_leave(&visit);
    return status;
}

void oidc_login_get(struct call *call) {
    struct err err = {0};
    struct kept kept = {0};
    _cleanup_free_ char *url = NULL, *sealed = NULL;
    struct attempt attempt;
    attempt_init_address(&attempt, call);
    if (attempt_begin(&attempt, call, &err) < 0) {
        call_problem(call, &err);
        return;
    }
    int status = begin(call, &kept, &url, &err);
    if (status == 0) {
        attempt_forgive(&attempt);
        sealed = seal_kept(call, &kept);
        if (!sealed)
            status = err_set(&err, ERR_INTERNAL, "internal", "the cookie would be too long");
    }
    if (status < 0) {
        log_warn("a sign-in at the identity provider could not begin", "error", err.message);
        redirect_error(call, &err);
        return;
    }
    set_cookie(call, sealed);
    redirect(call, url);
}

/* --- and back --- */

/* What the provider says in the query (RFC 6749 section 4.1.2, RFC 9207). */
static int read_callback(struct call *call, struct kept *kept, const char **ret_code, struct err *err) {
    const char *state = http_query(call->request, "state"), *code = http_query(call->request, "code");
    if (!open_kept(call, kept) || kept->expires_at < clock_wall_ms() / 1000)
        return err_set(err, ERR_UNAUTHENTICATED, "oidc_expired",
                       "this sign-in was not begun in this browser, or too long ago");
    if (!state || strlen(state) != OIDC_SECRET_SIZE - 1 ||
        sodium_memcmp(state, kept->request.state, OIDC_SECRET_SIZE - 1) != 0)
        return err_set(err, ERR_UNAUTHENTICATED, "oidc_expired", "this belongs to another sign-in");
    if (http_query(call->request, "error"))
        return err_set(err, ERR_UNAUTHENTICATED,
                       str_eq(http_query(call->request, "error"), "access_denied") ? "oidc_denied"
                                                                                   : "oidc_refused",
                       "the identity provider did not sign the user in");
    if (str_empty(code))
        return err_set(err, ERR_INVALID, "oidc_refused", "the identity provider sent no code");
    *ret_code = code;
    return 0;
}

static int find_user(struct call *call, const struct oidc_visit *visit, const struct oidc_claims *claims,
                     struct user *ret, struct err *err) {
    struct actor actor = {.username = "oidc",
                          .address = http_peer(call->request),
                          .request_id = http_request_id(call->request)};
    struct external_identity identity = {.issuer = visit->issuer,
                                         .subject = claims->subject,
                                         .username = claims->username,
                                         .email = claims->email,
                                         .name = claims->name,
                                         .groups = claims->has_groups ? &claims->groups : NULL};
    struct external_policy policy = {.create = visit->create,
                                     .link_by_name = visit->link_by_name,
                                     .admin_group = visit->admin_group,
                                     .operator_group = visit->operator_group};
    return external_sign_in(call->conn, &actor, &identity, &policy, ret, err);
}

static int finish(struct call *call, struct kept *kept, struct login_tokens *tokens, struct err *err) {
    struct oidc_visit visit = {0};
    struct oidc_claims claims = {0};
    struct user user;
    const char *code = NULL, *issuer = http_query(call->request, "iss");
    if (read_callback(call, kept, &code, err) < 0 || call_conn(call, err) < 0 ||
        oidc_door_enter(call->api->oidc_door, call->conn, &visit, err) < 0)
        return -1;
    call_release_conn(call);
    int status = issuer && !str_eq(issuer, visit.issuer)
                     ? err_set(err, ERR_UNAUTHENTICATED, "oidc_refused", "another provider answered")
                     : oidc_finish(visit.oidc, &kept->request, code, &claims, err);
    if (status == 0 && (call_conn(call, err) < 0 || find_user(call, &visit, &claims, &user, err) < 0))
        status = -1;
    oidc_claims_finish(&claims);
    oidc_door_leave(&visit);
    if (status < 0)
        return -1;
    return login_create_by(call->conn, call->api->keyring, &user, LOGIN_BY_OIDC, http_peer(call->request),
                           http_header(call->request, "User-Agent"), tokens, err);
}

static void audit_refusal(struct call *call, const struct err *cause) {
    struct actor actor = {.username = "unknown",
                          .address = http_peer(call->request),
                          .request_id = http_request_id(call->request)};
    call->audited = true;
    if (call_conn(call, NULL) == 0)
        audit_write(call->conn, &actor, "login.create", NULL, AUDIT_REFUSED, cause->code, NULL);
}

void oidc_callback_get(struct call *call) {
    struct err err = {0};
    struct kept kept = {0};
    struct login_tokens tokens = {0};
    struct attempt attempt;
    attempt_init_address(&attempt, call);
    if (attempt_begin(&attempt, call, &err) < 0) {
        call_problem(call, &err);
        return;
    }
    if (finish(call, &kept, &tokens, &err) < 0) {
        log_warn("a sign-in at the identity provider failed", "error", err.message, "request",
                 http_request_id(call->request));
        audit_refusal(call, &err);
        redirect_error(call, &err);
    } else {
        attempt_forgive(&attempt);
        set_cookie(call, "");
        cookies_set(call->request, call->api->secure, tokens.cookie, tokens.csrf);
        redirect(call, kept.next);
    }
    explicit_bzero(&tokens, sizeof tokens);
    explicit_bzero(&kept, sizeof kept);
}
