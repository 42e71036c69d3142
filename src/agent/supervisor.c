#include "agent/supervisor_internal.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"

/* --- the runtime speaks, on any thread --- */

struct event {
    struct supervisor *supervisor;
    char session_id[SESSION_NAME_MAX + 1];
    bool stage; /* else: ended */
    bool failed;
    char text[SESSION_REASON_MAX];
};

static void handle_event(void *arg) {
    _cleanup_free_ struct event *event = arg;
    struct supervisor *supervisor = event->supervisor;
    if (supervisor->closed)
        return;
    struct session *session = agent_session_find(supervisor, event->session_id);
    if (!session)
        return;
    if (!event->stage) {
        agent_session_ended(supervisor, session, event->failed, event->text);
        return;
    }
    if (!session->running || session->running->action != ACTION_START)
        return;
    struct proto_message message = {.type = PROTO_STATUS};
    str_copy(message.status.session_id, sizeof message.status.session_id, session->id);
    str_copy(message.status.state, sizeof message.status.state, "starting");
    str_copy(message.status.reason, sizeof message.status.reason, event->text);
    supervisor->options.send(supervisor->options.arg, &message);
}

static void post_event(struct supervisor *supervisor, const char *session_id, bool stage, bool failed,
                       const char *text) {
    struct event *event = mem_zalloc(sizeof *event);
    event->supervisor = supervisor;
    event->stage = stage;
    event->failed = failed;
    str_copy(event->session_id, sizeof event->session_id, session_id);
    str_copy(event->text, sizeof event->text, text ? text : "");
    loop_post(supervisor->options.loop, handle_event, event);
}

static void on_stage(void *arg, const char *session_id, const char *stage) {
    post_event(arg, session_id, true, false, stage);
}

static void on_ended(void *arg, const char *session_id, bool failed, const char *reason) {
    post_event(arg, session_id, false, failed, reason);
}

struct runtime_events agent_supervisor_events(struct supervisor *supervisor) {
    return (struct runtime_events){.stage = on_stage, .ended = on_ended, .arg = supervisor};
}

/* --- answers --- */

static int send_ack(struct supervisor *supervisor, const char *id, int64_t attempt) {
    struct proto_message message = {.type = PROTO_ACK, .ack.attempt = attempt};
    str_copy(message.ack.command_id, sizeof message.ack.command_id, id);
    return supervisor->options.send(supervisor->options.arg, &message);
}

static int send_failed(struct supervisor *supervisor, const char *id, int64_t attempt, const char *error,
                       bool retryable) {
    struct proto_message message = {.type = PROTO_FAILED,
                                    .failed = {.attempt = attempt, .retryable = retryable}};
    str_copy(message.failed.command_id, sizeof message.failed.command_id, id);
    str_copy(message.failed.error, sizeof message.failed.error, error ? error : "");
    return supervisor->options.send(supervisor->options.arg, &message);
}

static int send_complete(struct supervisor *supervisor, const struct journal_entry *entry) {
    struct proto_message message = {.type = PROTO_COMPLETE, .complete.attempt = entry->attempt};
    str_copy(message.complete.command_id, sizeof message.complete.command_id, entry->id);
    if (entry->result)
        message.complete.result = json_loads(entry->result, 0, NULL);
    int status = supervisor->options.send(supervisor->options.arg, &message);
    proto_message_finish(&message);
    return status;
}

static void send_outcome(struct supervisor *supervisor, struct journal_entry *entry) {
    int status = entry->state == JOURNAL_COMPLETED
                     ? send_complete(supervisor, entry)
                     : send_failed(supervisor, entry->id, entry->attempt, entry->error, entry->retryable);
    if (status == 0)
        entry->sent_ms = clock_ms();
}

static bool is_command(const struct journal_entry *entry) {
    return id_is_command(entry->id);
}

/* --- commands --- */

static void on_outcome_written(void *arg, struct journal_entry *entry, bool durable) {
    /* Not durable: the disk is full or broken. Told anyway; should this process die now, a repeat would be
     * run again, which every action allows. */
    struct supervisor *supervisor = arg;
    send_outcome(supervisor, entry);
    supervisor->writing--;
    agent_supervisor_check_stopped(supervisor);
}

