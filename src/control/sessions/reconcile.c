#include "control/sessions/reconcile.h"

#include "base/log.h"
#include "control/agents/agent.h"
#include "control/agents/token.h"
#include "control/commands/command.h"
#include "control/events/event.h"
#include "control/sessions/orphan_store.h"
#include "control/sessions/reconcile_store.h"
#include "control/sessions/session_store.h"
#include "control/sessions/ticket.h"
#include "control/settings/settings.h"
#include "control/shares/share.h"
#include "control/users/api_key.h"
#include "control/users/login.h"

#include <stdlib.h>

#define BATCH 100 /* rows of one kind that one tick handles; the rest is the next one's */
#define STUCK_GRACE_MS 30000
#define PRUNE_EVERY_MS 60000

/* --- one at a time, each in a transaction of its own: one that fails stops nothing --- */

typedef int (*one_fn)(struct db_conn *conn, const char *name, const char *other, struct err *err);

static int64_t each(struct db_conn *conn, const struct strv *names, const struct strv *others, one_fn fn,
                    const char *what) {
    int64_t done = 0;
    for (size_t i = 0; i < names->count; i++) {
        struct err err = {0};
        int status = db_begin(conn, &err);
        if (status == 0)
            status = db_end(conn, fn(conn, names->items[i], others ? others->items[i] : NULL, &err), &err);
        if (status < 0)
            log_error("reconciler", "what", what, "session", names->items[i], "error", err.message);
        else if (status > 0)
            done++;
    }
    return done;
}

/* All return 1 when they changed something, 0 when it had changed meanwhile. */

static int expire(struct db_conn *conn, const char *name, const char *command_id, struct err *err) {
    bool changed = false;
    if (session_fail(conn, name, BY_RECONCILER, NULL, "no agent took the start in time", &changed, err) < 0)
        return -1;
    /* session_fail withdrew it; one whose session is not waiting any more goes by itself. */
    int64_t withdrawn = 0;
    if (!changed &&
        command_withdraw(conn, name, "start_session", "not delivered in time", &withdrawn, err) < 0)
        return -1;
    return changed || withdrawn > 0;
}

static int abandon(struct db_conn *conn, const char *name, const char *unused, struct err *err) {
    bool changed = false;
    if (session_fail(conn, name, BY_RECONCILER, NULL, "its start command failed or was lost", &changed, err) <
        0)
        return -1;
    return changed;
}

static int overdue(struct db_conn *conn, const char *name, const char *unused, struct err *err) {
    _cleanup_session_ struct session session = {0};
    if (session_store_find(conn, name, &session, err) <= 0)
        return 0;
    const struct state_row *row = &state_table[session.state];
    if (!row->transient)
        return 0;
    bool changed = false;
    if (row->then == SESSION_FAILED) {
        if (session_fail(conn, name, BY_RECONCILER, NULL, row->reason, &changed, err) < 0)
            return -1;
        return changed;
    }
    /* terminating: asked again, should the stop be gone; while one is under way, only the time begins anew.
     */
    if (session_queue_stop(conn, session.agent_id, name, NULL, err) < 0 ||
        session_store_rearm(conn, name, session.state, err) < 0)
        return -1;
    return 1;
}

static int over_duration(struct db_conn *conn, const char *name, const char *unused, struct err *err) {
    bool changed = false;
    struct session_change change = {.name = name,
                                    .to = SESSION_TERMINATING,
                                    .by = BY_RECONCILER,
                                    .reason = "its maximum duration was over"};
    _cleanup_session_ struct session session = {0};
    if (session_store_find(conn, name, &session, err) <= 0)
        return 0;
    if (session_store_step(conn, &change, &changed, err) < 0)
        return -1;
    if (!changed)
        return 0;
    if (command_withdraw(conn, name, NULL, "the session was ended before this was delivered", NULL, err) <
            0 ||
        session_queue_stop(conn, session.agent_id, name, NULL, err) < 0 ||
        audit_write(conn, &ACTOR_SYSTEM, "session.stop", name, "success", change.reason, err) < 0 ||
        session_announce(conn, name, "changed", err) < 0)
        return -1;
    return 1;
}

