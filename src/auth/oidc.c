#include "auth/oidc.h"

#include "auth/claims.h"
#include "auth/jose.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/id.h"
#include "http/client.h"

#include <pthread.h>
#include <sodium.h>
#include <stdio.h>

#define SCOPES_DEFAULT "openid profile email"
#define URL_MAX 2048
#define FORM_MAX (16 * 1024)

DEFINE_CLEANUP(json_t, json_decref);

/* What the provider says of itself. All owned. */
struct metadata {
    char *authorization, *token, *keys, *userinfo; /* endpoints; userinfo may be NULL */
    bool secret_in_body;                           /* it takes no Basic authentication */
};

struct oidc {
    char *issuer, *client_id, *client_secret, *scopes, *username_claim, *groups_claim, *ca_file;
    pthread_mutex_t lock; /* held while the provider is asked: one request serves all who wait */
    struct metadata metadata;
    int64_t metadata_ms; /* steady; 0: none yet */
    struct jose_keys *keys;
    int64_t keys_ms;
};

/* --- options --- */

static bool is_this_machine(const char *host) {
    static const char *const names[] = {"localhost", "127.0.0.1", "[::1]"};
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        size_t length = strlen(names[i]);
        if (!strncmp(host, names[i], length) && strchr("/:", host[length])) /* or the end */
            return true;
    }
    return false;
}

/* https, or http to this machine (development, tests): what goes over it are codes and secrets. */
static bool is_good_url(const char *url) {
    if (!url || strlen(url) > URL_MAX || strpbrk(url, " \t\r\n\"<>\\"))
        return false;
    if (str_starts(url, "https://"))
        return url[strlen("https://")] != '\0';
    return str_starts(url, "http://") && is_this_machine(url + strlen("http://"));
}

int oidc_create(struct oidc **ret, const struct oidc_options *options, struct err *err) {
    if (!is_good_url(options->issuer))
        return err_set_field(err, ERR_INVALID, "invalid_setting", "oidc-issuer",
                             "must be an https URL (http on this machine alone)");
    if (str_empty(options->client_id))
        return err_set_field(err, ERR_INVALID, "invalid_setting", "oidc-client-id", "is missing");
    struct oidc *oidc = mem_zalloc(sizeof *oidc);
    pthread_mutex_init(&oidc->lock, NULL);
    oidc->issuer = str_dup(options->issuer);
    oidc->client_id = str_dup(options->client_id);
    oidc->client_secret = str_dup(options->client_secret);
    oidc->scopes = str_dup(str_empty(options->scopes) ? SCOPES_DEFAULT : options->scopes);
    oidc->username_claim =
        str_dup(str_empty(options->username_claim) ? "preferred_username" : options->username_claim);
    oidc->groups_claim = str_dup(str_empty(options->groups_claim) ? "groups" : options->groups_claim);
    oidc->ca_file = str_dup(str_empty(options->ca_file) ? NULL : options->ca_file);
    *ret = oidc;
    return 0;
}

static void metadata_finish(struct metadata *metadata) {
    free(metadata->authorization);
    free(metadata->token);
    free(metadata->keys);
    free(metadata->userinfo);
    *metadata = (struct metadata){0};
}

void oidc_destroy(struct oidc *oidc) {
    if (!oidc)
        return;
    metadata_finish(&oidc->metadata);
    jose_keys_free(oidc->keys);
    if (oidc->client_secret)
        sodium_memzero(oidc->client_secret, strlen(oidc->client_secret));
    char *const texts[] = {oidc->issuer,         oidc->client_id,    oidc->client_secret, oidc->scopes,
                           oidc->username_claim, oidc->groups_claim, oidc->ca_file};
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
        free(texts[i]);
    pthread_mutex_destroy(&oidc->lock);
    free(oidc);
}

/* --- asking the provider --- */

static int unavailable(struct err *err, const char *what, const char *why) {
    return err_set(err, ERR_UNAVAILABLE, "oidc_unavailable", "the identity provider's %s: %s", what, why);
}