void command_finished(struct supervisor *supervisor, struct journal_entry *entry, const struct task *task) {
    if (!entry)
        return;
    struct journal_outcome outcome = {.state = task->status == 0 ? JOURNAL_COMPLETED : JOURNAL_FAILED,
                                      .result = task->result,
                                      .error = task->status == 0 ? NULL : task->err.message,
                                      .retryable = task->status != 0 && !task->overtaken &&
                                                   err_is_retryable(&task->err)};
    supervisor->open--;
    supervisor->writing++;
    journal_finish(supervisor->journal, entry, &outcome, on_outcome_written, supervisor);
}

static void queue_entry(struct supervisor *supervisor, struct journal_entry *entry) {
    enum action action = action_parse(entry->action);
    struct session *session = agent_session_get(supervisor, entry->session_id);
    agent_session_queue(session, task_create(supervisor, action, entry));
}

static void on_accepted(void *arg, struct journal_entry *entry, bool durable) {
    struct supervisor *supervisor = arg;
    if (supervisor->closed || supervisor->stopping) { /* it is journalled: the next process does it */
        supervisor->open--;
        agent_supervisor_check_stopped(supervisor);
        return;
    }
    if (!durable && action_parse(entry->action) != ACTION_STOP) {
        send_failed(supervisor, entry->id, entry->attempt, "the agent cannot write its journal", true);
        supervisor->open--;
        journal_forget(supervisor->journal, entry);
        return;
    }
    /* A stop is done with a full disk too: it may be what frees it. */
    send_ack(supervisor, entry->id, entry->attempt);
    queue_entry(supervisor, entry);
}

/* A command that cannot be run, whatever happens: it gets its outcome at once. */
static void on_refusal_written(void *arg, struct journal_entry *entry, bool durable) {
    send_ack(arg, entry->id, entry->attempt);
    send_outcome(arg, entry);
}

static void refuse(struct supervisor *supervisor, const struct proto_command *command, const char *why) {
    log_warn("a command was refused", "command", command->command_id, "action", command->action, "reason",
             why);
    struct journal_command record = {
        .id = command->command_id, .attempt = command->attempt, .action = command->action, .session_id = ""};
    struct journal_outcome outcome = {.state = JOURNAL_FAILED, .error = why};
    struct journal_entry *entry = journal_accept(supervisor->journal, &record, NULL, NULL);
    journal_finish(supervisor->journal, entry, &outcome, on_refusal_written, supervisor);
}

static void repeat(struct supervisor *supervisor, struct journal_entry *entry) {
    if (!entry->durable) /* the answer follows when it is on disk */
        return;
    send_ack(supervisor, entry->id, entry->attempt);
    if (entry->state != JOURNAL_ACCEPTED)
        send_outcome(supervisor, entry);
}

void agent_supervisor_command(struct supervisor *supervisor, const struct proto_command *command) {
    if (supervisor->closed || supervisor->stopping)
        return; /* not acknowledged: it is sent again to the next process */
    struct journal_entry *known = journal_find(supervisor->journal, command->command_id, command->attempt);
    if (known) {
        repeat(supervisor, known);
        return;
    }
    const char *session_id = json_string_value(json_object_get(command->payload, "sessionId"));
    if (action_parse(command->action) == ACTION_NONE) {
        refuse(supervisor, command, "this agent does not know the action");
        return;
    }
    if (!session_id || !id_is_session(session_id)) {
        refuse(supervisor, command, "sessionId: is no session name");
        return;
    }
    if (supervisor->open >= SUPERVISOR_OPEN_MAX) {
        send_failed(supervisor, command->command_id, command->attempt, "too many commands are waiting", true);
        return;
    }
    char *payload = json_dumps(command->payload, JSON_COMPACT);
    struct journal_command record = {
        .id = command->command_id,
        .attempt = command->attempt,
        .action = command->action,
        .session_id = session_id,
        .payload = payload,
        .deadline_ms = command->deadline_seconds ? clock_ms() + command->deadline_seconds * 1000 : 0};
    supervisor->open++;
    journal_accept(supervisor->journal, &record, on_accepted, supervisor);
    free(payload);
}

/* --- hello and welcome --- */

/* True while the control plane may not know the outcome. */
static bool is_unsettled(const struct journal_entry *entry) {
    if (entry->state == JOURNAL_ACCEPTED || !is_command(entry) || entry->settled)
        return false;
    return !entry->replayed || clock_wall_ms() - entry->at_ms < SUPERVISOR_REPEAT_MS;
}

