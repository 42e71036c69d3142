/* Sessions: their queues, what became of them, and what they use. */
#include "agent/supervisor_internal.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"

#define USAGE_CPU_STEP 10 /* thousandths of a core: smaller changes are not reported */
#define USAGE_MEMORY_STEP (1024 * 1024)
#define INTERRUPTED "its start was interrupted and cannot be continued"
#define ENDED_AWAY "the session ended while the agent was away"

struct session *agent_session_find(struct supervisor *supervisor, const char *id) {
    return map_get(supervisor->sessions, id);
}

struct session *agent_session_get(struct supervisor *supervisor, const char *id) {
    struct session *session = agent_session_find(supervisor, id);
    if (session)
        return session;
    session = mem_zalloc(sizeof *session);
    session->supervisor = supervisor;
    str_copy(session->id, sizeof session->id, id);
    session->last = &session->first;
    map_set(supervisor->sessions, id, session);
    return session;
}

void agent_session_destroy(void *arg) {
    struct session *session = arg;
    loop_timer_cancel(session->clean_retry);
    while (session->first) {
        struct task *next = session->first->next;
        task_free(session->first);
        session->first = next;
    }
    if (session->running)
        task_free(session->running);
    free(session);
}

void agent_session_release(struct supervisor *supervisor, struct session *session) {
    if (session->state == SESSION_ABSENT && !session->running && !session->first && !session->clean_retry) {
        map_remove(supervisor->sessions, session->id);
        agent_session_destroy(session);
    }
}

/* --- what the control plane is told --- */

static int send_status(struct supervisor *supervisor, const struct session *session, const char *state,
                       const char *reason) {
    struct proto_message message = {.type = PROTO_STATUS};
    struct proto_status *status = &message.status;
    str_copy(status->session_id, sizeof status->session_id, session->id);
    str_copy(status->state, sizeof status->state, state);
    str_copy(status->reason, sizeof status->reason, reason ? reason : "");
    status->vnc_ready = str_eq(state, "running");
    if (status->vnc_ready) {
        status->usage = session->usage;
        status->platform_metadata = json_pack("{s:s}", "runtime", supervisor->runtime->ops->name);
    }
    int result = supervisor->options.send(supervisor->options.arg, &message);
    proto_message_finish(&message);
    return result;
}

void agent_session_send_end(struct supervisor *supervisor, struct session *session) {
    if (send_status(supervisor, session, session->end_failed ? "failed" : "terminated",
                    session->end_reason) == 0)
        session->end_sent_ms = clock_ms();
}

void sessions_settle(struct supervisor *supervisor, int64_t before_ms) {
    size_t cursor = 0;
    void *value;
    while (map_next(supervisor->sessions, &cursor, NULL, &value)) {
        struct session *session = value;
        if (session->state != SESSION_ENDED || !session->end_sent_ms || session->end_sent_ms > before_ms)
            continue;
        agent_session_forget_end(supervisor, session);
        agent_session_release(supervisor, session);
    }
}

/* As in the inventory; "" when there is nothing. */
void agent_session_state_text(const struct session *session, char *text) {
    static const char *const doing[] = {
        [ACTION_START] = "starting", [ACTION_STOP] = "terminating", [ACTION_HIBERNATE] = "hibernating",
        [ACTION_WAKE] = "waking",    [ACTION_UPDATE] = "running",
    };
    static const char *const being[] = {
        [SESSION_ABSENT] = "",
        [SESSION_RUNNING] = "running",
        [SESSION_FROZEN] = "hibernated",
    };
    const char *state = "";
    if (session->running && !session->running->cleaning)
        state = doing[session->running->action];
    else if (session->state == SESSION_ENDED)
        state = session->end_failed ? "failed" : "terminated";
    else
        state = being[session->state];
    for (const struct task *task = session->first; task && !*state; task = task->next)
        if (task->action == ACTION_START)
            state = "starting";
    str_copy(text, PROTO_STATE_SIZE, state);
}

