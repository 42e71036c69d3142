#include "base/str.h"
#include "db/engine.h"

#include <errno.h>
#include <stdlib.h>

#define NOTIFY_QUEUE_MAX                                                                                     \
    8192 /* more waiting than this: dropped, and listeners are told that something was lost */
#define LISTENERS_MAX 16
#define CHANNEL_SIZE 64

struct note {
    struct note *next;
    char *payload; /* NULL: lost */
    char channel[CHANNEL_SIZE];
};

struct listener {
    char channel[CHANNEL_SIZE];
    db_listen_fn fn;
    void *arg;
};

struct notifier {
    pthread_mutex_t lock;
    pthread_cond_t queued;    /* something is there, or stop */
    pthread_cond_t delivered; /* no callback is running any more */
    struct note *first, **last;
    unsigned count;
    bool lost, stop, started, calling;
    pthread_t thread;
    struct listener listeners[LISTENERS_MAX];
    unsigned listener_count;
};

struct notifier *notifier_create(void) {
    struct notifier *n = mem_zalloc(sizeof *n);
    pthread_mutex_init(&n->lock, NULL);
    pthread_cond_init(&n->queued, NULL);
    pthread_cond_init(&n->delivered, NULL);
    n->last = &n->first;
    return n;
}

/* Calls every listener of the channel (NULL: all). Held lock is let go during each call, so that listeners
 * may post and unlisten; `calling` keeps unlisten from returning meanwhile. */
static void deliver(struct notifier *n, const char *channel, const char *payload) {
    for (unsigned i = 0; i < n->listener_count; i++) {
        struct listener listener = n->listeners[i];
        if (!listener.fn || (channel && !str_eq(listener.channel, channel)))
            continue;
        n->calling = true;
        pthread_mutex_unlock(&n->lock);
        listener.fn(listener.arg, listener.channel, payload);
        pthread_mutex_lock(&n->lock);
        n->calling = false;
        pthread_cond_broadcast(&n->delivered);
    }
}

static void *notifier_main(void *arg) {
    struct notifier *n = arg;
    pthread_mutex_lock(&n->lock);
    for (;;) {
        while (!n->first && !n->lost && !n->stop)
            pthread_cond_wait(&n->queued, &n->lock);
        if (n->lost) {
            n->lost = false;
            deliver(n, NULL, NULL);
            continue;
        }
        struct note *note = n->first;
        if (!note)
            break;
        n->first = note->next;
        if (!n->first)
            n->last = &n->first;
        n->count--;
        deliver(n, note->channel, note->payload);
        free(note->payload);
        free(note);
    }
    pthread_mutex_unlock(&n->lock);
    return NULL;
}

void notifier_destroy(struct notifier *n) {
    if (!n)
        return;
    pthread_mutex_lock(&n->lock);
    n->stop = true;
    pthread_cond_signal(&n->queued);
    pthread_mutex_unlock(&n->lock);
    if (n->started)
        pthread_join(n->thread, NULL);
    while (n->first) {
        struct note *note = n->first;
        n->first = note->next;
        free(note->payload);
        free(note);
    }
    pthread_cond_destroy(&n->delivered);
    pthread_cond_destroy(&n->queued);
    pthread_mutex_destroy(&n->lock);
    free(n);
}

void notifier_post(struct notifier *n, const char *channel, const char *payload) {
    pthread_mutex_lock(&n->lock);
    if (!n->started) {
        /* Nobody listens (yet): listeners look for themselves when they begin. */
    } else if (!payload || n->count >= NOTIFY_QUEUE_MAX) {
        n->lost = true;
        pthread_cond_signal(&n->queued);
    } else {
        struct note *note = mem_zalloc(sizeof *note);
        str_copy(note->channel, sizeof note->channel, channel);
        note->payload = str_dup(payload);
        *n->last = note;
        n->last = &note->next;
        n->count++;
        pthread_cond_signal(&n->queued);
    }
    pthread_mutex_unlock(&n->lock);
}

int notifier_listen(struct notifier *n, const char *channel, db_listen_fn fn, void *arg, struct err *err) {
    int status = 0;
    pthread_mutex_lock(&n->lock);
    unsigned slot = 0;
    while (slot < n->listener_count && n->listeners[slot].fn)
        slot++;
    if (slot == LISTENERS_MAX) {
        status = err_set(err, ERR_INTERNAL, NULL, "more than %d listeners", LISTENERS_MAX);
    } else {
        str_copy(n->listeners[slot].channel, CHANNEL_SIZE, channel);
        n->listeners[slot].fn = fn;
        n->listeners[slot].arg = arg;
        if (slot == n->listener_count)
            n->listener_count++;
        if (!n->started) {
            int code = pthread_create(&n->thread, NULL, notifier_main, n);
            if (code != 0) {
                errno = code;
                n->listeners[slot].fn = NULL;
                status = err_errno(err, "cannot start the notifier thread");
            } else
                n->started = true;
        }
    }
    pthread_mutex_unlock(&n->lock);
    return status;
}

void notifier_unlisten(struct notifier *n, db_listen_fn fn, void *arg) {
    pthread_mutex_lock(&n->lock);
    for (unsigned i = 0; i < n->listener_count; i++) {
        if (n->listeners[i].fn == fn && n->listeners[i].arg == arg)
            n->listeners[i].fn = NULL;
    }
    if (n->started && !pthread_equal(pthread_self(), n->thread)) {
        while (n->calling)
            pthread_cond_wait(&n->delivered, &n->lock);
    }
    pthread_mutex_unlock(&n->lock);
}
