#include "api/refusals.h"

#include "api/ratelimit.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "control/settings/settings.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#define BATCH 64
#define RETRY_MS 1000    /* while the database is away */
#define SUMMARY_MS 10000 /* between entries that tell how many were not written */
#define REFILL_ADDRESS_MS 1000
#define MINUTE_MS 60000
#define DETAIL_MAX 256

struct note {
    int64_t user_id;
    char username[USERNAME_MAX + 8], action[AUDIT_ACTION_MAX], target[AUDIT_TARGET_MAX], address[64],
        request_id[40], detail[DETAIL_MAX];
    const char *outcome;
};

struct refusal_log {
    struct db *db;
    struct rate_limit *addresses;
    pthread_mutex_t lock;
    pthread_cond_t some;
    struct note *queue; /* REFUSALS_QUEUE_MAX */
    size_t first, count;
    int64_t level, level_at; /* what all together may write: in notes × MINUTE_MS, and when that was */
    uint64_t untold;         /* suppressed since the last entry that told of it */
    bool ending;
    bool started;
    pthread_t thread;
    _Atomic uint64_t suppressed;
};

/* --- how many may --- */

/* Under the lock. */
static bool take_place(struct refusal_log *refusals) {
    int64_t rate = setting_now(SETTING_AUDIT_REFUSED_RATE), now = clock_ms(), full = rate * MINUTE_MS;
    refusals->level += (now - refusals->level_at) * rate;
    refusals->level_at = now;
    if (refusals->level > full)
        refusals->level = full;
    if (refusals->count == REFUSALS_QUEUE_MAX || refusals->level < MINUTE_MS)
        return false;
    refusals->level -= MINUTE_MS;
    return true;
}

void refusals_note(struct refusal_log *refusals, const struct actor *actor, const char *action,
                   const char *target, const char *outcome, const char *detail) {
    bool may = rate_limit_take(refusals->addresses, actor->address ? actor->address : "", NULL);
    pthread_mutex_lock(&refusals->lock);
    if (refusals->ending || !may || !take_place(refusals)) {
        atomic_fetch_add_explicit(&refusals->suppressed, 1, memory_order_relaxed);
        refusals->untold++;
    } else {
        struct note *note = &refusals->queue[(refusals->first + refusals->count++) % REFUSALS_QUEUE_MAX];
        *note = (struct note){.user_id = actor->user_id, .outcome = outcome};
        str_copy(note->username, sizeof note->username, actor->username);
        str_copy(note->action, sizeof note->action, action);
        str_copy(note->target, sizeof note->target, target ? target : "");
        str_copy(note->address, sizeof note->address, actor->address ? actor->address : "");
        str_copy(note->request_id, sizeof note->request_id, actor->request_id ? actor->request_id : "");
        str_copy(note->detail, sizeof note->detail, detail ? detail : "");
        pthread_cond_signal(&refusals->some);
    }
    pthread_mutex_unlock(&refusals->lock);
}

uint64_t refusals_suppressed(const struct refusal_log *refusals) {
    return atomic_load_explicit(&refusals->suppressed, memory_order_relaxed);
}

/* --- writing --- */

static const char *or_null(const char *text) {
    return *text ? text : NULL;
}

static int write_notes(struct db_conn *conn, const struct note *notes, size_t count, uint64_t untold,
                       struct err *err) {
    for (size_t i = 0; i < count; i++) {
        const struct note *note = &notes[i];
        struct actor actor = {.user_id = note->user_id,
                              .username = note->username,
                              .address = or_null(note->address),
                              .request_id = or_null(note->request_id)};
        if (audit_write(conn, &actor, note->action, or_null(note->target), note->outcome,
                        or_null(note->detail), err) < 0)
            return -1;
    }
    char detail[96];
    snprintf(detail, sizeof detail, "%" PRIu64 " refused attempts more were not written one by one", untold);
    return untold ? audit_write(conn, &ACTOR_SYSTEM, "audit.suppress", NULL, AUDIT_REFUSED, detail, err) : 0;
}

