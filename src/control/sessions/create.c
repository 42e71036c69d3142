/* How a session comes to life: all of it in one transaction. */
#include "base/units.h"
#include "control/commands/command.h"
#include "control/quotas/quota.h"
#include "control/sessions/fields.h"
#include "control/sessions/session_store.h"
#include "control/settings/settings.h"
#include "control/templates/template.h"
#include "control/users/user.h"

#include <ctype.h>

#define NAME_TRIES 8
#define ANSWER_KEPT_MAX (64 * 1024)

/* Whose session: one's own, or an operator's choice. */
static int find_owner(struct db_conn *conn, const struct actor *actor, const char *username, struct user *ret,
                      struct err *err) {
    bool own = str_empty(username) || str_eq(username, actor->username);
    if (!own && !actor_is_operator(actor))
        return err_set_field(err, ERR_DENIED, NULL, "user", "only operators may start sessions for others");
    if (user_find(conn, own ? actor->username : username, ret, err) < 0) {
        if (err && err->kind == ERR_NOT_FOUND)
            str_copy(err->field, sizeof err->field, "user");
        return -1;
    }
    if (!ret->active)
        return err_set(err, ERR_DENIED, "user_disabled", "the account %s is disabled", ret->username);
    return 0;
}

/* --- the row and its command --- */

struct making {
    const struct session_new *fields;
    struct user owner;
    struct template template;
    int64_t cpu_millis, memory_bytes, idle_timeout, max_duration;
    char name[SESSION_NAME_MAX + 1], agent_id[AGENT_ID_MAX + 1], platform[16], command_id[COMMAND_ID_MAX + 1];
};

/* A username that is no DNS label gets its number instead, so that two users never share a home: no DNS label
 * begins with
 * '-', hence "home--7-a-b" is no "home-…" of anybody's name. `home` has 80 bytes. */
static void home_name(const struct user *user, char *home) {
    if (id_is_dns_label(user->username) && strlen(user->username) <= 58) {
        snprintf(home, 80, "home-%s", user->username);
        return;
    }
    int length = snprintf(home, 64, "home--%lld-%.40s", (long long)user->id, user->username);
    for (int i = 0; i < length && i < 63; i++) {
        if (!isalnum((unsigned char)home[i]))
            home[i] = '-';
    }
}

static json_t *start_payload(const struct making *m) {
    char cpu[UNITS_TEXT_SIZE], memory[UNITS_TEXT_SIZE], token[KEY_HEX_SIZE], home[80];
    home_name(&m->owner, home);
    json_t *env = m->fields->env ? json_incref(m->fields->env) : json_object();
    return json_pack("{s:s, s:s, s:O, s:{s:s, s:s}, s:b, s:s?, s:o, s:s, s:s}", "sessionId", m->name, "user",
                     m->owner.username, "template", m->template.spec, "resources", "memory",
                     bytes_format(m->memory_bytes, memory), "cpu", cpu_format(m->cpu_millis, cpu),
                     "persistentHome", (int)m->fields->persistent_home, "home",
                     m->fields->persistent_home ? home : NULL, "env", env, "displayToken",
                     random_hex(token, KEY_HEX_SIZE - 1), "network", m->template.network);
}

static int insert_row(struct db_conn *conn, struct making *m, struct err *err) {
    int64_t steady = 0;
    bool inserted = false;
    if (steady_now(conn, &steady, err) < 0)
        return -1;
    char *tags = session_tags_text(m->fields->tags);
    struct session_insert row = {.template_name = m->template.name,
                                 .protocol = m->template.protocol,
                                 .agent_id = m->agent_id,
                                 .platform = m->platform,
                                 .start_command = m->command_id,
                                 .tags = tags,
                                 .user_id = m->owner.id,
                                 .cpu_millis = m->cpu_millis,
                                 .memory_bytes = m->memory_bytes,
                                 .idle_timeout = m->idle_timeout,
                                 .max_duration = m->max_duration,
                                 .due = steady + state_table[SESSION_PENDING].deadline_ms,
                                 .persistent_home = m->fields->persistent_home};
    int status = 0;
    id_make_command(m->command_id);
    for (int i = 0; i < NAME_TRIES && !inserted && status == 0; i++) {
        id_make_session_name(m->name, m->owner.username, m->template.name);
        row.name = m->name;
        status = session_store_insert(conn, &row, &inserted, err);
    }
    free(tags);
    if (status == 0 && !inserted)
        return err_set(err, ERR_INTERNAL, NULL, "no free session name was found");
    return status;
}

