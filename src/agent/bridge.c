#include "agent/bridge.h"

#include "base/cleanup.h"
#include "base/file.h"
#include "base/str.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>

#define BUFFER (64 * 1024)

struct bridge {
    struct http_connection *connection;
    int fd; /* our end of the pair */
    struct half {
        size_t start, end;
        bool ended; /* nothing more comes from this side */
        char data[BUFFER];
    } in, out; /* from the connection, to the connection */
};

static atomic_uint alive;

unsigned bridge_count(void) {
    return atomic_load(&alive);
}

/* Fills an empty half. False when it would wait. */
static bool fill(struct half *half, ssize_t got) {
    if (got > 0) {
        half->start = 0;
        half->end = (size_t)got;
        return true;
    }
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    half->ended = true;
    return true;
}

/* False when it would wait. */
static bool empty(struct half *half, ssize_t sent) {
    if (sent > 0) {
        half->start += (size_t)sent;
        return true;
    }
    if (sent < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    half->ended = true;
    half->start = half->end;
    return true;
}

static bool is_empty(const struct half *half) {
    return half->start == half->end;
}

/* Moves what can be moved. True while something went. */
static bool move(struct bridge *b) {
    bool went = false;
    if (is_empty(&b->in) && !b->in.ended)
        went |= fill(&b->in, http_connection_read(b->connection, b->in.data, BUFFER));
    if (!is_empty(&b->in))
        went |= empty(&b->in, send(b->fd, b->in.data + b->in.start, b->in.end - b->in.start, MSG_NOSIGNAL));
    if (is_empty(&b->out) && !b->out.ended)
        went |= fill(&b->out, recv(b->fd, b->out.data, BUFFER, 0));
    if (!is_empty(&b->out))
        went |= empty(&b->out, http_connection_write(b->connection, b->out.data + b->out.start,
                                                     b->out.end - b->out.start));
    return went;
}

static void wait_for_more(const struct bridge *b) {
    struct pollfd fds[] = {{.fd = http_connection_fd(b->connection)}, {.fd = b->fd}};
    fds[0].events = (short)((is_empty(&b->in) ? POLLIN : 0) | (is_empty(&b->out) ? 0 : POLLOUT));
    fds[1].events = (short)((is_empty(&b->out) ? POLLIN : 0) | (is_empty(&b->in) ? 0 : POLLOUT));
    for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
        if (!fds[i].events) /* a hang-up is reported for ever, wanted or not */
            fds[i].fd = -1;
    poll(fds, ARRAY_SIZE(fds), -1);
}

static void *run(void *arg) {
    struct bridge *b = arg;
    /* One end gone ends both, once what came before is through: as a broken connection would. */
    while (!((b->in.ended && is_empty(&b->in)) || (b->out.ended && is_empty(&b->out))))
        if (!move(b))
            wait_for_more(b);
    http_connection_close(b->connection);
    close(b->fd);
    free(b);
    atomic_fetch_sub(&alive, 1);
    return NULL;
}

int bridge_start(struct http_connection *connection, int *ret_fd, struct err *err) {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0) {
        http_connection_close(connection);
        return err_errno(err, "cannot make a socket pair");
    }
    struct bridge *b = mem_zalloc(sizeof *b);
    b->connection = connection;
    b->fd = ends[0];
    pthread_t thread;
    atomic_fetch_add(&alive, 1);
    int failed = pthread_create(&thread, NULL, run, b);
    if (failed) {
        atomic_fetch_sub(&alive, 1);
        http_connection_close(connection);
        close(ends[0]);
        close(ends[1]);
        free(b);
        return err_set(err, ERR_INTERNAL, NULL, "cannot start a thread");
    }
    pthread_detach(thread);
    *ret_fd = ends[1];
    return 0;
}
