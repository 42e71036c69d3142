#include "base/loop.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/str.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#define EVENTS_PER_WAIT 64

struct loop_fd {
    struct loop *loop;
    int fd;
    uint32_t events;
    loop_fd_fn fn;
    void *arg;
    bool removed;
    struct loop_fd *previous, *next; /* all sources; removed ones wait here until the round is over */
};

struct loop_timer {
    struct loop *loop;
    int64_t due;
    uint64_t order; /* keeps timers of one instant in order */
    size_t slot;    /* in the heap */
    loop_fn fn;
    void *arg;
};

struct task {
    loop_fn fn;
    void *arg;
    struct task *next;
};

struct loop {
    int epoll;
    int wake;
    atomic_bool stopping;
    atomic_bool running;
    pthread_t thread;
    struct loop_fd *sources;
    bool any_removed;
    struct loop_timer **heap;
    size_t heap_count, heap_capacity;
    uint64_t next_order;
    pthread_mutex_t task_lock;
    struct task *first_task, **last_task;
};

int loop_create(struct loop **ret, struct err *err) {
    struct loop *loop = mem_zalloc(sizeof *loop);
    pthread_mutex_init(&loop->task_lock, NULL);
    loop->last_task = &loop->first_task;
    loop->epoll = epoll_create1(EPOLL_CLOEXEC);
    loop->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    if (loop->epoll < 0 || loop->wake < 0 || epoll_ctl(loop->epoll, EPOLL_CTL_ADD, loop->wake, &event) < 0) {
        err_errno(err, "cannot make an event loop");
        loop_destroy(loop);
        return -1;
    }
    *ret = loop;
    return 0;
}

void loop_destroy(struct loop *loop) {
    if (!loop)
        return;
    while (loop->sources) {
        struct loop_fd *next = loop->sources->next;
        free(loop->sources);
        loop->sources = next;
    }
    for (size_t i = 0; i < loop->heap_count; i++)
        free(loop->heap[i]);
    free(loop->heap);
    while (loop->first_task) {
        struct task *next = loop->first_task->next;
        free(loop->first_task);
        loop->first_task = next;
    }
    close_fd(loop->epoll);
    close_fd(loop->wake);
    pthread_mutex_destroy(&loop->task_lock);
    free(loop);
}

static void wake_up(struct loop *loop) {
    uint64_t one = 1;
    (void)!write(loop->wake, &one, sizeof one);
}

void loop_stop(struct loop *loop) {
    atomic_store(&loop->stopping, true);
    wake_up(loop);
}

void loop_post(struct loop *loop, loop_fn fn, void *arg) {
    struct task *task = mem_zalloc(sizeof *task);
    task->fn = fn;
    task->arg = arg;
    pthread_mutex_lock(&loop->task_lock);
    bool was_empty = !loop->first_task;
    *loop->last_task = task;
    loop->last_task = &task->next;
    pthread_mutex_unlock(&loop->task_lock);
    if (was_empty)
        wake_up(loop);
}

bool loop_is_current(const struct loop *loop) {
    return atomic_load(&loop->running) && pthread_equal(loop->thread, pthread_self());
}

static void run_tasks(struct loop *loop) {
    pthread_mutex_lock(&loop->task_lock);
    struct task *task = loop->first_task;
    loop->first_task = NULL;
    loop->last_task = &loop->first_task;
    pthread_mutex_unlock(&loop->task_lock);
    while (task) {
        struct task *next = task->next;
        task->fn(task->arg);
        free(task);
        task = next;
    }
}

int loop_fd_add(struct loop *loop, int fd, uint32_t events, loop_fd_fn fn, void *arg, struct loop_fd **ret,
                struct err *err) {
    struct loop_fd *source = mem_zalloc(sizeof *source);
    *source = (struct loop_fd){.loop = loop, .fd = fd, .events = events, .fn = fn, .arg = arg};
    struct epoll_event event = {.events = events, .data.ptr = source};
    if (epoll_ctl(loop->epoll, EPOLL_CTL_ADD, fd, &event) < 0) {
        free(source);
        return err_errno(err, "cannot watch descriptor %d", fd);
    }
    source->next = loop->sources;
    if (source->next)
        source->next->previous = source;
    loop->sources = source;
    if (ret)
        *ret = source;
    return 0;
}

void loop_fd_set(struct loop_fd *source, uint32_t events) {
    if (source->removed || source->events == events)
        return;
    source->events = events;
    struct epoll_event event = {.events = events, .data.ptr = source};
    epoll_ctl(source->loop->epoll, EPOLL_CTL_MOD, source->fd, &event);
}