static void add_open(struct proto_hello *hello, const struct journal_entry *entry) {
    static const char *const states[] = {
        [JOURNAL_ACCEPTED] = "accepted", [JOURNAL_COMPLETED] = "completed", [JOURNAL_FAILED] = "failed"};
    if (hello->open_command_count >= SUPERVISOR_HELLO_OPEN_MAX)
        return;
    struct proto_open_command *open = &hello->open_commands[hello->open_command_count++];
    str_copy(open->command_id, sizeof open->command_id, entry->id);
    open->attempt = entry->attempt;
    str_copy(open->state, sizeof open->state, states[entry->state]);
}

static void fill_inventory(struct supervisor *supervisor, struct proto_hello *hello) {
    size_t cursor = 0;
    void *value;
    hello->inventory = mem_zalloc(PROTO_LIST_MAX * sizeof *hello->inventory);
    while (map_next(supervisor->sessions, &cursor, NULL, &value) && hello->inventory_count < PROTO_LIST_MAX) {
        const struct session *session = value;
        struct proto_session *entry = &hello->inventory[hello->inventory_count];
        agent_session_state_text(session, entry->state);
        if (!*entry->state)
            continue;
        str_copy(entry->session_id, sizeof entry->session_id, session->id);
        hello->inventory_count++;
    }
}

void agent_supervisor_fill_hello(struct supervisor *supervisor, struct proto_hello *hello) {
    fill_inventory(supervisor, hello);
    hello->open_commands = mem_zalloc(SUPERVISOR_HELLO_OPEN_MAX * sizeof *hello->open_commands);
    for (struct journal_entry *e = journal_first(supervisor->journal); e; e = journal_next(e))
        if (e->state == JOURNAL_ACCEPTED && is_command(e))
            add_open(hello, e);
    for (struct journal_entry *e = journal_first(supervisor->journal); e; e = journal_next(e))
        if (is_unsettled(e))
            add_open(hello, e);
}

void agent_supervisor_disconnected(struct supervisor *supervisor, int64_t heard_ms) {
    for (struct journal_entry *e = journal_first(supervisor->journal); e; e = journal_next(e)) {
        if (e->sent_ms && heard_ms - e->sent_ms >= SUPERVISOR_SETTLE_MS)
            e->settled = true;
        e->sent_ms = 0;
    }
    sessions_settle(supervisor, heard_ms - SUPERVISOR_SETTLE_MS);
    size_t cursor = 0;
    void *value;
    while (map_next(supervisor->sessions, &cursor, NULL, &value))
        ((struct session *)value)->end_sent_ms = 0;
}

static bool is_wanted(const struct proto_welcome *welcome, const char *session_id) {
    for (size_t i = 0; i < welcome->wanted_count; i++)
        if (str_eq(welcome->wanted[i].session_id, session_id))
            return true;
    return false;
}

/* The ends of sessions: told again while they are wanted, forgotten when nobody asks for them any more. */
static void repeat_ends(struct supervisor *supervisor, const struct proto_welcome *welcome) {
    size_t cursor = 0;
    void *value;
    while (map_next(supervisor->sessions, &cursor, NULL, &value)) {
        struct session *session = value;
        if (session->state != SESSION_ENDED)
            continue;
        if (is_wanted(welcome, session->id)) {
            agent_session_send_end(supervisor, session);
        } else {
            agent_session_forget_end(supervisor, session);
            agent_session_release(supervisor, session);
        }
    }
}

void agent_supervisor_welcomed(struct supervisor *supervisor, const struct proto_welcome *welcome) {
    size_t unsettled = 0;
    repeat_ends(supervisor, welcome);
    for (struct journal_entry *e = journal_first(supervisor->journal); e; e = journal_next(e))
        unsettled += e->durable && is_unsettled(e);
    for (struct journal_entry *e = journal_first(supervisor->journal); e; e = journal_next(e)) {
        if (e->state == JOURNAL_ACCEPTED && e->durable && is_command(e))
            send_ack(supervisor, e->id, e->attempt);
        else if (e->durable && is_unsettled(e) && unsettled-- <= SUPERVISOR_REPEATS_MAX)
            send_outcome(supervisor, e);
    }
}

/* --- life cycle --- */

struct supervisor *agent_supervisor_create(const struct supervisor_options *options) {
    struct supervisor *supervisor = mem_zalloc(sizeof *supervisor);
    supervisor->options = *options;
    supervisor->sessions = map_create();
    supervisor->pool = pool_create(options->threads ? options->threads : SUPERVISOR_THREADS);
    return supervisor;
}

