/* A pair of sockets on one of the relay's loops. Private to the room.
 *
 * Everything here runs on the loop's thread. Readiness is edge-triggered: `readable` and `writable` remember
 * what epoll said until a call answers EAGAIN, and a pair that has used up its share of a round posts itself
 * again.
 */
#ifndef SS_RELAY_PAIR_H
#define SS_RELAY_PAIR_H

#include "base/clock.h"
#include "base/loop.h"
#include "relay/frames.h"
#include "relay/relay.h"
#include "relay/rfb_filter.h"

#include <stdatomic.h>

#define PAIR_ROUND_BYTES (4 * 1024 * 1024) /* moved for one direction before others get their turn */
#define PAIR_INBOUND_BYTES (64 * 1024)     /* read from a browser at once */
#define PAIR_CONTROL_MAX 512               /* control frames waiting; more pings than fit are not answered */
#define PAIR_LINGER_MS 2000                /* for the close frame to arrive, and for the peer to close */

struct relay_loop;

/* One socket. */
struct pair_end {
    struct relay_pair *pair;
    enum relay_kind kind;
    int fd; /* -1: closed */
    void (*close)(void *arg);
    void *arg;
    struct loop_fd *watch;
    bool readable, writable;
    bool write_ended; /* shutdown(SHUT_WR) was done */
};

/* Raw bytes to the other end, through a pipe. */
struct pump {
    int pipe[2]; /* -1 until there are bytes */
    size_t capacity;
    size_t in_pipe;
    bool from_ended;
    /* When `to` is a WebSocket: the frame that is being sent. */
    uint8_t head[FRAME_HEAD_MAX];
    size_t head_length, head_sent;
    size_t frame_left; /* payload in the pipe that belongs to it */
};

/* Masked frames from a browser to raw bytes. */
struct inbound {
    struct frame_parser parser;
    uint8_t *bytes;  /* PAIR_INBOUND_BYTES, made when first used */
    uint8_t *passed; /* RELAY_RFB_VIEW: what the filter lets through */
    size_t start, length;
    enum relay_protocol protocol;
    struct rfb_filter filter;
    bool input;     /* somebody did something since it was last told */
    int close_code; /* of the browser's close frame, once it has come */
};

struct relay_pair {
    _Atomic unsigned references;
    struct relay_loop *home;
    struct pair_end a, b;
    struct pump to_b, to_a; /* to_b only when a is raw */
    struct inbound inbound; /* only when a is a WebSocket */
    uint8_t control[PAIR_CONTROL_MAX];
    size_t control_length;
    _Atomic uint64_t bytes_from_a, bytes_from_b;
    struct relay_callbacks callbacks;
    void *arg;
    enum relay_end_cause cause;
    bool closing; /* b is gone; the close frame is on its way to a */
    bool ended;
    bool posted;
    int64_t heard_at, activity_at;
    struct loop_timer *timer;
    struct relay_pair *previous, *next; /* of the loop */
};

/* A loop with its thread. */
struct relay_loop {
    struct relay *relay;
    struct loop *loop;
    struct relay_pair *pairs;
};

struct relay {
    struct relay_loop *loops;
    void *threads; /* pthread_t[count] */
    unsigned count;
    _Atomic unsigned next;
    _Atomic unsigned pairs;
    _Atomic bool stopping;
    _Atomic uint64_t bytes_from_a, bytes_from_b;
    int64_t ping_ms, dead_ms;
};

/* Puts the pair on its loop: watches, then the browser's bytes that came with the handshake, then what is
 * there. The loop takes over the caller's reference; hold another to look at the pair afterwards. */
void pair_begin(struct relay_pair *pair, const void *early, size_t early_length);
/* Moves what can be moved. */
void pair_run(struct relay_pair *pair);
/* Ends it: a WebSocket end is sent `code` and `reason` first. 0: no close frame. */
void pair_finish(struct relay_pair *pair, enum relay_end_cause cause, int code, const char *reason);
/* Closes everything at once. */
void pair_drop(struct relay_pair *pair);

/* pump.c: 1 when more may be moved at once, 0 when it has to wait, -1 when the pair is over. */
int pump_run(struct relay_pair *pair, struct pump *pump, struct pair_end *from, struct pair_end *to);
void pump_finish(struct pump *pump);
/* Puts bytes that were read earlier in front. */
int pump_prefill(struct pump *pump, const void *data, size_t length);
/* inbound.c: the same for a browser's frames. */
int inbound_run(struct relay_pair *pair);
int inbound_prefill(struct relay_pair *pair, const void *data, size_t length);
void inbound_finish(struct inbound *inbound);

/* Queues a control frame to a; false when there is no room. */
bool pair_queue_control(struct relay_pair *pair, enum frame_opcode opcode, const void *payload,
                        size_t length);
/* Sends waiting control frames; only between data frames. 1 all sent, 0 has to wait, -1 the socket is broken.
 */
int pair_send_control(struct relay_pair *pair);

#endif
