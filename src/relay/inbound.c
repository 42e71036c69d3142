/* A browser's frames to raw bytes for the display, and the control frames in between. */
#include "relay/pair.h"

#include "base/str.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define ACTIVITY_EVERY_MS 1000

void inbound_finish(struct inbound *inbound) {
    free(inbound->bytes);
    free(inbound->passed);
    inbound->bytes = inbound->passed = NULL;
}

static void make_buffers(struct inbound *inbound) {
    if (!inbound->bytes)
        inbound->bytes = mem_alloc(PAIR_INBOUND_BYTES);
    if (inbound->protocol == RELAY_RFB_VIEW && !inbound->passed)
        inbound->passed = mem_alloc(RFB_FILTER_ROOM(PAIR_INBOUND_BYTES));
}

static void on_control(void *arg, enum frame_opcode opcode, const uint8_t *payload, size_t length) {
    struct relay_pair *pair = arg;
    if (opcode == FRAME_PING) {
        pair_queue_control(pair, FRAME_PONG, payload, length);
    } else if (opcode == FRAME_CLOSE) {
        int code = length >= 2 ? payload[0] << 8 | payload[1] : 1000;
        bool sendable = (code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006) ||
                        (code >= 3000 && code <= 4999);
        pair->inbound.close_code = sendable ? code : 1002;
    }
}

static int flush(struct relay_pair *pair);

/* Looks at what was said: *payload becomes the length of what may go on to the display. -1: over. */
static int look(struct relay_pair *pair, size_t *payload) {
    struct inbound *inbound = &pair->inbound;
    char reason[RFB_REASON_SIZE] = "";
    if (inbound->protocol == RELAY_BYTES) {
        inbound->input |= *payload > 0;
        return 0;
    }
    ptrdiff_t passed =
        rfb_filter(&inbound->filter, inbound->bytes, *payload, inbound->passed, &inbound->input, reason);
    if (passed < 0) {
        pair_finish(pair, RELAY_ENDED_BY_A, 1008, reason);
        return -1;
    }
    *payload = (size_t)passed;
    return 0;
}

/* Parses `length` bytes at the front of the buffer. -1: over. */
static int parse(struct relay_pair *pair, size_t length) {
    struct inbound *inbound = &pair->inbound;
    int code = 1002;
    ptrdiff_t payload = frame_parse(&inbound->parser, inbound->bytes, length, RELAY_CLIENT_FRAME_MAX,
                                    on_control, pair, &code);
    if (payload < 0) {
        pair_finish(pair, RELAY_ENDED_BY_A, code,
                    code == 1009   ? "frame too large"
                    : code == 1003 ? "binary frames only"
                                   : "malformed frame");
        return -1;
    }
    if (payload) {
        atomic_fetch_add_explicit(&pair->bytes_from_a, (uint64_t)payload, memory_order_relaxed);
        atomic_fetch_add_explicit(&pair->home->relay->bytes_from_a, (uint64_t)payload, memory_order_relaxed);
    }
    size_t passed = (size_t)payload;
    if (look(pair, &passed) < 0)
        return -1;
    inbound->start = 0;
    inbound->length = passed;
    if (inbound->close_code) {
        flush(pair); /* the keys that were let go of last; what the display does not take now is lost */
        pair_finish(pair, RELAY_ENDED_BY_A, inbound->close_code, "");
        return -1;
    }
    return 0;
}

static void note_activity(struct relay_pair *pair, int64_t now) {
    bool input = pair->inbound.input;
    pair->heard_at = now;
    pair->inbound.input = false;
    if (input && pair->callbacks.on_activity && now - pair->activity_at >= ACTIVITY_EVERY_MS) {
        pair->activity_at = now;
        pair->callbacks.on_activity(pair->arg);
    }
}

int inbound_prefill(struct relay_pair *pair, const void *data, size_t length) {
    make_buffers(&pair->inbound);
    memcpy(pair->inbound.bytes, data, length);
    return parse(pair, length);
}

/* Sends what is unmasked. 1: all, 0: wait, -1: the display's end is broken. */
static int flush(struct relay_pair *pair) {
    struct inbound *inbound = &pair->inbound;
    while (inbound->length) {
        if (!pair->b.writable)
            return 0;
        const uint8_t *bytes = inbound->passed ? inbound->passed : inbound->bytes;
        ssize_t sent = send(pair->b.fd, bytes + inbound->start, inbound->length, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0) {
            pair->b.writable = errno != EAGAIN;
            return errno == EAGAIN ? 0 : -1;
        }
        inbound->start += (size_t)sent;
        inbound->length -= (size_t)sent;
    }
    return 1;
}

int inbound_run(struct relay_pair *pair) {
    struct inbound *inbound = &pair->inbound;
    make_buffers(inbound);
    size_t moved = 0;
    while (moved < PAIR_ROUND_BYTES) {
        int flushed = flush(pair);
        if (flushed < 0)
            return -1;
        if (flushed == 0 || !pair->a.readable)
            return 0;
        ssize_t got = recv(pair->a.fd, inbound->bytes, PAIR_INBOUND_BYTES, MSG_DONTWAIT);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 && errno == EAGAIN) {
            pair->a.readable = false;
            return 0;
        }
        if (got <= 0) {
            pair_finish(pair, RELAY_ENDED_BY_A, 0, NULL);
            return 0;
        }
        moved += (size_t)got;
        if (parse(pair, (size_t)got) < 0)
            return 0;
        note_activity(pair, clock_ms());
    }
    return 1;
}
