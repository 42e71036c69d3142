/* Commands out, answers in. */
#include "hub/hub_internal.h"

#include "control/agents/agent.h"
#include "control/commands/command.h"
#include "control/sessions/outcome.h"
#include "control/sessions/session.h"

/* A place in the agent's window. */
struct open_command {
    int64_t attempt;
    int64_t sent_us, acknowledged_us;
    int64_t waited_us; /* in the queue; -1: not known, since another connection was sent it */
    bool is_start;
    bool acknowledged;
};

void dispatch_finish(struct link *link) {
    map_destroy(link->open, free);
    link->open = NULL;
}

static struct open_command *window_put(struct link *link, const char *command_id, int64_t attempt) {
    struct open_command *command = mem_zalloc(sizeof *command);
    command->attempt = attempt;
    command->sent_us = clock_us();
    command->waited_us = -1;
    free(map_set(link->open, command_id, command));
    return command;
}

void dispatch_adopt(struct link *link, const struct proto_open_command *command) {
    if (map_count(link->open) < link->hub->options.window)
        window_put(link, command->command_id, command->attempt)->acknowledged = true;
}

/* What never got an answer does not hold its place for ever: the row has deadlines of its own. */
static void window_forget(struct link *link) {
    int64_t limit = clock_us() - (int64_t)WINDOW_FORGET_MS * 1000;
    size_t cursor = 0;
    const char *id;
    void *value;
    while (map_next(link->open, &cursor, &id, &value)) {
        const struct open_command *command = value;
        if (command->sent_us < limit)
            free(map_remove(link->open, id));
    }
}

/* --- out --- */

static int send_command(struct link *link, struct delivery *delivery, struct err *err) {
    _cleanup_proto_ struct proto_message message = {.type = PROTO_COMMAND};
    struct proto_command *command = &message.command;
    str_copy(command->command_id, sizeof command->command_id, delivery->command_id);
    str_copy(command->action, sizeof command->action, delivery->action);
    command->attempt = delivery->attempt;
    command->deadline_seconds = delivery->deadline_seconds;
    command->payload = steal_pointer(&delivery->payload);
    if (link_send(link, &message, err) < 0)
        return -1;
    struct open_command *open = window_put(link, delivery->command_id, delivery->attempt);
    open->waited_us = delivery->waited_ms * 1000;
    open->is_start = str_eq(delivery->action, "start_session");
    count(link->hub, M_COMMANDS_SENT, 1);
    log_info("command sent", "command", delivery->command_id, "action", delivery->action, "session",
             *delivery->session_id ? delivery->session_id : NULL, "agent", link->agent_id);
    return 0;
}

static void retry(void *arg) {
    struct link *link = arg;
    link->dispatch_timer = NULL;
    dispatch(link);
}

/* One that could not be sent: back to the queue, or, when no frame can hold it, failed as if the agent had
 * said so. */
struct unsent {
    char agent_id[AGENT_ID_MAX + 1];
    char command_id[COMMAND_ID_MAX + 1];
    int64_t generation, attempt;
    bool for_good;
    struct err why;
};

static int give_back(struct hub *hub, struct db_conn *conn, void *arg, struct err *err) {
    const struct unsent *unsent = arg;
    if (!unsent->for_good)
        return command_return(conn, unsent->agent_id, unsent->generation, unsent->command_id, err);
    struct answer answer = {.agent_id = unsent->agent_id,
                            .generation = unsent->generation,
                            .command_id = unsent->command_id,
                            .attempt = unsent->attempt};
    return outcome_failed(conn, &answer, unsent->why.message, false, NULL, err);
}

static const struct work_kind give_back_work = {
    .what = "command not sent", .run = give_back, .done = work_free};

static void not_sent(struct link *link, const struct delivery *delivery, const struct err *why) {
    struct unsent *unsent = mem_zalloc(sizeof *unsent);
    str_copy(unsent->agent_id, sizeof unsent->agent_id, link->agent_id);
    str_copy(unsent->command_id, sizeof unsent->command_id, delivery->command_id);
    unsent->generation = link->generation;
    unsent->attempt = delivery->attempt;
    unsent->for_good = why->kind != ERR_UNAVAILABLE;
    unsent->why = *why;
    if (unsent->for_good)
        log_error("command cannot be sent", "command", delivery->command_id, "error", why->message);
    work_add(link->hub, &give_back_work, unsent, true);
}

