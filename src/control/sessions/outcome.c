#include "control/sessions/outcome.h"

#include "base/str.h"
#include "control/commands/command.h"
#include "control/json_text.h"
#include "control/sessions/orphan_store.h"
#include "control/sessions/session_store.h"
#include "control/settings/settings.h"

/* What the answers to an action do to its session. */
struct action_row {
    const char *name;
    int (*acknowledged)(struct db_conn *conn, const struct command_row *row, struct err *err);
    int (*completed)(struct db_conn *conn, const struct command_row *row, const json_t *result,
                     struct err *err);
    int (*failed)(struct db_conn *conn, const struct command_row *row, const char *error, struct err *err);
};

/* --- start_session --- */

static int step(struct db_conn *conn, const struct command_row *row, enum session_state to, unsigned froms,
                const char *reason, const char *stage, struct err *err) {
    bool changed = false;
    struct session_change change = {.name = row->session_id,
                                    .to = to,
                                    .by = BY_AGENT,
                                    .froms = froms,
                                    .reason = reason,
                                    .stage = stage,
                                    .agent_id = row->agent_id};
    return session_step(conn, &change, &changed, err);
}

static int start_acknowledged(struct db_conn *conn, const struct command_row *row, struct err *err) {
    /* Another attempt: it is starting already, and has its time anew. */
    if (session_store_rearm(conn, row->session_id, SESSION_STARTING, err) < 0)
        return -1;
    return step(conn, row, SESSION_STARTING, 0, NULL, "accepted", err);
}

#define FROM_START ((1u << SESSION_PENDING) | (1u << SESSION_STARTING))

static int start_completed(struct db_conn *conn, const struct command_row *row, const json_t *result,
                           struct err *err) {
    return step(conn, row, SESSION_RUNNING, FROM_START, NULL, NULL, err);
}

static int start_failed(struct db_conn *conn, const struct command_row *row, const char *error,
                        struct err *err) {
    bool changed = false;
    if (session_fail(conn, row->session_id, BY_AGENT, row->agent_id, error, &changed, err) < 0)
        return -1;
    /* Ended or failed already: whatever the start left behind is the stop's. */
    return changed ? 0 : session_queue_stop(conn, row->agent_id, row->session_id, NULL, err);
}

/* --- stop_session --- */

static int stop_completed(struct db_conn *conn, const struct command_row *row, const json_t *result,
                          struct err *err) {
    if (orphan_forget(conn, row->agent_id, row->session_id, err) < 0)
        return -1;
    return step(conn, row, SESSION_TERMINATED, 0, NULL, NULL, err);
}

/* --- hibernate_session, wake_session --- */

static int hibernate_completed(struct db_conn *conn, const struct command_row *row, const json_t *result,
                               struct err *err) {
    bool changed = false;
    const char *mode = json_string_value(json_object_get(result, "mode"));
    struct session_change change = {.name = row->session_id,
                                    .to = SESSION_HIBERNATED,
                                    .by = BY_AGENT,
                                    .agent_id = row->agent_id,
                                    .hibernate_mode = mode && strlen(mode) < 16 ? mode : "freeze"};
    return session_step(conn, &change, &changed, err);
}

static int hibernate_failed(struct db_conn *conn, const struct command_row *row, const char *error,
                            struct err *err) {
    return step(conn, row, SESSION_RUNNING, 1u << SESSION_HIBERNATING, error, NULL, err);
}

static int wake_completed(struct db_conn *conn, const struct command_row *row, const json_t *result,
                          struct err *err) {
    return step(conn, row, SESSION_RUNNING, 1u << SESSION_WAKING, NULL, NULL, err);
}

static int wake_failed(struct db_conn *conn, const struct command_row *row, const char *error,
                       struct err *err) {
    bool changed = false;
    return session_fail(conn, row->session_id, BY_AGENT, row->agent_id, error, &changed, err);
}

/* --- update_session --- */

static int update_completed(struct db_conn *conn, const struct command_row *row, const json_t *result,
                            struct err *err) {
    return session_updated(conn, row->session_id, row->command_id, NULL, err);
}

static int update_failed(struct db_conn *conn, const struct command_row *row, const char *error,
                         struct err *err) {
    return session_updated(conn, row->session_id, row->command_id, error, err);
}

static const struct action_row actions[] = {
    {"start_session", start_acknowledged, start_completed, start_failed},
    {"stop_session", NULL, stop_completed, NULL}, /* a stop is never given up: see again() */
    {"hibernate_session", NULL, hibernate_completed, hibernate_failed},
    {"wake_session", NULL, wake_completed, wake_failed},
    {"update_session", NULL, update_completed, update_failed},
};