/* --- the queue --- */

static void run_next(struct session *session) {
    struct supervisor *supervisor = session->supervisor;
    if (session->running || !session->first || supervisor->closed)
        return;
    struct task *task = session->running = session->first;
    session->first = task->next;
    if (!session->first)
        session->last = &session->first;
    task->next = NULL;
    supervisor->working++;
    pool_submit(supervisor->pool, task_run, task);
}

/* What waits in front of a stop is not run any more. */
static void overtake(struct session *session) {
    struct task *task = session->first;
    session->first = NULL;
    session->last = &session->first;
    while (task) {
        struct task *next = task->next;
        if (task->action == ACTION_STOP) {
            *session->last = task;
            session->last = &task->next;
            task->next = NULL;
        } else {
            task->status =
                err_set(&task->err, ERR_CONFLICT, "cancelled", "overtaken by %s", action_names[ACTION_STOP]);
            command_finished(task->supervisor, task->entry, task);
            task_free(task);
        }
        task = next;
    }
    struct runtime *runtime = session->supervisor->runtime;
    if (!session->running || session->running->action != ACTION_START)
        return;
    session->running->overtaken = true;
    if (runtime->ops->cancel)
        runtime->ops->cancel(runtime, session->id);
}

void agent_session_queue(struct session *session, struct task *task) {
    if (task->action == ACTION_STOP && !task->cleaning)
        overtake(session);
    task->session = session;
    *session->last = task;
    session->last = &task->next;
    run_next(session);
}

/* --- outcomes --- */

static void succeeded(struct supervisor *supervisor, struct session *session, const struct task *task) {
    switch (task->action) {
    case ACTION_START:
        agent_session_forget_end(supervisor, session);
        session->state = SESSION_RUNNING;
        session->measured_us = 0;
        session->usage = (struct proto_usage){0};
        send_status(supervisor, session, "running", NULL);
        break;
    case ACTION_WAKE:
        session->state = SESSION_RUNNING;
        send_status(supervisor, session, "running", NULL);
        break;
    case ACTION_HIBERNATE:
        session->state = SESSION_FROZEN;
        send_status(supervisor, session, "hibernated", NULL);
        break;
    case ACTION_UPDATE:
        break;
    case ACTION_STOP:
    case ACTION_NONE:
        session->end_pending = false;
        loop_timer_cancel(session->clean_retry);
        session->clean_retry = NULL;
        session->clean_delay_ms = 0;
        if (task->cleaning)
            break;
        agent_session_forget_end(supervisor, session);
        session->state = SESSION_ABSENT;
        send_status(supervisor, session, "terminated", supervisor->stopping ? "the agent was stopped" : NULL);
        break;
    }
}

static void clean_up(struct supervisor *supervisor, struct session *session) {
    struct task *task = task_create(supervisor, ACTION_STOP, NULL);
    task->cleaning = true;
    agent_session_queue(session, task);
}

static void clean_again(void *arg) {
    struct session *session = arg;
    session->clean_retry = NULL;
    clean_up(session->supervisor, session);
}

/* What an ended session left cannot be removed now: nobody else will come to ask for it. */
static void retry_cleaning(struct session *session) {
    int64_t delay = session->clean_delay_ms ? session->clean_delay_ms * 2 : SUPERVISOR_CLEAN_RETRY_MS;
    if (delay > SUPERVISOR_CLEAN_RETRY_MAX_MS)
        delay = SUPERVISOR_CLEAN_RETRY_MAX_MS;
    session->clean_delay_ms = delay;
    if (!session->clean_retry)
        session->clean_retry = loop_timer_add(session->supervisor->options.loop, delay, clean_again, session);
}