struct taking {
    struct link *link;
    struct deliveries deliveries;
};

static bool take_begin(struct hub *hub, void *arg) {
    struct link *link = ((struct taking *)arg)->link;
    link->dispatch_queued = false; /* whoever wakes from here on is heard */
    if (map_count(link->open) >= hub->options.window)
        window_forget(link);
    /* With a full window the next answer looks again. */
    return link->state == LINK_UP && map_count(link->open) < hub->options.window;
}

static int take_run(struct hub *hub, struct db_conn *conn, void *arg, struct err *err) {
    struct taking *taking = arg;
    return command_take(conn, taking->link->agent_id, taking->link->generation, &taking->deliveries, err);
}

static void take_done(struct hub *hub, void *arg, int result, const struct err *err) {
    struct taking *taking = arg;
    struct link *link = taking->link;
    struct deliveries *deliveries = &taking->deliveries;
    for (size_t i = 0; i < deliveries->count; i++) {
        struct err why = {0};
        if (send_command(link, &deliveries->items[i], &why) < 0)
            not_sent(link, &deliveries->items[i], &why);
    }
    if (link->state == LINK_UP && deliveries->count == COMMAND_BATCH_MAX) {
        dispatch(link);
    } else if (link->state == LINK_UP && result == 0 && deliveries->retry_ms >= 0) {
        loop_timer_cancel(link->dispatch_timer); /* the next back-off may end before the one it was set for */
        link->dispatch_timer = loop_timer_add(hub->loop, deliveries->retry_ms, retry, link);
    }
    deliveries_finish(deliveries);
    link_unref(link);
    free(taking);
}

static const struct work_kind take_work = {
    .what = "dispatch", .begin = take_begin, .run = take_run, .done = take_done};

void dispatch(struct link *link) {
    if (link->dispatch_queued || link->state != LINK_UP || !link->settled)
        return;
    link->dispatch_queued = true;
    struct taking *taking = mem_zalloc(sizeof *taking);
    taking->link = link_ref(link);
    taking->deliveries.retry_ms = -1;
    work_add(link->hub, &take_work, taking, true);
}

void dispatch_all(struct hub *hub) {
    size_t cursor = 0;
    void *link;
    while (map_next(hub->links, &cursor, NULL, &link))
        dispatch(link);
}

struct wake {
    struct hub *hub;
    char agent_id[AGENT_ID_MAX + 1];
};

static void wake(void *arg) {
    _cleanup_free_ struct wake *task = arg;
    struct link *link = *task->agent_id ? link_find(task->hub, task->agent_id) : NULL;
    if (link)
        dispatch(link);
    else if (!*task->agent_id)
        dispatch_all(task->hub);
}

void hub_wake(struct hub *hub, const char *agent_id) {
    struct wake *task = mem_zalloc(sizeof *task);
    task->hub = hub;
    if (agent_id)
        str_copy(task->agent_id, sizeof task->agent_id, agent_id);
    if (!hub_post(hub, wake, task))
        free(task);
}

/* --- in --- */

struct received {
    struct link *link;
    int64_t generation;
    struct proto_message message;
    bool changed; /* it fitted, and something is different now */
};

static struct answer answer_of(const struct received *received, const char *command_id, int64_t attempt) {
    return (struct answer){.agent_id = received->link->agent_id,
                           .generation = received->generation,
                           .command_id = command_id,
                           .attempt = attempt};
}

static int run_ack(struct hub *hub, struct db_conn *conn, void *arg, struct err *err) {
    struct received *received = arg;
    const struct proto_ack *ack = &received->message.ack;
    struct answer answer = answer_of(received, ack->command_id, ack->attempt);
    return outcome_acknowledged(conn, &answer, &received->changed, err);
}

