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

static void write_quota(struct json_writer *w, const void *arg) {
    const struct refusals *refusals = arg;
    quota_refusal_write(&refusals->quota, w);
}

/* The problem, with what is known of why there was no room. */
static void answer_refusal(struct call *call, const struct err *err, const struct refusals *refusals) {
    bool no_agent = err_is(err, "no_agent"), over_quota = err_is(err, "quota_exceeded");
    call->retry_after = no_agent ? 10 : 0;
    call_problem_with(call, err, no_agent ? write_refusals : over_quota ? write_quota : NULL, refusals);
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

static void answer_text(struct call *call, const char *json) {
    struct strbuf text = STRBUF_MAX(ANSWER_MAX);
    struct json_writer w = JSON_WRITER(&text);
    jsonw_raw(&w, json, strlen(json));
    call_json(call, 200, &w);
}

/* The header, checked: *ret_given tells whether it is there. */
static int read_key(struct call *call, struct idempotency *ret, bool *ret_given, struct err *err) {
    size_t length;
    const char *key = http_header(call->request, "Idempotency-Key");
    *ret = (struct idempotency){
        .user_id = call->actor.user_id, .key = key, .request = http_body(call->request, &length)};
    *ret_given = key != NULL;
    if (key && (!*key || strlen(key) > IDEMPOTENCY_KEY_MAX))
        return err_set(err, ERR_INVALID, "invalid_header", "Idempotency-Key must have 1 to %d characters",
                       IDEMPOTENCY_KEY_MAX);
    return 0;
}

static void read_fields(const struct session_body *body, struct session_new *fields) {
    *fields = (struct session_new){.template_name = body->template_name,
                                   .user = body->user,
                                   .persistent_home = body->persistent_home,
                                   .tags = &body->tags};
    /* The rows have checked that these can be read. */
    if (body->resources.cpu)
        cpu_parse(body->resources.cpu, &fields->cpu_millis);
    if (body->resources.memory)
        bytes_parse(body->resources.memory, &fields->memory_bytes);
    if (body->idle_timeout)
        duration_parse(body->idle_timeout, &fields->idle_timeout);
    if (body->max_duration)
        duration_parse(body->max_duration, &fields->max_duration);
}

/* 1: *ret_kept is the answer that was given before; 0: *ret was made. */
static int create_or_repeat(struct call *call, struct session *ret, struct refusals *refusals,
                            char **ret_kept, struct err *err) {
    const struct session_body *body = call->body;
    struct session_new fields;
    struct idempotency key;
    bool keyed;
    if (read_key(call, &key, &keyed, err) < 0)
        return -1;
    int found = keyed ? idempotency_find(call->conn, &key, ret_kept, err) : 0;
    if (found != 0)
        return found;
    _cleanup_json_ json_t *env = env_object(&body->env);
    read_fields(body, &fields);
    fields.env = env;
    fields.idempotency = keyed ? &key : NULL;
    if (session_create(call->conn, &call->actor, &fields, ret, refusals, err) == 0)
        return 0;
    /* The same request, twice at once: the other one has made it, and may have taken the last room for it. */
    return keyed && idempotency_find(call->conn, &key, ret_kept, NULL) > 0 ? 1 : -1;
}

void session_create_post(struct call *call) {
    struct err err = {0};
    _cleanup_session_ struct session session = {0};
    _cleanup_refusals_ struct refusals refusals = {0};
    _cleanup_free_ char *kept = NULL;
    int result = create_or_repeat(call, &session, &refusals, &kept, &err);
    str_copy(call->session_name, sizeof call->session_name, result == 0 ? session.name : "");
    if (result == 0) {
        answer_session(call, &session);
    } else if (result > 0) {
        answer_text(call, kept);
    } else {
        answer_refusal(call, &err, &refusals);
    }
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

/* ?shared=true: what others have shared with me. */
static int read_shared(const struct call *call, bool *ret, struct err *err) {
    const char *text = http_query(call->request, "shared");
    *ret = str_eq(text, "true");
    if (text && !*ret && !str_eq(text, "false"))
        return err_set_field(err, ERR_INVALID, "invalid_parameter", "shared", "must be true or false");
    return 0;
}

static int list_filter(struct call *call, struct session_filter *filter, struct err *err) {
    const char *states = http_query(call->request, "state");
    bool shared = false;
    *filter = (struct session_filter){.user = http_query(call->request, "user"),
                                      .tag = http_query(call->request, "tag"),
                                      .template_name = http_query(call->request, "template"),
                                      .agent_id = http_query(call->request, "agent"),
                                      .search = http_query(call->request, "search"),
                                      .cursor = http_query(call->request, "cursor")};
    if (read_shared(call, &shared, err) < 0)
        return -1;
    filter->actor = &call->actor;
    if (shared)
        filter->shared_with = call->actor.user_id;
    else if (!actor_is_operator(&call->actor))
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

/* 202: asked for, and what stands behind it. */
static void end_session(struct call *call) {
    struct err err = {0};
    char command_id[COMMAND_ID_MAX + 1] = "";
    const char *name = call->session.name;
    if (session_request_stop(call->conn, &call->actor, name, NULL, command_id, &err) < 0) {
        call_problem(call, &err);
        return;
    }
    str_copy(call->command_id, sizeof call->command_id, command_id);
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

void session_delete(struct call *call) {
    end_session(call);
}

/* The rows have checked that these can be read. */
static void read_update(const struct session_patch_body *body, struct session_update *ret) {
    *ret = (struct session_update){.tags = body->has_tags ? &body->tags : NULL,
                                   .has_idle_timeout = body->has_idle_timeout,
                                   .has_max_duration = body->has_max_duration};
    if (body->idle_timeout)
        duration_parse(body->idle_timeout, &ret->idle_timeout);
    if (body->max_duration)
        duration_parse(body->max_duration, &ret->max_duration);
    if (body->resources.cpu)
        cpu_parse(body->resources.cpu, &ret->cpu_millis);
    if (body->resources.memory)
        bytes_parse(body->resources.memory, &ret->memory_bytes);
}

static int check_patch(const struct session_patch_body *body, const struct session_update *update,
                       struct err *err) {
    bool others = update->tags || update->has_idle_timeout || update->has_max_duration ||
                  update->cpu_millis || update->memory_bytes;
    if (body->state && others)
        return err_set_field(err, ERR_INVALID, "invalid_field", "state",
                             "is changed by itself, without other fields");
    if (!body->state && !others)
        return err_set(err, ERR_INVALID, "nothing_to_change", "the body names nothing to change");
    return 0;
}

void session_patch(struct call *call) {
    const struct session_patch_body *body = call->body;
    struct err err = {0};
    struct session_update update;
    _cleanup_session_ struct session session = {0};
    _cleanup_refusals_ struct refusals refusals = {0};
    read_update(body, &update);
    if (check_patch(body, &update, &err) < 0)
        call_problem(call, &err);
    else if (body->state)
        end_session(call);
    else if (session_update(call->conn, &call->actor, call->session.name, &update, &session, &refusals,
                            &err) < 0)
        answer_refusal(call, &err, &refusals);
    else
        answer_session(call, &session);
}
