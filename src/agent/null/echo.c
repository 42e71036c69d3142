#include "agent/null/echo.h"

#include "base/cleanup.h"
#include "base/id.h"
#include "base/loop.h"
#include "base/str.h"

#include <pthread.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#define CHUNK 16384

struct socket {
    struct echo *echo;
    char session_id[SESSION_NAME_MAX + 1];
    int fd;
    struct loop_fd *watch;
    size_t start, end; /* what of `data` is still to be sent */
    char data[CHUNK];
    struct socket *previous, *next;
};

struct echo {
    struct loop *loop;
    pthread_t thread;
    struct socket *first;
};

struct request {
    struct echo *echo;
    int fd; /* -1: drop */
    char session_id[SESSION_NAME_MAX + 1];
    struct request *next;
};

static void socket_close(struct socket *s) {
    if (s->previous)
        s->previous->next = s->next;
    else
        s->echo->first = s->next;
    if (s->next)
        s->next->previous = s->previous;
    loop_fd_remove(s->watch);
    close_fd(s->fd);
    free(s);
}

static void on_ready(void *arg, uint32_t events) {
    struct socket *s = arg;
    if (s->start == s->end) {
        ssize_t got = recv(s->fd, s->data, sizeof s->data, MSG_DONTWAIT);
        if (got < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (got <= 0) {
            socket_close(s);
            return;
        }
        s->start = 0;
        s->end = (size_t)got;
    }
    ssize_t sent = send(s->fd, s->data + s->start, s->end - s->start, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN && errno != EINTR) {
        socket_close(s);
        return;
    }
    if (sent > 0)
        s->start += (size_t)sent;
    loop_fd_set(s->watch, s->start == s->end ? EPOLLIN : EPOLLOUT); /* reads no more than it can send */
}

static void add(struct echo *echo, const struct request *request) {
    struct socket *s = mem_zalloc(sizeof *s);
    s->echo = echo;
    s->fd = request->fd;
    str_copy(s->session_id, sizeof s->session_id, request->session_id);
    if (loop_fd_add(echo->loop, s->fd, EPOLLIN, on_ready, s, &s->watch, NULL) < 0) {
        close_fd(s->fd);
        free(s);
        return;
    }
    s->next = echo->first;
    if (s->next)
        s->next->previous = s;
    echo->first = s;
}

static void handle(void *arg) {
    _cleanup_free_ struct request *request = arg;
    struct echo *echo = request->echo;
    if (request->fd >= 0) {
        add(echo, request);
        return;
    }
    struct socket *next;
    for (struct socket *s = echo->first; s; s = next) {
        next = s->next;
        if (str_eq(s->session_id, request->session_id))
            socket_close(s);
    }
}

static void ask(struct echo *echo, int fd, const char *session_id) {
    struct request *request = mem_zalloc(sizeof *request);
    request->echo = echo;
    request->fd = fd;
    str_copy(request->session_id, sizeof request->session_id, session_id);
    loop_post(echo->loop, handle, request);
}

void echo_add(struct echo *echo, int fd, const char *session_id) {
    ask(echo, fd, session_id);
}

void echo_drop(struct echo *echo, const char *session_id) {
    ask(echo, -1, session_id);
}

static void *run(void *arg) {
    struct echo *echo = arg;
    loop_run(echo->loop);
    return NULL;
}

int echo_create(struct echo **ret, struct err *err) {
    struct echo *echo = mem_zalloc(sizeof *echo);
    if (loop_create(&echo->loop, err) < 0) {
        free(echo);
        return -1;
    }
    if (pthread_create(&echo->thread, NULL, run, echo) != 0) {
        loop_destroy(echo->loop);
        free(echo);
        return err_set(err, ERR_INTERNAL, NULL, "cannot start a thread");
    }
    *ret = echo;
    return 0;
}

static void stop(void *arg) {
    struct echo *echo = arg;
    loop_stop(echo->loop);
}

void echo_destroy(struct echo *echo) {
    if (!echo)
        return;
    loop_post(echo->loop, stop, echo); /* behind every request, so that none is dropped */
    pthread_join(echo->thread, NULL);
    while (echo->first)
        socket_close(echo->first);
    loop_destroy(echo->loop);
    free(echo);
}
