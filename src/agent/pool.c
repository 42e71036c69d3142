#include "agent/pool.h"

#include "base/log.h"
#include "base/str.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

struct job {
    pool_fn fn;
    void *arg;
    struct job *next;
};

struct pool {
    pthread_mutex_t lock;
    pthread_cond_t work, ended;
    unsigned threads_max, threads, idle;
    bool closing;
    struct job *first, **last;
    pthread_t thread[POOL_THREADS_MAX];
    unsigned alive;
};

struct pool *pool_create(unsigned threads_max) {
    struct pool *pool = mem_zalloc(sizeof *pool);
    pool->threads_max = threads_max < POOL_THREADS_MAX ? threads_max : POOL_THREADS_MAX;
    pool->last = &pool->first;
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->work, NULL);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&pool->ended, &monotonic);
    pthread_condattr_destroy(&monotonic);
    return pool;
}

static struct job *take(struct pool *pool) {
    struct job *job = pool->first;
    pool->first = job->next;
    if (!pool->first)
        pool->last = &pool->first;
    return job;
}

static void *work(void *arg) {
    struct pool *pool = arg;
    pthread_mutex_lock(&pool->lock);
    for (;;) {
        pool->idle++;
        while (!pool->first && !pool->closing)
            pthread_cond_wait(&pool->work, &pool->lock);
        pool->idle--;
        if (pool->closing)
            break;
        struct job *job = take(pool);
        pthread_mutex_unlock(&pool->lock);
        job->fn(job->arg);
        free(job);
        pthread_mutex_lock(&pool->lock);
    }
    pool->alive--;
    pthread_cond_broadcast(&pool->ended);
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

static size_t queued(const struct pool *pool) {
    size_t count = 0;
    for (const struct job *job = pool->first; job && count <= pool->idle; job = job->next)
        count++;
    return count;
}

void pool_submit(struct pool *pool, pool_fn fn, void *arg) {
    struct job *job = mem_zalloc(sizeof *job);
    *job = (struct job){.fn = fn, .arg = arg};
    pthread_mutex_lock(&pool->lock);
    *pool->last = job;
    pool->last = &job->next;
    if (queued(pool) > pool->idle && pool->threads < pool->threads_max && !pool->closing) {
        if (pthread_create(&pool->thread[pool->threads], NULL, work, pool) == 0) {
            pool->threads++;
            pool->alive++;
        } else if (!pool->threads) {
            log_error("cannot start a worker thread");
            abort(); /* no work would ever be done */
        }
    }
    pthread_cond_signal(&pool->work);
    pthread_mutex_unlock(&pool->lock);
}

static bool wait_for_threads(struct pool *pool, int64_t limit_ms) {
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += limit_ms / 1000;
    until.tv_nsec += limit_ms % 1000 * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    while (pool->alive)
        if (pthread_cond_timedwait(&pool->ended, &pool->lock, &until) != 0)
            return pool->alive == 0;
    return true;
}

bool pool_destroy(struct pool *pool, int64_t limit_ms) {
    if (!pool)
        return true;
    pthread_mutex_lock(&pool->lock);
    pool->closing = true;
    while (pool->first)
        free(take(pool));
    pthread_cond_broadcast(&pool->work);
    bool over = wait_for_threads(pool, limit_ms);
    pthread_mutex_unlock(&pool->lock);
    if (!over)
        return false;
    for (unsigned i = 0; i < pool->threads; i++)
        pthread_join(pool->thread[i], NULL);
    pthread_cond_destroy(&pool->work);
    pthread_cond_destroy(&pool->ended);
    pthread_mutex_destroy(&pool->lock);
    free(pool);
    return true;
}
