/* Raw bytes from one socket to the other by splice(2), framed on the way when the other end is a WebSocket.
 */
#include "relay/pair.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PIPE_BYTES_DEFAULT (64 * 1024)

static int make_pipe(struct pump *pump) {
    if (pump->pipe[0] >= 0)
        return 0;
    if (pipe2(pump->pipe, O_CLOEXEC | O_NONBLOCK) < 0) {
        pump->pipe[0] = pump->pipe[1] = -1;
        return -1;
    }
    int size = fcntl(pump->pipe[1], F_SETPIPE_SZ, RELAY_PIPE_BYTES);
    if (size < 0) /* over the user's share of pipe pages: slower, but it works */
        size = fcntl(pump->pipe[1], F_GETPIPE_SZ);
    pump->capacity = size > 0 ? (size_t)size : PIPE_BYTES_DEFAULT;
    return 0;
}

void pump_finish(struct pump *pump) {
    close_fd(pump->pipe[0]);
    close_fd(pump->pipe[1]);
    pump->pipe[0] = pump->pipe[1] = -1;
}

int pump_prefill(struct pump *pump, const void *data, size_t length) {
    if (!length)
        return 0;
    if (make_pipe(pump) < 0 || write(pump->pipe[1], data, length) != (ssize_t)length)
        return -1;
    pump->in_pipe += length;
    return 0;
}

/* Socket → pipe. 1: got some, 0: nothing now (or the pipe is full), -1: over. */
static int fill(struct pump *pump, struct pair_end *from) {
    if (pump->from_ended || !from->readable || pump->in_pipe >= pump->capacity)
        return 0;
    ssize_t got = splice(from->fd, NULL, pump->pipe[1], NULL, pump->capacity - pump->in_pipe,
                         SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
    if (got > 0) {
        pump->in_pipe += (size_t)got;
        return 1;
    }
    if (got == 0) {
        pump->from_ended = true;
        return 0;
    }
    if (errno == EINTR)
        return 1;
    if (errno != EAGAIN)
        return -1;
    if (!pump->in_pipe) /* else the pipe's slots may be used up: ask again when it is empty */
        from->readable = false;
    return 0;
}

/* The head of a new frame with all that is in the pipe. */
static void begin_frame(struct pump *pump) {
    pump->frame_left = pump->in_pipe;
    pump->head_length = frame_head(pump->head, FRAME_BINARY, pump->in_pipe);
    pump->head_sent = 0;
}

/* 1: the head is out, 0: wait, -1: over. */
static int send_head(struct pump *pump, struct pair_end *to) {
    while (pump->head_sent < pump->head_length) {
        ssize_t sent = send(to->fd, pump->head + pump->head_sent, pump->head_length - pump->head_sent,
                            MSG_MORE | MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0) {
            to->writable = errno != EAGAIN;
            return errno == EAGAIN ? 0 : -1;
        }
        pump->head_sent += (size_t)sent;
    }
    return 1;
}

/* Pipe → socket, at most `count` bytes. 1: some went, 0: wait, -1: over. */
static int drain(struct pump *pump, struct pair_end *to, size_t count, size_t *ret_moved) {
    ssize_t sent = splice(pump->pipe[0], NULL, to->fd, NULL, count, SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
    if (sent > 0) {
        pump->in_pipe -= (size_t)sent;
        *ret_moved = (size_t)sent;
        return 1;
    }
    if (sent < 0 && errno == EINTR)
        return 1;
    if (sent == 0 || errno != EAGAIN)
        return -1;
    to->writable = false;
    return 0;
}

/* Sends what the pipe holds, as one frame when `to` is a WebSocket. */
static int empty(struct relay_pair *pair, struct pump *pump, struct pair_end *to, size_t *moved) {
    bool framed = to->kind == RELAY_WEBSOCKET;
    while (pump->in_pipe) {
        if (!to->writable)
            return 0;
        if (framed && !pump->frame_left) {
            int control = pair_send_control(pair);
            if (control <= 0)
                return control;
            begin_frame(pump);
        }
        int head = framed ? send_head(pump, to) : 1;
        if (head <= 0)
            return head;
        size_t sent = 0;
        int result = drain(pump, to, framed ? pump->frame_left : pump->in_pipe, &sent);
        if (result <= 0)
            return result;
        if (framed)
            pump->frame_left -= sent;
        *moved += sent;
    }
    return 1;
}

int pump_run(struct relay_pair *pair, struct pump *pump, struct pair_end *from, struct pair_end *to) {
    size_t moved = 0;
    if (!pump->in_pipe && (!from->readable || pump->from_ended))
        return 0;
    if (make_pipe(pump) < 0)
        return -1;
    int result = 1;
    while (moved < PAIR_ROUND_BYTES) {
        int got = fill(pump, from);
        if (got < 0)
            return -1;
        if (!pump->in_pipe) {
            result = 0;
            break;
        }
        result = empty(pair, pump, to, &moved);
        if (result <= 0)
            break;
    }
    _Atomic uint64_t *own = from == &pair->a ? &pair->bytes_from_a : &pair->bytes_from_b;
    struct relay *relay = pair->home->relay;
    _Atomic uint64_t *all = from == &pair->a ? &relay->bytes_from_a : &relay->bytes_from_b;
    if (moved) {
        atomic_fetch_add_explicit(own, moved, memory_order_relaxed);
        atomic_fetch_add_explicit(all, moved, memory_order_relaxed);
    }
    return result;
}
