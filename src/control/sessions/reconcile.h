/* The reconciler's work: whatever outlives its time is ended, and what agents run is compared with what is
 * wanted.
 */
#ifndef SS_CONTROL_RECONCILE_H
#define SS_CONTROL_RECONCILE_H

#include "base/err.h"
#include "base/id.h"
#include "control/sessions/state.h"
#include "db/db.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Once a second or so, by one replica at a time. Each step is a transaction of its own; one that fails is
 * logged and stops nothing. Adds up steady time; returns unacknowledged commands to pending; expires
 * undelivered starts; acts on sessions whose state outlived its deadline; stops orphans after their grace;
 * ends sessions past their maxSessionDuration; prunes events, logins, tickets and history (rarely). */
struct reconcile_report {
    int64_t returned, expired, overdue, orphans_stopped, durations_ended, warned;
};
int reconcile_tick(struct db_conn *conn, struct reconcile_report *ret, struct err *err);

struct inventory_entry {
    char session_id[SESSION_NAME_MAX + 1];
    enum session_state state; /* as the agent sees it: starting, running, hibernated */
};
struct inventory_command {
    char command_id[COMMAND_ID_MAX + 1];
    int64_t attempt;
};
/* At every hello, and whenever an agent sends its inventory. A session that the agent runs and nobody wants
 * is an orphan: noted, and stopped by a queued, audited stop_session SETTING_ORPHAN_GRACE after it was first
 * seen. A session that is wanted there and missing fails with a reason; it is missing only when its start is
 * completed, or is acknowledged and the agent's journal (open_commands) does not know it. A session that the
 * agent runs while the row says starting or waking becomes running. */
struct inventory_result {
    int64_t orphans, missing, adopted;
};
int reconcile_inventory(struct db_conn *conn, const char *agent_id, int64_t generation,
                        const struct inventory_entry *entries, size_t count,
                        const struct inventory_command *open, size_t open_count, struct inventory_result *ret,
                        struct err *err);

/* Counts that must be zero. */
struct doctor {
    int64_t orphans; /* seen on an agent, unwanted, and older than twice their grace */
    int64_t stuck;   /* past the deadline of their state by more than 30 s, and nobody waits for an agent that
                        is away */
};
int reconcile_doctor(struct db_conn *conn, struct doctor *ret, struct err *err);

/* Every violated invariant as a line of text: doctor counts, live sessions without an agent, terminating ones
 * without an open stop, pending ones without an open start, two open commands sent for one session … Empty:
 * all is well. */
struct strv;
int reconcile_check(struct db_conn *conn, struct strv *ret_lines, struct err *err);

#endif
