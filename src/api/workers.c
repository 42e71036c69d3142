#include "api/workers.h"

#include "base/str.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#define THREADS_MAX 16

struct job {
    void (*fn)(void *arg);
    void *arg;
};

struct workers {
    pthread_mutex_t lock;
    pthread_cond_t some;
    struct job queue[WORKERS_QUEUE_MAX];
    size_t first, count;
    bool ending;
    pthread_t threads[THREADS_MAX];
    unsigned thread_count;
};

static void *work(void *arg) {
    struct workers *workers = arg;
    pthread_mutex_lock(&workers->lock);
    for (;;) {
        while (!workers->count && !workers->ending)
            pthread_cond_wait(&workers->some, &workers->lock);
        if (!workers->count)
            break;
        struct job job = workers->queue[workers->first];
        workers->first = (workers->first + 1) % WORKERS_QUEUE_MAX;
        workers->count--;
        pthread_mutex_unlock(&workers->lock);
        job.fn(job.arg);
        pthread_mutex_lock(&workers->lock);
    }
    pthread_mutex_unlock(&workers->lock);
    return NULL;
}

int workers_create(struct workers **ret, unsigned threads, struct err *err) {
    struct workers *workers = mem_zalloc(sizeof *workers);
    pthread_mutex_init(&workers->lock, NULL);
    pthread_cond_init(&workers->some, NULL);
    for (; workers->thread_count < threads && workers->thread_count < THREADS_MAX; workers->thread_count++) {
        errno = pthread_create(&workers->threads[workers->thread_count], NULL, work, workers);
        if (errno) {
            err_errno(err, "cannot start a worker thread");
            workers_destroy(workers);
            return -1;
        }
    }
    *ret = workers;
    return 0;
}

void workers_stop(struct workers *workers) {
    if (!workers)
        return;
    pthread_mutex_lock(&workers->lock);
    workers->ending = true;
    pthread_cond_broadcast(&workers->some);
    pthread_mutex_unlock(&workers->lock);
    for (unsigned i = 0; i < workers->thread_count; i++)
        pthread_join(workers->threads[i], NULL);
    workers->thread_count = 0;
}

void workers_destroy(struct workers *workers) {
    if (!workers)
        return;
    workers_stop(workers);
    pthread_cond_destroy(&workers->some);
    pthread_mutex_destroy(&workers->lock);
    free(workers);
}

bool workers_submit(struct workers *workers, void (*fn)(void *arg), void *arg) {
    pthread_mutex_lock(&workers->lock);
    bool taken = workers->count < WORKERS_QUEUE_MAX && !workers->ending;
    if (taken) {
        size_t last = (workers->first + workers->count++) % WORKERS_QUEUE_MAX;
        workers->queue[last] = (struct job){.fn = fn, .arg = arg};
        pthread_cond_signal(&workers->some);
    }
    pthread_mutex_unlock(&workers->lock);
    return taken;
}
