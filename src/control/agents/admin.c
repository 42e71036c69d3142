/* What administrators do to agents. */
#include "control/agents/agent.h"
#include "control/agents/agent_store.h"
#include "control/events/event.h"
#include "control/json_text.h"
#include "control/quotas/quota.h"
#include "control/sessions/session_store.h"

#include <stdlib.h>

static int announce(struct db_conn *conn, const char *agent_id, const char *action, const char *status,
                    struct err *err) {
    char data[256];
    snprintf(data, sizeof data, "{\"action\":\"%s\",\"name\":\"%s\",\"status\":\"%s\"}", action, agent_id,
             status);
    return event_write(conn, "agent", EVENT_OPERATORS, data, err);
}

/* --- draining and labels --- */

static int set_draining(struct db_conn *conn, const struct actor *actor, const char *agent_id, bool draining,
                        struct err *err) {
    if (agent_store_set_draining(conn, agent_id, draining, err) < 0)
        return -1;
    return audit_write(conn, actor, draining ? "agent.drain" : "agent.undrain", agent_id, "success", NULL,
                       err);
}

static int set_labels(struct db_conn *conn, const struct actor *actor, const char *agent_id,
                      const json_t *labels, struct err *err) {
    char detail[AUDIT_DETAIL_MAX];
    char *text = labels ? json_text(labels) : NULL;
    text_cut(detail, sizeof detail, text ? text : "its own");
    int status = agent_store_set_labels(conn, agent_id, text, err);
    free(text);
    return status < 0 ? -1 : audit_write(conn, actor, "agent.label", agent_id, "success", detail, err);
}

static int update(struct db_conn *conn, const struct actor *actor, const char *agent_id,
                  const struct agent_update *fields, struct agent *ret, struct err *err) {
    _cleanup_agent_ struct agent before = {0};
    struct agent after = {0};
    if (agent_get(conn, agent_id, &before, err) < 0 ||
        (fields->has_draining && set_draining(conn, actor, agent_id, fields->draining, err) < 0) ||
        (fields->has_labels && set_labels(conn, actor, agent_id, fields->labels, err) < 0) ||
        agent_get(conn, agent_id, &after, err) < 0)
        return -1;
    if (announce(conn, agent_id, "changed", agent_shown_status(&after), err) < 0) {
        agent_finish(&after);
        return -1;
    }
    *ret = after;
    return 0;
}

int agent_update(struct db_conn *conn, const struct actor *actor, const char *agent_id,
                 const struct agent_update *fields, struct agent *ret, struct err *err) {
    struct agent agent = {0};
    if (agent_check_labels(fields->labels, err) < 0 || db_begin(conn, err) < 0)
        return -1;
    if (db_end(conn, update(conn, actor, agent_id, fields, &agent, err), err) < 0) {
        agent_finish(&agent);
        return -1;
    }
    *ret = agent;
    return 0;
}

int agent_set_draining(struct db_conn *conn, const struct actor *actor, const char *agent_id, bool draining,
                       struct err *err) {
    _cleanup_agent_ struct agent agent = {0};
    struct agent_update fields = {.has_draining = true, .draining = draining};
    return agent_update(conn, actor, agent_id, &fields, &agent, err);
}

/* --- removal --- */

static int has_sessions(struct db_conn *conn, const char *agent_id, size_t *ret, struct err *err) {
    _cleanup_strv_ struct strv names = {0};
    if (session_store_live_of_agent(conn, agent_id, &names, err) < 0)
        return -1;
    *ret = names.count;
    return 0;
}

static int check_removable(struct db_conn *conn, const struct agent *agent, struct err *err) {
    size_t sessions = 0;
    if (agent->status != AGENT_OFFLINE)
        return err_set(err, ERR_CONFLICT, "agent_online", "agent %s is connected: stop it first",
                       agent->agent_id);
    if (has_sessions(conn, agent->agent_id, &sessions, err) < 0)
        return -1;
    if (sessions > 0)
        return err_set(err, ERR_CONFLICT, "agent_has_sessions",
                       "agent %s has %zu sessions, which would fail with it", agent->agent_id, sessions);
    return 0;
}

static int delete_agent(struct db_conn *conn, const struct actor *actor, const char *agent_id, bool force,
                        struct err *err) {
    _cleanup_agent_ struct agent agent = {0};
    if (agent_get(conn, agent_id, &agent, err) < 0 || (!force && check_removable(conn, &agent, err) < 0))
        return -1;
    if (session_end_of_agent(conn, agent_id, err) < 0 || home_forget_of_agent(conn, agent_id, err) < 0 ||
        agent_store_delete(conn, agent_id, err) < 0 ||
        audit_write(conn, actor, "agent.delete", agent_id, "success", force ? "by force" : NULL, err) < 0)
        return -1;
    return announce(conn, agent_id, "removed", "offline", err);
}

int agent_delete(struct db_conn *conn, const struct actor *actor, const char *agent_id, bool force,
                 struct err *err) {
    if (db_begin(conn, err) < 0)
        return -1;
    return db_end(conn, delete_agent(conn, actor, agent_id, force, err), err);
}
