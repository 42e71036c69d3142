/* What the files of this room share. Everything is the hub thread's alone unless it says otherwise.
 *
 *   hub.c        life cycle, thread, timers
 *   work.c       the queue of database work and the thread that does it: in order, tried again while the
 * database is away link.c       one agent's connection: hello, silence, messages hello.c      an agent's
 * hello: generation, welcome, inventory dispatch.c   commands out, answers in streams.c    streams being
 * opened viewers.c    pairs of browser and display events.c     the event bus figures.c    the table of
 * metrics, and the reconciler's timer
 */
#ifndef SS_HUB_INTERNAL_H
#define SS_HUB_INTERNAL_H

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/map.h"
#include "hub/hub.h"

#include <pthread.h>
#include <stdatomic.h>

/* Of a command's life, for the histograms. */
enum command_stage {
    STAGE_QUEUE,     /* from being queued to being sent */
    STAGE_DELIVERY,  /* from there to the agent's acknowledgement */
    STAGE_EXECUTION, /* from there to its end */
    STAGE_TOTAL,     /* from being queued to its end */
    COMMAND_STAGES
};

enum {
    M_AGENTS,
    M_CONNECTS,
    M_REPLACED,
    M_REFUSED,
    M_SILENT,
    M_MESSAGES,
    M_BAD_MESSAGES,
    M_UNKNOWN_MESSAGES,
    M_IGNORED_FIELDS,
    M_STALE_MESSAGES,
    M_COMMANDS_SENT,
    M_COMMANDS_ACKED,
    M_COMMANDS_COMPLETED,
    M_COMMANDS_FAILED,
    M_COMMAND_ACK_SECONDS,
    M_COMMAND_SECONDS,
    M_COMMAND_STAGE_FIRST, /* in the order of enum command_stage */
    M_COMMAND_STAGE_LAST = M_COMMAND_STAGE_FIRST + COMMAND_STAGES - 1,
    M_START_STAGE_FIRST,
    M_START_STAGE_LAST = M_START_STAGE_FIRST + COMMAND_STAGES - 1,
    M_COMMANDS_RETURNED,
    M_QUEUE_PENDING,
    M_QUEUE_SENT,
    M_QUEUE_ACKNOWLEDGED,
    M_SESSIONS_FIRST, /* one for each state */
    M_SESSIONS_LAST = M_SESSIONS_FIRST + 8,
    M_ORPHANS,
    M_STUCK,
    M_ORPHANS_STOPPED,
    M_OVERDUE,
    M_MISSING,
    M_STREAMS_OPENED,
    M_STREAMS_FAILED,
    M_STREAM_SECONDS,
    M_VIEWERS,
    M_SUBSCRIBERS,
    M_SUBSCRIBERS_DROPPED,
    M_EVENTS,
    M_WORK,
    M_WORK_RETRIES,
    M_WORK_DROPPED,
    M_WORK_SECONDS,
    METRICS
};

#define WORK_MAX 65536 /* items waiting for the database, all agents together */
#define WORK_PER_LINK_MAX                                                                                    \
    8192 /* messages of one agent; more closes its connection, which then says hello anew */
#define WORK_ROUND_ITEMS 64 /* done in one go before sockets are looked at again */
#define WORK_ROUND_US 20000
#define WORK_RETRY_MS 100 /* doubles to WORK_RETRY_MAX_MS while the database is away */
#define WORK_RETRY_MAX_MS 2000
#define WINDOW_FORGET_MS (10 * 60 * 1000) /* a command without an answer leaves the window after this */

struct link;
struct stream;
struct viewer;
struct subscription;
struct worker;

struct hub {
    struct hub_options options; /* defaults filled in */
    char replica_id[PROTO_NAME_SIZE];
    char stream_path[PROTO_PATH_SIZE - PROTO_STREAM_ID_SIZE];
    struct loop *loop;
    pthread_t thread;
    bool started;
    bool stopping;

    pthread_mutex_t lock; /* guards what is marked with (lock) */
    bool closed;          /* (lock) no more posts */

    struct map *links;      /* agent id → struct link that said hello */
    struct link *all_links; /* list */
    unsigned link_count;

    struct worker *worker;

    struct map *streams;   /* (lock) id → struct stream */
    struct map *sessions;  /* (lock) session → struct session_viewers */
    unsigned viewer_count; /* (lock) alive or being opened */

    struct subscription *subscriptions;
    unsigned subscription_count;   /* (lock) */
    struct map *subscriber_counts; /* (lock) username → how many, as a uintptr_t */
    int64_t next_subscription;     /* (lock) */
    int64_t last_event;
    bool events_due;
    bool events_unsure; /* the database was away: is the last event still there? */

    struct loop_timer *sweep_timer, *reconcile_timer, *keepalive_timer, *stop_timer;
    bool reconcile_due;
    unsigned reconcile_rounds;

    struct metric metrics[METRICS];
};

/* Runs fn(arg) on the hub's thread. False when the hub is closed: the caller keeps `arg`. Any thread. */
bool hub_post(struct hub *hub, loop_fn fn, void *arg);

/* --- work.c --- */