/* One exchange; *ret is a JSON value with a reference. A status of 4xx is an answer, too: *ret_status. */
static int ask(const struct oidc *oidc, const struct http_client_request *wanted, const char *what,
               int *ret_status, json_t **ret, struct err *err) {
    struct http_client_request request = *wanted;
    struct http_client_response response = {0};
    struct err cause = {0};
    request.ca_file = oidc->ca_file;
    request.timeout_ms = OIDC_TIMEOUT_MS;
    request.response_max = OIDC_ANSWER_MAX;
    if (http_client_request(&request, &response, &cause) < 0)
        return unavailable(err, what, cause.message);
    json_t *value = json_loadb(response.body.data ? response.body.data : "", response.body.length,
                               JSON_REJECT_DUPLICATES, NULL);
    *ret_status = response.status;
    http_client_response_finish(&response);
    if (*ret_status >= 500 || (!value && *ret_status < 300)) {
        json_decref(value);
        char why[64];
        snprintf(why, sizeof why, *ret_status < 300 ? "the answer is no JSON" : "status %d", *ret_status);
        return unavailable(err, what, why);
    }
    *ret = value;
    return 0;
}

static int get(const struct oidc *oidc, const char *url, const char *what, json_t **ret, struct err *err) {
    static const char *const headers[] = {"Accept: application/json", NULL};
    int status = 0;
    json_t *value = NULL;
    if (ask(oidc, &(struct http_client_request){.method = "GET", .url = url, .headers = headers}, what,
            &status, &value, err) < 0)
        return -1;
    if (status != 200) {
        char why[64];
        json_decref(value);
        snprintf(why, sizeof why, "status %d", status);
        return unavailable(err, what, why);
    }
    *ret = value;
    return 0;
}

static char *take_url(const json_t *object, const char *name) {
    const char *url = json_string_value(json_object_get(object, name));
    return is_good_url(url) ? str_dup(url) : NULL;
}

static bool lists(const json_t *list, const char *text) {
    const json_t *one;
    size_t i;
    json_array_foreach (list, i, one) {
        if (str_eq(json_string_value(one), text))
            return true;
    }
    return false;
}

static int read_metadata(const struct oidc *oidc, const json_t *value, struct metadata *ret,
                         struct err *err) {
    static const char what[] = "configuration";
    const json_t *methods = json_object_get(value, "token_endpoint_auth_methods_supported");
    if (!str_eq(json_string_value(json_object_get(value, "issuer")), oidc->issuer))
        return unavailable(err, what, "its issuer is not the one that we were told (a closing slash counts)");
    struct metadata metadata = {.authorization = take_url(value, "authorization_endpoint"),
                                .token = take_url(value, "token_endpoint"),
                                .keys = take_url(value, "jwks_uri"),
                                .userinfo = take_url(value, "userinfo_endpoint")};
    metadata.secret_in_body = lists(methods, "client_secret_post") && !lists(methods, "client_secret_basic");
    if (!metadata.authorization || !metadata.token || !metadata.keys) {
        metadata_finish(&metadata);
        return unavailable(err, what, "it lacks an endpoint that we need, or one is not https");
    }
    *ret = metadata;
    return 0;
}

/* Under the lock: what it publishes is here and fresh. What is old serves on while the provider is away. */
static int need_metadata(struct oidc *oidc, struct err *err) {
    if (oidc->metadata_ms && clock_ms() - oidc->metadata_ms < OIDC_METADATA_MS)
        return 0;
    size_t length = strlen(oidc->issuer);
    _cleanup_free_ char *url =
        str_format("%.*s/.well-known/openid-configuration",
                   (int)(oidc->issuer[length - 1] == '/' ? length - 1 : length), oidc->issuer);
    _cleanup_(json_decref_p) json_t *value = NULL;
    struct metadata fresh;
    if (get(oidc, url, "configuration", &value, err) < 0 || read_metadata(oidc, value, &fresh, err) < 0)
        return oidc->metadata_ms ? 0 : -1;
    metadata_finish(&oidc->metadata);
    oidc->metadata = fresh;
    oidc->metadata_ms = clock_ms();
    return 0;
}

static int fetch_keys(struct oidc *oidc, struct err *err) {
    _cleanup_(json_decref_p) json_t *value = NULL;
    struct jose_keys *keys = NULL;
    if (get(oidc, oidc->metadata.keys, "keys", &value, err) < 0)
        return -1;
    _cleanup_free_ char *text = json_dumps(value, JSON_COMPACT);
    if (!text || jose_keys_parse(text, strlen(text), &keys, err) < 0)
        return unavailable(err, "keys", "the answer is no set of keys");
    jose_keys_free(oidc->keys);
    oidc->keys = keys;
    oidc->keys_ms = clock_ms();
    return 0;
}

