#include "api/call.h"

#include "api/refusals.h"
#include "base/clock.h"
#include "base/log.h"

#include <inttypes.h>

/* The page's own scripts and styles and nothing else; pictures may be made in the page (canvas, icons); its
 * streams go to this server, whose scheme 'self' does not cover for WebSockets in every browser. */
#define CONTENT_POLICY                                                                                       \
    "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "  \
    "font-src 'self'; connect-src 'self' ws: wss:; object-src 'none'; frame-ancestors 'none'; "              \
    "base-uri 'none'; form-action 'self'"

static const struct {
    const char *name, *value;
} security_headers[] = {
    {"Content-Security-Policy", CONTENT_POLICY},
    {"X-Content-Type-Options", "nosniff"},
    {"X-Frame-Options", "DENY"},
    {"Referrer-Policy", "no-referrer"},
    {"Cross-Origin-Opener-Policy", "same-origin"},
    {"Cross-Origin-Resource-Policy", "same-origin"},
};

int call_conn(struct call *call, struct err *err) {
    return call->conn ? 0 : db_acquire(call->api->db, &call->conn, err);
}

void call_release_conn(struct call *call) {
    db_release(call->conn);
    call->conn = NULL;
}

int call_limit(struct call *call, unsigned *ret, struct err *err) {
    const char *text = http_query(call->request, "limit");
    int64_t value = 0;
    if (text && !str_to_i64(text, 1, LIST_LIMIT_MAX, &value))
        return err_set_field(err, ERR_INVALID, "invalid_parameter", "limit", "must be a number from 1 to %d",
                             LIST_LIMIT_MAX);
    *ret = (unsigned)value;
    return 0;
}

const char *call_safe_path(const struct call *call) {
    const char *path = http_path(call->request);
    if (call->route && strstr(call->route->pattern, "{token}"))
        return call->route->pattern;
    /* The page's own links, and what was tried there in vain. */
    if (str_starts(path, "/api/v1/shares/"))
        return "/api/v1/shares/{token}";
    return str_starts(path, "/share/") ? "/share/{token}" : path;
}

/* The session that the request is about, or NULL. */
static const char *session_of(const struct call *call) {
    if (*call->session_name)
        return call->session_name;
    bool named = call->route && strstr(call->route->pattern, "/sessions/{name}");
    return named ? call_param(call, 0) : NULL;
}

static void log_call(const struct call *call, int status, int64_t microseconds) {
    /* What changes something or fails is worth a line; what merely looks is not, and costs a fifth of its
     * time. */
    bool looks = call->route ? str_eq(call->route->method, "GET") : true;
    bool quiet = call->route && call->route->flags & ROUTE_LOG_QUIETLY;
    enum log_level level = (looks && status < 400) || (quiet && status < 500) ? LOG_DEBUG : LOG_INFO;
    if (!log_enabled(level))
        return;
    char code[16], took[32];
    snprintf(code, sizeof code, "%d", status);
    snprintf(took, sizeof took, "%" PRId64 ".%03d", microseconds / 1000, (int)(microseconds % 1000));
    log_write(level, "request", "request", http_request_id(call->request), "method",
              http_method(call->request), "path", call_safe_path(call), "status", code, "ms", took, "peer",
              http_peer(call->request), "user", call->known ? call->login.user.username : NULL, "agent",
              *call->agent_id ? call->agent_id : NULL, "session", session_of(call), "command",
              *call->command_id ? call->command_id : NULL, (char *)0);
}

void call_headers(struct call *call) {
    if (call->has_headers)
        return;
    call->has_headers = true;
    for (size_t i = 0; i < sizeof security_headers / sizeof security_headers[0]; i++)
        http_add_constant_header(call->request, security_headers[i].name, security_headers[i].value);
    if (call->api->secure || http_is_secure(call->request))
        http_add_constant_header(call->request, "Strict-Transport-Security", "max-age=31536000");
}

void call_account(struct call *call, int status) {
    call_release_conn(call);
    call_headers(call);
    int64_t took = clock_us() - call->started_us;
    size_t row = call->route ? (size_t)(call->route - route_table)
                             : route_count + (str_starts(http_path(call->request), "/api/") ? 1 : 0);
    traffic_count(call->api->traffic, row, status, took);
    log_call(call, status, took);
}

