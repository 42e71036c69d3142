/* Commands out, answers in. */
#include "hub/hub_internal.h"

#include "control/agents/agent.h"
#include "control/commands/command.h"
#include "control/sessions/outcome.h"
#include "control/sessions/session.h"

/* A place in the agent's window. */
struct open_command {
    int64_t attempt;
    int64_t sent_us;
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
    window_put(link, delivery->command_id, delivery->attempt);
    count(link->hub, M_COMMANDS_SENT, 1);
    return 0;
}

static void retry(void *arg) {
    struct link *link = arg;
    link->dispatch_timer = NULL;
    dispatch(link);
}

/* A command that cannot be sent at all (too long for a frame) fails as if the agent had said so. */
static int give_back(struct link *link, struct db_conn *conn, const struct delivery *delivery,
                     const struct err *why, struct err *err) {
    if (why->kind == ERR_UNAVAILABLE)
        return command_return(conn, link->agent_id, link->generation, delivery->command_id, err);
    log_error("command cannot be sent", "command", delivery->command_id, "error", why->message);
    struct answer answer = {.agent_id = link->agent_id,
                            .generation = link->generation,
                            .command_id = delivery->command_id,
                            .attempt = delivery->attempt};
    return outcome_failed(conn, &answer, why->message, false, NULL, err);
}

static int take_and_send(struct hub *hub, struct db_conn *conn, void *arg, struct err *err) {
    struct link *link = arg;
    link->dispatch_queued = false; /* whoever wakes from here on is heard */
    if (link->state != LINK_UP)
        return 0;
    if (map_count(link->open) >= hub->options.window)
        window_forget(link);
    if (map_count(link->open) >= hub->options.window)
        return 0; /* the next answer looks again */
    _cleanup_deliveries_ struct deliveries deliveries = {.retry_ms = -1};
    if (command_take(conn, link->agent_id, link->generation, &deliveries, err) < 0) {
        link->dispatch_queued = err->kind == ERR_UNAVAILABLE;
        return -1;
    }
    for (size_t i = 0; i < deliveries.count; i++) {
        struct err why = {0}, ignored = {0};
        if (send_command(link, &deliveries.items[i], &why) < 0 &&
            give_back(link, conn, &deliveries.items[i], &why, &ignored) < 0)
            log_warn("command not returned, its deadline will", "command", deliveries.items[i].command_id,
                     "error", ignored.message);
    }
    if (link->state != LINK_UP)
        return 0;
    if (deliveries.count == COMMAND_BATCH_MAX) {
        dispatch(link);
    } else if (deliveries.retry_ms >= 0) {
        loop_timer_cancel(link->dispatch_timer); /* the next back-off may end before the one it was set for */
        link->dispatch_timer = loop_timer_add(hub->loop, deliveries.retry_ms, retry, link);
    }
    return 0;
}

void dispatch(struct link *link) {
    if (link->dispatch_queued || link->state != LINK_UP)
        return;
    link->dispatch_queued = true;
    link_work(link, "dispatch", take_and_send, NULL, link, true);
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
    struct proto_message message;
};

static void received_done(void *arg) {
    struct received *received = arg;
    proto_message_finish(&received->message);
    free(received);
}

static struct answer answer_of(const struct link *link, const char *command_id, int64_t attempt) {
    return (struct answer){.agent_id = link->agent_id,
                           .generation = link->generation,
                           .command_id = command_id,
                           .attempt = attempt};
}

/* Foreign, late and repeated messages change nothing: counted. */
static int applied(struct hub *hub, const struct received *received, int result, bool changed) {
    if (result == 0 && !changed) {
        count(hub, M_STALE_MESSAGES, 1);
        log_debug("agent's message changes nothing", "agent", received->link->agent_id, "type",
                  proto_type_name(received->message.type));
    }
    return result;
}

static int apply_ack(struct hub *hub, struct db_conn *conn, void *arg, struct err *err) {
    struct received *received = arg;
    const struct proto_ack *ack = &received->message.ack;
    struct answer answer = answer_of(received->link, ack->command_id, ack->attempt);
    bool changed = false;
    int result = outcome_acknowledged(conn, &answer, &changed, err);
    if (changed)
        dispatch(received->link); /* a stop overtakes what is acknowledged */
    return applied(hub, received, result, changed);
}

static int apply_complete(struct hub *hub, struct db_conn *conn, void *arg, struct err *err) {
    struct received *received = arg;
    const struct proto_complete *complete = &received->message.complete;
    struct answer answer = answer_of(received->link, complete->command_id, complete->attempt);
    bool changed = false;
    int result = outcome_completed(conn, &answer, complete->result, &changed, err);
    if (changed)
        count(hub, M_COMMANDS_COMPLETED, 1);
    if (result == 0)
        dispatch(received->link); /* the session's next command, and room in the window */
    return applied(hub, received, result, changed);
}