static int enqueue_start(struct db_conn *conn, struct making *m, struct err *err) {
    int64_t deadline = 0, expires = 0;
    char id[COMMAND_ID_MAX + 1];
    if (setting_get(conn, SETTING_START_DEADLINE, &deadline, err) < 0 ||
        setting_get(conn, SETTING_START_EXPIRES, &expires, err) < 0)
        return -1;
    json_t *payload = start_payload(m);
    if (!payload)
        return err_set(err, ERR_INTERNAL, NULL, "the start command cannot be made");
    struct command_new command = {.command_id = m->command_id,
                                  .agent_id = m->agent_id,
                                  .session_id = m->name,
                                  .action = "start_session",
                                  .payload = payload,
                                  .deadline_seconds = deadline,
                                  .expires_seconds = expires};
    int status = command_enqueue(conn, &command, id, err);
    json_decref(payload);
    return status;
}

/* How large a persistent home may grow, where the template does not say. */
#define HOME_BYTES_DEFAULT ((int64_t)5 << 30)

static int64_t home_bytes(const struct template *template) {
    int64_t bytes = 0;
    const char *text = json_string_value(json_object_get(template->spec, "homeSize"));
    return text && bytes_parse(text, &bytes) && bytes > 0 ? bytes : HOME_BYTES_DEFAULT;
}

/* What the creator is answered, for the case that he asks again. */
static int keep_answer(struct db_conn *conn, const struct making *m, const struct session *session,
                       struct err *err) {
    if (!m->fields->idempotency)
        return 0;
    _cleanup_strbuf_ struct strbuf text = STRBUF_MAX(ANSWER_KEPT_MAX);
    struct json_writer w = JSON_WRITER(&text);
    session_write_json(session, &w);
    return idempotency_store(conn, m->fields->idempotency, strbuf_str(&text), err);
}

/* Who is over his quota is told that, and not that the agents are full. The lock holds from here to the
 * commit. */
static int take_room(struct db_conn *conn, struct making *m, struct refusals *refusals, struct err *err) {
    struct placement_wish wish = {
        .template = &m->template, .cpu_millis = m->cpu_millis, .memory_bytes = m->memory_bytes};
    struct quota_use more = {.amount[QUOTA_SESSIONS] = 1,
                             .amount[QUOTA_CPU] = m->cpu_millis,
                             .amount[QUOTA_MEMORY] = m->memory_bytes};
    struct quota_refusal *quota = refusals ? &refusals->quota : NULL;
    if (db_lock(conn, "placement", err) < 0 || quota_check(conn, m->owner.id, &more, quota, err) < 0 ||
        placement_choose(conn, &wish, m->agent_id, m->platform, refusals, err) < 0)
        return -1;
    return m->fields->persistent_home
               ? home_take(conn, m->owner.id, m->agent_id, home_bytes(&m->template), quota, err)
               : 0;
}

static int create(struct db_conn *conn, const struct actor *actor, struct making *m,
                  struct refusals *refusals, struct session *ret, struct err *err) {
    if (take_room(conn, m, refusals, err) < 0 || insert_row(conn, m, err) < 0 ||
        enqueue_start(conn, m, err) < 0 ||
        audit_write(conn, actor, "session.create", m->name, "success", m->template.name, err) < 0 ||
        session_announce(conn, m->name, "created", err) < 0)
        return -1;
    int found = session_store_find(conn, m->name, ret, err);
    if (found <= 0)
        return found < 0 ? -1 : err_set(err, ERR_INTERNAL, NULL, "the session is gone");
    if (session_find_access(conn, actor, ret, err) < 0)
        return -1;
    return keep_answer(conn, m, ret, err);
}

/* What is not asked for is the template's. */
static int fill_in(struct making *m, struct err *err) {
    const struct session_new *f = m->fields;
    const struct template *template = &m->template;
    m->cpu_millis = f->cpu_millis ? f->cpu_millis : template->cpu_millis;
    m->memory_bytes = f->memory_bytes ? f->memory_bytes : template->memory_bytes;
    m->idle_timeout = f->idle_timeout ? f->idle_timeout : template->idle_timeout;
    m->max_duration = f->max_duration ? f->max_duration : template->max_duration;
    if (session_check_resources(template, m->cpu_millis, m->memory_bytes, err) < 0)
        return -1;
    return session_check_times(template, m->idle_timeout, m->max_duration, err);
}

int session_create(struct db_conn *conn, const struct actor *actor, const struct session_new *fields,
                   struct session *ret, struct refusals *refusals, struct err *err) {
    struct making m = {.fields = fields};
    struct session session = {0};
    int status = -1;
    /* What can be said without the writers' lock is said before it is taken. */
    if (session_check_tags(fields->tags, err) < 0 || session_check_env(fields->env, err) < 0 ||
        find_owner(conn, actor, fields->user, &m.owner, err) < 0 ||
        template_get(conn, fields->template_name ? fields->template_name : "", &m.template, err) < 0)
        return -1;
    if (template_check_use(conn, actor, &m.template, err) == 0 && fill_in(&m, err) == 0 &&
        db_begin(conn, err) == 0)
        status = db_end(conn, create(conn, actor, &m, refusals, &session, err), err);
    template_finish(&m.template);
    if (status < 0) {
        session_finish(&session);
        return -1;
    }
    *ret = session;
    return 0;
}
