/* Database work, in order. While the database is away the first piece is tried again and the others wait
 * behind it, so that a command's acknowledgement never overtakes its hello, and nothing that an agent said is
 * lost. */
#include "hub/hub_internal.h"

struct work {
    const char *what;
    work_fn fn;
    void (*done)(void *arg);
    void *arg;
    struct work *next;
};

static void run(void *arg);

static void finish(struct work *work) {
    if (work->done)
        work->done(work->arg);
    free(work);
}

static void schedule(struct hub *hub) {
    if (hub->work_posted || hub->work_timer || !hub->first_work)
        return;
    hub->work_posted = true;
    loop_post(hub->loop, run, hub);
}

bool work_add(struct hub *hub, const char *what, work_fn fn, void (*done)(void *arg), void *arg, bool must) {
    struct work *work = mem_zalloc(sizeof *work);
    *work = (struct work){.what = what, .fn = fn, .done = done, .arg = arg};
    if (hub->work_count >= WORK_MAX && !must) {
        count(hub, M_WORK_DROPPED, 1);
        finish(work);
        return false;
    }
    *hub->last_work = work;
    hub->last_work = &work->next;
    hub->work_count++;
    metric_set(&hub->metrics[M_WORK], (int64_t)hub->work_count);
    schedule(hub);
    return true;
}

static struct work *take_first(struct hub *hub) {
    struct work *work = hub->first_work;
    hub->first_work = work->next;
    if (!work->next)
        hub->last_work = &hub->first_work;
    hub->work_count--;
    metric_set(&hub->metrics[M_WORK], (int64_t)hub->work_count);
    return work;
}

static void retry_now(void *arg) {
    struct hub *hub = arg;
    hub->work_timer = NULL;
    schedule(hub);
}

static void retry_later(struct hub *hub, const struct err *err) {
    count(hub, M_WORK_RETRIES, 1);
    if (!hub->database_away) {
        hub->database_away = true;
        log_warn("database away, trying again", "error", err->message);
    }
    hub->work_timer = loop_timer_add(hub->loop, hub->work_retry_ms, retry_now, hub);
    hub->work_retry_ms *= 2;
    if (hub->work_retry_ms > WORK_RETRY_MAX_MS)
        hub->work_retry_ms = WORK_RETRY_MAX_MS;
}

static void is_back(struct hub *hub) {
    hub->work_retry_ms = WORK_RETRY_MS;
    if (hub->database_away)
        log_info("database is back");
    hub->database_away = false;
}

/* One piece. False when the database is away. */
static bool run_first(struct hub *hub, struct db_conn *conn) {
    struct err err = {0};
    struct work *work = hub->first_work;
    int64_t began = clock_us();
    int result = work->fn(hub, conn, work->arg, &err);
    metric_observe_us(&hub->metrics[M_WORK_SECONDS], clock_us() - began);
    if (result < 0 && err.kind == ERR_UNAVAILABLE) {
        retry_later(hub, &err);
        return false;
    }
    if (result < 0) {
        count(hub, M_WORK_DROPPED, 1);
        log_error("hub: work failed", "what", work->what, "code", err.code, "error", err.message);
    }
    is_back(hub);
    finish(take_first(hub));
    return true;
}

static void run(void *arg) {
    struct hub *hub = arg;
    hub->work_posted = false;
    if (!hub->first_work || hub->work_timer)
        return;
    struct err err = {0};
    _cleanup_db_ struct db_conn *conn = NULL;
    if (db_acquire(hub->options.db, &conn, &err) < 0) {
        retry_later(hub, &err);
        return;
    }
    int64_t until = clock_us() + WORK_ROUND_US;
    for (int i = 0; i < WORK_ROUND_ITEMS && hub->first_work; i++)
        if (!run_first(hub, conn) || clock_us() >= until)
            break;
    schedule(hub);
}

void work_finish(struct hub *hub) {
    loop_timer_cancel(hub->work_timer);
    hub->work_timer = NULL;
    while (hub->first_work)
        finish(take_first(hub));
}