/* --- the way there --- */

static void make_secret(char secret[OIDC_SECRET_SIZE]) {
    uint8_t bytes[32];
    random_bytes(bytes, sizeof bytes);
    sodium_bin2base64(secret, OIDC_SECRET_SIZE, bytes, sizeof bytes,
                      sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

static void put(struct strbuf *out, const char *name, const char *value) {
    strbuf_printf(out, "&%s=", name);
    http_encode(out, value);
}

int oidc_begin(struct oidc *oidc, struct oidc_request *request, char **ret_url, struct err *err) {
    struct strbuf url = STRBUF_MAX(FORM_MAX);
    uint8_t hash[crypto_hash_sha256_BYTES];
    char challenge[OIDC_SECRET_SIZE];
    pthread_mutex_lock(&oidc->lock);
    int status = need_metadata(oidc, err);
    if (status == 0) {
        strbuf_puts(&url, oidc->metadata.authorization);
        strbuf_puts(&url, strchr(oidc->metadata.authorization, '?') ? "&" : "?");
    }
    pthread_mutex_unlock(&oidc->lock);
    if (status < 0)
        return -1;
    make_secret(request->state);
    make_secret(request->nonce);
    make_secret(request->verifier);
    crypto_hash_sha256(hash, (const unsigned char *)request->verifier, strlen(request->verifier));
    sodium_bin2base64(challenge, sizeof challenge, hash, sizeof hash,
                      sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    strbuf_puts(&url, "response_type=code");
    put(&url, "client_id", oidc->client_id);
    put(&url, "redirect_uri", request->redirect_uri);
    put(&url, "scope", oidc->scopes);
    put(&url, "state", request->state);
    put(&url, "nonce", request->nonce);
    put(&url, "code_challenge", challenge);
    put(&url, "code_challenge_method", "S256");
    *ret_url = strbuf_steal(&url);
    return 0;
}

/* --- and back --- */

/* "Authorization: Basic …": both parts form-encoded first (RFC 6749 section 2.3.1). Owned. */
static char *basic_header(const struct oidc *oidc) {
    _cleanup_strbuf_ struct strbuf pair = STRBUF_MAX(FORM_MAX);
    http_encode(&pair, oidc->client_id);
    strbuf_putc(&pair, ':');
    http_encode(&pair, oidc->client_secret);
    size_t size = sodium_base64_encoded_len(pair.length, sodium_base64_VARIANT_ORIGINAL);
    _cleanup_free_ char *text = mem_zalloc(size);
    sodium_bin2base64(text, size, (const unsigned char *)pair.data, pair.length,
                      sodium_base64_VARIANT_ORIGINAL);
    return str_format("Authorization: Basic %s", text);
}

/* The token endpoint's answer (RFC 6749 section 4.1.3). */
static int exchange(struct oidc *oidc, const char *endpoint, bool secret_in_body,
                    const struct oidc_request *kept, const char *code, json_t **ret, struct err *err) {
    _cleanup_strbuf_ struct strbuf form = STRBUF_MAX(FORM_MAX);
    _cleanup_free_ char *basic = NULL;
    const char *headers[4] = {"Content-Type: application/x-www-form-urlencoded", "Accept: application/json"};
    strbuf_puts(&form, "grant_type=authorization_code");
    put(&form, "code", code);
    put(&form, "redirect_uri", kept->redirect_uri);
    put(&form, "code_verifier", kept->verifier);
    if (str_empty(oidc->client_secret) || secret_in_body)
        put(&form, "client_id", oidc->client_id);
    if (!str_empty(oidc->client_secret) && secret_in_body)
        put(&form, "client_secret", oidc->client_secret);
    else if (!str_empty(oidc->client_secret))
        headers[2] = basic = basic_header(oidc);
    struct http_client_request request = {
        .method = "POST", .url = endpoint, .headers = headers, .body = form.data, .body_length = form.length};
    int status = 0;
    json_t *value = NULL;
    if (ask(oidc, &request, "token endpoint", &status, &value, err) < 0)
        return -1;
    if (status != 200 || !json_is_object(value)) {
        const char *why = json_string_value(json_object_get(value, "error"));
        err_set(err, ERR_UNAUTHENTICATED, "oidc_refused", "the identity provider refused the sign-in (%s)",
                why ? why : "without a reason");
        json_decref(value);
        return -1;
    }
    *ret = value;
    return 0;
}

/* By the keys that we have, and once more by fresh ones when its key is not among them. */
static int verify(struct oidc *oidc, const char *token, json_t **ret, struct err *err) {
    pthread_mutex_lock(&oidc->lock);
    int status = oidc->keys ? 0 : fetch_keys(oidc, err);
    if (status == 0)
        status = jose_verify(oidc->keys, token, strlen(token), ret, err);
    if (status < 0 && err_is(err, "unknown_key") && clock_ms() - oidc->keys_ms > OIDC_KEYS_PAUSE_MS) {
        status = fetch_keys(oidc, err);
        if (status == 0)
            status = jose_verify(oidc->keys, token, strlen(token), ret, err);
    }
    pthread_mutex_unlock(&oidc->lock);
    if (status < 0 && err->kind != ERR_UNAVAILABLE) {
        err->kind = ERR_UNAUTHENTICATED;
        str_copy(err->code, sizeof err->code, "oidc_refused");
    }
    return status;
}

/* What the ID token leaves out. Its subject must be the same (OpenID Connect Core section 5.3.2). */
static int read_userinfo(struct oidc *oidc, const char *endpoint, const char *access,
                         struct oidc_claims *claims, struct err *err) {
    _cleanup_free_ char *header = str_format("Authorization: Bearer %s", access);
    const char *headers[] = {header, "Accept: application/json", NULL};
    _cleanup_(json_decref_p) json_t *value = NULL;
    int status = 0;
    if (strpbrk(access, "\r\n"))
        return unavailable(err, "userinfo endpoint", "the access token has a line break");
    if (ask(oidc, &(struct http_client_request){.method = "GET", .url = endpoint, .headers = headers},
            "userinfo endpoint", &status, &value, err) < 0)
        return -1;
    if (status != 200 || !str_eq(json_string_value(json_object_get(value, "sub")), claims->subject))
        return err_set(err, ERR_UNAUTHENTICATED, "oidc_refused",
                       "the identity provider does not say who this is");
    claims_read(value, oidc->username_claim, oidc->groups_claim, claims);
    return 0;
}

static int read_token(struct oidc *oidc, const struct oidc_request *kept, const char *token,
                      struct oidc_claims *ret, struct err *err) {
    _cleanup_(json_decref_p) json_t *payload = NULL;
    if (!token)
        return err_set(err, ERR_UNAUTHENTICATED, "oidc_refused", "the identity provider sent no ID token");
    if (verify(oidc, token, &payload, err) < 0)
        return -1;
    struct claims_expected expected = {.issuer = oidc->issuer,
                                       .client_id = oidc->client_id,
                                       .nonce = kept->nonce,
                                       .now = clock_wall_ms() / 1000};
    if (claims_check(payload, &expected, err) < 0)
        return -1;
    claims_read(payload, oidc->username_claim, oidc->groups_claim, ret);
    return 0;
}

int oidc_finish(struct oidc *oidc, const struct oidc_request *request, const char *code,
                struct oidc_claims *ret, struct err *err) {
    pthread_mutex_lock(&oidc->lock);
    int status = need_metadata(oidc, err);
    _cleanup_free_ char *endpoint = str_dup(oidc->metadata.token);
    _cleanup_free_ char *userinfo = str_dup(oidc->metadata.userinfo);
    bool secret_in_body = oidc->metadata.secret_in_body;
    pthread_mutex_unlock(&oidc->lock);
    _cleanup_(json_decref_p) json_t *answer = NULL;
    if (status < 0 || exchange(oidc, endpoint, secret_in_body, request, code, &answer, err) < 0 ||
        read_token(oidc, request, json_string_value(json_object_get(answer, "id_token")), ret, err) < 0)
        return -1;
    const char *access = json_string_value(json_object_get(answer, "access_token"));
    return userinfo && access ? read_userinfo(oidc, userinfo, access, ret, err) : 0;
}
