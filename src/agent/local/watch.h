/* Watches one running session on the runtime's loop: its process 1, its outer process, what its display says.
 *
 * Made and ended from any thread. After watch_end no callback begins that has not begun already; so callbacks
 * carry the session's name and a serial number instead of pointers.
 */
#ifndef SS_AGENT_LOCAL_WATCH_H
#define SS_AGENT_LOCAL_WATCH_H

#include "agent/local/cgroup.h"
#include "agent/local/status.h"
#include "base/loop.h"

struct watch_events {
    void (*stage)(void *arg, const char *session_id, uint64_t serial, const char *stage);
    /* `status` is the display's last word, or NULL when it died without one. At most once. */
    void (*ended)(void *arg, const char *session_id, uint64_t serial, const struct status *status);
    /* The short time is over in which a session starts with more processor time than it is given afterwards.
     */
    void (*settled)(void *arg, const char *session_id, uint64_t serial);
    void *arg;
};

struct watch;
/* `display` and `outer` are pidfds (duplicated; outer may be -1), `status_fd` the status connection or -1
 * (taken over) with what was read of it. `settle_ms` 0: no settled callback. */
struct watch *watch_begin(struct loop *loop, const char *session_id, uint64_t serial, int display, int outer,
                          int status_fd, const struct status_reader *reader, int64_t settle_ms,
                          const struct watch_events *events);
void watch_end(struct watch *watch); /* accepts NULL */

#endif
