/* SQL of the reconciler that belongs to no single table. */
#ifndef SS_CONTROL_RECONCILE_STORE_H
#define SS_CONTROL_RECONCILE_STORE_H

#include "base/str.h"
#include "control/sessions/reconcile.h"

/* Undelivered starts (pending, never acknowledged) whose time is over: session names and command ids,
 * appended in pairs. */
int reconcile_store_expired(struct db_conn *conn, int64_t now, unsigned limit, struct strv *ret_sessions,
                            struct strv *ret_commands, struct err *err);
/* A live session of the agent as the inventory is compared with it. */
struct reconcile_row {
    char name[SESSION_NAME_MAX + 1];
    enum session_state state;
    char start_command[COMMAND_ID_MAX + 1];
    char start_status[16];
    int64_t start_attempt;
};
/* *ret is owned (free). */
int reconcile_store_live(struct db_conn *conn, const char *agent_id, struct reconcile_row **ret,
                         size_t *ret_count, struct err *err);
int reconcile_store_count_stuck(struct db_conn *conn, int64_t before, int64_t *ret, struct err *err);
/* Ended sessions and decided commands from before the time text are removed, a batch at a time. */
int reconcile_store_prune(struct db_conn *conn, const char *before, struct err *err);
/* Invariants that are broken, as lines, appended. */
int reconcile_store_check(struct db_conn *conn, struct strv *ret, struct err *err);

#endif
