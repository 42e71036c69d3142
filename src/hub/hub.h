/* The hub: agent connections, delivery of commands, streams, live events, the reconciler.
 *
 * One loop thread owns every agent connection: it is the only writer of each, and reading never waits for a
 * command. What the queue, sessions and agents mean is the business of control/; the hub moves messages and
 * calls it. Database work is done in order on a second thread: while the database is slow or away connections
 * are kept, heartbeats are heard, and the work is tried again.
 *
 * All functions may be called from any thread unless they say otherwise. Callbacks are made on the hub's
 * thread and must not wait for anything; they may call every function here but hub_stop and hub_destroy.
 */
#ifndef SS_HUB_HUB_H
#define SS_HUB_HUB_H

#include "base/err.h"
#include "base/metrics.h"
#include "control/events/event.h"
#include "db/db.h"
#include "proto/proto.h"
#include "relay/relay.h"
#include "ws/ws.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HUB_WINDOW_DEFAULT 256      /* commands sent or acknowledged at one agent at a time */
#define HUB_HELLO_MS_DEFAULT 10000  /* a connection that has not said hello by then is closed */
#define HUB_STREAM_MS_DEFAULT 10000 /* an agent has this long to dial back; its token is dead afterwards */
#define HUB_SWEEP_MS_DEFAULT 10000  /* the queue is looked through without being told to */
#define HUB_RECONCILE_MS_DEFAULT 1000
#define HUB_KEEPALIVE_MS_DEFAULT 20000 /* silence on an event stream before a keep-alive */
#define HUB_AGENTS_MAX 20000           /* connections; more are refused with 1013 */
#define HUB_STREAMS_MAX 16384          /* streams waiting for their agent */
#define HUB_VIEWERS_MAX 65536          /* pairs alive */
#define HUB_SUBSCRIBERS_MAX 8192       /* event streams */
#define HUB_SUBSCRIBERS_USER_MAX 64    /* … of one user */

/* Close codes that a viewer's WebSocket gets; the reason beside it is for people. */
enum {
    HUB_CLOSE_TERMINATED = 4100, /* the session ended */
    HUB_CLOSE_HIBERNATED = 4101, /* the session went to sleep: wake it first */
    HUB_CLOSE_REVOKED = 4102,    /* the viewer may not see it any more */
    HUB_CLOSE_AGENT = 4103,      /* the agent is away or the stream broke: try again */
    HUB_CLOSE_DISPLAY = 4104,    /* the agent is there and its display is not: try again, or give up */
};

struct hub;

/* Everything is copied; 0 takes the default of the name above. */
struct hub_options {
    struct db *db;          /* borrowed for the hub's life */
    struct relay *relay;    /* borrowed for the hub's life */
    const char *replica_id; /* of this server, e.g. 16 hex digits */
    const char
        *stream_path; /* what precedes a stream id in the agent's URL; NULL: "/api/v1/agents/streams/" */
    unsigned window;
    int64_t hello_ms, stream_ms, sweep_ms, reconcile_ms, keepalive_ms;
    int64_t second_ms; /* length of a heartbeat "second", for tests; 0: 1000 */
};

int hub_create(struct hub **ret, const struct hub_options *options, struct err *err);
/* Marks the agents of this replica (and of dead ones) offline, starts the thread. Call before requests are
 * served. */
int hub_start(struct hub *hub, struct err *err);
/* Tells agents `shutdown`, closes their connections (1001), fails waiting streams, ends the hub's viewers
 * (1001) and subscriptions, joins the thread. Before http_server_stop() (it owns upgraded sockets) and
 * relay_destroy(). Callbacks that were due have been made when it returns; later calls of other functions
 * fail with ERR_UNAVAILABLE. */
void hub_stop(struct hub *hub);
void hub_destroy(struct hub *hub); /* stops; accepts NULL */

/* --- agents --- */

/* A WebSocket of an agent whose key has been checked: from the upgrade callback of GET /agents/connect. Takes
 * over `io` (io->close is called once, on the hub's thread, or at once when the hub is stopped or full);
 * early bytes are copied. */
void hub_agent_connected(struct hub *hub, const char *agent_id, const struct ws_io *io, const void *early,
                         size_t early_length);

/* Says `shutdown` to an agent and closes its connection: it was removed, or its key was revoked. Nothing when
 * it is not connected here. */
void hub_agent_disconnect(struct hub *hub, const char *agent_id, const char *reason);

/* Looks for work for this agent (NULL: all) now. Not needed after commits that notify "commands": the hub
 * listens. */
void hub_wake(struct hub *hub, const char *agent_id);

/* --- streams --- */

/* LOG_FOLLOW: the end of the log and then what comes; from an agent that cannot follow only the former. */
enum hub_stream_kind { HUB_STREAM_VNC, HUB_STREAM_HTTP, HUB_STREAM_LOG, HUB_STREAM_LOG_FOLLOW };

/* A socket and how to close it (NULL: close(2) on fd), as the HTTP server's upgrade hands it out. */
struct hub_socket {
    int fd; /* non-blocking */
    void (*close)(void *arg);
    void *arg;
    const void *early; /* bytes already read, borrowed for the call */
    size_t early_length;
};