static int warn(struct db_conn *conn, const char *name, const char *unused, struct err *err) {
    bool changed = false;
    if (session_store_warned(conn, name, &changed, err) < 0)
        return -1;
    return changed && session_announce(conn, name, "warning", err) < 0 ? -1 : changed;
}

/* --- orphans --- */

static int stop_orphan(struct db_conn *conn, const struct orphan *orphan, struct err *err) {
    char command_id[COMMAND_ID_MAX + 1] = "";
    if (session_queue_stop(conn, orphan->agent_id, orphan->session_id, command_id, err) < 0)
        return -1;
    if (!*command_id)
        return 0;
    if (orphan_stopping(conn, orphan, command_id, err) < 0 ||
        audit_write(conn, &ACTOR_SYSTEM, "session.stop_orphan", orphan->session_id, "success",
                    orphan->agent_id, err) < 0)
        return -1;
    return 1;
}

static int64_t stop_orphans(struct db_conn *conn, int64_t now, struct err *err) {
    struct orphan *due = NULL;
    size_t count = 0;
    int64_t done = 0;
    if (orphan_due(conn, now, BATCH, &due, &count, err) < 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        struct err one = {0};
        int status = db_begin(conn, &one);
        if (status == 0)
            status = db_end(conn, stop_orphan(conn, &due[i], &one), &one);
        if (status < 0)
            log_error("reconciler", "what", "orphan", "session", due[i].session_id, "error", one.message);
        else if (status > 0)
            log_warn("orphan is being stopped", "session", due[i].session_id, "agent", due[i].agent_id);
        done += status > 0;
    }
    free(due);
    return done;
}

/* --- the tick --- */

static int prune(struct db_conn *conn, struct err *err) {
    char before[TIME_TEXT_SIZE], audit_before[TIME_TEXT_SIZE];
    int64_t days = 0, audit_days = 0;
    if (setting_get(conn, SETTING_HISTORY_DAYS, &days, err) < 0 ||
        setting_get(conn, SETTING_AUDIT_DAYS, &audit_days, err) < 0)
        return -1;
    time_format(clock_wall_ms() - days * 86400000, before);
    time_format(clock_wall_ms() - audit_days * 86400000, audit_before);
    if (event_prune(conn, err) < 0 || login_prune(conn, err) < 0 || api_key_expire(conn, err) < 0 ||
        signing_keys_maintain(conn, err) < 0 || ticket_prune(conn, err) < 0 ||
        audit_prune(conn, audit_before, err) < 0 || agent_token_prune(conn, err) < 0)
        return -1;
    return reconcile_store_prune(conn, before, err);
}

/* What one kind of row needs: found in one query, handled one by one. */
static int sweep(struct db_conn *conn, int64_t now, struct reconcile_report *ret, struct err *err) {
    struct strv expired = {0}, commands = {0}, abandoned = {0}, late = {0}, soon = {0}, over = {0};
    int status = -1;
    if (reconcile_store_expired(conn, now, BATCH, &expired, &commands, err) < 0)
        goto out;
    ret->expired = each(conn, &expired, &commands, expire, "undelivered start");
    if (session_store_abandoned(conn, BATCH, &abandoned, err) < 0)
        goto out;
    ret->overdue = each(conn, &abandoned, NULL, abandon, "lost start");
    if (session_store_overdue(conn, now, BATCH, &late, err) < 0)
        goto out;
    ret->overdue += each(conn, &late, NULL, overdue, "overdue state");
    if (session_store_ending_soon(conn, now, BATCH, &soon, err) < 0)
        goto out;
    ret->warned = each(conn, &soon, NULL, warn, "maximum duration");
    if (session_store_over_duration(conn, now, BATCH, &over, err) < 0)
        goto out;
    ret->durations_ended = each(conn, &over, NULL, over_duration, "maximum duration");
    status = 0;
out:
    strv_finish(&expired);
    strv_finish(&commands);
    strv_finish(&abandoned);
    strv_finish(&late);
    strv_finish(&soon);
    strv_finish(&over);
    return status;
}