/* A kind of database work. */
struct work_kind {
    const char *what; /* for the log */
    bool alone;       /* what is done behind it must see its consequences: never in one batch with others */
    bool tells;       /* done deals with errors (and logs them) itself */
    /* On the hub's thread, when its turn has come: copies what `run` needs. False: nothing is to be done any
     * more. May be NULL; called again when the database was away. */
    bool (*begin)(struct hub *hub, void *arg);
    /* On the database's thread: touches its argument and what never changes, nothing else. -1 with
     * ERR_UNAVAILABLE: it is tried again later, before anything behind it. */
    int (*run)(struct hub *hub, struct db_conn *conn, void *arg, struct err *err);
    /* On the hub's thread, exactly once: consequences, then frees `arg`. `result` is what run returned, or
     * WORK_NOT_RUN (begin said no, or the work was dropped). `err` is NULL unless it is -1. */
    void (*done)(struct hub *hub, void *arg, int result, const struct err *err);
};
#define WORK_NOT_RUN 1

/* Queues a piece behind what waits. False when WORK_MAX is reached: done has been called. `must` passes over
 * the limit. */
bool work_add(struct hub *hub, const struct work_kind *kind, void *arg, bool must);
int work_start(struct hub *hub, struct err *err);
/* Ends the database's thread, after the hub's. What it did is still told, by the next round of the loop. */
void work_stop(struct hub *hub);
/* Drops what waits. */
void work_finish(struct hub *hub);
void work_create(struct hub *hub);
void work_destroy(struct hub *hub);
size_t work_left(const struct hub *hub); /* pieces waiting and under way */
/* Frees `arg`: the done of work without consequences. */
void work_free(struct hub *hub, void *arg, int result, const struct err *err);

/* --- link.c --- */

enum link_state {
    LINK_NEW,    /* hello is awaited */
    LINK_HELLO,  /* … and waits for the database */
    LINK_UP,     /* … */
    LINK_ENDING, /* closing; its messages are not read any more */
};

struct link {
    struct hub *hub;
    unsigned refs; /* the hub's list and every piece of work */
    struct link *previous, *next;
    char agent_id[AGENT_ID_MAX + 1];
    char instance_id[PROTO_NAME_SIZE];
    enum link_state state;
    struct ws *ws; /* NULL when it is over */
    int64_t generation;
    int64_t period_ms;
    int64_t heard_at; /* clock_ms of the last message */
    int64_t ping_at;  /* when the next ping is due */
    uint64_t pings;
    bool degraded;
    bool listed;              /* in hub->links */
    struct loop_timer *timer; /* hello's limit, then pings and silence */
    size_t waiting;           /* messages in the work queue */

    struct agent_beat { /* what the database knows */
        bool draining;
        struct proto_capacity capacity;
        int64_t written_at; /* 0: never */
    } beat;
    json_t *missing; /* programs, as last written; owned */

    struct map *open; /* command id → struct open_command: sent or acknowledged */
    bool settled;     /* its inventory has been compared: commands may follow */
    bool dispatch_queued;
    struct loop_timer *dispatch_timer;
};

void link_new(void *task); /* struct new_link *, posted */
struct link *link_ref(struct link *link);
void link_unref(struct link *link);
/* NULL when the agent is not connected here or has not said hello. */
struct link *link_find(struct hub *hub, const char *agent_id);
/* Sends; a connection that does not take it is closed. */
int link_send(struct link *link, const struct proto_message *message, struct err *err);
/* Closes; offline in the database follows. */
void link_close(struct link *link, int code, const char *reason);
/* The database took an agent for a connection that is over already: offline again. */
void link_abandon(struct link *link, int64_t generation);
/* Any heartbeat period's silence: is this connection heard on time? */
bool link_alive(const struct link *link);
/* Begins with pings and the watch over silence. */
void link_watch(struct link *link);
void links_stop(struct hub *hub);
/* Frees what would not close; after the thread has ended. */
void links_destroy(struct hub *hub);

/* --- hello.c --- */

/* Takes the message over. */
void hello_received(struct link *link, struct proto_message *message);

/* --- dispatch.c --- */

/* Looks for commands of this link. */
void dispatch(struct link *link);
void dispatch_all(struct hub *hub);
void dispatch_finish(struct link *link); /* frees the window */
/* A command that the agent's hello said is being done. */
void dispatch_adopt(struct link *link, const struct proto_open_command *command);
/* Takes the message over (heartbeat, ack, complete, failed, status). */
void dispatch_received(struct link *link, struct proto_message *message);

/* --- streams.c --- */

void stream_failed(struct hub *hub, const char *agent_id, const struct proto_stream_error *message);
/* The agent's connection ended. */
void streams_agent_gone(struct hub *hub, const char *agent_id);
/* Gives up a stream that is being opened for `arg`: `done` is not called. Nothing when there is none. */
void stream_cancel(struct hub *hub, const char *stream_id);
/* As hub_stream_open, on the hub's thread; `id` (PROTO_STREAM_ID_SIZE bytes) is "" when done has been called
 * already. */
void stream_start(struct hub *hub, const char *session, const char *agent_id, enum hub_stream_kind kind,
                  hub_stream_fn done, void *arg, char *id);
void streams_session_over(struct hub *hub, const char *session);
void streams_stop(struct hub *hub);

/* --- viewers.c --- */

void viewers_end(struct hub *hub, const struct hub_viewer_filter *filter, int code, const char *reason);
void viewers_end_all(struct hub *hub);

/* --- events.c --- */

int events_start(struct hub *hub, struct err *err);
void events_look(struct hub *hub);
void events_keep_alive(struct hub *hub);
void events_stop(struct hub *hub);
void events_unlisten(struct hub *hub);

/* --- figures.c --- */

extern const struct metric metric_table[METRICS];
void reconcile_start(struct hub *hub);

static inline void count(struct hub *hub, int metric, int64_t amount) {
    metric_add(&hub->metrics[metric], amount);
}

#endif
