#include "relay/pair.h"

#include "base/cleanup.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#define CLOSE_FRAME_ROOM (FRAME_HEAD_MAX + FRAME_CONTROL_MAX)

bool pair_queue_control(struct relay_pair *pair, enum frame_opcode opcode, const void *payload,
                        size_t length) {
    uint8_t head[FRAME_HEAD_MAX];
    size_t size = frame_head(head, opcode, length);
    size_t room = sizeof pair->control - (opcode == FRAME_CLOSE ? 0 : CLOSE_FRAME_ROOM);
    if (pair->control_length + size + length > room)
        return false;
    memcpy(pair->control + pair->control_length, head, size);
    if (length)
        memcpy(pair->control + pair->control_length + size, payload, length);
    pair->control_length += size + length;
    return true;
}

int pair_send_control(struct relay_pair *pair) {
    while (pair->control_length) {
        if (!pair->a.writable)
            return 0;
        ssize_t sent = send(pair->a.fd, pair->control, pair->control_length, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0) {
            pair->a.writable = errno != EAGAIN;
            return errno == EAGAIN ? 0 : -1;
        }
        pair->control_length -= (size_t)sent;
        memmove(pair->control, pair->control + sent, pair->control_length);
    }
    return 1;
}

/* Closes one end; the pair's other parts stay. */
static void close_end(struct pair_end *end) {
    loop_fd_remove(end->watch);
    end->watch = NULL;
    if (end->fd < 0)
        return;
    if (end->close)
        end->close(end->arg);
    else
        close_fd(end->fd);
    end->fd = -1;
}

void pair_drop(struct relay_pair *pair) {
    if (pair->ended)
        return;
    pair->ended = true;
    loop_timer_cancel(pair->timer);
    pair->timer = NULL;
    close_end(&pair->a);
    close_end(&pair->b);
    pump_finish(&pair->to_a);
    pump_finish(&pair->to_b);
    inbound_finish(&pair->inbound);
    if (pair->previous)
        pair->previous->next = pair->next;
    else
        pair->home->pairs = pair->next;
    if (pair->next)
        pair->next->previous = pair->previous;
    atomic_fetch_sub(&pair->home->relay->pairs, 1);
    if (pair->callbacks.on_end) {
        struct relay_totals totals = relay_pair_totals(pair);
        pair->callbacks.on_end(pair->arg, pair->cause, &totals);
    }
    relay_pair_unref(pair);
}

static void on_linger_over(void *arg) {
    struct relay_pair *pair = arg;
    pair->timer = NULL;
    pair_drop(pair);
}

/* While closing: the frame that was begun, the close frame, then waiting for the peer's end of file, so that
 * our close is not overtaken by a reset. */
static void run_closing(struct relay_pair *pair) {
    uint8_t waste[4096];
    struct pump *pump = &pair->to_a;
    pump->in_pipe = pump->frame_left; /* what was read behind this frame is not wanted any more */
    if (pump->frame_left && pump_run(pair, pump, &pair->b, &pair->a) < 0) {
        pair_drop(pair);
        return;
    }
    if (pump->frame_left)
        return;
    int sent = pair_send_control(pair);
    if (sent < 0) {
        pair_drop(pair);
        return;
    }
    if (sent && !pair->a.write_ended) {
        pair->a.write_ended = true;
        shutdown(pair->a.fd, SHUT_WR);
    }
    while (pair->a.readable) {
        ssize_t got = recv(pair->a.fd, waste, sizeof waste, MSG_DONTWAIT);
        if (got > 0 || (got < 0 && errno == EINTR))
            continue;
        if (got < 0 && errno == EAGAIN) {
            pair->a.readable = false;
            return;
        }
        pair_drop(pair);
        return;
    }
}

void pair_finish(struct relay_pair *pair, enum relay_end_cause cause, int code, const char *reason) {
    if (pair->ended || pair->closing)
        return;
    pair->cause = cause;
    if (pair->a.kind != RELAY_WEBSOCKET || !code) {
        pair_drop(pair);
        return;
    }
    pair->closing = true;
    pair->to_a.from_ended = true;
    close_end(&pair->b);
    uint8_t payload[2 + 123] = {(uint8_t)(code >> 8), (uint8_t)code};
    size_t length = strnlen(reason, 123);
    memcpy(payload + 2, reason, length);
    pair_queue_control(pair, FRAME_CLOSE, payload, length + 2); /* there is always room for one */
    loop_timer_cancel(pair->timer);
    pair->timer = loop_timer_add(pair->home->loop, PAIR_LINGER_MS, on_linger_over, pair);
    run_closing(pair);
}

/* The display's end is over: tell the browser why. */
static void end_by_b(struct relay_pair *pair) {
    char reason[124] = "the stream has ended";
    int code = 1001;
    if (pair->a.kind == RELAY_WEBSOCKET && pair->callbacks.on_close_code)
        code = pair->callbacks.on_close_code(pair->arg, reason);
    pair_finish(pair, RELAY_ENDED_BY_B, code, reason);
}

