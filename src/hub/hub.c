/* Life cycle: thread, timers, start and stop. */
#include "hub/hub_internal.h"

#include "control/agents/agent.h"
#include "control/commands/command.h"
#include "control/sessions/session.h"

#include <sodium.h>

#define STOP_LIMIT_MS 4000 /* for goodbyes to be sent and pairs to end */
#define STOP_STEP_MS 20

static int64_t or_default(int64_t value, int64_t otherwise) {
    return value > 0 ? value : otherwise;
}

static void fill_defaults(struct hub *hub, const struct hub_options *options) {
    struct hub_options *own = &hub->options;
    *own = *options;
    own->window = options->window ? options->window : HUB_WINDOW_DEFAULT;
    own->hello_ms = or_default(options->hello_ms, HUB_HELLO_MS_DEFAULT);
    own->stream_ms = or_default(options->stream_ms, HUB_STREAM_MS_DEFAULT);
    own->sweep_ms = or_default(options->sweep_ms, HUB_SWEEP_MS_DEFAULT);
    own->reconcile_ms = or_default(options->reconcile_ms, HUB_RECONCILE_MS_DEFAULT);
    own->keepalive_ms = or_default(options->keepalive_ms, HUB_KEEPALIVE_MS_DEFAULT);
    own->second_ms = or_default(options->second_ms, 1000);
    str_copy(hub->replica_id, sizeof hub->replica_id, options->replica_id);
    const char *path = options->stream_path ? options->stream_path : "/api/v1/agents/streams/";
    str_copy(hub->stream_path, sizeof hub->stream_path, path);
    own->replica_id = hub->replica_id;
    own->stream_path = hub->stream_path;
}

static void hub_free(struct hub *hub) {
    work_destroy(hub);
    map_destroy(hub->links, NULL);
    map_destroy(hub->streams, NULL);
    map_destroy(hub->sessions, free);
    map_destroy(hub->subscriber_counts, NULL);
    loop_destroy(hub->loop);
    pthread_mutex_destroy(&hub->lock);
    free(hub);
}

int hub_create(struct hub **ret, const struct hub_options *options, struct err *err) {
    if (sodium_init() < 0)
        return err_set(err, ERR_INTERNAL, NULL, "cannot initialise libsodium");
    struct hub *hub = mem_zalloc(sizeof *hub);
    pthread_mutex_init(&hub->lock, NULL);
    fill_defaults(hub, options);
    work_create(hub);
    hub->links = map_create();
    hub->streams = map_create();
    hub->sessions = map_create();
    hub->subscriber_counts = map_create();
    for (int i = 0; i < METRICS; i++) {
        const struct metric *row = &metric_table[i];
        hub->metrics[i].name = row->name;
        hub->metrics[i].help = row->help;
        hub->metrics[i].type = row->type;
        hub->metrics[i].label = row->label;
    }
    if (loop_create(&hub->loop, err) < 0) {
        hub_free(hub);
        return -1;
    }
    *ret = hub;
    return 0;
}

bool hub_post(struct hub *hub, loop_fn fn, void *arg) {
    pthread_mutex_lock(&hub->lock);
    bool open = !hub->closed;
    if (open)
        loop_post(hub->loop, fn, arg);
    pthread_mutex_unlock(&hub->lock);
    return open;
}

/* --- timers --- */

/* What no notification told of: lost ones, rows that waited for their back-off, events. */
static void sweep(void *arg) {
    struct hub *hub = arg;
    hub->sweep_timer = loop_timer_add(hub->loop, hub->options.sweep_ms, sweep, hub);
    dispatch_all(hub);
    events_look(hub);
}

static void keep_alive(void *arg) {
    struct hub *hub = arg;
    int64_t step = hub->options.keepalive_ms / 4 + 1;
    hub->keepalive_timer = loop_timer_add(hub->loop, step, keep_alive, hub);
    events_keep_alive(hub);
}

