/* Agents: to look at, to enrol, and their connections. */
#include "api/call.h"
#include "api/resources.h"
#include "api/upgrade.h"
#include "base/cleanup.h"
#include "base/units.h"
#include "control/agents/agent.h"
#include "control/agents/agent_key.h"
#include "control/agents/token.h"

#include <strings.h>

/* --- to look at --- */

void agent_list_get(struct call *call) {
    struct err err = {0};
    unsigned limit;
    struct agent_list list = {0};
    if (call_limit(call, &limit, &err) < 0 ||
        agent_list(call->conn, http_query(call->request, "cursor"), limit, &list, &err) < 0) {
        call_problem(call, &err);
        return;
    }
    struct strbuf text = STRBUF_MAX(ANSWER_MAX);
    struct json_writer w = JSON_WRITER(&text);
    jsonw_object_begin(&w);
    jsonw_put_array(&w, "agents");
    for (size_t i = 0; i < list.count; i++)
        agent_write_json(&list.items[i], &w);
    jsonw_array_end(&w);
    call_list_end(&w, list.total, list.more && list.count ? list.items[list.count - 1].agent_id : NULL);
    jsonw_object_end(&w);
    agent_list_finish(&list);
    call_json(call, 200, &w);
}

void agent_get_one(struct call *call) {
    struct err err = {0};
    _cleanup_agent_ struct agent agent = {0};
    if (agent_get(call->conn, call_param(call, 0), &agent, &err) < 0) {
        call_problem(call, &err);
        return;
    }
    struct strbuf text = STRBUF_MAX(ANSWER_MAX);
    struct json_writer w = JSON_WRITER(&text);
    agent_write_json(&agent, &w);
    call_json(call, 200, &w);
}

/* --- to administer --- */

void agent_patch(struct call *call) {
    const struct agent_patch_body *body = call->body;
    struct err err = {0};
    _cleanup_agent_ struct agent agent = {0};
    struct agent_update update = {.has_draining = body->status != NULL,
                                  .draining = str_eq(body->status, "draining"),
                                  .has_labels = body->labels != NULL,
                                  .labels = json_is_object(body->labels) ? body->labels : NULL};
    if (!body->status && !body->labels)
        err_set(&err, ERR_INVALID, "nothing_to_change", "the body names nothing to change");
    if (err.kind != ERR_NONE ||
        agent_update(call->conn, &call->actor, call_param(call, 0), &update, &agent, &err) < 0) {
        call_problem(call, &err);
        return;
    }
    struct strbuf text = STRBUF_MAX(ANSWER_MAX);
    struct json_writer w = JSON_WRITER(&text);
    agent_write_json(&agent, &w);
    call_json(call, 200, &w);
}

void agent_delete_one(struct call *call) {
    struct err err = {0};
    const char *force = http_query(call->request, "force");
    if (force && !str_eq(force, "true") && !str_eq(force, "false"))
        err_set_field(&err, ERR_INVALID, "invalid_parameter", "force", "must be true or false");
    if (err.kind != ERR_NONE ||
        agent_delete(call->conn, &call->actor, call_param(call, 0), str_eq(force, "true"), &err) < 0)
        call_problem(call, &err);
    else
        call_no_content(call);
}

/* --- enrolment --- */

void agent_token_list_get(struct call *call) {
    struct err err = {0};
    unsigned limit;
    struct agent_token_list list = {0};
    if (call_limit(call, &limit, &err) < 0 ||
        agent_token_list(call->conn, http_query(call->request, "cursor"), limit, &list, &err) < 0) {
        call_problem(call, &err);
        return;
    }
    struct strbuf text = STRBUF_MAX(ANSWER_MAX);
    struct json_writer w = JSON_WRITER(&text);
    jsonw_object_begin(&w);
    jsonw_put_array(&w, "agentTokens");
    for (size_t i = 0; i < list.count; i++)
        agent_token_write_json(&list.items[i], &w);
    jsonw_array_end(&w);
    call_list_end(&w, list.total, list.more && list.count ? list.items[list.count - 1].id : NULL);
    jsonw_object_end(&w);
    agent_token_list_finish(&list);
    call_json(call, 200, &w);
}

