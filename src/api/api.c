#include "api/api.h"

#include "api/assets.h"
#include "api/call.h"
#include "api/logs.h"
#include "api/oidc_door.h"
#include "api/refusals.h"
#include "api/screenshot.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "control/settings/settings.h"
#include "control/users/api_key.h"

#include <strings.h>

#define HASHERS 2 /* passwords that are hashed at once: 20–90 ms and up to 64 MiB each */
#define EXPORTERS 2
#define CODE_REFILL_FACTOR 10 /* one-time codes are short: 10 guesses, then one a minute */
#define REMOTE 4
#define ADDRESS_BURST_FACTOR 5 /* an address may belong to many people */
#define LINK_BURST 30          /* links that were none, from one address … */
#define LINK_REFILL_MS 2000
#define ANONYMOUS_BODY_MAX (16 * 1024)

void api_apply_settings(struct api *api) {
    unsigned burst = (unsigned)setting_now(SETTING_LOGIN_ATTEMPTS);
    int64_t refill_ms = setting_now(SETTING_LOGIN_PAUSE) * 1000;
    rate_limit_adjust(api->login_accounts, burst, refill_ms);
    rate_limit_adjust(api->login_addresses, burst * ADDRESS_BURST_FACTOR,
                      refill_ms / ADDRESS_BURST_FACTOR + 1);
    rate_limit_adjust(api->code_accounts, burst, refill_ms * CODE_REFILL_FACTOR);
}

int api_create(struct api **ret, const struct api_options *options, struct err *err) {
    static const char *const extra[] = {"page", "unknown", NULL};
    struct api *api = mem_zalloc(sizeof *api);
    api->db = options->db;
    api->hub = options->hub;
    api->relay = options->relay;
    api->keyring = options->keyring;
    api->assets = options->assets;
    api->public_url = str_dup(options->public_url);
    api->version = str_dup(options->version ? options->version : "unknown");
    api->bootstrap_key = str_empty(options->bootstrap_key) ? NULL : str_dup(options->bootstrap_key);
    api->ready_agent = str_dup(options->ready_agent);
    api->secure = options->tls || (options->public_url && str_starts(options->public_url, "https:"));
    api->login_accounts = rate_limit_create(1, 1);
    api->login_addresses = rate_limit_create(1, 1);
    api->code_accounts = rate_limit_create(1, 1);
    api->link_addresses = rate_limit_create(LINK_BURST, LINK_REFILL_MS);
    api_apply_settings(api);
    api->catalogue = catalogue_create(api->version);
    api->traffic = traffic_create(route_table, route_count, extra);
    api->started_wall_ms = clock_wall_ms();
    api->oidc_door = oidc_door_create();
    if (workers_create(&api->workers, HASHERS, err) < 0 || workers_create(&api->remote, REMOTE, err) < 0 ||
        workers_create(&api->exporters, EXPORTERS, err) < 0 ||
        workers_create(&api->painters, SCREENSHOT_THREADS, err) < 0 ||
        refusals_create(&api->refusals, api->db, err) < 0 || log_streams_create(&api->log_streams, err) < 0) {
        api_destroy(api);
        return -1;
    }
    *ret = api;
    return 0;
}

void api_drain(struct api *api) {
    atomic_store(&api->draining, true);
}

void api_stop(struct api *api) {
    atomic_store(&api->draining, true);
    atomic_store(&api->stopping, true);
    log_streams_stop(api->log_streams);
    workers_stop(api->workers);
    workers_stop(api->remote);
    workers_stop(api->exporters);
    workers_stop(api->painters);
}

void api_destroy(struct api *api) {
    if (!api)
        return;
    workers_destroy(api->workers);
    workers_destroy(api->remote);
    oidc_door_destroy(api->oidc_door);
    workers_destroy(api->exporters);
    workers_destroy(api->painters);
    refusals_destroy(api->refusals);
    log_streams_destroy(api->log_streams);
    rate_limit_destroy(api->login_accounts);
    rate_limit_destroy(api->login_addresses);
    rate_limit_destroy(api->link_addresses);
    rate_limit_destroy(api->code_accounts);
    traffic_destroy(api->traffic);
    catalogue_destroy(api->catalogue);
    free(api->public_url);
    free(api->version);
    free(api->bootstrap_key);
    free(api->ready_agent);
    free(api);
}

