/* The session's port: HTTP on a Unix socket or TCP, every request with the session's token.
 *
 *   GET /stream  Upgrade: streamspace-stream   101, then raw RFB bytes
 *                Upgrade: websocket            101, RFB bytes in binary frames (subprotocol "binary")
 *   GET /status  Upgrade: streamspace-status   101, then a JSON line now and at every change (state.h)
 *   GET /health                                200, the same object once
 *
 * One thread answers, another moves the bytes (relay). Errors are application/problem+json.
 */
#ifndef SS_DISPLAY_PORT_H
#define SS_DISPLAY_PORT_H

#include "base/err.h"
#include "base/loop.h"
#include "display/config.h"
#include "display/state.h"
#include "display/status.h"

#include <stdint.h>

#define PORT_CONNECTIONS_MAX 256
#define PORT_STREAMS_MAX 64

struct display_port;

struct display_port_options {
    const struct display_config *config; /* everything here is borrowed until display_port_stop */
    struct display_state *state;
    const char *rfb_path;
    struct loop *loop; /* where `status` lives */
    struct display_status *status;
};

/* Begins to listen and to answer. A stale Unix socket is replaced; the new one is for our user only (0600).
 */
int display_port_start(struct display_port **ret, const struct display_port_options *options,
                       struct err *err);
/* Ends all streams and refuses new ones; /status and /health go on. */
void display_port_end_streams(struct display_port *port);
/* Ends everything. On the loop's thread, outside loop_run. Accepts NULL. */
void display_port_stop(struct display_port *port);

uint16_t display_port_number(const struct display_port *port); /* TCP; 0 otherwise */

#endif