void call_text(struct call *call, int status, const char *type, const char *text, size_t length) {
    http_add_constant_header(call->request, "Cache-Control", "no-store");
    call_account(call, status);
    http_reply(call->request, status, type, text, length);
}

void call_json(struct call *call, int status, struct json_writer *writer) {
    struct strbuf *text = writer->out;
    if (!jsonw_ok(writer)) {
        strbuf_finish(text);
        struct err err = {0};
        err_set(&err, ERR_INTERNAL, NULL, "the answer could not be written");
        call_problem(call, &err);
        return;
    }
    strbuf_putc(text, '\n');
    http_add_constant_header(call->request, "Cache-Control", "no-store");
    call_account(call, status);
    http_reply(call->request, status, "application/json", text->data, text->length);
    strbuf_finish(text);
}

void call_tagged(struct call *call, struct strbuf *text, const char *tag) {
    bool same = text->length == 0;
    if (text->overflow) {
        struct err err = {0};
        strbuf_finish(text);
        err_set(&err, ERR_INTERNAL, NULL, "the answer could not be written");
        call_problem(call, &err);
        return;
    }
    if (!same)
        strbuf_putc(text, '\n');
    http_add_header(call->request, "ETag", tag);
    /* Kept by the browser of this user alone, and asked for again each time. */
    http_add_header(call->request, "Cache-Control", "private, no-cache");
    http_add_header(call->request, "Vary", "Authorization, Cookie, Accept");
    call_account(call, same ? 304 : 200);
    http_reply(call->request, same ? 304 : 200, same ? NULL : "application/json", text->data, text->length);
    strbuf_finish(text);
}

void call_no_content(struct call *call) {
    http_add_constant_header(call->request, "Cache-Control", "no-store");
    call_account(call, 204);
    http_reply(call->request, 204, NULL, NULL, 0);
}

static const char *status_title(int status) {
    static const struct {
        int status;
        const char *title;
    } titles[] = {
        {400, "The request is malformed or invalid"},
        {401, "Sign in first"},
        {403, "Not allowed"},
        {404, "Not found"},
        {405, "The method is not known here"},
        {409, "Not possible in the present state"},
        {413, "The request is too large"},
        {415, "The media type is not supported"},
        {426, "An upgrade of the connection is needed"},
        {429, "Too many requests"},
        {500, "The server made a mistake"},
        {503, "Nothing can serve this now"},
    };
    for (size_t i = 0; i < sizeof titles / sizeof titles[0]; i++)
        if (titles[i].status == status)
            return titles[i].title;
    return "The request failed";
}

/* What the outside is told: our own faults, and what the database says of itself, are for the log alone. */
static const char *public_detail(const struct call *call, const struct err *err) {
    bool own_fault = err->kind == ERR_INTERNAL || err->kind == ERR_NONE;
    bool vague = err->kind == ERR_UNAVAILABLE && err_is(err, err_kind_code(ERR_UNAVAILABLE));
    if (!own_fault && !vague)
        return err->message;
    if (own_fault)
        log_error("a request failed", "request", http_request_id(call->request), "path", call_safe_path(call),
                  "error", err->message);
    else
        log_warn("a request could not be served", "request", http_request_id(call->request), "path",
                 call_safe_path(call), "error", err->message);
    return own_fault ? "an internal error; the server's log has it under this requestId"
                     : "the server cannot serve this just now; try again in a moment";
}

static void write_problem(const struct call *call, const struct err *err, int status, struct json_writer *w) {
    const char *code = err->kind == ERR_INTERNAL ? err_kind_code(ERR_INTERNAL) : err->code;
    const char *message = public_detail(call, err), *detail = message;
    char prefixed[ERR_FIELD_MAX + 2 + ERR_MESSAGE_MAX];
    size_t name = strlen(err->field);
    if (name && strncmp(message, err->field, name) == 0 && strncmp(message + name, ": ", 2) == 0) {
        message += name + 2;
    } else if (name) {
        snprintf(prefixed, sizeof prefixed, "%s: %s", err->field, message);
        detail = prefixed;
    }
    char type[32 + ERR_CODE_MAX];
    snprintf(type, sizeof type, "urn:streamspace:problem:%s", code);
    jsonw_put_string(w, "type", type);
    jsonw_put_string(w, "title", status_title(status));
    jsonw_put_int(w, "status", status);
    jsonw_put_string(w, "detail", detail);
    jsonw_put_string(w, "code", code);
    if (*err->field) {
        jsonw_put_array(w, "fields");
        jsonw_object_begin(w);
        jsonw_put_string(w, "field", err->field);
        jsonw_put_string(w, "message", message);
        jsonw_object_end(w);
        jsonw_array_end(w);
    }
    jsonw_put_string(w, "requestId", http_request_id(call->request));
}