void loop_fd_remove(struct loop_fd *source) {
    if (!source || source->removed)
        return;
    epoll_ctl(source->loop->epoll, EPOLL_CTL_DEL, source->fd, NULL);
    source->removed = true;
    source->loop->any_removed = true;
}

static void free_removed(struct loop *loop) {
    if (!loop->any_removed)
        return;
    loop->any_removed = false;
    struct loop_fd *next;
    for (struct loop_fd *source = loop->sources; source; source = next) {
        next = source->next;
        if (!source->removed)
            continue;
        if (source->previous)
            source->previous->next = next;
        else
            loop->sources = next;
        if (next)
            next->previous = source->previous;
        free(source);
    }
}

static bool earlier(const struct loop_timer *a, const struct loop_timer *b) {
    return a->due != b->due ? a->due < b->due : a->order < b->order;
}

static void heap_put(struct loop *loop, size_t slot, struct loop_timer *timer) {
    loop->heap[slot] = timer;
    timer->slot = slot;
}

static void heap_up(struct loop *loop, size_t slot) {
    struct loop_timer *timer = loop->heap[slot];
    while (slot > 0 && earlier(timer, loop->heap[(slot - 1) / 2])) {
        heap_put(loop, slot, loop->heap[(slot - 1) / 2]);
        slot = (slot - 1) / 2;
    }
    heap_put(loop, slot, timer);
}

static void heap_down(struct loop *loop, size_t slot) {
    struct loop_timer *timer = loop->heap[slot];
    for (;;) {
        size_t child = slot * 2 + 1;
        if (child >= loop->heap_count)
            break;
        if (child + 1 < loop->heap_count && earlier(loop->heap[child + 1], loop->heap[child]))
            child++;
        if (!earlier(loop->heap[child], timer))
            break;
        heap_put(loop, slot, loop->heap[child]);
        slot = child;
    }
    heap_put(loop, slot, timer);
}

struct loop_timer *loop_timer_add(struct loop *loop, int64_t delay_ms, loop_fn fn, void *arg) {
    struct loop_timer *timer = mem_zalloc(sizeof *timer);
    *timer = (struct loop_timer){.loop = loop,
                                 .due = clock_ms() + (delay_ms > 0 ? delay_ms : 0),
                                 .order = loop->next_order++,
                                 .fn = fn,
                                 .arg = arg};
    if (loop->heap_count == loop->heap_capacity) {
        loop->heap_capacity = loop->heap_capacity ? loop->heap_capacity * 2 : 16;
        loop->heap = mem_realloc(loop->heap, loop->heap_capacity * sizeof(struct loop_timer *));
    }
    heap_put(loop, loop->heap_count++, timer);
    heap_up(loop, timer->slot);
    return timer;
}

void loop_timer_cancel(struct loop_timer *timer) {
    if (!timer)
        return;
    struct loop *loop = timer->loop;
    size_t slot = timer->slot;
    struct loop_timer *last = loop->heap[--loop->heap_count];
    if (last != timer) {
        heap_put(loop, slot, last);
        heap_up(loop, slot);
        heap_down(loop, last->slot);
    }
    free(timer);
}

static void run_timers(struct loop *loop) {
    int64_t now = clock_ms();
    while (loop->heap_count && loop->heap[0]->due <= now && !atomic_load(&loop->stopping)) {
        loop_fn fn = loop->heap[0]->fn;
        void *arg = loop->heap[0]->arg;
        loop_timer_cancel(loop->heap[0]);
        fn(arg);
    }
}

static int wait_limit(const struct loop *loop, int timeout_ms) {
    if (!loop->heap_count)
        return timeout_ms;
    int64_t left = loop->heap[0]->due - clock_ms();
    if (left < 0)
        left = 0;
    if (left > INT_MAX)
        left = INT_MAX;
    return timeout_ms >= 0 && timeout_ms < left ? timeout_ms : (int)left;
}

void loop_step(struct loop *loop, int timeout_ms) {
    loop->thread = pthread_self();
    atomic_store(&loop->running, true);
    struct epoll_event events[EVENTS_PER_WAIT];
    int count = epoll_wait(loop->epoll, events, EVENTS_PER_WAIT, wait_limit(loop, timeout_ms));
    for (int i = 0; i < count; i++) {
        struct loop_fd *source = events[i].data.ptr;
        if (!source) {
            uint64_t ignored;
            (void)!read(loop->wake, &ignored, sizeof ignored);
        } else if (!source->removed) {
            source->fn(source->arg, events[i].events);
        }
    }
    run_tasks(loop);
    run_timers(loop);
    free_removed(loop);
}

void loop_run(struct loop *loop) {
    while (!atomic_load(&loop->stopping))
        loop_step(loop, -1);
    atomic_store(&loop->running, false);
}
