/* Database work, in order, on a thread of its own: a database that is slow or away holds up nobody's
 * heartbeats.
 *
 * The hub's thread hands over a batch; the database's thread runs it and hands back what became of it. While
 * the database is away the first piece is tried again and the others wait behind it, so that nothing that an
 * agent said is lost, and no acknowledgement overtakes its hello. */
#include "hub/hub_internal.h"

struct work {
    const struct work_kind *kind;
    void *arg;
    int result;
    struct err *err; /* of a piece that failed for good */
    bool ran;
    struct work *next;
};

struct work_list {
    struct work *first, **last;
};

struct worker {
    struct hub *hub;
    /* The hub's thread's. */
    struct work_list waiting;
    size_t count; /* waiting and under way */
    struct loop_timer *timer;
    bool posted;
    bool under_way;
    int64_t retry_ms;
    bool away; /* said so in the log */
    /* Shared. */
    pthread_t thread;
    bool started;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct work *batch; /* (lock) handed over, not yet taken */
    bool quit;          /* (lock) */
    /* The database's thread's until it is handed back. */
    struct work *taken;
    struct err trouble; /* why it stopped early */
};

static void schedule(struct worker *worker);

static void push(struct work_list *list, struct work *work) {
    work->next = NULL;
    *list->last = work;
    list->last = &work->next;
}

static struct work *pop(struct work_list *list) {
    struct work *work = list->first;
    list->first = work->next;
    if (!list->first)
        list->last = &list->first;
    return work;
}

static void set_count(struct worker *worker, size_t number) {
    worker->count = number;
    metric_set(&worker->hub->metrics[M_WORK], (int64_t)number);
}

static void finish(struct worker *worker, struct work *work) {
    set_count(worker, worker->count - 1);
    work->kind->done(worker->hub, work->arg, work->ran ? work->result : WORK_NOT_RUN, work->err);
    free(work->err);
    free(work);
}

void work_free(struct hub *hub, void *arg, int result, const struct err *err) {
    free(arg);
}

bool work_add(struct hub *hub, const struct work_kind *kind, void *arg, bool must) {
    struct worker *worker = hub->worker;
    struct work *work = mem_zalloc(sizeof *work);
    *work = (struct work){.kind = kind, .arg = arg};
    set_count(worker, worker->count + 1);
    if (worker->count > WORK_MAX && !must) {
        count(hub, M_WORK_DROPPED, 1);
        finish(worker, work);
        return false;
    }
    push(&worker->waiting, work);
    schedule(worker);
    return true;
}

/* --- on the hub's thread --- */

static void retry_now(void *arg) {
    struct worker *worker = arg;
    worker->timer = NULL;
    schedule(worker);
}

static void retry_later(struct worker *worker) {
    count(worker->hub, M_WORK_RETRIES, 1);
    if (!worker->away) {
        worker->away = true;
        log_warn("database away, trying again", "error", worker->trouble.message);
    }
    worker->timer = loop_timer_add(worker->hub->loop, worker->retry_ms, retry_now, worker);
    worker->retry_ms = worker->retry_ms * 2 < WORK_RETRY_MAX_MS ? worker->retry_ms * 2 : WORK_RETRY_MAX_MS;
}

static void is_back(struct worker *worker) {
    worker->retry_ms = WORK_RETRY_MS;
    if (worker->away)
        log_info("database is back");
    worker->away = false;
}

/* What the batch did, in order; what it did not come to waits in front again. */
static void handed_back(void *arg) {
    struct worker *worker = arg;
    struct work *work = steal_pointer(&worker->taken);
    worker->under_way = false;
    while (work && work->ran) {
        struct work *next = work->next;
        is_back(worker);
        if (work->result < 0 && !work->kind->tells) {
            count(worker->hub, M_WORK_DROPPED, 1);
            log_error("hub: work failed", "what", work->kind->what, "code", work->err->code, "error",
                      work->err->message);
        }
        finish(worker, work);
        work = next;
    }
    if (work) {
        struct work *last = work;
        while (last->next)
            last = last->next;
        last->next = worker->waiting.first;
        if (!worker->waiting.first)
            worker->waiting.last = &last->next;
        worker->waiting.first = work;
    }
    if (worker->trouble.kind != ERR_NONE)
        retry_later(worker);
    err_clear(&worker->trouble);
    schedule(worker);
}

