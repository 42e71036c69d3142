/* Changing a session that is there. */
#include "base/units.h"
#include "control/commands/command.h"
#include "control/json_text.h"
#include "control/quotas/quota.h"
#include "control/sessions/fields.h"
#include "control/sessions/session_store.h"
#include "control/settings/settings.h"

#define ACTION "update_session"

struct updating {
    const struct session_update *fields;
    struct session *session;   /* as it is */
    struct template *template; /* its own, or bounds that hold everything when that is gone */
    struct refusals *refusals;
    bool pending; /* an earlier change of its resources has not been answered */
};

static int check_live(const struct session *session, struct err *err) {
    if (session->state == SESSION_TERMINATING)
        return err_set(err, ERR_CONFLICT, "already_ending", "the session is being ended already");
    if (!state_table[session->state].live)
        return err_set(err, ERR_CONFLICT, "session_ended", "the session has ended (%s)",
                       state_name(session->state));
    return 0;
}

/* --- tags and times --- */

/* Counted from when it began to run, by the wall clock; what is over already is due now. */
static int new_end(struct db_conn *conn, const struct session *session, int64_t max_duration, int64_t *ret,
                   struct err *err) {
    int64_t now = 0, started = 0;
    *ret = 0;
    if (max_duration == 0 || !time_parse(session->started_at, &started))
        return 0;
    if (steady_now(conn, &now, err) < 0)
        return -1;
    int64_t left = max_duration * 1000 - (clock_wall_ms() - started);
    *ret = now + (left > 0 ? left : 0);
    if (*ret == 0) /* 0 would be none */
        *ret = 1;
    return 0;
}

static int change_settings(struct db_conn *conn, const struct updating *u, struct err *err) {
    const struct session_update *f = u->fields;
    if (!f->tags && !f->has_idle_timeout && !f->has_max_duration)
        return 0;
    struct session_settings settings = {.name = u->session->name,
                                        .has_idle_timeout = f->has_idle_timeout,
                                        .has_max_duration = f->has_max_duration,
                                        .idle_timeout = f->idle_timeout,
                                        .max_duration = f->max_duration};
    if (f->has_max_duration && new_end(conn, u->session, f->max_duration, &settings.ends_due, err) < 0)
        return -1;
    char *tags = f->tags ? session_tags_text(f->tags) : NULL;
    settings.tags = tags;
    int status = session_store_settings(conn, &settings, err);
    free(tags);
    return status;
}

/* --- resources --- */

static int64_t larger(int64_t a, int64_t b) {
    return a > b ? a : b;
}

/* What more it is to hold, of its agent and of quotas. */
static int take_room(struct db_conn *conn, const struct updating *u, int64_t cpu, int64_t memory,
                     struct err *err) {
    const struct session *s = u->session;
    struct quota_use more = {.amount[QUOTA_CPU] = cpu - s->held_cpu_millis,
                             .amount[QUOTA_MEMORY] = memory - s->held_memory_bytes};
    struct quota_refusal *refusal = u->refusals ? &u->refusals->quota : NULL;
    if (quota_check(conn, s->user_id, &more, refusal, err) < 0)
        return -1;
    return placement_grow(conn, s->agent_id, more.amount[QUOTA_CPU], more.amount[QUOTA_MEMORY], u->refusals,
                          err);
}

static json_t *resources_json(int64_t cpu_millis, int64_t memory_bytes) {
    char cpu[UNITS_TEXT_SIZE], memory[UNITS_TEXT_SIZE];
    return json_pack("{s:s, s:s}", "memory", bytes_format(memory_bytes, memory), "cpu",
                     cpu_format(cpu_millis, cpu));
}

/* The payload keeps what was before, for the case that the agent cannot do it. */
static int enqueue(struct db_conn *conn, const struct session *s, int64_t cpu, int64_t memory,
                   struct err *err) {
    char id[COMMAND_ID_MAX + 1];
    json_t *payload =
        json_pack("{s:s, s:o, s:o}", "sessionId", s->name, "resources", resources_json(cpu, memory),
                  "previous", resources_json(s->held_cpu_millis, s->held_memory_bytes));
    if (!payload)
        return err_set(err, ERR_INTERNAL, NULL, "the update command cannot be made");
    struct command_new command = {
        .agent_id = s->agent_id, .session_id = s->name, .action = ACTION, .payload = payload};
    int status = command_enqueue(conn, &command, id, err);
    json_decref(payload);
    return status;
}

static int change_resources(struct db_conn *conn, const struct updating *u, struct err *err) {
    const struct session_update *f = u->fields;
    const struct session *s = u->session;
    int64_t cpu = f->cpu_millis ? f->cpu_millis : s->cpu_millis;
    int64_t memory = f->memory_bytes ? f->memory_bytes : s->memory_bytes;
    if (cpu == s->cpu_millis && memory == s->memory_bytes)
        return 0;
    if (s->state != SESSION_RUNNING)
        return err_set(err, ERR_CONFLICT, "not_running",
                       "resources can be changed while the session is running: it is %s",
                       state_name(s->state));
    if (u->pending)
        return err_set(err, ERR_CONFLICT, "update_pending",
                       "the agent has not yet answered an earlier change of its resources");
    if (take_room(conn, u, cpu, memory, err) < 0 ||
        session_store_resources(conn, s->name, larger(cpu, s->held_cpu_millis),
                                larger(memory, s->held_memory_bytes), cpu, memory, err) < 0)
        return -1;
    return enqueue(conn, s, cpu, memory, err);
}

/* --- all of it --- */