static int write_batch(struct refusal_log *refusals, const struct note *notes, size_t count, uint64_t untold,
                       struct err *err) {
    _cleanup_db_ struct db_conn *conn = NULL;
    if (db_acquire(refusals->db, &conn, err) < 0 || db_begin(conn, err) < 0)
        return -1;
    return db_end(conn, write_notes(conn, notes, count, untold, err), err);
}

/* Under the lock: waits for notes, or until something is to be told of those that were not written. */
static void wait_for_some(struct refusal_log *refusals, int64_t next_summary) {
    while (!refusals->count && !refusals->ending && !(refusals->untold && clock_ms() >= next_summary)) {
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += SUMMARY_MS / 1000;
        pthread_cond_timedwait(&refusals->some, &refusals->lock, &until);
    }
}

static void wait_to_retry(struct refusal_log *refusals) {
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += RETRY_MS / 1000;
    while (!refusals->ending && pthread_cond_timedwait(&refusals->some, &refusals->lock, &until) == 0)
        continue;
}

static void *work(void *arg) {
    struct refusal_log *refusals = arg;
    static _Thread_local struct note notes[BATCH];
    int64_t next_summary = clock_ms();
    pthread_mutex_lock(&refusals->lock);
    for (;;) {
        wait_for_some(refusals, next_summary);
        bool ending = refusals->ending;
        size_t count = refusals->count < BATCH ? refusals->count : BATCH;
        for (size_t i = 0; i < count; i++)
            notes[i] = refusals->queue[(refusals->first + i) % REFUSALS_QUEUE_MAX];
        uint64_t untold = ending || clock_ms() >= next_summary ? refusals->untold : 0;
        if (!count && !untold && ending)
            break;
        pthread_mutex_unlock(&refusals->lock);
        struct err err = {0};
        int status = write_batch(refusals, notes, count, untold, &err);
        pthread_mutex_lock(&refusals->lock);
        if (status == 0) {
            refusals->first = (refusals->first + count) % REFUSALS_QUEUE_MAX;
            refusals->count -= count;
            refusals->untold -= untold;
            if (untold)
                next_summary = clock_ms() + SUMMARY_MS;
            continue;
        }
        log_error("refused attempts could not be written to the audit log", "error", err.message);
        if (ending)
            break;
        wait_to_retry(refusals);
    }
    pthread_mutex_unlock(&refusals->lock);
    return NULL;
}

/* --- life --- */

int refusals_create(struct refusal_log **ret, struct db *db, struct err *err) {
    struct refusal_log *refusals = mem_zalloc(sizeof *refusals);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&refusals->lock, NULL);
    pthread_cond_init(&refusals->some, &attributes);
    pthread_condattr_destroy(&attributes);
    refusals->db = db;
    refusals->addresses = rate_limit_create(REFUSALS_PER_ADDRESS, REFILL_ADDRESS_MS);
    refusals->queue = mem_zalloc(REFUSALS_QUEUE_MAX * sizeof *refusals->queue);
    refusals->level_at = clock_ms();
    refusals->level = setting_now(SETTING_AUDIT_REFUSED_RATE) * MINUTE_MS;
    errno = pthread_create(&refusals->thread, NULL, work, refusals);
    if (errno) {
        err_errno(err, "cannot start a thread");
        refusals_destroy(refusals);
        return -1;
    }
    refusals->started = true;
    *ret = refusals;
    return 0;
}

void refusals_stop(struct refusal_log *refusals) {
    if (!refusals || !refusals->started)
        return;
    pthread_mutex_lock(&refusals->lock);
    refusals->ending = true;
    pthread_cond_signal(&refusals->some);
    pthread_mutex_unlock(&refusals->lock);
    pthread_join(refusals->thread, NULL);
    refusals->started = false;
}

void refusals_destroy(struct refusal_log *refusals) {
    if (!refusals)
        return;
    refusals_stop(refusals);
    rate_limit_destroy(refusals->addresses);
    pthread_cond_destroy(&refusals->some);
    pthread_mutex_destroy(&refusals->lock);
    free(refusals->queue);
    free(refusals);
}