void agent_token_delete_one(struct call *call) {
    struct err err = {0};
    if (agent_token_delete(call->conn, &call->actor, call_param(call, 0), &err) < 0)
        call_problem(call, &err);
    else
        call_no_content(call);
}

void agent_token_post(struct call *call) {
    const struct agent_token_body *body = call->body;
    struct err err = {0};
    char token[KEY_HEX_SIZE], expires_at[TIME_TEXT_SIZE];
    if (agent_token_create(call->conn, &call->actor, body->agent_id, token, expires_at, &err) < 0) {
        call_problem(call, &err);
        return;
    }
    struct strbuf text = STRBUF_MAX(ANSWER_MAX);
    struct json_writer w = JSON_WRITER(&text);
    jsonw_object_begin(&w);
    jsonw_put_string(&w, "token", token);
    jsonw_put_string(&w, "agentId", body->agent_id);
    jsonw_put_string(&w, "expiresAt", expires_at);
    jsonw_object_end(&w);
    call_json(call, 201, &w);
    explicit_bzero(token, sizeof token);
}

/* A quantity as text or as a number; absent is 0: the default. */
static int read_quantity(const json_t *value, const char *field, bool (*parse)(const char *, int64_t *),
                         int64_t *ret, struct err *err) {
    if (!value || json_is_null(value))
        return 0;
    char number[32] = "";
    if (json_is_integer(value))
        snprintf(number, sizeof number, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    else if (json_is_real(value))
        snprintf(number, sizeof number, "%.3f", json_real_value(value));
    if (!parse(json_is_string(value) ? json_string_value(value) : number, ret))
        return err_set_field(err, ERR_INVALID, "invalid_field", field, "is no quantity such as %s",
                             parse == cpu_parse ? "8 or 500m" : "16Gi");
    return 0;
}

static json_t *label_object(const struct json_pairs *pairs) {
    json_t *object = json_object();
    for (size_t i = 0; i < pairs->count; i++)
        json_object_set_new(object, pairs->items[i].name, json_string(pairs->items[i].value));
    return object;
}

static int register_agent(struct call *call, struct agent_registered *ret, struct err *err) {
    const struct register_body *body = call->body;
    _cleanup_json_ json_t *labels = label_object(&body->labels);
    struct agent_registration registration = {.agent_id = body->agent_id,
                                              .platform = body->platform,
                                              .region = body->region,
                                              .capacity.max_sessions = body->capacity.max_sessions,
                                              .labels = labels,
                                              .metadata = body->metadata,
                                              .key = http_header(call->request, "X-Agent-API-Key"),
                                              .bootstrap_key = call->api->bootstrap_key,
                                              .address = http_peer(call->request)};
    if (body->metadata && !json_is_object(body->metadata))
        return err_set_field(err, ERR_INVALID, "invalid_field", "metadata", "must be an object");
    if (read_quantity(body->capacity.cpu, "capacity.cpu", cpu_parse, &registration.capacity.cpu_millis, err) <
            0 ||
        read_quantity(body->capacity.memory, "capacity.memory", bytes_parse,
                      &registration.capacity.memory_bytes, err) < 0)
        return -1;
    return call_conn(call, err) < 0 ? -1 : agent_register(call->conn, &registration, ret, err);
}

void agent_register_post(struct call *call) {
    const struct register_body *body = call->body;
    struct err err = {0};
    struct agent_registered registered = {0};
    if (register_agent(call, &registered, &err) < 0) {
        call_problem(call, &err);
        return;
    }
    str_copy(call->agent_id, sizeof call->agent_id, body->agent_id);
    struct strbuf text = STRBUF_MAX(ANSWER_MAX);
    struct json_writer w = JSON_WRITER(&text);
    jsonw_object_begin(&w);
    jsonw_put_string(&w, "agentId", body->agent_id);
    if (*registered.api_key)
        jsonw_put_string(&w, "apiKey", registered.api_key);
    jsonw_object_end(&w);
    call_json(call, registered.created ? 201 : 200, &w);
    explicit_bzero(&registered, sizeof registered);
}

/* --- the control channel --- */

struct connecting {
    struct hub *hub;
    char agent_id[AGENT_ID_MAX + 1];
};

static void on_connected(void *arg, struct http_upgraded *upgraded, int fd, const void *early,
                         size_t early_length) {
    _cleanup_free_ struct connecting *connecting = arg;
    struct ws_io io = {.fd = fd, .close = upgraded_close, .arg = upgraded};
    hub_agent_connected(connecting->hub, connecting->agent_id, &io, early, early_length);
}

static int check_connect(struct call *call, const char *agent_id, struct err *err) {
    if (!id_is_agent(agent_id))
        return err_set_field(err, ERR_INVALID, "invalid_parameter", "agent_id", "must name the agent");
    if (call_conn(call, err) < 0 ||
        agent_verify_key(call->conn, agent_id, http_header(call->request, "X-Agent-API-Key"), err) < 0)
        return -1;
    str_copy(call->agent_id, sizeof call->agent_id, agent_id);
    return upgrade_websocket(call, NULL, err);
}

void agent_connect_get(struct call *call) {
    struct err err = {0};
    if (check_connect(call, http_query(call->request, "agent_id"), &err) < 0) {
        call_problem(call, &err);
        return;
    }
    struct connecting *connecting = mem_zalloc(sizeof *connecting);
    connecting->hub = call->api->hub;
    str_copy(connecting->agent_id, sizeof connecting->agent_id, call->agent_id);
    call_account(call, 101);
    http_upgrade(call->request, "websocket", on_connected, connecting);
}

/* --- streams that an agent dials back with --- */

#define STREAM_PROTOCOL "streamspace-stream"

struct handing {
    struct hub *hub;
    char stream_id[PROTO_STREAM_ID_SIZE];
};

static void on_stream(void *arg, struct http_upgraded *upgraded, int fd, const void *early,
                      size_t early_length) {
    _cleanup_free_ struct handing *handing = arg;
    struct hub_socket socket = {
        .fd = fd, .close = upgraded_close, .arg = upgraded, .early = early, .early_length = early_length};
    hub_stream_accept(handing->hub, handing->stream_id, &socket);
}

static const char *stream_token(const struct http_request *request) {
    const char *text = http_header(request, "Authorization");
    return text && strncasecmp(text, "Bearer ", 7) == 0 ? text + 7 : NULL;
}

/* Own key, then the form of the request, then the token: claiming uses it up. */
static int check_agent_stream(struct call *call, const char *stream_id, struct err *err) {
    const char *token = stream_token(call->request), *upgrade = http_header(call->request, "Upgrade");
    if (call_conn(call, err) < 0 ||
        agent_find_key(call->conn, http_header(call->request, "X-Agent-API-Key"), call->agent_id, err) < 0)
        return -1;
    if (!token)
        return err_set(err, ERR_UNAUTHENTICATED, "bad_token", "the stream's token is missing");
    if (!id_is_hex(stream_id, PROTO_STREAM_ID_SIZE - 1))
        return err_set(err, ERR_NOT_FOUND, "stream_not_found", "there is no such stream");
    if (!upgrade || strcasecmp(upgrade, STREAM_PROTOCOL) != 0 || !str_eq(http_method(call->request), "GET")) {
        http_add_header(call->request, "Upgrade", STREAM_PROTOCOL);
        return err_set(err, ERR_INVALID, "upgrade_required", "this is opened with Upgrade: " STREAM_PROTOCOL);
    }
    return hub_stream_claim(call->api->hub, stream_id, call->agent_id, token, err);
}

void agent_stream_get(struct call *call) {
    struct err err = {0};
    const char *stream_id = call_param(call, 0);
    if (check_agent_stream(call, stream_id, &err) < 0) {
        call_problem(call, &err);
        return;
    }
    struct handing *handing = mem_zalloc(sizeof *handing);
    handing->hub = call->api->hub;
    str_copy(handing->stream_id, sizeof handing->stream_id, stream_id);
    call_account(call, 101);
    http_upgrade(call->request, STREAM_PROTOCOL, on_stream, handing);
}
