/* Events: what changed, for pages that are watching (server-sent events) and for other replicas.
 *
 * A row is written in the transaction of the change; the commit wakes listeners of channel "events" (whatever
 * the payload: read since the last id that you have). Ids rise;
 * data is a JSON object with "action" ("created", "changed", "removed"; "warning": a session's time is nearly
 * over), "name" and the fields that changed.
 */
#ifndef SS_CONTROL_EVENT_H
#define SS_CONTROL_EVENT_H

#include "base/clock.h"
#include "base/err.h"
#include "base/id.h"
#include "db/db.h"

#include <stdbool.h>
#include <stdint.h>

#define EVENT_CHANNEL "events"
#define EVENT_BATCH_MAX 500
#define EVENT_KEEP_SECONDS 3600 /* how long Last-Event-ID can reach back */

/* Who may see it. */
#define EVENT_EVERYBODY "*"         /* anyone signed in */
#define EVENT_OPERATORS "operators" /* operators and admins; usernames cannot clash: they are "user:NAME" */

#define EVENT_GUEST "guest:" /* and a username: by a share; operators have the owner's event already */

#define EVENT_INTERNAL "internal" /* for servers only: a login ended, a user was deactivated */

struct event {
    int64_t id;
    char kind[16];                   /* "session", "agent", "template", "command", "login" */
    char audience[USERNAME_MAX + 8]; /* EVENT_EVERYBODY, EVENT_OPERATORS, "user:NAME" (operators see those
                                        too) or EVENT_GUEST and a name */
    char *data;                      /* owned */
};

/* Inside the caller's transaction: so ids become visible in their order. `audience`: EVENT_EVERYBODY,
 * EVENT_OPERATORS, or a username. */
int event_write(struct db_conn *conn, const char *kind, const char *audience, const char *data,
                struct err *err);

/* The same for one whom something is shared with … */
int event_write_guest(struct db_conn *conn, const char *kind, const char *username, const char *data,
                      struct err *err);
/* … and for all whom this session is shared with. */
int event_write_guests(struct db_conn *conn, const char *kind, const char *session, const char *data,
                       struct err *err);

/* The next events after `since`, in order, at most EVENT_BATCH_MAX. *ret is owned: events_free(). Everything
 * that is returned is safe to pass on when event_visible() says so. */
int event_read(struct db_conn *conn, int64_t since, struct event **ret, size_t *ret_count, struct err *err);
void events_free(struct event *events, size_t count);
/* The newest id there is (0: none): where a new watcher starts. */
int event_newest(struct db_conn *conn, int64_t *ret, struct err *err);
/* True when rows after `since` have been pruned: the watcher must read everything anew. */
int event_gap(struct db_conn *conn, int64_t since, bool *ret, struct err *err);
bool event_visible(const struct event *event, const char *username, bool is_operator);

/* Removes events older than EVENT_KEEP_SECONDS. */
int event_prune(struct db_conn *conn, struct err *err);

#endif