static void call_destroy(void *arg) {
    struct call *call = arg;
    db_release(call->conn);
    session_finish(&call->session);
    if (call->body) {
        json_fields_finish(call->route->body, call->route->body_count, call->body);
        /* Passwords and tokens do not stay behind in freed memory. */
        explicit_bzero(call->body, call->route->body_size);
        free(call->body);
    }
    free(call);
}

static struct call *call_begin(struct api *api, struct http_request *request) {
    struct call *call = mem_zalloc(sizeof *call);
    call->api = api;
    call->request = request;
    call->started_us = clock_us();
    http_set_user(request, call, call_destroy);
    return call;
}

/* --- who is it --- */

/* "Bearer xyz" → "xyz"; NULL when there is no such header. The scheme's name is of any case (RFC 9110). */
static const char *bearer(const struct http_request *request) {
    const char *text = http_header(request, "Authorization");
    if (!text || strncasecmp(text, "Bearer ", 7) != 0)
        return NULL;
    text += 7;
    return text + strspn(text, " ");
}

static void become_known(struct call *call) {
    call->known = true;
    call->actor = (struct actor){.user_id = call->login.user.id,
                                 .username = call->login.user.username,
                                 .role = user_role_name(call->login.user.role),
                                 .address = http_peer(call->request),
                                 .request_id = http_request_id(call->request)};
}

/* By bearer token, else by cookie. Whoever shows credentials that are no good is refused, whatever else he
 * shows. */
static int authenticate(struct call *call, struct err *err) {
    struct api *api = call->api;
    const char *token = bearer(call->request), *cookie = cookie_session(call->request, api->secure);
    if (!token && http_header(call->request, "Authorization"))
        return err_set(err, ERR_UNAUTHENTICATED, "bad_token", "Authorization must be a Bearer token");
    if (!token && str_empty(cookie))
        return err_set(err, ERR_UNAUTHENTICATED, NULL, "sign in first");
    if (call_conn(call, err) < 0)
        return -1;
    int result = !token ? login_find_cookie(call->conn, api->keyring, cookie, &call->login, err)
                 : api_key_looks_like(token)
                     ? api_key_find(call->conn, token, &call->login, err)
                     : login_find_token(call->conn, api->keyring, token, strlen(token), &call->login, err);
    if (result < 0) {
        if (err->kind == ERR_DENIED) /* deactivated: the credentials are no good any more */
            err->kind = ERR_UNAUTHENTICATED;
        return -1;
    }
    call->by_cookie = !token;
    become_known(call);
    return 0;
}

/* An API key may be for a part of what its user may. */
static int check_scope(const struct call *call, struct err *err) {
    const struct route *route = call->route;
    bool write = !str_eq(route->method, "GET");
    if (!call->login.by_key || scopes_allow(call->login.scopes, route->area, write))
        return 0;
    if (route->area == SCOPE_NONE)
        return err_set(err, ERR_DENIED, "api_key_refused", "API keys may not do this: sign in");
    return err_set(err, ERR_DENIED, "insufficient_scope", "the API key lacks the scope %s:%s",
                   scope_area_name(route->area), write ? "write" : "read");
}

/* Whoever has a link needs no sign-in; a good one is looked at, a stale cookie is as good as none. */
static int recognise(struct call *call, struct err *err) {
    struct err why = {0};
    if (authenticate(call, &why) == 0 || why.kind == ERR_UNAUTHENTICATED)
        return 0;
    err_copy(err, &why);
    return -1;
}