void task_done(void *arg) {
    struct task *task = arg;
    struct session *session = task->session;
    struct supervisor *supervisor = task->supervisor;
    session->running = NULL;
    supervisor->working--;
    if (task->status == 0)
        succeeded(supervisor, session, task);
    else
        log_warn("a session's command failed", "session", session->id, "action", action_names[task->action],
                 "command", task->entry ? task->entry->id : NULL, "error", task->err.message);
    if (task->status < 0 && task->action == ACTION_START && session->state == SESSION_ABSENT)
        session->end_pending = false; /* a start that failed has left nothing to end */
    if (task->status < 0 && task->cleaning)
        retry_cleaning(session);
    command_finished(supervisor, task->entry, task);
    task_free(task);
    if (session->end_pending) {
        session->end_pending = false;
        agent_session_ended(supervisor, session, session->end_failed, session->end_reason);
    }
    run_next(session);
    agent_session_release(supervisor, session);
    agent_supervisor_check_stopped(supervisor);
}

/* --- ends that nobody asked for --- */

static void end_key(const struct session *session, char *key) {
    snprintf(key, JOURNAL_ID_MAX + 1, "ended:%s", session->id);
}

void agent_session_forget_end(struct supervisor *supervisor, struct session *session) {
    char key[JOURNAL_ID_MAX + 1];
    end_key(session, key);
    struct journal_entry *entry = journal_find(supervisor->journal, key, 0);
    if (entry)
        journal_forget(supervisor->journal, entry);
    if (session->state == SESSION_ENDED)
        session->state = SESSION_ABSENT;
}

/* Written down, so that the reason survives this process. */
static void record_end(struct supervisor *supervisor, struct session *session) {
    char key[JOURNAL_ID_MAX + 1];
    end_key(session, key);
    agent_session_forget_end(supervisor, session);
    struct journal_command command = {.id = key, .action = "ended", .session_id = session->id};
    struct journal_outcome outcome = {.state = session->end_failed ? JOURNAL_FAILED : JOURNAL_COMPLETED,
                                      .error = session->end_reason};
    struct journal_entry *entry = journal_accept(supervisor->journal, &command, NULL, NULL);
    journal_finish(supervisor->journal, entry, &outcome, NULL, NULL);
}

void agent_session_ended(struct supervisor *supervisor, struct session *session, bool failed,
                         const char *reason) {
    char copy[SESSION_REASON_MAX]; /* `reason` may be the session's own */
    str_copy(copy, sizeof copy, reason ? reason : "");
    str_copy(session->end_reason, sizeof session->end_reason, copy);
    session->end_failed = failed;
    if (session->running) { /* its end is told in order */
        session->end_pending = session->running->action != ACTION_STOP;
        return;
    }
    if (session->state != SESSION_RUNNING && session->state != SESSION_FROZEN)
        return;
    log_info("session ended", "session", session->id, "reason", session->end_reason);
    record_end(supervisor, session);
    session->state = SESSION_ENDED;
    session->end_sent_ms = 0;
    agent_session_send_end(supervisor, session);
    clean_up(supervisor, session);
}

/* --- adoption --- */

static bool has_open(const struct supervisor *supervisor, const char *session_id, enum action action) {
    for (struct journal_entry *e = journal_first(supervisor->journal); e; e = journal_next(e))
        if (e->state == JOURNAL_ACCEPTED && str_eq(e->session_id, session_id) &&
            action_parse(e->action) == action)
            return true;
    return false;
}

void agent_session_adopt(struct supervisor *supervisor, const struct runtime_inventory_entry *found) {
    struct session *session = agent_session_get(supervisor, found->session_id);
    bool over = session->state == SESSION_ENDED; /* the journal says so: this is its rest */
    if (found->state == RUNTIME_RUNNING || found->state == RUNTIME_FROZEN) {
        agent_session_forget_end(supervisor, session);
        session->state = found->state == RUNTIME_RUNNING ? SESSION_RUNNING : SESSION_FROZEN;
        return;
    }
    /* Half made or half gone. A start that is to be continued begins on clean ground. */
    if (over || has_open(supervisor, session->id, ACTION_START) ||
        has_open(supervisor, session->id, ACTION_STOP)) {
        clean_up(supervisor, session);
        return;
    }
    session->state = SESSION_RUNNING;
    agent_session_ended(supervisor, session, true,
                        found->state == RUNTIME_STARTING ? INTERRUPTED : ENDED_AWAY);
}

