#include "control/sessions/session.h"

#include "control/agents/agent.h"
#include "control/commands/command.h"
#include "control/json_text.h"
#include "control/sessions/session_store.h"
#include "control/settings/settings.h"
#include "control/shares/share_store.h"

#include <stdlib.h>

void session_finish(struct session *session) {
    if (session)
        strv_finish(&session->tags);
}

void session_page_finish(struct session_page *page) {
    for (size_t i = 0; i < page->count; i++)
        session_finish(&page->items[i]);
    free(page->items);
    *page = (struct session_page){0};
}

static int not_found(struct err *err) {
    return err_set(err, ERR_NOT_FOUND, "session_not_found", "there is no such session");
}

int session_get(struct db_conn *conn, const char *name, struct session *ret, struct err *err) {
    int found = id_is_session(name) ? session_store_find(conn, name, ret, err) : 0;
    return found == 0 ? not_found(err) : found < 0 ? -1 : 0;
}

const char *session_access_name(enum session_access access) {
    static const char *const names[] = {"", "view", "control", "operator", "owner"};
    return names[access];
}

int session_find_access(struct db_conn *conn, const struct actor *actor, struct session *session,
                        struct err *err) {
    session->share_id = 0;
    session->access = session->user_id == actor->user_id ? SESSION_ACCESS_OWNER
                      : actor_is_operator(actor)         ? SESSION_ACCESS_OPERATOR
                                                         : SESSION_ACCESS_NONE;
    if (session->access != SESSION_ACCESS_NONE || !actor->user_id)
        return 0;
    return share_store_access(conn, session->name, actor->user_id, &session->access, &session->share_id,
                              err) < 0
               ? -1
               : 0;
}

int session_get_visible(struct db_conn *conn, const struct actor *actor, const char *name,
                        struct session *ret, struct err *err) {
    struct session session = {0};
    if (session_get(conn, name, &session, err) < 0)
        return -1;
    int status = session_find_access(conn, actor, &session, err);
    if (status == 0 && session.access == SESSION_ACCESS_NONE)
        status = not_found(err);
    if (status < 0) {
        session_finish(&session);
        return -1;
    }
    *ret = session;
    return 0;
}

int session_get_for(struct db_conn *conn, const struct actor *actor, const char *name, struct session *ret,
                    struct err *err) {
    struct session session = {0};
    if (session_get_visible(conn, actor, name, &session, err) < 0)
        return -1;
    if (session.access < SESSION_ACCESS_OPERATOR) {
        session_finish(&session);
        return err_set(err, ERR_DENIED, "not_owner", "this is for the session's owner");
    }
    *ret = session;
    return 0;
}

/* --- steps with what belongs to them --- */

int session_step(struct db_conn *conn, const struct session_change *change, bool *ret_changed,
                 struct err *err) {
    if (session_store_step(conn, change, ret_changed, err) < 0)
        return -1;
    return *ret_changed ? session_announce(conn, change->name, "changed", err) : 0;
}

int session_queue_stop(struct db_conn *conn, const char *agent_id, const char *name, char *command_id,
                       struct err *err) {
    char id[COMMAND_ID_MAX + 1];
    bool open = false;
    int64_t deadline = 0;
    if (command_is_open(conn, name, "stop_session", &open, err) < 0)
        return -1;
    if (open)
        return 0;
    if (setting_get(conn, SETTING_STOP_DEADLINE, &deadline, err) < 0)
        return -1;
    json_t *payload = json_pack("{s:s, s:b}", "sessionId", name, "deleteHome", 0);
    struct command_new command = {.agent_id = agent_id,
                                  .session_id = name,
                                  .action = "stop_session",
                                  .payload = payload,
                                  .deadline_seconds = deadline};
    int status = command_enqueue(conn, &command, command_id ? command_id : id, err);
    json_decref(payload);
    return status;
}

int session_fail(struct db_conn *conn, const char *name, unsigned by, const char *agent_id,
                 const char *reason, bool *ret_changed, struct err *err) {
    struct session_change change = {
        .name = name, .to = SESSION_FAILED, .by = by, .reason = reason, .agent_id = agent_id};
    if (session_store_step(conn, &change, ret_changed, err) < 0)
        return -1;
    if (!*ret_changed)
        return 0;
    _cleanup_session_ struct session session = {0};
    if (session_store_find(conn, name, &session, err) <= 0 ||
        command_withdraw(conn, name, NULL, reason, NULL, err) < 0 ||
        session_queue_stop(conn, session.agent_id, name, NULL, err) < 0)
        return -1;
    return session_announce(conn, name, "changed", err);
}

/* --- the end --- */

static int ended_already(const struct session *session, struct err *err) {
    if (session->state == SESSION_TERMINATING)
        return err_set(err, ERR_CONFLICT, "already_ending", "the session is being ended already");
    return err_set(err, ERR_CONFLICT, "session_ended", "the session has ended (%s)",
                   state_name(session->state));
}

