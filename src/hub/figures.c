/* Figures, and the reconciler's timer. */
#include "hub/hub_internal.h"

#include "control/commands/command.h"
#include "control/sessions/reconcile.h"
#include "control/sessions/session.h"

#define DOCTOR_ROUNDS 5 /* every so many rounds the invariants and the totals are counted */

#define P "streamspace_"
#define COUNTER(n, h)                                                                                        \
    { .name = P n, .help = h, .type = METRIC_COUNTER }
#define GAUGE(n, h)                                                                                          \
    { .name = P n, .help = h, .type = METRIC_GAUGE }
#define GAUGE_OF(n, h, l)                                                                                    \
    { .name = P n, .help = h, .type = METRIC_GAUGE, .label = l }
#define COUNTER_OF(n, h, l)                                                                                  \
    { .name = P n, .help = h, .type = METRIC_COUNTER, .label = l }
#define SECONDS(n, h)                                                                                        \
    { .name = P n, .help = h, .type = METRIC_HISTOGRAM }
#define STAGE_OF(n, h, s)                                                                                    \
    { .name = P n, .help = h, .type = METRIC_HISTOGRAM, .label = "stage=\"" s "\"" }
#define COMMAND_HELP "Commands by stage: queued to sent, to acknowledged, to their end; and all of it."
#define START_HELP                                                                                           \
    "Sessions that started, by stage: queued to sent, to acknowledged, to the display answering; and all "   \
    "of it."
#define SESSIONS(state) GAUGE_OF("sessions", "Sessions by state.", "state=\"" state "\"")

const struct metric metric_table[METRICS] = {
    [M_AGENTS] = GAUGE("agents_connected", "Agents connected to this replica."),
    [M_CONNECTS] = COUNTER("agent_connects_total", "Hellos that were welcomed."),
    [M_REPLACED] = COUNTER("agent_replaced_total", "Connections replaced by a newer one of the same agent."),
    [M_REFUSED] = COUNTER("agent_refused_total", "Hellos that were refused."),
    [M_SILENT] = COUNTER("agent_silent_total", "Connections ended after three periods of silence."),
    [M_MESSAGES] = COUNTER("agent_messages_total", "Messages from agents."),
    [M_BAD_MESSAGES] = COUNTER("agent_messages_malformed_total", "Frames that were no message."),
    [M_UNKNOWN_MESSAGES] = COUNTER("agent_messages_unknown_total", "Messages of unknown type, ignored."),
    [M_IGNORED_FIELDS] = COUNTER("agent_fields_ignored_total", "Unknown fields and malformed list entries."),
    [M_STALE_MESSAGES] =
        COUNTER("agent_messages_stale_total", "Late, repeated or foreign messages: they changed nothing."),
    [M_COMMANDS_SENT] = COUNTER("commands_sent_total", "Commands sent to agents, repeats included."),
    [M_COMMANDS_ACKED] = COUNTER("commands_acknowledged_total", "Commands that agents journalled."),
    [M_COMMANDS_COMPLETED] = COUNTER("commands_completed_total", "Commands completed."),
    [M_COMMANDS_FAILED] = COUNTER("commands_failed_total", "Answers `failed`, retried ones included."),
    [M_COMMAND_ACK_SECONDS] =
        SECONDS("command_ack_seconds", "From sending a command to its acknowledgement."),
    [M_COMMAND_SECONDS] = SECONDS("command_seconds", "From sending a command to its end."),
    [M_COMMAND_STAGE_FIRST + STAGE_QUEUE] = STAGE_OF("command_stage_seconds", COMMAND_HELP, "queue"),
    [M_COMMAND_STAGE_FIRST + STAGE_DELIVERY] = STAGE_OF("command_stage_seconds", COMMAND_HELP, "delivery"),
    [M_COMMAND_STAGE_FIRST + STAGE_EXECUTION] = STAGE_OF("command_stage_seconds", COMMAND_HELP, "execution"),
    [M_COMMAND_STAGE_FIRST + STAGE_TOTAL] = STAGE_OF("command_stage_seconds", COMMAND_HELP, "total"),
    [M_START_STAGE_FIRST + STAGE_QUEUE] = STAGE_OF("session_start_seconds", START_HELP, "queue"),
    [M_START_STAGE_FIRST + STAGE_DELIVERY] = STAGE_OF("session_start_seconds", START_HELP, "delivery"),
    [M_START_STAGE_FIRST + STAGE_EXECUTION] = STAGE_OF("session_start_seconds", START_HELP, "launch"),
    [M_START_STAGE_FIRST + STAGE_TOTAL] = STAGE_OF("session_start_seconds", START_HELP, "total"),
    [M_COMMANDS_RETURNED] = COUNTER("commands_returned_total",
                                    "Commands back in the queue: not acknowledged in time, or cut off."),
    [M_QUEUE_PENDING] = GAUGE_OF("commands", "Open commands by status.", "status=\"pending\""),
    [M_QUEUE_SENT] = GAUGE_OF("commands", "Open commands by status.", "status=\"sent\""),
    [M_QUEUE_ACKNOWLEDGED] = GAUGE_OF("commands", "Open commands by status.", "status=\"acknowledged\""),
    [M_SESSIONS_FIRST + SESSION_PENDING] = SESSIONS("pending"),
    [M_SESSIONS_FIRST + SESSION_STARTING] = SESSIONS("starting"),
    [M_SESSIONS_FIRST + SESSION_RUNNING] = SESSIONS("running"),
    [M_SESSIONS_FIRST + SESSION_HIBERNATING] = SESSIONS("hibernating"),
    [M_SESSIONS_FIRST + SESSION_HIBERNATED] = SESSIONS("hibernated"),
    [M_SESSIONS_FIRST + SESSION_WAKING] = SESSIONS("waking"),
    [M_SESSIONS_FIRST + SESSION_TERMINATING] = SESSIONS("terminating"),
    [M_SESSIONS_FIRST + SESSION_TERMINATED] = SESSIONS("terminated"),
    [M_SESSIONS_FIRST + SESSION_FAILED] = SESSIONS("failed"),
    [M_ORPHANS] =
        GAUGE("orphans", "Sessions that an agent runs and nobody wants, past their grace. Must be 0."),
    [M_STUCK] = GAUGE("stuck", "Sessions past the deadline of their state. Must be 0."),
    [M_ORPHANS_STOPPED] = COUNTER("orphans_stopped_total", "Orphans that a stop was queued for."),
    [M_OVERDUE] = COUNTER("states_overdue_total", "Sessions that outlived the deadline of their state."),
    [M_MISSING] =
        COUNTER("sessions_missing_total", "Sessions failed because their agent does not have them."),
    [M_STREAMS_OPENED] = COUNTER("streams_opened_total", "Streams that agents dialled back for."),
    [M_STREAMS_FAILED] = COUNTER("streams_failed_total", "Streams that could not be opened."),
    [M_STREAM_SECONDS] =
        SECONDS("stream_open_seconds", "From asking an agent for a stream to its connection."),
    [M_VIEWERS] = GAUGE("viewers", "Viewers connected to this replica."),
    [M_SUBSCRIBERS] = GAUGE("event_streams", "Event streams open at this replica."),
    [M_SUBSCRIBERS_DROPPED] =
        COUNTER("event_streams_dropped_total", "Event streams ended: too slow, or gone."),
    [M_EVENTS] = COUNTER("events_total", "Events seen by this replica."),
    [M_WORK] = GAUGE("hub_work", "Pieces of database work that wait."),
    [M_WORK_RETRIES] = COUNTER("hub_work_retries_total", "Pieces that waited for the database."),
    [M_WORK_DROPPED] = COUNTER("hub_work_dropped_total", "Pieces given up after an error."),
    [M_WORK_SECONDS] = SECONDS("hub_work_seconds", "Duration of a piece of database work."),
};