/* --- usage --- */

struct usage_entry {
    char id[SESSION_NAME_MAX + 1];
    bool known;
    struct runtime_usage usage;
    int64_t at_us;
};

struct usage_round {
    struct supervisor *supervisor;
    size_t count;
    struct usage_entry entries[];
};

static bool differs(int64_t a, int64_t b, int64_t step) {
    return a - b >= step || b - a >= step;
}

static void usage_apply(struct supervisor *supervisor, const struct usage_entry *entry) {
    struct session *session = agent_session_find(supervisor, entry->id);
    if (!entry->known || !session || session->state != SESSION_RUNNING || session->running)
        return;
    struct proto_usage now = {.memory_bytes = entry->usage.memory_bytes};
    int64_t elapsed = entry->at_us - session->measured_us;
    if (session->measured_us && elapsed > 0 && entry->usage.cpu_usec > session->cpu_usec)
        now.cpu_millis = (entry->usage.cpu_usec - session->cpu_usec) * 1000 / elapsed;
    session->measured_us = entry->at_us;
    session->cpu_usec = entry->usage.cpu_usec;
    if (!differs(now.cpu_millis, session->usage.cpu_millis, USAGE_CPU_STEP) &&
        !differs(now.memory_bytes, session->usage.memory_bytes, USAGE_MEMORY_STEP))
        return;
    session->usage = now;
    send_status(supervisor, session, "running", NULL);
}

static void usage_done(void *arg) {
    struct usage_round *round = arg;
    struct supervisor *supervisor = round->supervisor;
    supervisor->usage_round = NULL;
    for (size_t i = 0; i < round->count; i++)
        usage_apply(supervisor, &round->entries[i]);
    free(round);
}

static void usage_measure(void *arg) {
    struct usage_round *round = arg;
    struct runtime *runtime = round->supervisor->runtime;
    for (size_t i = 0; i < round->count; i++) {
        struct usage_entry *entry = &round->entries[i];
        entry->known = runtime->ops->usage(runtime, entry->id, &entry->usage, NULL) == 0;
        entry->at_us = clock_us();
    }
    loop_post(round->supervisor->options.loop, usage_done, round);
}

static void usage_begin(struct supervisor *supervisor) {
    if (supervisor->usage_round)
        return;
    size_t cursor = 0;
    void *value;
    struct usage_round *round =
        mem_zalloc(sizeof *round + map_count(supervisor->sessions) * sizeof round->entries[0]);
    round->supervisor = supervisor;
    while (map_next(supervisor->sessions, &cursor, NULL, &value)) {
        const struct session *session = value;
        if (session->state == SESSION_RUNNING && !session->running)
            str_copy(round->entries[round->count++].id, SESSION_NAME_MAX + 1, session->id);
    }
    if (!round->count) {
        free(round);
        return;
    }
    supervisor->usage_round = round;
    pool_submit(supervisor->pool, usage_measure, round);
}

static void tick(void *arg) {
    struct supervisor *supervisor = arg;
    sessions_tick_start(supervisor);
    if (supervisor->runtime->ops->usage)
        usage_begin(supervisor);
    /* Were the connection lost meanwhile, the times of sending would have been reset. */
    sessions_settle(supervisor, clock_ms() - SUPERVISOR_SETTLE_MS - SUPERVISOR_TICK_MS);
}

void sessions_tick_start(struct supervisor *supervisor) {
    supervisor->tick = loop_timer_add(supervisor->options.loop, SUPERVISOR_TICK_MS, tick, supervisor);
}

void sessions_tick_stop(struct supervisor *supervisor) {
    loop_timer_cancel(supervisor->tick);
    supervisor->tick = NULL;
    free(supervisor->usage_round);
    supervisor->usage_round = NULL;
}