static int problem_status(const struct err *err) {
    if (err_is(err, "method_not_allowed"))
        return 405;
    if (err_is(err, "upgrade_required"))
        return 426;
    return err->kind == ERR_NONE ? 500 : err_http_status(err->kind);
}

/* "createAgentToken" → "agent_token.create", "login" → "auth.login". */
static void action_of(const struct route *route, char *action, size_t size) {
    const char *noun = route->id + strspn(route->id, "abcdefghijklmnopqrstuvwxyz");
    struct strbuf text = {.data = action, .capacity = size, .max = size - 1, .fixed = true};
    if (!*noun) {
        strbuf_printf(&text, "auth.%s", route->id);
        return;
    }
    for (const char *c = noun; *c; c++) {
        bool upper = *c >= 'A' && *c <= 'Z';
        if (upper && c != noun)
            strbuf_putc(&text, '_');
        strbuf_putc(&text, upper ? (char)(*c + 32) : *c);
    }
    strbuf_printf(&text, ".%.*s", (int)(noun - route->id), route->id);
}

/* Whoever was turned away is written down: 401, 403, 429, and 404 for what is another's. So is what failed by
 * our own fault while it would have changed something. */
static void note_refusal(const struct call *call, const struct err *err, int status) {
    bool refused = status == 401 || status == 403 || status == 429 || (status == 404 && call->not_his);
    bool failed = status >= 500 && call->route && !str_eq(call->route->method, "GET");
    bool probe = status == 401 && call->route && call->route->flags & ROUTE_PROBE &&
                 err_is(err, err_kind_code(ERR_UNAUTHENTICATED));
    if (!call->route || call->audited || probe || (!refused && !failed))
        return;
    char action[AUDIT_ACTION_MAX], agent[AGENT_ID_MAX + 8], detail[192];
    struct actor actor = call->actor;
    if (!call->known) {
        snprintf(agent, sizeof agent, "agent:%s", call->agent_id);
        actor = (struct actor){.username = *call->agent_id ? agent : "anonymous",
                               .address = http_peer(call->request),
                               .request_id = http_request_id(call->request)};
    }
    action_of(call->route, action, sizeof action);
    bool has_target = strchr(call->route->pattern, '{') && !strstr(call->route->pattern, "{token}");
    snprintf(detail, sizeof detail, "%d %s", status, err->code);
    refusals_note(call->api->refusals, &actor, action, has_target ? call_param(call, 0) : NULL,
                  refused ? AUDIT_REFUSED : AUDIT_FAILED, detail);
}

void call_problem_with(struct call *call, const struct err *err,
                       void (*more)(struct json_writer *w, const void *arg), const void *arg) {
    struct strbuf text = STRBUF_MAX(ANSWER_MAX);
    struct json_writer w = JSON_WRITER(&text);
    int status = problem_status(err);
    jsonw_object_begin(&w);
    write_problem(call, err, status, &w);
    if (more)
        more(&w, arg);
    jsonw_object_end(&w);
    if (status == 401)
        http_add_header(call->request, "WWW-Authenticate", "Bearer realm=\"streamspace\"");
    if (status == 429 || status == 503) {
        char seconds[16];
        snprintf(seconds, sizeof seconds, "%u", call->retry_after ? call->retry_after : 2);
        http_add_header(call->request, "Retry-After", seconds);
    }
    http_add_constant_header(call->request, "Cache-Control", "no-store");
    note_refusal(call, err, status);
    call_account(call, status);
    http_reply(call->request, status, "application/problem+json", text.data, text.length);
    strbuf_finish(&text);
}

void call_problem(struct call *call, const struct err *err) {
    call_problem_with(call, err, NULL, NULL);
}

void call_list_end(struct json_writer *w, int64_t total, const char *next_cursor) {
    jsonw_put_int(w, "total", total);
    jsonw_put_string(w, "nextCursor", str_empty(next_cursor) ? NULL : next_cursor);
}