static int check_access(struct call *call, struct err *err) {
    enum user_role wanted;
    switch (call->route->access) {
    case ROUTE_USER:
        wanted = USER_ROLE_USER;
        break;
    case ROUTE_OPERATOR:
        wanted = USER_ROLE_OPERATOR;
        break;
    case ROUTE_ADMIN:
        wanted = USER_ROLE_ADMIN;
        break;
    case ROUTE_AGENT:
        if (str_empty(http_header(call->request, "X-Agent-API-Key")))
            return err_set(err, ERR_UNAUTHENTICATED, NULL, "the header X-Agent-API-Key is missing");
        return 0;
    case ROUTE_LINK:
        return recognise(call, err);
    default:
        return 0;
    }
    if (authenticate(call, err) < 0)
        return -1;
    if (call->login.user.role < wanted)
        return err_set(err, ERR_DENIED, NULL, "this needs the role %s", user_role_name(wanted));
    return check_scope(call, err) < 0 ? -1 : csrf_check(call, err);
}

/* Others learn nothing of who there is. */
static int find_account(struct call *call, struct err *err) {
    const char *name = call_param(call, 0);
    const struct user *self = &call->login.user;
    if (str_eq(name, "me") || str_eq(name, self->username)) {
        call->account = *self;
        return 0;
    }
    if (self->role != USER_ROLE_ADMIN)
        return err_set(err, ERR_NOT_FOUND, "user_not_found", "there is no such user");
    return user_find(call->conn, name, &call->account, err);
}

static int check_ownership(struct call *call, struct err *err) {
    if (!call->known)
        return 0;
    switch (call->route->ownership) {
    case ROUTE_SESSION_GUEST:
        return session_get_visible(call->conn, &call->actor, call_param(call, 0), &call->session, err);
    case ROUTE_SESSION:
        return session_get_for(call->conn, &call->actor, call_param(call, 0), &call->session, err);
    case ROUTE_ACCOUNT:
        return find_account(call, err);
    case ROUTE_GROUP:
        return group_get_for(call->conn, &call->actor, call_param(call, 0), &call->group, err);
    default:
        return 0;
    }
}

/* --- what does it say --- */

static int check_query(struct call *call, struct err *err) {
    static const char *const none[] = {NULL};
    const char *const *known = call->route->query ? call->route->query : none;
    const char *name;
    for (size_t i = 0; (name = http_query_name(call->request, i)); i++) {
        bool found = false;
        for (size_t k = 0; known[k] && !found; k++)
            found = str_eq(known[k], name);
        if (!found && !(call->route->flags & ROUTE_ANY_QUERY))
            return err_set_field(err, ERR_INVALID, "unknown_parameter", name,
                                 "this query parameter is not known here");
        if (!http_query(call->request, name))
            return err_set_field(err, ERR_INVALID, "invalid_parameter", name, "is not UTF-8");
    }
    return 0;
}

static int check_media_type(const struct call *call, bool has_body, struct err *err) {
    static const char *const json[] = {"application/json", NULL};
    const char *const *types = call->route->body ? json : call->route->types;
    const char *given = http_header(call->request, "Content-Type");
    if (!has_body || !types)
        return 0;
    size_t length = given ? strcspn(given, "; \t") : 0;
    for (const char *const *type = types; *type; type++)
        if (length == strlen(*type) && strncasecmp(given, *type, length) == 0)
            return 0;
    return err_set(err, ERR_UNSUPPORTED, NULL, "the body must be %s%s%s", types[0], types[1] ? " or " : "",
                   types[1] ? types[1] : "");
}

static int parse_body(struct call *call, struct err *err) {
    const struct route *route = call->route;
    size_t length;
    const char *text = http_body(call->request, &length);
    if (route->types)
        return length ? 0 : err_set(err, ERR_INVALID, "missing_body", "the body is missing");
    if (!route->body)
        return length ? err_set(err, ERR_INVALID, "unexpected_body", "this route takes no body") : 0;
    if (length && !str_is_utf8(text, length))
        return err_set(err, ERR_INVALID, "malformed_json", "the body is not UTF-8 text");
    call->body = mem_zalloc(route->body_size);
    if (!length && (route->flags & ROUTE_BODY_OPTIONAL))
        return 0;
    if (!length)
        return err_set(err, ERR_INVALID, "malformed_json", "the body is missing: a JSON object is expected");
    return json_fields_parse(text, length, route->body, route->body_count, 0, call->body, NULL, err);
}