static int run_complete(struct hub *hub, struct db_conn *conn, void *arg, struct err *err) {
    struct received *received = arg;
    const struct proto_complete *complete = &received->message.complete;
    struct answer answer = answer_of(received, complete->command_id, complete->attempt);
    return outcome_completed(conn, &answer, complete->result, &received->changed, err);
}

static int run_failed(struct hub *hub, struct db_conn *conn, void *arg, struct err *err) {
    struct received *received = arg;
    const struct proto_failed *failed = &received->message.failed;
    struct answer answer = answer_of(received, failed->command_id, failed->attempt);
    return outcome_failed(conn, &answer, failed->error, failed->retryable, &received->changed, err);
}

static int run_status(struct hub *hub, struct db_conn *conn, void *arg, struct err *err) {
    struct received *received = arg;
    const struct proto_status *status = &received->message.status;
    struct session_status change = {
        .session_id = status->session_id,
        .state = status->state,
        .reason = *status->reason ? status->reason : NULL,
        .usage_cpu_millis = status->usage.cpu_millis,
        .usage_memory_bytes = status->usage.memory_bytes,
    };
    return session_apply_status(conn, received->link->agent_id, received->generation, &change,
                                &received->changed, err);
}

static int run_heartbeat(struct hub *hub, struct db_conn *conn, void *arg, struct err *err) {
    struct received *received = arg;
    const struct proto_heartbeat *beat = &received->message.heartbeat;
    struct agent_heartbeat heartbeat = {
        .agent_id = received->link->agent_id,
        .generation = received->generation,
        .draining = str_eq(beat->status, "draining"),
        .capacity = {.max_sessions = beat->capacity.max_sessions,
                     .cpu_millis = beat->capacity.cpu_millis,
                     .memory_bytes = beat->capacity.memory_bytes},
    };
    if (agent_heartbeat(conn, &heartbeat, true, NULL, err) < 0)
        return -1;
    received->changed = true;
    if (!beat->missing)
        return 0;
    return agent_set_missing_programs(conn, heartbeat.agent_id, heartbeat.generation, beat->missing, err);
}

static void received_free(struct received *received) {
    proto_message_finish(&received->message);
    received->link->waiting--;
    link_unref(received->link);
    free(received);
}

/* Foreign, late and repeated messages change nothing: counted. */
static void note_stale(struct hub *hub, const struct received *received, int result) {
    if (result != 0 || received->changed)
        return;
    count(hub, M_STALE_MESSAGES, 1);
    log_debug("agent's message changes nothing", "agent", received->link->agent_id, "type",
              proto_type_name(received->message.type));
}

static void answered(struct hub *hub, void *arg, int result, const struct err *err) {
    struct received *received = arg;
    const struct proto_message *message = &received->message;
    if (received->changed && message->type == PROTO_COMPLETE) {
        count(hub, M_COMMANDS_COMPLETED, 1);
        log_info("command completed", "command", message->complete.command_id, "agent",
                 received->link->agent_id);
    }
    if (received->changed && message->type == PROTO_FAILED) {
        count(hub, M_COMMANDS_FAILED, 1);
        log_warn("command failed", "command", message->failed.command_id, "agent", received->link->agent_id,
                 "error", message->failed.error);
    }
    note_stale(hub, received, result);
    /* The session's next command, room in the window, or a stop, which overtakes what is acknowledged. */
    if (result == 0 && (received->changed || message->type != PROTO_ACK))
        dispatch(received->link);
    received_free(received);
}

static void status_done(struct hub *hub, void *arg, int result, const struct err *err) {
    note_stale(hub, arg, result);
    received_free(arg);
}

static void heartbeat_done(struct hub *hub, void *arg, int result, const struct err *err) {
    struct received *received = arg;
    struct link *link = received->link;
    struct proto_heartbeat *beat = &received->message.heartbeat;
    if (result == 0) {
        link->beat = (struct agent_beat){.draining = str_eq(beat->status, "draining"),
                                         .capacity = beat->capacity,
                                         .written_at = clock_ms()};
        if (beat->missing) {
            json_decref(link->missing);
            link->missing = steal_pointer(&beat->missing);
        }
    }
    received_free(received);
}