/* The next pieces that are still wanted. One that stands alone makes a batch of its own. */
static struct work *next_batch(struct worker *worker) {
    struct work_list batch = {.last = &batch.first};
    for (int i = 0; i < WORK_ROUND_ITEMS && worker->waiting.first; i++) {
        struct work *work = worker->waiting.first;
        if (work->kind->alone && batch.first)
            break;
        pop(&worker->waiting);
        if (work->kind->begin && !work->kind->begin(worker->hub, work->arg)) {
            finish(worker, work);
            continue;
        }
        push(&batch, work);
        if (work->kind->alone)
            break;
    }
    return batch.first;
}

static void hand_over(void *arg) {
    struct worker *worker = arg;
    worker->posted = false;
    if (worker->under_way || worker->timer || !worker->started)
        return;
    struct work *batch = next_batch(worker);
    if (!batch) {
        schedule(worker); /* a whole round of it was not wanted any more */
        return;
    }
    worker->under_way = true;
    pthread_mutex_lock(&worker->lock);
    worker->batch = batch;
    pthread_cond_signal(&worker->wake);
    pthread_mutex_unlock(&worker->lock);
}

static void schedule(struct worker *worker) {
    if (worker->posted || worker->under_way || worker->timer || !worker->waiting.first)
        return;
    worker->posted = true;
    loop_post(worker->hub->loop, hand_over, worker);
}

/* --- on the database's thread --- */

static void run_batch(struct worker *worker, struct work *work) {
    struct hub *hub = worker->hub;
    _cleanup_db_ struct db_conn *conn = NULL;
    if (db_acquire(hub->options.db, &conn, &worker->trouble) < 0) {
        worker->trouble.kind = ERR_UNAVAILABLE;
        return;
    }
    int64_t began = clock_us();
    for (; work; work = work->next) {
        int64_t from = clock_us();
        if (from - began > WORK_ROUND_US)
            return; /* consequences first */
        struct err err = {0};
        work->result = work->kind->run(hub, conn, work->arg, &err);
        metric_observe_us(&hub->metrics[M_WORK_SECONDS], clock_us() - from);
        if (work->result < 0 && err.kind == ERR_UNAVAILABLE) {
            worker->trouble = err;
            return;
        }
        if (work->result < 0)
            work->err = mem_dup(&err, sizeof err);
        work->ran = true;
    }
}

static void *run(void *arg) {
    struct worker *worker = arg;
    pthread_mutex_lock(&worker->lock);
    for (;;) {
        while (!worker->batch && !worker->quit)
            pthread_cond_wait(&worker->wake, &worker->lock);
        struct work *batch = steal_pointer(&worker->batch);
        if (!batch)
            break;
        pthread_mutex_unlock(&worker->lock);
        worker->taken = batch;
        run_batch(worker, batch);
        loop_post(worker->hub->loop, handed_back, worker);
        pthread_mutex_lock(&worker->lock);
    }
    pthread_mutex_unlock(&worker->lock);
    return NULL;
}

/* --- life --- */

int work_start(struct hub *hub, struct err *err) {
    struct worker *worker = hub->worker;
    int failed = pthread_create(&worker->thread, NULL, run, worker);
    if (failed) {
        errno = failed;
        return err_errno(err, "cannot start the hub's database thread");
    }
    worker->started = true;
    return 0;
}

void work_stop(struct hub *hub) {
    struct worker *worker = hub->worker;
    if (!worker->started)
        return;
    pthread_mutex_lock(&worker->lock);
    worker->quit = true;
    pthread_cond_signal(&worker->wake);
    pthread_mutex_unlock(&worker->lock);
    pthread_join(worker->thread, NULL);
    worker->started = false;
}

void work_create(struct hub *hub) {
    struct worker *worker = mem_zalloc(sizeof *worker);
    worker->hub = hub;
    worker->waiting.last = &worker->waiting.first;
    worker->retry_ms = WORK_RETRY_MS;
    pthread_mutex_init(&worker->lock, NULL);
    pthread_cond_init(&worker->wake, NULL);
    hub->worker = worker;
}

void work_destroy(struct hub *hub) {
    struct worker *worker = hub->worker;
    work_finish(hub);
    pthread_cond_destroy(&worker->wake);
    pthread_mutex_destroy(&worker->lock);
    free(worker);
}

size_t work_left(const struct hub *hub) {
    return hub->worker->count;
}

void work_finish(struct hub *hub) {
    struct worker *worker = hub->worker;
    loop_timer_cancel(worker->timer);
    worker->timer = NULL;
    while (worker->waiting.first)
        finish(worker, pop(&worker->waiting));
}