/* --- the way through --- */

static void run_slow(void *arg) {
    struct call *call = arg;
    call->route->handler(call);
}

/* Everything that the table promises for a row, in the order of the contract: 401, role 403, ownership 404,
 * 415, 413, 400. `early` is what the HTTP server found wrong with the body, or NULL. */
static int check_call(struct call *call, const struct err *early, struct err *err) {
    size_t length;
    http_body(call->request, &length);
    if (check_access(call, err) < 0)
        return -1;
    if (check_ownership(call, err) < 0) {
        call->not_his = err->kind == ERR_NOT_FOUND;
        return -1;
    }
    if (check_media_type(call, early || length, err) < 0)
        return -1;
    if (early) {
        err_copy(err, early);
        return -1;
    }
    return check_query(call, err) < 0 ? -1 : parse_body(call, err);
}

static void dispatch(struct call *call, const struct err *early) {
    struct err err = {0};
    if (check_call(call, early, &err) < 0) {
        call_problem(call, &err);
        return;
    }
    if (!(call->route->flags & (ROUTE_SLOW | ROUTE_REMOTE))) {
        call->route->handler(call);
        return;
    }
    call_release_conn(call); /* while it waits in the queue */
    http_defer(call->request);
    if (!workers_submit(call->route->flags & ROUTE_REMOTE ? call->api->remote : call->api->workers, run_slow,
                        call)) {
        err_set(&err, ERR_UNAVAILABLE, "busy", "too many sign-ins at once; try again in a moment");
        call_problem(call, &err);
    }
}

/* A path without a row: the page, or nothing. */
static void no_route(struct call *call) {
    struct err err = {0};
    if (call->match.other_methods) {
        http_add_header(call->request, "Allow", call->match.allow);
        err_set(&err, ERR_INVALID, "method_not_allowed", "%s is not known here; there is %s",
                http_method(call->request), call->match.allow);
    } else if (!str_starts(http_path(call->request), "/api/")) {
        assets_serve(call);
        return;
    } else {
        err_set(&err, ERR_NOT_FOUND, NULL, "there is no such route");
    }
    call_problem(call, &err);
}

static void handle(struct api *api, struct http_request *request, const struct err *early) {
    struct call *call = call_begin(api, request);
    struct err err = {0};
    if (route_find(route_table, route_count, http_method(request), http_path(request), &call->match, &err) <
        0) {
        call_problem(call, &err);
        return;
    }
    call->route = call->match.route;
    if (atomic_load(&api->stopping)) {
        err_set(&err, ERR_UNAVAILABLE, "shutting_down", "the server is going away");
        http_add_header(request, "Connection", "close");
        call_problem(call, &err);
        return;
    }
    if (early && early->kind != ERR_TOO_LARGE) {
        call_problem(call, early);
        return;
    }
    if (call->route)
        dispatch(call, early);
    else
        no_route(call);
}

void api_handler(void *arg, struct http_request *request) {
    handle(arg, request, NULL);
}

void api_error(void *arg, struct http_request *request, const struct err *err) {
    handle(arg, request, err);
}

/* Who shows no credentials gets little room: what he sends will be refused, or is a sign-in. */
size_t api_body_limit(void *arg, struct http_request *request) {
    struct api *api = arg;
    struct route_match match;
    if (route_find(route_table, route_count, http_method(request), http_path(request), &match, NULL) < 0 ||
        !match.route)
        return 0;
    size_t limit = match.route->body_max ? match.route->body_max : ROUTE_BODY_MAX;
    if (!match.route->body && !match.route->types)
        return 1024; /* an empty object at most, so that it can be refused in words */
    bool shows_something = http_header(request, "Authorization") || cookie_session(request, api->secure) ||
                           http_header(request, "X-Agent-API-Key");
    return shows_something || limit < ANONYMOUS_BODY_MAX ? limit : ANONYMOUS_BODY_MAX;
}
