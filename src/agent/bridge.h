/* Gives a TLS connection a plain socket: a thread moves bytes between the connection and one end of a socket
 * pair. Only for streams over https; plain ones are spliced by the relay.
 */
#ifndef SS_AGENT_BRIDGE_H
#define SS_AGENT_BRIDGE_H

#include "base/err.h"
#include "http/client.h"

/* Takes over `connection` (also on failure). *ret_fd is the non-blocking other end; closing it ends the
 * thread. */
int bridge_start(struct http_connection *connection, int *ret_fd, struct err *err);
/* Threads alive now, all together. */
unsigned bridge_count(void);

#endif
