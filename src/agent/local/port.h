/* The session's port, seen from outside: a Unix socket in a directory that the session can write to.
 *
 * The session may be hostile. It may put a link, a fifo or somebody else's socket in the port's place, answer
 * nonsense, or never. So the socket is looked up in the directory's descriptor without following links, must
 * be a socket, must be served by the session's own user id, and everything has a time limit and a size limit.
 */
#ifndef SS_AGENT_LOCAL_PORT_H
#define SS_AGENT_LOCAL_PORT_H

#include "base/err.h"

#include <stdint.h>
#include <sys/types.h>

#define PORT_ANSWER_MAX 4096 /* bytes of the answer's head */

struct port {
    int run_fd; /* the session's private directory, borrowed */
    uid_t uid;  /* who must serve it */
    const char *token;
    int cancel; /* a descriptor that becomes readable when the attempt shall be given up, or -1 */
};

/* Connects and upgrades to `protocol` ("streamspace-stream", "streamspace-status") at `path`. *ret_fd is a
 * connected, non-blocking socket of which nothing behind the answer's head has been read. ERR_UNAVAILABLE
 * when nobody answers as expected before the deadline, ERR_DENIED when what is there is not the session's
 * port. */
int port_open(const struct port *port, const char *path, const char *protocol, int64_t deadline_ms,
              int *ret_fd, struct err *err);

#endif