static const struct action_row *action_of(const struct command_row *row) {
    for (size_t i = 0; i < sizeof actions / sizeof *actions; i++) {
        if (str_eq(actions[i].name, row->action))
            return &actions[i];
    }
    return NULL;
}

/* --- the answers --- */

static int acknowledged(struct db_conn *conn, const struct answer *answer, bool *applied, struct err *err) {
    struct command_row row;
    int found = command_match(conn, answer, &row, err);
    if (found <= 0)
        return found;
    if (command_mark_acknowledged(conn, row.command_id, answer->attempt, applied, err) < 0)
        return -1;
    if (!*applied)
        return 0;
    const struct action_row *action = action_of(&row);
    if (action && action->acknowledged && action->acknowledged(conn, &row, err) < 0)
        return -1;
    return command_announce(conn, &row, COMMAND_ACKNOWLEDGED, err);
}

static int completed(struct db_conn *conn, const struct answer *answer, const json_t *result, bool *applied,
                     struct err *err) {
    struct command_row row;
    int found = command_match(conn, answer, &row, err);
    if (found <= 0)
        return found;
    if (command_mark_completed(conn, row.command_id, answer->attempt, result, applied, err) < 0)
        return -1;
    if (!*applied)
        return 0;
    const struct action_row *action = action_of(&row);
    if (action && action->completed(conn, &row, result, err) < 0)
        return -1;
    return command_announce(conn, &row, COMMAND_COMPLETED, err);
}

/* Is it worth another attempt? Stops always; a start while its session still waits for it, a few times. */
static int again(struct db_conn *conn, const struct command_row *row, bool retryable, bool *ret,
                 struct err *err) {
    *ret = str_eq(row->action, "stop_session");
    if (*ret || !retryable || !str_eq(row->action, "start_session"))
        return 0;
    int64_t most = 0;
    _cleanup_session_ struct session session = {0};
    int found = session_store_find(conn, row->session_id, &session, err);
    if (found < 0 || setting_get(conn, SETTING_START_ATTEMPTS, &most, err) < 0)
        return -1;
    *ret = found > 0 && row->attempts < most && ((1u << session.state) & FROM_START);
    return 0;
}

static int failed(struct db_conn *conn, const struct answer *answer, const char *error, bool retryable,
                  bool *applied, struct err *err) {
    struct command_row row;
    bool retry = false;
    int found = command_match(conn, answer, &row, err);
    if (found <= 0)
        return found;
    if (again(conn, &row, retryable, &retry, err) < 0)
        return -1;
    if (retry) {
        if (command_retry(conn, row.command_id, answer->attempt, error, applied, err) < 0)
            return -1;
        if (*applied && session_store_rearm(conn, row.session_id, SESSION_STARTING, err) < 0)
            return -1;
        return *applied ? command_announce(conn, &row, COMMAND_PENDING, err) : 0;
    }
    if (command_mark_failed(conn, row.command_id, answer->attempt, error, applied, err) < 0)
        return -1;
    if (!*applied)
        return 0;
    const struct action_row *action = action_of(&row);
    if (action && action->failed && action->failed(conn, &row, error, err) < 0)
        return -1;
    return command_announce(conn, &row, COMMAND_FAILED, err);
}

int outcome_acknowledged(struct db_conn *conn, const struct answer *answer, bool *ret_applied,
                         struct err *err) {
    bool applied = false;
    if (db_begin(conn, err) < 0 || db_end(conn, acknowledged(conn, answer, &applied, err), err) < 0)
        return -1;
    if (ret_applied)
        *ret_applied = applied;
    return 0;
}

int outcome_completed(struct db_conn *conn, const struct answer *answer, const json_t *result,
                      bool *ret_applied, struct err *err) {
    bool applied = false;
    if (db_begin(conn, err) < 0 || db_end(conn, completed(conn, answer, result, &applied, err), err) < 0)
        return -1;
    if (ret_applied)
        *ret_applied = applied;
    return 0;
}

int outcome_failed(struct db_conn *conn, const struct answer *answer, const char *error, bool retryable,
                   bool *ret_applied, struct err *err) {
    bool applied = false;
    char reason[SESSION_REASON_SIZE];
    text_cut(reason, sizeof reason, str_empty(error) ? "the agent gave no reason" : error);
    if (db_begin(conn, err) < 0 ||
        db_end(conn, failed(conn, answer, reason, retryable, &applied, err), err) < 0)
        return -1;
    if (ret_applied)
        *ret_applied = applied;
    return 0;
}