static void cancel_timers(struct hub *hub) {
    struct loop_timer **timers[] = {&hub->sweep_timer, &hub->reconcile_timer, &hub->keepalive_timer};
    for (size_t i = 0; i < ARRAY_SIZE(timers); i++) {
        loop_timer_cancel(*timers[i]);
        *timers[i] = NULL;
    }
}

/* --- start --- */

/* On a thread of the database's. */
static void on_commands(void *arg, const char *channel, const char *payload) {
    hub_wake(arg, payload);
}

static int forget_connections(struct hub *hub, struct err *err) {
    _cleanup_db_ struct db_conn *conn = NULL;
    /* On SQLite there is no other server: whatever the rows say, nobody is connected. */
    bool alone = str_eq(db_engine(hub->options.db), "sqlite");
    if (db_acquire(hub->options.db, &conn, err) < 0 ||
        agent_disconnect_all(conn, alone ? NULL : hub->replica_id, err) < 0)
        return -1;
    return alone ? session_reset_viewers(conn, err) : 0;
}

static void *run(void *arg) {
    struct hub *hub = arg;
    loop_run(hub->loop);
    return NULL;
}

int hub_start(struct hub *hub, struct err *err) {
    if (forget_connections(hub, err) < 0 || events_start(hub, err) < 0)
        return err_wrap(err, "hub");
    if (db_listen(hub->options.db, COMMAND_CHANNEL, on_commands, hub, err) < 0) {
        events_unlisten(hub);
        return err_wrap(err, "hub");
    }
    sweep(hub);
    keep_alive(hub);
    reconcile_start(hub);
    int failed = work_start(hub, err) < 0 ? -1 : pthread_create(&hub->thread, NULL, run, hub);
    if (failed == 0) {
        hub->started = true;
        return 0;
    }
    events_unlisten(hub);
    db_unlisten(hub->options.db, on_commands, hub);
    work_stop(hub);
    errno = failed;
    return failed < 0 ? -1 : err_errno(err, "cannot start the hub's thread");
}

/* --- stop --- */

static unsigned viewers_left(struct hub *hub) {
    pthread_mutex_lock(&hub->lock);
    unsigned left = hub->viewer_count;
    pthread_mutex_unlock(&hub->lock);
    return left;
}

struct stop {
    struct hub *hub;
    int64_t until;
};

static void stopped_yet(void *arg) {
    struct stop *stop = arg;
    struct hub *hub = stop->hub;
    hub->stop_timer = NULL;
    bool done = !hub->all_links && !viewers_left(hub) && !work_left(hub);
    if (done || clock_ms() >= stop->until)
        loop_stop(hub->loop);
    else
        hub->stop_timer = loop_timer_add(hub->loop, STOP_STEP_MS, stopped_yet, stop);
}

static void begin_stop(void *arg) {
    struct stop *stop = arg;
    struct hub *hub = stop->hub;
    hub->stopping = true;
    cancel_timers(hub);
    streams_stop(hub);
    viewers_end_all(hub);
    links_stop(hub);
    events_stop(hub);
    stopped_yet(stop);
}

/* What was posted before the door closed is done by this thread: its owners wait for their callbacks. */
static void drain(struct hub *hub) {
    pthread_mutex_lock(&hub->lock);
    hub->closed = true;
    pthread_mutex_unlock(&hub->lock);
    loop_step(hub->loop, 0);
    loop_step(hub->loop, 0);
    work_finish(hub);
    loop_step(hub->loop, 0);
}

void hub_stop(struct hub *hub) {
    if (!hub->started)
        return;
    events_unlisten(hub);
    db_unlisten(hub->options.db, on_commands, hub);
    struct stop stop = {.hub = hub, .until = clock_ms() + STOP_LIMIT_MS};
    hub_post(hub, begin_stop, &stop);
    pthread_join(hub->thread, NULL);
    hub->started = false;
    work_stop(hub);
    drain(hub);
    links_destroy(hub);
    work_finish(hub);
}

void hub_destroy(struct hub *hub) {
    if (!hub)
        return;
    hub_stop(hub);
    if (viewers_left(hub)) { /* the relay still holds pairs that point here */
        log_error("hub: viewers did not end in time");
        return;
    }
    hub_free(hub);
}
