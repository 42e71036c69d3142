/* The control channel, from the agent's side: registers, connects, says hello, and comes back for ever.
 *
 * After a loss it dials at once, then waits 1, 2, 4 … 30 s at most (full jitter: anything between nothing and
 * that). Several servers are tried in turn, the next at once when one refuses. A refused key (401, 403, 404)
 * and another living instance (close code 4009) wait for 30 s. A server that is silent for three heartbeat
 * periods is dropped.
 *
 * All functions on the loop's thread. Dialling happens on a worker thread.
 */
#ifndef SS_AGENT_UPLINK_H
#define SS_AGENT_UPLINK_H

#include "agent/identity.h"
#include "base/loop.h"
#include "base/str.h"
#include "proto/proto.h"

#include <stdbool.h>
#include <stdint.h>

#define UPLINK_BACKOFF_MAX_S 30
#define UPLINK_REFUSED_S 30
#define UPLINK_WELCOME_S 10 /* hello must be answered by then */
#define UPLINK_STABLE_S 2   /* a connection that lived so long counts as a success */

struct uplink;

struct uplink_callbacks {
    void (*fill_hello)(void *arg, struct proto_hello *hello); /* inventory, open commands, capabilities */
    void (*fill_heartbeat)(void *arg, struct proto_heartbeat *heartbeat);
    void (*on_welcome)(void *arg, const struct proto_welcome *welcome);
    void (*on_command)(void *arg, const struct proto_command *command);
    void (*on_stream_open)(void *arg, const struct proto_stream_open *open);
    /* A connection that had been welcomed is over; last heard at `heard_ms`. */
    void (*on_lost)(void *arg, int64_t heard_ms);
};

struct uplink_options {
    struct loop *loop;
    const struct strv *urls;   /* at least one; borrowed for its life */
    struct identity *identity; /* borrowed for its life; gets new keys */
    const char *api_key;       /* or NULL; borrowed for its life */
    const char *ca_file;       /* as above */
    const char *registration;  /* JSON, as above */
    const char *runtime;       /* as above */
    int64_t heartbeat_seconds; /* proposed */
    int64_t second_ms;         /* length of a second, for tests; 0: 1000 */
    struct uplink_callbacks callbacks;
    void *arg;
};

struct uplink *uplink_create(const struct uplink_options *options);
void uplink_start(struct uplink *uplink);
/* Waits up to `limit_ms` for a dial under way. False: it goes on, nothing was freed. Accepts NULL. */
bool uplink_destroy(struct uplink *uplink, int64_t limit_ms);

/* -1 unless welcomed. Borrows the message. */
int uplink_send(struct uplink *uplink, const struct proto_message *message);
/* Sends a heartbeat now, out of turn. */
void uplink_heartbeat(struct uplink *uplink);
bool uplink_is_up(const struct uplink *uplink);
/* The server of the present connection; borrowed until the loop's next round. NULL when there is none. */
const char *uplink_url(const struct uplink *uplink);
/* The agent's key as used last; borrowed as above. */
const char *uplink_key(const struct uplink *uplink);
/* Ends the connection in good order and stays away. `done` is called when that is over, within 2 s. */
void uplink_leave(struct uplink *uplink, const char *reason, loop_fn done, void *arg);

/* How long to wait before attempt `failures` (0: at once), given a random number. Milliseconds. */
int64_t uplink_backoff_ms(unsigned failures, int64_t second_ms, uint64_t random);

struct uplink_stats {
    uint64_t dials, connects, losses, bad_messages, ignored;
};
struct uplink_stats uplink_stats(const struct uplink *uplink);

#endif