static int apply_failed(struct hub *hub, struct db_conn *conn, void *arg, struct err *err) {
    struct received *received = arg;
    const struct proto_failed *failed = &received->message.failed;
    struct answer answer = answer_of(received->link, failed->command_id, failed->attempt);
    bool changed = false;
    int result = outcome_failed(conn, &answer, failed->error, failed->retryable, &changed, err);
    if (changed) {
        count(hub, M_COMMANDS_FAILED, 1);
        log_warn("command failed", "command", failed->command_id, "agent", received->link->agent_id, "error",
                 failed->error);
    }
    if (result == 0)
        dispatch(received->link);
    return applied(hub, received, result, changed);
}

static int apply_status(struct hub *hub, struct db_conn *conn, void *arg, struct err *err) {
    struct received *received = arg;
    const struct proto_status *status = &received->message.status;
    struct session_status change = {
        .session_id = status->session_id,
        .state = status->state,
        .reason = *status->reason ? status->reason : NULL,
        .usage_cpu_millis = status->usage.cpu_millis,
        .usage_memory_bytes = status->usage.memory_bytes,
    };
    bool changed = false;
    int result = session_apply_status(conn, received->link->agent_id, received->link->generation, &change,
                                      &changed, err);
    return applied(hub, received, result, changed);
}

static int apply_heartbeat(struct hub *hub, struct db_conn *conn, void *arg, struct err *err) {
    struct received *received = arg;
    struct link *link = received->link;
    struct proto_heartbeat *beat = &received->message.heartbeat;
    if (link->state != LINK_UP)
        return 0;
    struct agent_heartbeat heartbeat = {
        .agent_id = link->agent_id,
        .generation = link->generation,
        .draining = str_eq(beat->status, "draining"),
        .capacity = {.max_sessions = beat->capacity.max_sessions,
                     .cpu_millis = beat->capacity.cpu_millis,
                     .memory_bytes = beat->capacity.memory_bytes},
    };
    if (agent_heartbeat(conn, &heartbeat, true, NULL, err) < 0)
        return -1;
    link->beat = (struct agent_beat){
        .draining = heartbeat.draining, .capacity = beat->capacity, .written_at = clock_ms()};
    if (!beat->missing || (link->missing && json_equal(beat->missing, link->missing)))
        return 0;
    if (agent_set_missing_programs(conn, link->agent_id, link->generation, beat->missing, err) < 0)
        return -1;
    json_decref(link->missing);
    link->missing = steal_pointer(&beat->missing);
    return 0;
}

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

/* What the window and the figures learn from an answer, before it reaches the database. */
static void note_answer(struct link *link, const char *command_id, int64_t attempt, bool over) {
    struct hub *hub = link->hub;
    struct open_command *command = map_get(link->open, command_id);
    if (!command || command->attempt != attempt)
        return;
    int64_t spent = clock_us() - command->sent_us;
    if (over) {
        metric_observe_us(&hub->metrics[M_COMMAND_SECONDS], spent);
        free(map_remove(link->open, command_id));
    } else if (!command->acknowledged) {
        command->acknowledged = true;
        count(hub, M_COMMANDS_ACKED, 1);
        metric_observe_us(&hub->metrics[M_COMMAND_ACK_SECONDS], spent);
    }
}

static work_fn work_for(struct link *link, const struct proto_message *message) {
    switch (message->type) {
    case PROTO_ACK:
        note_answer(link, message->ack.command_id, message->ack.attempt, false);
        return apply_ack;
    case PROTO_COMPLETE:
        note_answer(link, message->complete.command_id, message->complete.attempt, true);
        return apply_complete;
    case PROTO_FAILED:
        note_answer(link, message->failed.command_id, message->failed.attempt, true);
        return apply_failed;
    case PROTO_STATUS:
        return apply_status;
    case PROTO_HEARTBEAT:
        if (!beat_is_news(link, &message->heartbeat))
            return NULL;
        link->degraded = false;
        return apply_heartbeat;
    default:
        return NULL;
    }
}

void dispatch_received(struct link *link, struct proto_message *message) {
    work_fn fn = work_for(link, message);
    if (!fn)
        return;
    struct received *received = mem_zalloc(sizeof *received);
    received->link = link;
    received->message = *message;
    *message = (struct proto_message){0};
    const char *what = proto_type_name(received->message.type);
    if (!link_work(link, what, fn, received_done, received, false))
        link_close(link, 1013, "too much at once: connect again and say hello");
}