/* Once a minute of steady time: the tick that steps over the mark does it. */
static bool prune_is_due(int64_t before, int64_t now) {
    return before / PRUNE_EVERY_MS != now / PRUNE_EVERY_MS;
}

int reconcile_tick(struct db_conn *conn, struct reconcile_report *ret, struct err *err) {
    struct reconcile_report report = {0};
    unsigned shares = 0;
    int64_t before = 0, now = 0;
    if (steady_last(conn, &before, err) < 0 || steady_tick(conn, err) < 0 || steady_now(conn, &now, err) < 0)
        return -1;
    if (command_return_overdue(conn, &report.returned, err) < 0 || sweep(conn, now, &report, err) < 0 ||
        share_expire(conn, &shares, err) < 0)
        return -1;
    report.orphans_stopped = stop_orphans(conn, now, err);
    if (report.orphans_stopped < 0 || (prune_is_due(before, now) && prune(conn, err) < 0))
        return -1;
    if (ret)
        *ret = report;
    return 0;
}

/* --- inventories --- */

struct comparing {
    const char *agent_id;
    const struct inventory_entry *entries;
    size_t count;
    const struct inventory_command *open;
    size_t open_count;
    int64_t now, grace_ms;
};

static int by_name(const void *a, const void *b) {
    return strcmp(((const struct inventory_entry *)a)->session_id,
                  ((const struct inventory_entry *)b)->session_id);
}

static const struct inventory_entry *find_entry(const struct comparing *c, const char *name) {
    struct inventory_entry key;
    str_copy(key.session_id, sizeof key.session_id, name);
    return c->count ? bsearch(&key, c->entries, c->count, sizeof key, by_name) : NULL;
}