_Static_assert(M_SESSIONS_LAST - M_SESSIONS_FIRST + 1 == SESSION_STATES, "a gauge for every state");

struct metric *hub_metrics(struct hub *hub, size_t *ret_count) {
    *ret_count = METRICS;
    return hub->metrics;
}

int64_t hub_orphans(const struct hub *hub) {
    return metric_get(&hub->metrics[M_ORPHANS]);
}

int64_t hub_stuck(const struct hub *hub) {
    return metric_get(&hub->metrics[M_STUCK]);
}

static int count_totals(struct hub *hub, struct db_conn *conn, struct err *err) {
    struct doctor doctor = {0};
    int64_t states[SESSION_STATES] = {0}, statuses[COMMAND_STATUSES] = {0};
    if (reconcile_doctor(conn, &doctor, err) < 0 || session_count_states(conn, states, err) < 0 ||
        command_count_statuses(conn, statuses, err) < 0)
        return -1;
    metric_set(&hub->metrics[M_ORPHANS], doctor.orphans);
    metric_set(&hub->metrics[M_STUCK], doctor.stuck);
    for (int i = 0; i < SESSION_STATES; i++)
        metric_set(&hub->metrics[M_SESSIONS_FIRST + i], states[i]);
    metric_set(&hub->metrics[M_QUEUE_PENDING], statuses[COMMAND_PENDING]);
    metric_set(&hub->metrics[M_QUEUE_SENT], statuses[COMMAND_SENT]);
    metric_set(&hub->metrics[M_QUEUE_ACKNOWLEDGED], statuses[COMMAND_ACKNOWLEDGED]);
    return 0;
}

struct round {
    struct reconcile_report report;
    bool count_totals;
};

static int reconcile(struct hub *hub, struct db_conn *conn, void *arg, struct err *err) {
    struct round *round = arg;
    round->report = (struct reconcile_report){0};
    if (reconcile_tick(conn, &round->report, err) < 0)
        return -1;
    return round->count_totals ? count_totals(hub, conn, err) : 0;
}

static void due(void *arg) {
    reconcile_start(arg);
}

/* One at a time: the next round is counted from the end of this one. */
static void reconciled(struct hub *hub, void *arg, int result, const struct err *err) {
    _cleanup_free_ struct round *round = arg;
    const struct reconcile_report *report = &round->report;
    count(hub, M_COMMANDS_RETURNED, report->returned);
    count(hub, M_ORPHANS_STOPPED, report->orphans_stopped);
    count(hub, M_OVERDUE, report->overdue);
    if (report->returned || report->orphans_stopped || report->overdue || report->durations_ended)
        dispatch_all(hub);
    if (!hub->stopping)
        hub->reconcile_timer = loop_timer_add(hub->loop, hub->options.reconcile_ms, due, hub);
}

static const struct work_kind reconcile_work = {.what = "reconcile", .run = reconcile, .done = reconciled};

void reconcile_start(struct hub *hub) {
    hub->reconcile_timer = NULL;
    if (hub->stopping)
        return;
    struct round *round = mem_zalloc(sizeof *round);
    round->count_totals = hub->reconcile_rounds++ % DOCTOR_ROUNDS == 0;
    work_add(hub, &reconcile_work, round, true);
}
