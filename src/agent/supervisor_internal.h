/* What the supervisor's files share.
 *
 *   supervisor.c   commands: journal, acknowledgement, outcomes, repeats
 *   sessions.c     sessions: queues, states, ends, inventory, usage
 *   task.c         the work itself, on worker threads
 */
#ifndef SS_AGENT_SUPERVISOR_INTERNAL_H
#define SS_AGENT_SUPERVISOR_INTERNAL_H

#include "agent/pool.h"
#include "agent/supervisor.h"
#include "base/map.h"

enum action { ACTION_NONE, ACTION_START, ACTION_STOP, ACTION_HIBERNATE, ACTION_WAKE, ACTION_UPDATE };

enum session_state {
    SESSION_ABSENT, /* not there (yet, or any more) */
    SESSION_RUNNING,
    SESSION_FROZEN,
    SESSION_ENDED, /* by itself; remembered until the control plane knows */
};

/* One piece of work for one session: a command, or the supervisor's own cleaning up. */
struct task {
    struct supervisor *supervisor;
    struct session *session;
    enum action action;
    struct journal_entry *entry; /* NULL: nobody asked for it */
    char *payload;               /* JSON text, or NULL */
    int64_t deadline_ms;         /* 0: none */
    bool overtaken;              /* a start behind which a stop waits: it is not to be tried again */
    bool cleaning;               /* a stop that says nothing */
    /* The outcome, written by the worker. */
    int status;
    struct err err;
    char *result; /* JSON text */
    struct task *next;
};

struct session {
    struct supervisor *supervisor;
    char id[SESSION_NAME_MAX + 1];
    enum session_state state;
    struct task *running;
    struct task *first, **last; /* waiting */
    bool end_pending;           /* it ended while a task was under way */
    bool end_failed;
    char end_reason[SESSION_REASON_MAX];
    int64_t end_sent_ms; /* when its end was told on this connection; 0: not yet */
    struct loop_timer *clean_retry;
    int64_t clean_delay_ms;
    int64_t cpu_usec, measured_us; /* for usage */
    struct proto_usage usage;      /* as last reported */
};

struct supervisor {
    struct supervisor_options options;
    struct runtime *runtime;
    struct journal *journal;
    struct pool *pool;
    struct map *sessions;
    size_t open;    /* commands accepted and not done */
    size_t writing; /* outcomes on their way to the disk */
    size_t working; /* tasks in workers' hands */
    bool closed, stopping;
    loop_fn stopped;
    void *stopped_arg;
    struct loop_timer *tick;
    struct usage_round *usage_round; /* in a worker's hands, or NULL */
};

/* --- task.c --- */
extern const char *const action_names[];
enum action action_parse(const char *text);
struct task *task_create(struct supervisor *supervisor, enum action action, struct journal_entry *entry);
void task_free(struct task *task);
void task_run(void *arg); /* on a worker; posts task_done */
bool err_is_retryable(const struct err *err);

/* --- sessions.c --- */
struct session *agent_session_find(struct supervisor *supervisor, const char *id);
struct session *agent_session_get(struct supervisor *supervisor, const char *id); /* made when unknown */
void agent_session_queue(struct session *session, struct task *task);
void agent_session_destroy(void *session);
void agent_session_state_text(const struct session *session, char *text);
void agent_session_adopt(struct supervisor *supervisor, const struct runtime_inventory_entry *found);
void agent_session_ended(struct supervisor *supervisor, struct session *session, bool failed,
                         const char *reason);
void agent_session_send_end(struct supervisor *supervisor, struct session *session);
void agent_session_forget_end(struct supervisor *supervisor, struct session *session);
/* Frees a session of which nothing is left to say. */
void agent_session_release(struct supervisor *supervisor, struct session *session);
void sessions_tick_start(struct supervisor *supervisor);
void sessions_tick_stop(struct supervisor *supervisor);
/* Forgets the ends that were told at `before_ms` or earlier: they have arrived. */
void sessions_settle(struct supervisor *supervisor, int64_t before_ms);
void task_done(void *task); /* on the loop */

/* --- supervisor.c --- */
void command_finished(struct supervisor *supervisor, struct journal_entry *entry, const struct task *task);
void agent_supervisor_check_stopped(struct supervisor *supervisor);

#endif
