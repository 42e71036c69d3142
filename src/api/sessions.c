/* Sessions: create, list, read, end. */
#include "api/call.h"
#include "api/resources.h"
#include "base/cleanup.h"
#include "base/units.h"

#define STATES_TEXT_MAX 256

/* Why no agent was taken, for the 503 `no_agent`. */
static void write_refusals(struct json_writer *w, const void *arg) {
    const struct refusals *refusals = arg;
    jsonw_put_array(w, "agents");
    for (size_t i = 0; i < refusals->count; i++) {
        jsonw_object_begin(w);
        jsonw_put_string(w, "agentId", refusals->items[i].agent_id);
        jsonw_put_string(w, "reason", refusals->items[i].reason);
        jsonw_object_end(w);
    }
    jsonw_array_end(w);
}

static json_t *env_object(const struct json_pairs *pairs) {
    if (!pairs->count)
        return NULL;
    json_t *object = json_object();
    for (size_t i = 0; i < pairs->count; i++)
        json_object_set_new(object, pairs->items[i].name, json_string(pairs->items[i].value));
    return object;
}

static void answer_session(struct call *call, const struct session *session) {
    struct strbuf text = STRBUF_MAX(ANSWER_MAX);
    struct json_writer w = JSON_WRITER(&text);
    session_write_json(session, &w);
    call_json(call, 200, &w);
}

void session_create_post(struct call *call) {
    const struct session_body *body = call->body;
    _cleanup_json_ json_t *env = env_object(&body->env);
    struct session_new fields = {.template_name = body->template_name,
                                 .user = body->user,
                                 .persistent_home = body->persistent_home,
                                 .tags = &body->tags,
                                 .env = env};
    /* The rows have checked that these can be read. */
    if (body->resources.cpu)
        cpu_parse(body->resources.cpu, &fields.cpu_millis);
    if (body->resources.memory)
        bytes_parse(body->resources.memory, &fields.memory_bytes);
    if (body->idle_timeout)
        duration_parse(body->idle_timeout, &fields.idle_timeout);
    if (body->max_duration)
        duration_parse(body->max_duration, &fields.max_duration);
    struct err err = {0};
    _cleanup_session_ struct session session = {0};
    _cleanup_refusals_ struct refusals refusals = {0};
    if (session_create(call->conn, &call->actor, &fields, &session, &refusals, &err) == 0) {
        answer_session(call, &session);
        return;
    }
    bool no_agent = err_is(&err, "no_agent");
    call->retry_after = no_agent ? 10 : 0;
    call_problem_with(call, &err, no_agent ? write_refusals : NULL, &refusals);
}

/* "running,starting" → bits. */
static int parse_states(const char *text, unsigned *ret, struct err *err) {
    _cleanup_strv_ struct strv names = {0};
    if (strlen(text) <= STATES_TEXT_MAX)
        strv_split(&names, text, ',');
    for (size_t i = 0; i < names.count; i++) {
        enum session_state state;
        if (!state_parse(names.items[i], &state))
            return err_set_field(err, ERR_INVALID, "invalid_parameter", "state", "there is no state %s",
                                 names.items[i]);
        *ret |= 1u << state;
    }
    if (!*ret)
        return err_set_field(err, ERR_INVALID, "invalid_parameter", "state",
                             "must name one state or several, separated by commas");
    return 0;
}

static int list_filter(struct call *call, struct session_filter *filter, struct err *err) {
    const char *states = http_query(call->request, "state");
    *filter = (struct session_filter){.user = http_query(call->request, "user"),
                                      .tag = http_query(call->request, "tag"),
                                      .cursor = http_query(call->request, "cursor")};
    if (!actor_is_operator(&call->actor))
        filter->user_id = call->actor.user_id;
    if (states && parse_states(states, &filter->states, err) < 0)
        return -1;
    return call_limit(call, &filter->limit, err);
}

void session_list_get(struct call *call) {
    struct err err = {0};
    struct session_filter filter;
    _cleanup_session_page_ struct session_page page = {0};
    if (list_filter(call, &filter, &err) < 0 || session_list(call->conn, &filter, &page, &err) < 0) {
        call_problem(call, &err);
        return;
    }
    struct strbuf text = STRBUF_MAX(ANSWER_MAX);
    struct json_writer w = JSON_WRITER(&text);
    jsonw_object_begin(&w);
    jsonw_put_array(&w, "sessions");
    for (size_t i = 0; i < page.count; i++)
        session_write_json(&page.items[i], &w);
    jsonw_array_end(&w);
    call_list_end(&w, page.total, page.next_cursor);
    jsonw_object_end(&w);
    call_json(call, 200, &w);
}

void session_get_one(struct call *call) {
    answer_session(call, &call->session);
}

void session_delete(struct call *call) {
    struct err err = {0};
    char command_id[COMMAND_ID_MAX + 1];
    const char *name = call->session.name;
    if (session_request_stop(call->conn, &call->actor, name, NULL, command_id, &err) < 0) {
        call_problem(call, &err);
        return;
    }
    struct strbuf text = STRBUF_MAX(ANSWER_MAX);
    struct json_writer w = JSON_WRITER(&text);
    jsonw_object_begin(&w);
    jsonw_put_string(&w, "name", name);
    jsonw_put_string(&w, "commandId", *command_id ? command_id : NULL);
    jsonw_put_string(&w, "message",
                     call->session.agent_online ? "The session is being ended."
                                                : "The session ends as soon as its agent is back.");
    jsonw_object_end(&w);
    call_json(call, 202, &w);
}
