/* The session's X server: Xvnc with its RFB on a Unix socket in a private directory, and nothing on the
 * network.
 *
 * X clients need the MIT cookie of a file in that directory (0700); RFB clients must be able to enter it. The
 * X socket
 * (/tmp/.X11-unix/XN) is bound by us before Xvnc starts and handed to it, where it knows how to take one (it
 * is linked with libsystemd): clients can then be started at the same moment and wait in the socket's queue,
 * which saves the whole start of the server. Otherwise they have to wait for `accepting`.
 */
#ifndef SS_DISPLAY_XSERVER_H
#define SS_DISPLAY_XSERVER_H

#include "base/loop.h"
#include "display/config.h"

#include <sys/types.h>

#define XSERVER_READY_LIMIT_MS 20000

struct xserver;

struct xserver_callbacks {
    void (*accepting)(void *arg);                  /* X clients can connect and are served */
    void (*ready)(void *arg);                      /* RFB has answered with its banner */
    void (*failed)(void *arg, const char *reason); /* it does not come up in time */
};

/* Makes cookie and sockets in `dir` (borrowed, exists, private). */
int xserver_create(struct xserver **ret, struct loop *loop, const char *dir,
                   const struct xserver_callbacks *callbacks, void *arg, struct err *err);
/* Removes every file that it or Xvnc made. The process must have been reaped. Accepts NULL. */
void xserver_destroy(struct xserver *xserver);

/* Starts Xvnc, printing to `output`. Code "not_installed" when there is none. */
int xserver_start(struct xserver *xserver, const struct display_config *config, int output, struct err *err);
/* True when X clients may be started now; else wait for `accepting`. */
bool xserver_takes_clients(const struct xserver *xserver);
/* The process was reaped. */
void xserver_ended(struct xserver *xserver);

pid_t xserver_pid(const struct xserver *xserver);             /* 0: does not run */
const char *xserver_display(const struct xserver *xserver);   /* ":7" */
const char *xserver_authority(const struct xserver *xserver); /* path of the cookie's file */
const char *xserver_rfb_path(const struct xserver *xserver);

/* A connection to the RFB socket at `path`, non-blocking. Waits RFB_CONNECT_LIMIT_MS at most when its queue
 * is full. Thread-safe. */
#define RFB_CONNECT_LIMIT_MS 200
int xserver_connect_rfb(const char *path, int *ret_fd, struct err *err);

#endif