static void restore_end(struct supervisor *supervisor, const struct journal_entry *entry) {
    struct session *session = agent_session_get(supervisor, entry->session_id);
    session->state = SESSION_ENDED;
    session->end_failed = entry->state == JOURNAL_FAILED;
    str_copy(session->end_reason, sizeof session->end_reason, entry->error ? entry->error : "");
}

static void continue_commands(struct supervisor *supervisor) {
    for (struct journal_entry *e = journal_first(supervisor->journal); e; e = journal_next(e)) {
        if (e->state != JOURNAL_ACCEPTED)
            continue;
        log_info("continuing a command", "command", e->id, "action", e->action, "session", e->session_id);
        supervisor->open++;
        if (action_parse(e->action) != ACTION_NONE && id_is_session(e->session_id)) {
            queue_entry(supervisor, e);
        } else {
            struct journal_outcome outcome = {.state = JOURNAL_FAILED, .error = "its record is unreadable"};
            supervisor->open--;
            supervisor->writing++;
            journal_finish(supervisor->journal, e, &outcome, on_outcome_written, supervisor);
        }
    }
}

int agent_supervisor_start(struct supervisor *supervisor, struct runtime *runtime, struct journal *journal,
                           struct err *err) {
    _cleanup_free_ struct runtime_inventory_entry *found = NULL;
    size_t count = 0;
    supervisor->runtime = runtime;
    supervisor->journal = journal;
    if (runtime->ops->adopt(runtime, &found, &count, err) < 0)
        return err_wrap(err, "cannot take over earlier sessions");
    for (struct journal_entry *e = journal_first(journal); e; e = journal_next(e))
        if (str_starts(e->id, "ended:") && e->state != JOURNAL_ACCEPTED)
            restore_end(supervisor, e);
    for (size_t i = 0; i < count; i++)
        agent_session_adopt(supervisor, &found[i]);
    if (count) {
        char number[24];
        snprintf(number, sizeof number, "%zu", count);
        log_info("took over sessions of an earlier process", "sessions", number);
    }
    continue_commands(supervisor);
    sessions_tick_start(supervisor);
    return 0;
}

bool agent_supervisor_close(struct supervisor *supervisor, int64_t limit_ms) {
    supervisor->closed = true;
    loop_timer_cancel(supervisor->tick);
    supervisor->tick = NULL;
    if (!pool_destroy(supervisor->pool, limit_ms))
        return false;
    supervisor->pool = NULL;
    loop_step(supervisor->options.loop, 0); /* outcomes of what was just done are still recorded */
    return true;
}

void agent_supervisor_destroy(struct supervisor *supervisor) {
    if (!supervisor)
        return;
    supervisor->closed = true;
    pool_destroy(supervisor->pool, SUPERVISOR_TASK_MAX_MS);
    loop_step(supervisor->options.loop, 0);
    sessions_tick_stop(supervisor);
    map_destroy(supervisor->sessions, agent_session_destroy);
    free(supervisor);
}

int64_t agent_supervisor_active(const struct supervisor *supervisor) {
    size_t cursor = 0;
    void *value;
    int64_t active = 0;
    while (map_next(supervisor->sessions, &cursor, NULL, &value)) {
        const struct session *session = value;
        bool passive =
            (session->state == SESSION_FROZEN && !session->running) || session->state == SESSION_ENDED;
        active += !passive;
    }
    return active;
}

bool agent_supervisor_idle(const struct supervisor *supervisor) {
    return supervisor->working == 0 && supervisor->open == 0 && supervisor->writing == 0;
}

void agent_supervisor_check_stopped(struct supervisor *supervisor) {
    if (!supervisor->stopped || !agent_supervisor_idle(supervisor))
        return;
    size_t cursor = 0;
    void *value;
    while (map_next(supervisor->sessions, &cursor, NULL, &value)) {
        const struct session *session = value;
        if (session->first || session->running)
            return;
    }
    loop_fn done = supervisor->stopped;
    supervisor->stopped = NULL;
    done(supervisor->stopped_arg);
}

void agent_supervisor_stop_all(struct supervisor *supervisor, loop_fn done, void *arg) {
    supervisor->stopping = true;
    supervisor->stopped = done;
    supervisor->stopped_arg = arg;
    size_t cursor = 0;
    void *value;
    while (map_next(supervisor->sessions, &cursor, NULL, &value)) {
        struct session *session = value;
        if (session->state != SESSION_ENDED)
            agent_session_queue(session, task_create(supervisor, ACTION_STOP, NULL));
    }
    agent_supervisor_check_stopped(supervisor);
}
