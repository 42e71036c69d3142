/* A scripted control plane over real sockets: answers registrations, takes control channels and streams, and
 * lets the test decide everything else. HTTP runs on threads of its own; everything else on the test's loop.
 */
#ifndef SS_TESTS_AGENT_FAKE_SERVER_H
#define SS_TESTS_AGENT_FAKE_SERVER_H

#include "base/loop.h"
#include "base/map.h"
#include "proto/proto.h"
#include "ws/ws.h"

#include <jansson.h>
#include <pthread.h>
#include <stdatomic.h>

#define FAKE_KEY "feedc0defeedc0defeedc0defeedc0defeedc0defeedc0defeedc0defeedc0de"
#define FAKE_TOKEN "enrolment-token"

struct fake_stream {
    char path[PROTO_PATH_SIZE];
    char token[PROTO_TOKEN_SIZE];
    char key[PROTO_TOKEN_SIZE];
    int fd; /* the agent's connection, non-blocking */
    struct http_upgraded *upgraded;
    struct fake_stream *next;
};

struct fake_server {
    struct loop *loop;
    struct http_server *http;
    char *url;
    /* The script; may be changed at any time. */
    atomic_int register_status, connect_status, stream_status; /* 0: as it should be */
    atomic_bool give_key;                                      /* registrations are answered with FAKE_KEY */
    void (*on_hello)(void *arg, json_t *payload);              /* after the welcome; or NULL */
    void *arg;
    bool answer_hello; /* with a welcome */
    int64_t heartbeat_seconds;
    const char *wanted; /* one session, or NULL */
    const char *const *programs;
    /* What happened. */
    atomic_int registers, connects, bad_keys;
    pthread_mutex_t lock;
    json_t *registration; /* the last body (lock) */
    struct ws *ws;        /* the present control channel, or NULL */
    int closes, close_code;
    struct map *outcomes; /* command id → "complete" or "failed"; one that changes fails the test */
    json_t *inbox;        /* array of messages, all connections */
    struct fake_stream *streams;
};

void fake_server_start(struct fake_server *server, struct loop *loop, const char *listen);
void fake_server_stop(struct fake_server *server);

/* Runs the loop until `ready(arg)`, or fails the test after 20 s. */
void fake_wait(struct fake_server *server, bool (*ready)(void *arg), void *arg, const char *what);
/* Runs the loop for so long. */
void fake_run(struct fake_server *server, int64_t ms);
/* Waits for the `nth` (from 0) message of this type whose payload has field = value (NULL: any). */
json_t *fake_await(struct fake_server *server, const char *type, const char *name, const char *value,
                   int nth);
int fake_count(struct fake_server *server, const char *type, const char *name, const char *value);
void fake_await_connects(struct fake_server *server, int connects);

void fake_send(struct fake_server *server, const struct proto_message *message);
void fake_send_text(struct fake_server *server, const char *text);
void fake_command(struct fake_server *server, const char *id, int attempt, const char *action,
                  json_t *payload);
void fake_stream_open(struct fake_server *server, const char *stream_id, const char *session,
                      const char *kind);
void fake_log_follow(struct fake_server *server, const char *stream_id, const char *session);
/* The connection for this path, taken out; waits for it. Free with fake_stream_free. */
struct fake_stream *fake_stream_await(struct fake_server *server, const char *stream_id);
void fake_stream_free(struct fake_stream *stream);
/* Breaks the control channel without a goodbye. */
void fake_drop(struct fake_server *server);

#endif
