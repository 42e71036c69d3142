/* Streams: a connection of its own from the control plane to a session's display (or log).
 *
 * On stream_open both are dialled at the same time, each on a worker thread, and paired in the relay. When
 * the display does not answer, stream_error says so at once. All functions on the loop's thread.
 */
#ifndef SS_AGENT_STREAMS_H
#define SS_AGENT_STREAMS_H

#include "agent/runtime.h"
#include "base/loop.h"
#include "proto/proto.h"

#include <stdbool.h>
#include <stdint.h>

#define STREAMS_THREADS 64
#define STREAMS_OPENING_MAX 256        /* being opened at once; more are answered with stream_error */
#define STREAMS_LIMIT_MS 9000          /* for both ends: the token is dead after 10 s */
#define STREAMS_LOG_BYTES (256 * 1024) /* of a log, from its end */
#define STREAMS_LOG_SECONDS 20         /* for a reader that does not read */
#define STREAMS_BRIDGES_MAX 512        /* streams over TLS at once: each has a thread */

struct streams;

struct streams_options {
    struct loop *loop;
    struct runtime *runtime;
    const char *ca_file;  /* or NULL; borrowed for its life */
    unsigned relay_loops; /* 0: one per core */
    int (*send)(void *arg, const struct proto_message *message);
    void *arg;
};

int streams_create(struct streams **ret, const struct streams_options *options, struct err *err);
/* Opens one. `url` is the server to dial, `key` the agent's own; both are copied. */
void streams_open(struct streams *streams, const struct proto_stream_open *open, const char *url,
                  const char *key);
/* First step of the end: waits up to `limit_ms` for what is being dialled, and ends every stream. False: some
 * worker still runs, nothing was freed. */
bool streams_close(struct streams *streams, int64_t limit_ms);
/* Second: runs the loop for what was posted, and frees. Accepts NULL. */
void streams_destroy(struct streams *streams);
/* Pairs alive now. */
unsigned streams_alive(const struct streams *streams);

#endif