/* Rows come ordered by name. */
static const struct reconcile_row *find_row(const struct reconcile_row *rows, size_t count,
                                            const char *name) {
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(rows[middle].name, name);
        if (order == 0)
            return &rows[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

static bool journal_knows(const struct comparing *c, const struct reconcile_row *row) {
    for (size_t i = 0; i < c->open_count; i++) {
        if (str_eq(c->open[i].command_id, row->start_command) && c->open[i].attempt == row->start_attempt)
            return true;
    }
    return false;
}

/* A session that the agent should have and does not mention. A start that is on its way, or being done, is
 * none. */
static bool is_missing(const struct comparing *c, const struct reconcile_row *row) {
    if (row->state == SESSION_TERMINATING)
        return false; /* its stop completes all the same */
    if (str_eq(row->start_status, "completed"))
        return true;
    return str_eq(row->start_status, "acknowledged") && !journal_knows(c, row);
}

static int compare_row(struct db_conn *conn, const struct comparing *c, const struct reconcile_row *row,
                       struct inventory_result *ret, struct err *err) {
    bool changed = false;
    const struct inventory_entry *entry = find_entry(c, row->name);
    if (!entry) {
        if (!is_missing(c, row))
            return 0;
        if (session_fail(conn, row->name, BY_RECONCILER, c->agent_id,
                         "the agent does not have the session any more", &changed, err) < 0)
            return -1;
        /* The start that nobody knows is not sent again: its session has ended. */
        struct command_row command = {0};
        str_copy(command.command_id, sizeof command.command_id, row->start_command);
        bool failed = false;
        if (changed && command_mark_failed(conn, row->start_command, row->start_attempt,
                                           "the agent does not know the command any more", &failed, err) < 0)
            return -1;
        ret->missing += changed;
        return 0;
    }
    if (entry->state != SESSION_RUNNING || (row->state != SESSION_STARTING && row->state != SESSION_WAKING))
        return 0;
    struct session_change change = {.name = row->name,
                                    .to = SESSION_RUNNING,
                                    .by = BY_RECONCILER,
                                    .froms = 1u << row->state,
                                    .agent_id = c->agent_id};
    if (session_step(conn, &change, &changed, err) < 0)
        return -1;
    ret->adopted += changed;
    return 0;
}

static int note_orphans(struct db_conn *conn, const struct comparing *c, const struct reconcile_row *rows,
                        size_t count, struct inventory_result *ret, struct err *err) {
    struct orphan *known = NULL;
    size_t known_count = 0;
    if (orphan_list(conn, c->agent_id, &known, &known_count, err) < 0)
        return -1;
    int status = 0;
    /* What was noted and is gone, or is wanted after all, is forgotten. */
    for (size_t i = 0; i < known_count && status == 0; i++) {
        if (!find_entry(c, known[i].session_id) || find_row(rows, count, known[i].session_id))
            status = orphan_forget(conn, c->agent_id, known[i].session_id, err);
    }
    free(known);
    for (size_t i = 0; i < c->count && status == 0; i++) {
        if (find_row(rows, count, c->entries[i].session_id) || !id_is_session(c->entries[i].session_id))
            continue;
        status = orphan_note(conn, c->agent_id, c->entries[i].session_id, c->now + c->grace_ms, err);
        ret->orphans++;
    }
    return status;
}

static int compare(struct db_conn *conn, struct comparing *c, int64_t generation,
                   struct inventory_result *ret, struct err *err) {
    bool present = false;
    int64_t grace = 0;
    if (agent_is_present(conn, c->agent_id, generation, &present, err) < 0)
        return -1;
    if (!present)
        return 0;
    if (steady_now(conn, &c->now, err) < 0 || setting_get(conn, SETTING_ORPHAN_GRACE, &grace, err) < 0)
        return -1;
    c->grace_ms = grace * 1000;
    struct reconcile_row *rows = NULL;
    size_t count = 0;
    int status = reconcile_store_live(conn, c->agent_id, &rows, &count, err);
    for (size_t i = 0; i < count && status == 0; i++)
        status = compare_row(conn, c, &rows[i], ret, err);
    if (status == 0)
        status = note_orphans(conn, c, rows, count, ret, err);
    free(rows);
    return status;
}

int reconcile_inventory(struct db_conn *conn, const char *agent_id, int64_t generation,
                        const struct inventory_entry *entries, size_t count,
                        const struct inventory_command *open, size_t open_count, struct inventory_result *ret,
                        struct err *err) {
    struct inventory_result result = {0};
    struct inventory_entry *sorted = mem_dup(entries, (count ? count : 1) * sizeof *entries);
    struct comparing comparing = {
        .agent_id = agent_id, .entries = sorted, .count = count, .open = open, .open_count = open_count};
    qsort(sorted, count, sizeof *sorted, by_name);
    int status = db_begin(conn, err);
    if (status == 0)
        status = db_end(conn, compare(conn, &comparing, generation, &result, err), err);
    free(sorted);
    if (status == 0 && ret)
        *ret = result;
    return status;
}

/* --- the doctor --- */

int reconcile_doctor(struct db_conn *conn, struct doctor *ret, struct err *err) {
    int64_t now = 0, grace = 0;
    if (steady_now(conn, &now, err) < 0 || setting_get(conn, SETTING_ORPHAN_GRACE, &grace, err) < 0)
        return -1;
    /* stop_due is one grace after the first sight. */
    if (orphan_count_late(conn, now - grace * 1000, &ret->orphans, err) < 0)
        return -1;
    return reconcile_store_count_stuck(conn, now - STUCK_GRACE_MS, &ret->stuck, err);
}

int reconcile_check(struct db_conn *conn, struct strv *ret_lines, struct err *err) {
    struct doctor doctor = {0};
    if (reconcile_doctor(conn, &doctor, err) < 0)
        return -1;
    if (doctor.orphans)
        strv_addf(ret_lines, "%lld sessions run on agents and nobody wants them", (long long)doctor.orphans);
    if (doctor.stuck)
        strv_addf(ret_lines, "%lld sessions are past the deadline of their state", (long long)doctor.stuck);
    return reconcile_store_check(conn, ret_lines, err);
}
