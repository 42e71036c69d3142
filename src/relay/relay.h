/* The byte pump: pairs two sockets and moves bytes both ways until one side ends.
 *
 * A relay owns a few loops (threads, epoll). Each pair lives on one of them. An endpoint is raw bytes, or a
 * WebSocket server side (the browser's: its bytes travel in binary frames, RFC 6455; pings are sent on
 * silence and answered). Raw → raw and raw → WebSocket move through splice(2) and a pipe without touching
 * user space; WebSocket → raw is unmasked in a small buffer. Neither side buffers beyond the kernel's sockets
 * and one pipe: back-pressure is TCP's.
 *
 * The relay knows neither users nor sessions: it gets callbacks.
 */
#ifndef SS_RELAY_RELAY_H
#define SS_RELAY_RELAY_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RELAY_PIPE_BYTES (1024 * 1024)
#define RELAY_PING_SECONDS 20 /* between WebSocket pings to the browser: proxies close silent connections */
#define RELAY_DEAD_SECONDS 60 /* of nothing from the browser, not even pongs, end the pair with 1006 */
#define RELAY_CLIENT_FRAME_MAX (1024 * 1024)

struct relay;
struct relay_pair;

enum relay_kind { RELAY_RAW, RELAY_WEBSOCKET };

/* What a WebSocket end a says, as far as the relay looks at it (rfb_filter.h). The way to the browser is
 * never looked at. */
enum relay_protocol {
    RELAY_BYTES,    /* something: all of it is input */
    RELAY_RFB,      /* RFB: passes as it is; keys, pointer and clipboard are input */
    RELAY_RFB_VIEW, /* RFB of somebody who may only look: all that acts is dropped; what cannot be followed
                       ends the pair with 1008 and a reason */
};

/* One end; taken over by relay_pair_start whatever it returns. */
struct relay_end {
    enum relay_kind kind;
    enum relay_protocol protocol;
    int fd;                   /* non-blocking socket */
    void (*close)(void *arg); /* closes fd; NULL: close(2) */
    void *arg;
    const void *early; /* bytes of this end that were already read, borrowed for the call */
    size_t early_length;
};

struct relay_totals {
    uint64_t bytes_from_a, bytes_from_b; /* payload, without frame headers */
};

/* Which of the parties ended it. */
enum relay_end_cause { RELAY_ENDED_BY_A, RELAY_ENDED_BY_B, RELAY_ENDED_BY_OWNER, RELAY_ENDED_BY_ERROR };

struct relay_callbacks {
    /* The pair is over and both sockets are closed. On a relay thread, exactly once. May be NULL. */
    void (*on_end)(void *arg, enum relay_end_cause cause, const struct relay_totals *totals);
    /* Input by end a, a WebSocket (for idle detection), as its protocol has it. At most once a second. May be
     * NULL. */
    void (*on_activity)(void *arg);
    /* When end b (the display's side) ends or fails, the close code and reason that a WebSocket end a is
     * given. May be NULL: 1001. `reason` has 124 bytes. */
    int (*on_close_code)(void *arg, char *reason);
};

/* `loops` 0: one per core. Ignores SIGPIPE for the process: splice(2) cannot be told not to raise it. */
int relay_create(struct relay **ret, unsigned loops, struct err *err);
/* With other times than RELAY_PING_SECONDS and RELAY_DEAD_SECONDS, in milliseconds. */
int relay_create_timed(struct relay **ret, unsigned loops, int64_t ping_ms, int64_t dead_ms, struct err *err);
/* Ends all pairs (WebSocket ends get 1001 "server going away"), joins the threads, frees. Accepts NULL. */
void relay_destroy(struct relay *relay);

/* Pairs a and b (only a may be a WebSocket, and only a WebSocket may have a protocol). Thread-safe.
 * `callbacks` is copied. *ret (may be NULL) is a reference that the caller gives back with
 * relay_pair_unref(). */
int relay_pair_start(struct relay *relay, struct relay_pair **ret, const struct relay_end *a,
                     const struct relay_end *b, const struct relay_callbacks *callbacks, void *arg,
                     struct err *err);
/* Ends the pair; a WebSocket end is sent the close code and reason. Thread-safe; nothing happens when it has
 * ended. */
void relay_pair_end(struct relay_pair *pair, int code, const char *reason);
struct relay_pair *relay_pair_ref(struct relay_pair *pair);
void relay_pair_unref(struct relay_pair *pair);
struct relay_totals relay_pair_totals(const struct relay_pair *pair); /* so far; thread-safe */

/* Sends a WebSocket close frame on a socket that never got a partner (display unavailable …), then closes it
 * within 2 s. Takes over `end`. */
void relay_refuse(struct relay *relay, const struct relay_end *end, int code, const char *reason);

/* Totals over all pairs since creation, and pairs alive now. */
struct relay_totals relay_totals(const struct relay *relay);
unsigned relay_pairs(const struct relay *relay);

#endif
