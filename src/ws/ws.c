#include "ws/ws.h"

#include "base/cleanup.h"
#include "base/id.h"
#include "base/str.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <wslay/wslay.h>

#define ROUND_BYTES (256 * 1024) /* read before others on the loop get their turn */
#define CLOSE_LIMIT_MS 2000

struct ws {
    struct loop *loop;
    struct ws_io io;
    struct ws_callbacks callbacks;
    void *arg;
    wslay_event_context_ptr wslay;
    struct loop_fd *watch;
    struct loop_timer *again, *limit;
    struct strbuf early; /* bytes behind the handshake */
    size_t round_left;
    bool reading_ended; /* end of file or a broken socket */
    bool closing;       /* a close frame was queued or has come */
    bool over;          /* on_close was called */
    bool destroyed;
    unsigned depth; /* callbacks and services under way */
    int code;
    char reason[WS_REASON_MAX + 1];
};

static void service(struct ws *ws);

static ssize_t io_read(struct ws *ws, void *data, size_t length) {
    if (ws->io.read)
        return ws->io.read(ws->io.arg, data, length);
    return recv(ws->io.fd, data, length, MSG_DONTWAIT);
}

static ssize_t io_write(struct ws *ws, const void *data, size_t length) {
    if (ws->io.write)
        return ws->io.write(ws->io.arg, data, length);
    return send(ws->io.fd, data, length, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void io_close(struct ws *ws) {
    loop_fd_remove(ws->watch);
    ws->watch = NULL;
    if (ws->io.fd < 0)
        return;
    if (ws->io.close)
        ws->io.close(ws->io.arg);
    else
        close_fd(ws->io.fd);
    ws->io.fd = -1;
}

/* --- what wslay calls --- */

static ssize_t take_early(struct ws *ws, uint8_t *data, size_t length) {
    size_t count = ws->early.length < length ? ws->early.length : length;
    memcpy(data, ws->early.data, count);
    strbuf_consume(&ws->early, count);
    return (ssize_t)count;
}

static ssize_t on_recv(wslay_event_context_ptr ctx, uint8_t *data, size_t length, int flags, void *arg) {
    struct ws *ws = arg;
    if (ws->destroyed || ws->over) {
        wslay_event_set_error(ctx, WSLAY_ERR_CALLBACK_FAILURE);
        return -1;
    }
    if (ws->early.length)
        return take_early(ws, data, length);
    ssize_t got = -1;
    errno = EAGAIN;
    while (ws->round_left && (got = io_read(ws, data, length)) < 0 && errno == EINTR)
        ;
    if (got > 0) {
        ws->round_left -= (size_t)got < ws->round_left ? (size_t)got : ws->round_left;
        return got;
    }
    if (got < 0 && errno == EAGAIN) {
        wslay_event_set_error(ctx, WSLAY_ERR_WOULDBLOCK);
        return -1;
    }
    ws->reading_ended = true;
    wslay_event_set_error(ctx, WSLAY_ERR_CALLBACK_FAILURE);
    return -1;
}

static ssize_t on_send(wslay_event_context_ptr ctx, const uint8_t *data, size_t length, int flags,
                       void *arg) {
    struct ws *ws = arg;
    ssize_t sent = -1;
    errno = EPIPE;
    while (!ws->destroyed && !ws->over && (sent = io_write(ws, data, length)) < 0 && errno == EINTR)
        ;
    if (sent < 0)
        wslay_event_set_error(ctx, errno == EAGAIN ? WSLAY_ERR_WOULDBLOCK : WSLAY_ERR_CALLBACK_FAILURE);
    return sent;
}

static int on_mask(wslay_event_context_ptr ctx, uint8_t *mask, size_t length, void *arg) {
    random_bytes(mask, length);
    return 0;
}

static void note_close(struct ws *ws, int code, const char *reason, size_t length) {
    if (ws->code)
        return;
    ws->code = code;
    length = length > WS_REASON_MAX ? WS_REASON_MAX : length;
    if (length)
        memcpy(ws->reason, reason, length);
    ws->reason[length] = '\0';
}

static void on_message(wslay_event_context_ptr ctx, const struct wslay_event_on_msg_recv_arg *message,
                       void *arg) {
    struct ws *ws = arg;
    if (ws->destroyed || ws->over)
        return;
    switch (message->opcode) {
    case WSLAY_TEXT_FRAME:
        if (!ws->closing)
            ws->callbacks.on_text(ws->arg, (const char *)message->msg, message->msg_length);
        break;
    case WSLAY_BINARY_FRAME:
        ws_close(ws, 1003, "text messages only");
        break;
    case WSLAY_PONG:
        if (ws->callbacks.on_pong)
            ws->callbacks.on_pong(ws->arg);
        break;
    case WSLAY_CONNECTION_CLOSE: /* the payload begins with the code */
        ws->closing = true;
        note_close(ws, message->status_code ? message->status_code : 1005,
                   message->msg_length > 2 ? (const char *)message->msg + 2 : "",
                   message->msg_length > 2 ? message->msg_length - 2 : 0);
        break;
    default:
        break;
    }
}

/* --- life --- */

static void release(struct ws *ws) {
    if (!ws->destroyed || ws->depth)
        return;
    loop_timer_cancel(ws->again);
    loop_timer_cancel(ws->limit);
    io_close(ws);
    wslay_event_context_free(ws->wslay);
    strbuf_finish(&ws->early);
    free(ws);
}

/* The connection is over: tells the owner, once. */
static void finish(struct ws *ws) {
    if (ws->over || ws->destroyed)
        return;
    ws->over = true;
    loop_timer_cancel(ws->limit);
    loop_timer_cancel(ws->again);
    ws->limit = ws->again = NULL;
    io_close(ws);
    if (!ws->code && wslay_event_get_close_sent(ws->wslay))
        ws->code = wslay_event_get_status_code_sent(ws->wslay);
    ws->callbacks.on_close(ws->arg, ws->code ? ws->code : 1006, ws->reason);
}

static void on_close_limit(void *arg) {
    struct ws *ws = arg;
    ws->limit = NULL;
    ws->depth++;
    finish(ws);
    ws->depth--;
    release(ws);
}

static void on_again(void *arg) {
    struct ws *ws = arg;
    ws->again = NULL;
    service(ws);
}

/* What epoll is to watch: nothing that would not be read, or a peer that goes on sending behind its end keeps
 * the loop busy. When nothing is read any more, the connection is at its end, and that has a limit, too. */
static void watch(struct ws *ws) {
    bool reading = wslay_event_want_read(ws->wslay);
    loop_fd_set(ws->watch, (reading ? EPOLLIN : 0) | (wslay_event_want_write(ws->wslay) ? EPOLLOUT : 0));
    if (!reading && !ws->limit)
        ws->limit = loop_timer_add(ws->loop, CLOSE_LIMIT_MS, on_close_limit, ws);
}

/* Sends what waits. False: the socket is broken. */
static bool flush(struct ws *ws) {
    return !wslay_event_want_write(ws->wslay) || wslay_event_send(ws->wslay) == 0;
}

static void service(struct ws *ws) {
    if (ws->over || ws->destroyed)
        return;
    ws->depth++;
    ws->round_left = ROUND_BYTES;
    bool broken = wslay_event_want_read(ws->wslay) && wslay_event_recv(ws->wslay) != 0;
    if (!ws->destroyed && !ws->over) {
        if (broken &&
            !ws->reading_ended) /* malformed frames: wslay has queued a close frame without a code */
            note_close(ws, 1002, "malformed frame", strlen("malformed frame"));
        broken = !flush(ws) || broken;
        bool quiet = !wslay_event_want_read(ws->wslay) && !wslay_event_want_write(ws->wslay);
        if (broken || quiet) {
            finish(ws);
        } else {
            watch(ws);
            if (!ws->round_left && !ws->again) /* bytes may wait where epoll cannot see them (TLS) */
                ws->again = loop_timer_add(ws->loop, 0, on_again, ws);
        }
    }
    ws->depth--;
    release(ws);
}

static void on_ready(void *arg, uint32_t events) {
    service(arg);
}

int ws_attach(struct ws **ret, struct loop *loop, enum ws_role role, const struct ws_io *io,
              const struct ws_callbacks *callbacks, void *arg, const void *early, size_t early_length,
              struct err *err) {
    static const struct wslay_event_callbacks wslay_callbacks = {
        .recv_callback = on_recv,
        .send_callback = on_send,
        .genmask_callback = on_mask,
        .on_msg_recv_callback = on_message,
    };
    struct ws *ws = mem_zalloc(sizeof *ws);
    ws->loop = loop;
    ws->io = *io;
    ws->callbacks = *callbacks;
    ws->arg = arg;
    ws->early.max = WS_MESSAGE_MAX;
    int failed = role == WS_SERVER ? wslay_event_context_server_init(&ws->wslay, &wslay_callbacks, ws)
                                   : wslay_event_context_client_init(&ws->wslay, &wslay_callbacks, ws);
    if (failed) {
        io_close(ws);
        free(ws);
        return err_set(err, ERR_INTERNAL, NULL, "cannot make a WebSocket context");
    }
    wslay_event_config_set_max_recv_msg_length(ws->wslay, WS_MESSAGE_MAX);
    if (!strbuf_append(&ws->early, early, early_length)) {
        err_set(err, ERR_TOO_LARGE, NULL, "too many bytes behind the handshake");
        failed = -1;
    } else {
        failed = loop_fd_add(loop, io->fd, EPOLLIN, on_ready, ws, &ws->watch, err);
    }
    if (failed) {
        ws->destroyed = true;
        release(ws);
        return -1;
    }
    if (early_length)
        ws->again = loop_timer_add(loop, 0, on_again, ws);
    *ret = ws;
    return 0;
}

static int queue(struct ws *ws, uint8_t opcode, const char *data, size_t length) {
    if (ws->closing || ws->over || ws->destroyed)
        return -1;
    if (ws_queued(ws) + length > WS_QUEUE_MAX) {
        ws_close(ws, 1008, "the peer does not read");
        return -1;
    }
    struct wslay_event_msg message = {opcode, (const uint8_t *)data, length};
    if (wslay_event_queue_msg(ws->wslay, &message) != 0)
        return -1;
    if (!ws->depth) {
        ws->depth++;
        if (!flush(ws)) /* epoll will say so: on_close is never called from here */
            shutdown(ws->io.fd, SHUT_RDWR);
        ws->depth--;
        watch(ws);
    }
    return 0;
}

int ws_send_text(struct ws *ws, const char *text, size_t length) {
    return queue(ws, WSLAY_TEXT_FRAME, text, length);
}

int ws_ping(struct ws *ws) {
    return queue(ws, WSLAY_PING, NULL, 0);
}

void ws_close(struct ws *ws, int code, const char *reason) {
    if (ws->closing || ws->over || ws->destroyed)
        return;
    size_t length = strnlen(reason, WS_REASON_MAX);
    note_close(ws, code, reason, length);
    ws->closing = true;
    wslay_event_queue_close(ws->wslay, (uint16_t)code, (const uint8_t *)reason, length);
    ws->limit = loop_timer_add(ws->loop, CLOSE_LIMIT_MS, on_close_limit, ws);
    if (!ws->depth)
        loop_fd_set(ws->watch, EPOLLIN | EPOLLOUT);
}

void ws_destroy(struct ws *ws) {
    if (!ws || ws->destroyed)
        return;
    ws->destroyed = true;
    loop_timer_cancel(ws->again);
    loop_timer_cancel(ws->limit);
    ws->again = ws->limit = NULL;
    io_close(ws);
    release(ws);
}

size_t ws_queued(const struct ws *ws) {
    return wslay_event_get_queued_msg_length(ws->wslay);
}
