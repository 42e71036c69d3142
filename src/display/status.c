#include "display/status.h"

#include "base/cleanup.h"
#include "base/str.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>

struct listener {
    struct display_status *status;
    int fd;
    void (*close)(void *arg);
    void *arg;
    struct loop_fd *watch;
    struct strbuf waiting;
    bool shut;
    struct listener *previous, *next;
};

struct display_status {
    struct loop *loop;
    struct listener *listeners;
    size_t count;
    char *line; /* published last, with its line end */
    bool finishing;
    bool somebody_served; /* got the last line after finish */
    loop_fn delivered;
    void *delivered_arg;
};

void display_status_create(struct display_status **ret, struct loop *loop) {
    struct display_status *status = mem_zalloc(sizeof *status);
    status->loop = loop;
    *ret = status;
}

static void drop(struct listener *listener) {
    struct display_status *status = listener->status;
    if (listener->previous)
        listener->previous->next = listener->next;
    else
        status->listeners = listener->next;
    if (listener->next)
        listener->next->previous = listener->previous;
    status->count--;
    loop_fd_remove(listener->watch);
    listener->close(listener->arg);
    strbuf_finish(&listener->waiting);
    free(listener);
    if (status->delivered && display_status_is_delivered(status))
        status->delivered(status->delivered_arg);
}

void display_status_close_all(struct display_status *status) {
    status->delivered = NULL;
    while (status->listeners)
        drop(status->listeners);
}

void display_status_destroy(struct display_status *status) {
    if (!status)
        return;
    display_status_close_all(status);
    free(status->line);
    free(status);
}

/* Writes what waits. False when the connection is of no use any more. */
static bool push(struct listener *listener) {
    struct strbuf *waiting = &listener->waiting;
    while (waiting->length) {
        ssize_t count = send(listener->fd, waiting->data, waiting->length, MSG_NOSIGNAL);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0 && errno == EAGAIN)
            break;
        if (count <= 0)
            return false;
        strbuf_consume(waiting, (size_t)count);
    }
    if (!waiting->length && listener->status->finishing && !listener->shut) {
        listener->shut = true;
        listener->status->somebody_served = true;
        shutdown(listener->fd, SHUT_WR);
    }
    loop_fd_set(listener->watch, EPOLLIN | (waiting->length ? EPOLLOUT : 0));
    return true;
}

static void on_ready(void *arg, uint32_t events) {
    struct listener *listener = arg;
    char ignored[256];
    bool alive = true;
    if (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
        /* Listeners have nothing to say: read and forgotten, one bite a round. */
        ssize_t count = recv(listener->fd, ignored, sizeof ignored, 0);
        alive = count > 0 || (count < 0 && (errno == EAGAIN || errno == EINTR));
    }
    if (!alive || !push(listener))
        drop(listener);
}

static bool tell(struct listener *listener, const char *line) {
    return strbuf_puts(&listener->waiting, line) && push(listener);
}

void display_status_add(struct display_status *status, int fd, void (*close)(void *arg), void *arg) {
    struct listener *listener = mem_zalloc(sizeof *listener);
    *listener = (struct listener){
        .status = status, .fd = fd, .close = close, .arg = arg, .waiting = STRBUF_MAX(STATUS_BACKLOG_MAX)};
    if (status->count >= STATUS_LISTENERS_MAX ||
        loop_fd_add(status->loop, fd, EPOLLIN, on_ready, listener, &listener->watch, NULL) < 0) {
        close(arg);
        free(listener);
        return;
    }
    listener->next = status->listeners;
    if (listener->next)
        listener->next->previous = listener;
    status->listeners = listener;
    status->count++;
    if (status->line && !tell(listener, status->line))
        drop(listener);
}

void display_status_publish(struct display_status *status, const char *line) {
    free(status->line);
    status->line = str_format("%s\n", line);
    struct listener *next;
    for (struct listener *listener = status->listeners; listener; listener = next) {
        next = listener->next;
        if (!tell(listener, status->line))
            drop(listener);
    }
}

void display_status_finish(struct display_status *status) {
    status->finishing = true;
    struct listener *next;
    for (struct listener *listener = status->listeners; listener; listener = next) {
        next = listener->next;
        if (!push(listener))
            drop(listener);
    }
}

bool display_status_is_delivered(const struct display_status *status) {
    return status->finishing && status->somebody_served && !status->count;
}

void display_status_on_delivered(struct display_status *status, loop_fn fn, void *arg) {
    status->delivered = fn;
    status->delivered_arg = arg;
    if (display_status_is_delivered(status))
        fn(arg);
}

bool display_status_has_listeners(const struct display_status *status) {
    return status->count > 0;
}