static int request_stop(struct db_conn *conn, const struct actor *actor, const char *name, const char *reason,
                        char *command_id, struct err *err) {
    _cleanup_session_ struct session session = {0};
    char made[SESSION_REASON_SIZE];
    bool changed = false;
    if (session_get_for(conn, actor, name, &session, err) < 0)
        return -1;
    snprintf(made, sizeof made, "ended by %s", actor->username);
    struct session_change change = {
        .name = name, .to = SESSION_TERMINATING, .by = BY_USER, .reason = str_empty(reason) ? made : reason};
    if (session_store_step(conn, &change, &changed, err) < 0)
        return -1;
    if (!changed)
        return ended_already(&session, err);
    /* What waits to be delivered is not wanted any more. It may have been delivered once all the same, its
     * connection having ended before the answer: so a stop follows in any case. */
    if (command_withdraw(conn, name, NULL, "the session was ended before this was delivered", NULL, err) <
            0 ||
        session_queue_stop(conn, session.agent_id, name, command_id, err) < 0 ||
        audit_write(conn, actor, "session.stop", name, "success", NULL, err) < 0)
        return -1;
    return session_announce(conn, name, "changed", err);
}

int session_request_stop(struct db_conn *conn, const struct actor *actor, const char *name,
                         const char *reason, char *command_id, struct err *err) {
    if (db_begin(conn, err) < 0)
        return -1;
    return db_end(conn, request_stop(conn, actor, name, reason, command_id, err), err);
}

static int end_without_agent(struct db_conn *conn, const char *name, struct err *err) {
    bool changed = false;
    struct session_change change = {
        .name = name, .to = SESSION_TERMINATED, .by = BY_RECONCILER, .reason = "its agent was removed"};
    if (command_withdraw(conn, name, NULL, "the agent was removed", NULL, err) < 0 ||
        session_step(conn, &change, &changed, err) < 0)
        return -1;
    if (changed)
        return 0;
    change.to = SESSION_FAILED;
    return session_step(conn, &change, &changed, err);
}

int session_end_of_agent(struct db_conn *conn, const char *agent_id, struct err *err) {
    struct strv names = {0};
    int status = session_store_live_of_agent(conn, agent_id, &names, err);
    for (size_t i = 0; i < names.count && status == 0; i++)
        status = end_without_agent(conn, names.items[i], err);
    strv_finish(&names);
    return status == 0 ? command_fail_of_agent(conn, agent_id, "the agent was removed", err) : -1;
}

/* --- what agents say --- */

/* The display answers, a little before the start's answer. Only from `starting`: a late one must not wake a
 * sleeper. */
static int runs(struct db_conn *conn, const char *agent_id, const char *name, bool *ret_applied,
                struct err *err) {
    struct session_change change = {.name = name,
                                    .to = SESSION_RUNNING,
                                    .by = BY_AGENT,
                                    .froms = 1u << SESSION_STARTING,
                                    .agent_id = agent_id};
    return session_step(conn, &change, ret_applied, err);
}

static int apply(struct db_conn *conn, const char *agent_id, const struct session_status *status,
                 bool *ret_applied, struct err *err) {
    if (str_eq(status->state, "starting"))
        return session_store_stage(conn, status->session_id, agent_id, status->reason ? status->reason : "",
                                   ret_applied, err);
    if (str_eq(status->state, "failed"))
        return session_fail(conn, status->session_id, BY_AGENT, agent_id,
                            str_empty(status->reason) ? "the session failed" : status->reason, ret_applied,
                            err);
    if (!str_eq(status->state, "terminated"))
        return str_eq(status->state, "running") ? runs(conn, agent_id, status->session_id, ret_applied, err)
                                                : 0;
    struct session_change change = {.name = status->session_id,
                                    .to = SESSION_TERMINATING,
                                    .by = BY_AGENT,
                                    .agent_id = agent_id,
                                    .reason =
                                        str_empty(status->reason) ? "the application ended" : status->reason};
    if (session_store_step(conn, &change, ret_applied, err) < 0 || !*ret_applied)
        return *ret_applied ? -1 : 0;
    if (session_queue_stop(conn, agent_id, status->session_id, NULL, err) < 0)
        return -1;
    return session_announce(conn, status->session_id, "changed", err);
}

static int apply_fenced(struct db_conn *conn, const char *agent_id, int64_t generation,
                        const struct session_status *status, bool *ret_applied, struct err *err) {
    bool present = false;
    if (agent_is_present(conn, agent_id, generation, &present, err) < 0)
        return -1;
    if (!present)
        return 0;
    if (status->usage_cpu_millis || status->usage_memory_bytes) {
        *ret_applied = true;
        if (session_store_usage(conn, status->session_id, agent_id, status->usage_cpu_millis,
                                status->usage_memory_bytes, err) < 0)
            return -1;
    }
    bool changed = false;
    if (apply(conn, agent_id, status, &changed, err) < 0)
        return -1;
    if (changed && str_eq(status->state, "starting") &&
        session_announce(conn, status->session_id, "changed", err) < 0)
        return -1;
    *ret_applied |= changed;
    return 0;
}

int session_apply_status(struct db_conn *conn, const char *agent_id, int64_t generation,
                         const struct session_status *status, bool *ret_applied, struct err *err) {
    bool applied = false;
    struct session_status cut = *status;
    char reason[SESSION_REASON_SIZE];
    if (status->reason) {
        text_cut(reason, sizeof reason, status->reason);
        cut.reason = reason;
    }
    if (!status->session_id || !status->state || db_begin(conn, err) < 0)
        return status->session_id && status->state ? -1 : 0;
    if (db_end(conn, apply_fenced(conn, agent_id, generation, &cut, &applied, err), err) < 0)
        return -1;
    if (ret_applied)
        *ret_applied = applied;
    return 0;
}