/* For the audit log: what was asked for. */
static void describe(const struct session_update *f, char *text, size_t size) {
    char part[UNITS_TEXT_SIZE];
    struct strbuf out = {.data = text, .capacity = size, .max = size - 1, .fixed = true};
    *text = '\0';
    if (f->cpu_millis)
        strbuf_printf(&out, "cpu %s ", cpu_format(f->cpu_millis, part));
    if (f->memory_bytes)
        strbuf_printf(&out, "memory %s ", bytes_format(f->memory_bytes, part));
    if (f->has_idle_timeout)
        strbuf_printf(&out, "idleTimeout %s ", duration_format(f->idle_timeout, part));
    if (f->has_max_duration)
        strbuf_printf(&out, "maxSessionDuration %s ", duration_format(f->max_duration, part));
    if (f->tags)
        strbuf_puts(&out, "tags ");
    if (out.length)
        text[out.length - 1] = '\0';
}

static int check_fields(const struct updating *u, struct err *err) {
    const struct session_update *f = u->fields;
    const struct session *s = u->session;
    if (session_check_tags(f->tags, err) < 0)
        return -1;
    if ((f->cpu_millis || f->memory_bytes) &&
        session_check_resources(u->template, f->cpu_millis ? f->cpu_millis : s->cpu_millis,
                                f->memory_bytes ? f->memory_bytes : s->memory_bytes, err) < 0)
        return -1;
    /* Bounds that came after the session do not keep it from being given other tags. */
    if (!f->has_idle_timeout && !f->has_max_duration)
        return 0;
    return session_check_times(u->template, f->has_idle_timeout ? f->idle_timeout : s->idle_timeout,
                               f->has_max_duration ? f->max_duration : s->max_duration, err);
}

static int change(struct db_conn *conn, const struct actor *actor, const struct updating *u,
                  struct err *err) {
    char detail[160];
    describe(u->fields, detail, sizeof detail);
    if (check_live(u->session, err) < 0 || check_fields(u, err) < 0 || change_settings(conn, u, err) < 0 ||
        change_resources(conn, u, err) < 0 ||
        audit_write(conn, actor, "session.update", u->session->name, "success", detail, err) < 0)
        return -1;
    return session_announce(conn, u->session->name, "changed", err);
}

static int find_template(struct db_conn *conn, const struct session *session, struct template *ret,
                         struct err *err) {
    struct err failure = {0};
    if (template_get(conn, session->template_name, ret, &failure) == 0)
        return 0;
    if (failure.kind != ERR_NOT_FOUND) {
        err_copy(err, &failure);
        return -1;
    }
    /* It is gone: the session keeps at most what it has. */
    ret->cpu_millis_max = session->held_cpu_millis;
    ret->memory_bytes_max = session->held_memory_bytes;
    return 0;
}

/* Before the row is read: two changes at once, or a change and the answer to the one before, must not both
 * count from the same figures. While no command is open, no answer to one can come. */
static int lock_resources(struct db_conn *conn, const char *name, struct updating *u, struct err *err) {
    if (!u->fields->cpu_millis && !u->fields->memory_bytes)
        return 0;
    if (db_lock(conn, "placement", err) < 0)
        return -1;
    return command_is_open(conn, name, ACTION, &u->pending, err);
}

static int update(struct db_conn *conn, const struct actor *actor, const char *name, struct updating *u,
                  struct session *ret, struct err *err) {
    _cleanup_session_ struct session session = {0};
    _cleanup_template_ struct template template = {0};
    if (lock_resources(conn, name, u, err) < 0 || session_get_for(conn, actor, name, &session, err) < 0 ||
        find_template(conn, &session, &template, err) < 0)
        return -1;
    u->session = &session;
    u->template = &template;
    if (change(conn, actor, u, err) < 0)
        return -1;
    return session_get_for(conn, actor, name, ret, err);
}

int session_update(struct db_conn *conn, const struct actor *actor, const char *name,
                   const struct session_update *fields, struct session *ret, struct refusals *refusals,
                   struct err *err) {
    struct updating u = {.fields = fields, .refusals = refusals};
    struct session session = {0};
    if (db_begin(conn, err) < 0)
        return -1;
    if (db_end(conn, update(conn, actor, name, &u, &session, err), err) < 0) {
        session_finish(&session);
        return -1;
    }
    *ret = session;
    return 0;
}

/* --- the agent's answer --- */

static void read_resources(const json_t *payload, const char *key, int64_t *cpu, int64_t *memory) {
    const json_t *resources = json_object_get(payload, key);
    const char *text = json_string_value(json_object_get(resources, "cpu"));
    if (text)
        cpu_parse(text, cpu);
    if ((text = json_string_value(json_object_get(resources, "memory"))))
        bytes_parse(text, memory);
}

int session_updated(struct db_conn *conn, const char *name, const char *command_id, const char *error,
                    struct err *err) {
    _cleanup_command_ struct command command = {0};
    _cleanup_session_ struct session session = {0};
    char reason[SESSION_REASON_SIZE] = "", whole[SESSION_REASON_SIZE + 64];
    if (command_get(conn, command_id, &command, err) < 0)
        return -1;
    int found = session_store_find(conn, name, &session, err);
    if (found <= 0)
        return found;
    int64_t cpu = session.held_cpu_millis, memory = session.held_memory_bytes;
    read_resources(command.payload, error ? "previous" : "resources", &cpu, &memory);
    if (error) {
        snprintf(whole, sizeof whole, "its resources could not be changed: %s", error);
        text_cut(reason, sizeof reason, whole);
    }
    if (session_store_resources(conn, name, cpu, memory, 0, 0, err) < 0 ||
        session_store_reason(conn, name, error ? reason : NULL, err) < 0)
        return -1;
    return session_announce(conn, name, "changed", err);
}