static const struct work_kind message_work[PROTO_TYPES] = {
    [PROTO_ACK] = {.what = "ack", .run = run_ack, .done = answered},
    [PROTO_COMPLETE] = {.what = "complete", .run = run_complete, .done = answered},
    [PROTO_FAILED] = {.what = "failed", .run = run_failed, .done = answered},
    [PROTO_STATUS] = {.what = "status", .run = run_status, .done = status_done},
    [PROTO_HEARTBEAT] = {.what = "heartbeat", .run = run_heartbeat, .done = heartbeat_done},
};

/* Heartbeats that say nothing new reach the database rarely. */
static bool beat_is_news(const struct link *link, const struct proto_heartbeat *beat) {
    const struct agent_beat *known = &link->beat;
    if (!known->written_at || clock_ms() - known->written_at >= AGENT_HEARTBEAT_WRITE_MS || link->degraded)
        return true;
    if (known->draining != str_eq(beat->status, "draining") ||
        memcmp(&known->capacity, &beat->capacity, sizeof beat->capacity) != 0)
        return true;
    return beat->missing && !(link->missing && json_equal(beat->missing, link->missing));
}

/* The stages of a command that has come to its end. */
static void note_stages(struct hub *hub, const struct open_command *command, bool failed) {
    if (command->waited_us < 0 || !command->acknowledged_us)
        return;
    int64_t now = clock_us();
    const int64_t spent[COMMAND_STAGES] = {
        [STAGE_QUEUE] = command->waited_us,
        [STAGE_DELIVERY] = command->acknowledged_us - command->sent_us,
        [STAGE_EXECUTION] = now - command->acknowledged_us,
        [STAGE_TOTAL] = command->waited_us + now - command->sent_us,
    };
    for (int i = 0; i < COMMAND_STAGES; i++) {
        metric_observe_us(&hub->metrics[M_COMMAND_STAGE_FIRST + i], spent[i]);
        if (command->is_start && !failed)
            metric_observe_us(&hub->metrics[M_START_STAGE_FIRST + i], spent[i]);
    }
}

/* What the window and the figures learn from an answer, before it reaches the database. */
static void note_answer(struct link *link, const char *command_id, int64_t attempt, bool over, bool failed) {
    struct hub *hub = link->hub;
    struct open_command *command = map_get(link->open, command_id);
    if (!command || command->attempt != attempt)
        return;
    int64_t spent = clock_us() - command->sent_us;
    if (over) {
        metric_observe_us(&hub->metrics[M_COMMAND_SECONDS], spent);
        note_stages(hub, command, failed);
        free(map_remove(link->open, command_id));
    } else if (!command->acknowledged) {
        command->acknowledged = true;
        command->acknowledged_us = clock_us();
        count(hub, M_COMMANDS_ACKED, 1);
        metric_observe_us(&hub->metrics[M_COMMAND_ACK_SECONDS], spent);
    }
}

/* False: the database need not hear of it. */
static bool note(struct link *link, const struct proto_message *message) {
    switch (message->type) {
    case PROTO_ACK:
        note_answer(link, message->ack.command_id, message->ack.attempt, false, false);
        return true;
    case PROTO_COMPLETE:
        note_answer(link, message->complete.command_id, message->complete.attempt, true, false);
        return true;
    case PROTO_FAILED:
        note_answer(link, message->failed.command_id, message->failed.attempt, true, true);
        return true;
    case PROTO_HEARTBEAT:
        if (!beat_is_news(link, &message->heartbeat))
            return false;
        link->degraded = false;
        return true;
    default:
        return message_work[message->type].run != NULL;
    }
}

void dispatch_received(struct link *link, struct proto_message *message) {
    if (!note(link, message))
        return;
    struct received *received = mem_zalloc(sizeof *received);
    received->link = link_ref(link);
    link->waiting++;
    received->generation = link->generation;
    received->message = *message;
    *message = (struct proto_message){0};
    if (!work_add(link->hub, &message_work[received->message.type], received, false))
        link_close(link, 1013, "too much at once: connect again and say hello");
}