/* How a stream request ends, exactly once, on the hub's thread. `socket` is the agent's end, taken over by
 * the callee; NULL when there will be none, with `err`: ERR_UNAVAILABLE "agent_offline"   no agent connected
 * here holds the session ERR_UNAVAILABLE "stream_timeout"  the agent did not dial back in time
 *   ERR_UNAVAILABLE "stream_failed"   the agent says that the display (port, log) cannot be had: message is
 * its reason ERR_UNAVAILABLE "shutting_down"   the hub stops ERR_LIMIT                         too many
 * streams are being opened ERR_CONFLICT "session_over"       the session left `running` while the stream was
 * being opened */
typedef void (*hub_stream_fn)(void *arg, const struct hub_socket *socket, const struct err *err);

/* Asks the session's agent for a stream. The caller has checked who asks and that the session is running. */
void hub_stream_open(struct hub *hub, const char *session, const char *agent_id, enum hub_stream_kind kind,
                     hub_stream_fn done, void *arg);

/* The agent dials back, step 1, before the upgrade is answered: checks stream, agent and token, and uses the
 * token up. ERR_NOT_FOUND: no such stream is waiting here (late, ended, or another replica's);
 * ERR_UNAUTHENTICATED: wrong token; ERR_DENIED: it waits for another agent; ERR_CONFLICT: claimed already.
 * The comparison takes constant time. */
int hub_stream_claim(struct hub *hub, const char *stream_id, const char *agent_id, const char *token,
                     struct err *err);
/* Step 2, from the upgrade callback of a claimed stream: hands the socket to the waiting side. Takes over
 * `socket` in every case (closed when the wait is over already). */
void hub_stream_accept(struct hub *hub, const char *stream_id, const struct hub_socket *socket);

/* A viewer of a session: who it is, for ending it later. Copied. */
struct hub_viewer {
    const char *session;
    const char *agent_id;
    const char *user; /* username */
    int64_t login_id; /* of the login that the stream dies with; 0: none */
    int64_t share_id; /* of the share that it dies with; 0: none */
    int64_t ends_at;  /* wall clock in milliseconds when that share expires; 0: never */
    bool view_only;   /* only looks: RELAY_RFB_VIEW */
};

/* Pairs a browser's WebSocket (handshake done; RELAY_WEBSOCKET) with the session's display. Takes over
 * `browser`. It always ends with a close frame: HUB_CLOSE_*, 1001, or 1008 for who only looks and says what
 * cannot be followed, with a reason. While it lives it counts
 * in hub_viewers() and in the session's `viewers`. */
void hub_view(struct hub *hub, const struct hub_viewer *viewer, const struct relay_end *browser);

/* Pairs alive of this session on this replica. */
unsigned hub_viewers(struct hub *hub, const char *session);
unsigned hub_viewers_all(struct hub *hub);

/* Which viewers are meant; NULL and 0: any. All given ones must match, and at least one must be given. */
struct hub_viewer_filter {
    const char *session;
    const char *user;
    int64_t login_id;
    int64_t share_id;
};
/* Ends viewers (and streams being opened for them) of this replica: deactivated user, share withdrawn.
 * Sessions that end or hibernate, logins and shares that end need no call: the hub sees their events, on
 * every replica. */
void hub_viewers_end(struct hub *hub, const struct hub_viewer_filter *filter, int code, const char *reason);

/* --- live events --- */

struct hub_event_filter {
    const char *user; /* username */
    bool is_operator; /* operators and admins */
};

/* Sent in place of events that are gone (the subscriber was away for too long): read everything anew. */
#define HUB_EVENT_RESET "reset"

/* Called with each event that the subscriber may see (id, kind and data go to the page), with events of kind
 * "login" (never for pages: `loginId` or `user` in data says whose sign-in ended), and with NULL after
 * keepalive_ms of silence (write a comment line). False ends the subscription: the receiver is gone or its
 * buffer is full. Never waits. */
typedef bool (*hub_event_fn)(void *arg, const struct event *event);
/* The subscription is over, called exactly once, last: free `arg` here. */
typedef void (*hub_gone_fn)(void *arg);

/* Events after `last_event_id` (0: only new ones) that still exist are sent first; kind HUB_EVENT_RESET when
 * some are gone. -1 (gone is not called) with ERR_LIMIT, or ERR_UNAVAILABLE when the hub is stopped. */
int hub_events_subscribe(struct hub *hub, const struct hub_event_filter *filter, int64_t last_event_id,
                         hub_event_fn event, hub_gone_fn gone, void *arg, int64_t *ret_id, struct err *err);
/* Asks for the end of a subscription (by the id that subscribing gave); `gone` follows. Nothing when it is
 * over already. */
void hub_events_unsubscribe(struct hub *hub, int64_t id);

/* --- figures --- */

/* The hub's counters, gauges and histograms (base/metrics.h prints them). Static for the hub's life. */
struct metric *hub_metrics(struct hub *hub, size_t *ret_count);
/* Sessions that an agent runs and nobody wants, and rows past their deadline that nothing could end: must
 * read 0. */
int64_t hub_orphans(const struct hub *hub);
int64_t hub_stuck(const struct hub *hub);

#endif
