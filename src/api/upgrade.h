/* What all upgraded connections share. */
#ifndef SS_API_UPGRADE_H
#define SS_API_UPGRADE_H

#include "base/err.h"

struct call;

/* For struct relay_end, hub_socket and ws_io: `arg` is the http_upgraded. */
void upgraded_close(void *arg);

/* Checks a WebSocket handshake and adds the answer's headers. `subprotocol` is confirmed when the client
 * offers it (NULL: none is). ERR_INVALID "upgrade_required" (426) when the request is no handshake at all. */
int upgrade_websocket(struct call *call, const char *subprotocol, struct err *err);

#endif
