/* One WebSocket connection (RFC 6455), server or client side, on an event loop (over wslay).
 *
 * Used for control channels: text messages of bounded size. Streams of pixels do not come here (relay/).
 * All calls are made on the loop's thread: one writer per connection. Pings are answered by itself.
 */
#ifndef SS_WS_WS_H
#define SS_WS_WS_H

#include "base/loop.h"

#include <stddef.h>
#include <sys/types.h>

#define WS_MESSAGE_MAX (512 * 1024)
#define WS_QUEUE_MAX (8 * 1024 * 1024) /* bytes waiting to be written; more ends it with 1008 */
#define WS_REASON_MAX 123              /* of a close frame (RFC 6455 section 5.5.1) */

struct ws;

/* How bytes are moved; errno as read(2)/write(2). `close` is called once, last. */
struct ws_io {
    int fd;                                                       /* watched for readiness; non-blocking */
    ssize_t (*read)(void *arg, void *data, size_t length);        /* NULL: recv on fd */
    ssize_t (*write)(void *arg, const void *data, size_t length); /* NULL: send on fd, MSG_NOSIGNAL */
    void (*close)(void *arg);                                     /* NULL: close fd */
    void *arg;
};

struct ws_callbacks {
    /* A whole text message (UTF-8 checked), borrowed. */
    void (*on_text)(void *arg, const char *text, size_t length);
    /* The peer answered a ping, or may be NULL. */
    void (*on_pong)(void *arg);
    /* The connection is over: close code (1006 when it broke) and reason. Called exactly once, unless
     * ws_destroy came first. The owner destroys the object now or later. */
    void (*on_close)(void *arg, int code, const char *reason);
};

enum ws_role { WS_SERVER, WS_CLIENT };

/* Takes over `io`. `early` are bytes that were read behind the handshake, handled on the loop's next round.
 */
int ws_attach(struct ws **ret, struct loop *loop, enum ws_role role, const struct ws_io *io,
              const struct ws_callbacks *callbacks, void *arg, const void *early, size_t early_length,
              struct err *err);
/* Queues a text message (copied). -1 when the connection is closing. */
int ws_send_text(struct ws *ws, const char *text, size_t length);
int ws_ping(struct ws *ws);
/* Sends a close frame and ends the connection when the peer has answered, or after 2 s: on_close follows. */
void ws_close(struct ws *ws, int code, const char *reason);
/* Ends at once, without on_close. Accepts NULL; safe inside a callback. */
void ws_destroy(struct ws *ws);
size_t ws_queued(const struct ws *ws); /* bytes waiting to be written */

#endif