/* Passes an end of file on to a raw end when all before it has been sent. True when it was. */
static bool pass_end(struct pump *pump, struct pair_end *to) {
    if (!pump->from_ended || pump->in_pipe)
        return false;
    if (!to->write_ended) {
        to->write_ended = true;
        shutdown(to->fd, SHUT_WR);
    }
    return true;
}

static void run_again(void *arg) {
    struct relay_pair *pair = arg;
    pair->posted = false;
    if (!pair->ended)
        pair_run(pair);
    relay_pair_unref(pair);
}

/* The rest in the next round, after the loop's other pairs. */
static void post_again(struct relay_pair *pair) {
    if (pair->posted)
        return;
    pair->posted = true;
    loop_post(pair->home->loop, run_again, relay_pair_ref(pair));
}

static void run_raw(struct relay_pair *pair) {
    int up = pump_run(pair, &pair->to_b, &pair->a, &pair->b);
    int down = up < 0 ? 0 : pump_run(pair, &pair->to_a, &pair->b, &pair->a);
    if (up < 0 || down < 0) {
        pair_finish(pair, RELAY_ENDED_BY_ERROR, 0, NULL);
        return;
    }
    bool a_over = pass_end(&pair->to_b, &pair->b);
    bool b_over = pass_end(&pair->to_a, &pair->a);
    if (a_over && b_over)
        pair_finish(pair, RELAY_ENDED_BY_A, 0, NULL);
    else if (up || down)
        post_again(pair);
}

static void run_websocket(struct relay_pair *pair) {
    int up = inbound_run(pair);
    if (pair->ended || pair->closing)
        return;
    int down = up < 0 ? 0 : pump_run(pair, &pair->to_a, &pair->b, &pair->a);
    if (down < 0) { /* which of the two it was does not matter: the browser hears it if it can */
        end_by_b(pair);
        return;
    }
    if (up < 0 || (pair->to_a.from_ended && !pair->to_a.in_pipe)) {
        end_by_b(pair);
        return;
    }
    if (!pair->to_a.frame_left && pair_send_control(pair) < 0)
        pair_finish(pair, RELAY_ENDED_BY_A, 0, NULL);
    else if (up || down)
        post_again(pair);
}

void pair_run(struct relay_pair *pair) {
    if (pair->closing)
        run_closing(pair);
    else if (pair->a.kind == RELAY_WEBSOCKET)
        run_websocket(pair);
    else
        run_raw(pair);
}

static void on_ready(void *arg, uint32_t events) {
    struct pair_end *end = arg;
    struct relay_pair *pair = end->pair;
    if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
        end->readable = true;
    if (events & (EPOLLOUT | EPOLLHUP | EPOLLERR))
        end->writable = true;
    relay_pair_ref(pair);
    pair_run(pair);
    relay_pair_unref(pair);
}

/* Silence: pings on a quiet stream (proxies close quiet ones), an end for a browser that is gone. */
static void on_tick(void *arg) {
    struct relay_pair *pair = arg;
    struct relay *relay = pair->home->relay;
    int64_t now = clock_ms();
    pair->timer = loop_timer_add(pair->home->loop, relay->ping_ms, on_tick, pair);
    if (now - pair->heard_at >= relay->dead_ms) {
        pair_finish(pair, RELAY_ENDED_BY_A, 0, NULL);
        return;
    }
    pair_queue_control(pair, FRAME_PING, NULL, 0);
    relay_pair_ref(pair);
    pair_run(pair);
    relay_pair_unref(pair);
}

static int watch(struct relay_pair *pair, struct pair_end *end) {
    end->pair = pair;
    if (end->fd < 0)
        return 0;
    return loop_fd_add(pair->home->loop, end->fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, on_ready, end,
                       &end->watch, NULL);
}

void pair_begin(struct relay_pair *pair, const void *early, size_t early_length) {
    struct relay *relay = pair->home->relay;
    pair->next = pair->home->pairs;
    if (pair->next)
        pair->next->previous = pair;
    pair->home->pairs = pair;
    pair->heard_at = clock_ms();
    if (watch(pair, &pair->a) < 0 || watch(pair, &pair->b) < 0) {
        pair->cause = RELAY_ENDED_BY_ERROR;
        pair_drop(pair);
        return;
    }
    if (pair->closing) { /* relay_refuse: nothing but a close frame */
        pair->timer = loop_timer_add(pair->home->loop, PAIR_LINGER_MS, on_linger_over, pair);
        run_closing(pair);
        return;
    }
    if (atomic_load(&relay->stopping)) {
        pair_finish(pair, RELAY_ENDED_BY_OWNER, 1001, "server going away");
        return;
    }
    if (pair->a.kind == RELAY_WEBSOCKET)
        pair->timer = loop_timer_add(pair->home->loop, relay->ping_ms, on_tick, pair);
    if (!early_length || inbound_prefill(pair, early, early_length) == 0)
        pair_run(pair);
}
