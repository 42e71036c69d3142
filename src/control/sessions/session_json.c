/* Sessions as the API and the events show them. */
#include "base/units.h"
#include "control/events/event.h"
#include "control/sessions/session_store.h"

static void put_or_null(struct json_writer *w, const char *key, const char *text) {
    jsonw_put_string(w, key, *text ? text : NULL);
}

static void put_duration(struct json_writer *w, const char *key, int64_t seconds) {
    char text[UNITS_TEXT_SIZE];
    jsonw_put_string(w, key, seconds ? duration_format(seconds, text) : NULL);
}

static void put_resources(struct json_writer *w, const char *key, int64_t cpu_millis, int64_t memory_bytes) {
    char text[UNITS_TEXT_SIZE];
    jsonw_put_object(w, key);
    jsonw_put_string(w, "memory", bytes_format(memory_bytes, text));
    jsonw_put_string(w, "cpu", cpu_format(cpu_millis, text));
    jsonw_object_end(w);
}

/* When its maximum duration will be over, for those who are to save their work. */
static void put_ends_at(struct json_writer *w, const struct session *s) {
    char text[TIME_TEXT_SIZE];
    int64_t started;
    bool ends = state_table[s->state].live && s->max_duration > 0 && time_parse(s->started_at, &started);
    jsonw_put_string(w, "endsAt", ends ? time_format(started + s->max_duration * 1000, text) : NULL);
}

/* {phase, message, url}: what Kubernetes users expect of an object. */
static void put_status(struct json_writer *w, const struct session *s) {
    static const char *const phases[SESSION_STATES] = {"Pending",     "Starting",   "Running",
                                                       "Hibernating", "Hibernated", "Waking",
                                                       "Terminating", "Terminated", "Failed"};
    char text[SESSION_REASON_SIZE + 128];
    jsonw_put_object(w, "status");
    jsonw_put_string(w, "phase", phases[s->state]);
    if (s->state == SESSION_PENDING) {
        snprintf(text, sizeof text, "Session provisioning in progress (agent: %s, command: %s)", s->agent_id,
                 s->start_command);
        jsonw_put_string(w, "message", text);
    } else if (s->state == SESSION_STARTING && *s->stage)
        jsonw_put_string(w, "message", s->stage);
    else if (*s->reason)
        jsonw_put_string(w, "message", s->reason);
    if (s->state == SESSION_RUNNING) {
        snprintf(text, sizeof text, "/sessions/%s", s->name);
        jsonw_put_string(w, "url", text);
    }
    jsonw_object_end(w);
}

void session_write_json(const struct session *s, struct json_writer *w) {
    jsonw_object_begin(w);
    jsonw_put_string(w, "name", s->name);
    jsonw_put_string(w, "namespace", "streamspace");
    jsonw_put_string(w, "user", s->user);
    jsonw_put_string(w, "owner", s->user);
    if (s->access != SESSION_ACCESS_NONE)
        jsonw_put_string(w, "access", session_access_name(s->access));
    jsonw_put_string(w, "template", s->template_name);
    jsonw_put_string(w, "protocol", s->protocol);
    jsonw_put_string(w, "state", state_name(s->state));
    put_status(w, s);
    jsonw_put_string(w, "stateSince", s->state_since);
    put_or_null(w, "stage", s->stage);
    put_or_null(w, "reason", s->reason);
    put_resources(w, "resources", s->cpu_millis, s->memory_bytes);
    if (s->usage_cpu_millis || s->usage_memory_bytes)
        put_resources(w, "usage", s->usage_cpu_millis, s->usage_memory_bytes);
    else
        jsonw_put_null(w, "usage");
    jsonw_put_bool(w, "persistentHome", s->persistent_home);
    jsonw_put_string(w, "agentId", s->agent_id);
    jsonw_put_string(w, "platform", s->platform);
    jsonw_put_bool(w, "agentOnline", s->agent_online);
    put_duration(w, "idleTimeout", s->idle_timeout);
    put_duration(w, "maxSessionDuration", s->max_duration);
    put_ends_at(w, s);
    put_or_null(w, "hibernateMode", s->hibernate_mode);
    jsonw_put_int(w, "viewers", s->viewers);
    jsonw_key(w, "tags");
    jsonw_strings(w, &s->tags);
    jsonw_put_string(w, "createdAt", s->created_at);
    jsonw_put_string(w, "updatedAt", s->updated_at);
    put_or_null(w, "startedAt", s->started_at);
    put_or_null(w, "endedAt", s->ended_at);
    jsonw_object_end(w);
}

int session_announce(struct db_conn *conn, const char *name, const char *action, struct err *err) {
    _cleanup_session_ struct session s = {0};
    int found = session_store_find(conn, name, &s, err);
    if (found <= 0)
        return found;
    char data[8192]; /* reason and stage twice each, every byte escaped */
    struct strbuf text = STRBUF_FIXED(data);
    struct json_writer w = JSON_WRITER(&text);
    jsonw_object_begin(&w);
    jsonw_put_string(&w, "action", action);
    jsonw_put_string(&w, "name", s.name);
    jsonw_put_string(&w, "user", s.user);
    jsonw_put_string(&w, "template", s.template_name);
    jsonw_put_string(&w, "state", state_name(s.state));
    put_status(&w, &s);
    jsonw_put_string(&w, "stateSince", s.state_since);
    /* Empty rather than null: what the page had before is to go. */
    jsonw_put_string(&w, "stage", s.stage);
    jsonw_put_string(&w, "reason", s.reason);
    jsonw_put_string(&w, "agentId", s.agent_id);
    put_resources(&w, "resources", s.cpu_millis, s.memory_bytes);
    put_ends_at(&w, &s);
    jsonw_put_bool(&w, "agentOnline", s.agent_online);
    jsonw_put_int(&w, "viewers", s.viewers);
    jsonw_object_end(&w);
    if (!jsonw_ok(&w))
        return err_set(err, ERR_INTERNAL, NULL, "the event of session %s is too long", name);
    if (event_write(conn, "session", s.user, data, err) < 0)
        return -1;
    return event_write_guests(conn, "session", name, data, err);
}
