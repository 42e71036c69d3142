/* Those who listen to the session's state: connections that get a line at once and another at every change.
 *
 * On the display's loop only. Nobody is waited for: a listener that does not read loses its connection when
 * STATUS_BACKLOG_MAX bytes lie waiting for it.
 */
#ifndef SS_DISPLAY_STATUS_H
#define SS_DISPLAY_STATUS_H

#include "base/loop.h"

#include <stdbool.h>
#include <stddef.h>

#define STATUS_LISTENERS_MAX 64
#define STATUS_BACKLOG_MAX (16 * 1024)

struct display_status;

void display_status_create(struct display_status **ret, struct loop *loop);
/* Closes all connections. Accepts NULL. */
void display_status_destroy(struct display_status *status);

/* Takes over a connected, non-blocking socket; close(arg) closes it. The line that was published last (if
 * any) is sent at once. Closed at once when there are STATUS_LISTENERS_MAX. */
void display_status_add(struct display_status *status, int fd, void (*close)(void *arg), void *arg);
/* Sends `line` (without line end, copied) to all and keeps it for those who come later. */
void display_status_publish(struct display_status *status, const char *line);

/* From now on nothing more will come: the sending side of every connection, also of later ones, is shut down
 * when its last line is out. */
void display_status_finish(struct display_status *status);
/* After finish: true when somebody has been sent the last line and nobody is connected any more. */
bool display_status_is_delivered(const struct display_status *status);
/* After finish: calls fn(arg) when that becomes true. */
void display_status_on_delivered(struct display_status *status, loop_fn fn, void *arg);
bool display_status_has_listeners(const struct display_status *status);
/* Closes all connections; nobody is called back. */
void display_status_close_all(struct display_status *status);

#endif
