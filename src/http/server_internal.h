/* Shared by the files of the server, by nobody else.
 *
 * Threads: libmicrohttpd's own (one connection belongs to one of them), the watch thread, and whoever answers
 * a deferred request or writes to a stream. An answer may come before, while or after its connection is put
 * to sleep: request->lock decides who has answered, server->lock which connections sleep and may be woken.
 * Order of locks: libmicrohttpd's response lock (held while stream_read runs), request->lock or stream->lock,
 * server->lock, libmicrohttpd's connection list lock.
 */
#ifndef SS_HTTP_SERVER_INTERNAL_H
#define SS_HTTP_SERVER_INTERNAL_H

#include "http/server.h"

#include "base/id.h"
#include "base/str.h"

#include <microhttpd.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>

#define HTTP_ERROR_DRAIN_MAX                                                                                 \
    (8 * 1024 * 1024) /* of a body that is too long: read and dropped, so that the                           \
                       * client gets to read the 413 instead of a reset */
#define HTTP_REQUEST_ID_DIGITS SERIAL_HEX_DIGITS

/* A client's connection, from accept to close. */
struct http_peer {
    struct http_server *server;
    uint64_t id;
    int fd;                   /* libmicrohttpd's */
    _Atomic int64_t deadline; /* clock_ms by which something must have come, 0: the wait is ours */
    char address[INET6_ADDRSTRLEN];
    bool counted;                      /* in server->addresses */
    bool upgraded;                     /* under TLS, and counted in server->tls_upgraded */
    struct http_request *request;      /* begun and not completed; of the connection's thread */
    struct http_peer *previous, *next; /* server->peers, under server->lock */
};

/* Sockets given away, counted beyond the server's life. */
struct upgraded_count {
    atomic_uint references;
    atomic_uint alive;
    pthread_mutex_t lock;
    bool stopped; /* under the lock: libmicrohttpd's part of them is gone */
};

struct http_server {
    struct http_server_options options;
    struct MHD_Daemon *daemon;
    int listen_fd; /* the daemon closes it */
    uint16_t port;
    struct upgraded_count *upgraded;
    atomic_uint active;   /* requests between request line and the end of their answer */
    atomic_bool draining; /* streams are ended */
    atomic_bool stopping; /* and nothing goes to sleep any more */
    pthread_mutex_t lock;
    pthread_cond_t quiet;  /* active has become 0 while draining */
    unsigned tls_upgraded; /* connections whose bytes libmicrohttpd still passes on */
    struct map *addresses; /* how many connections each has: struct address_count */
    struct http_peer *peers;
    uint64_t next_peer;
    struct http_request *deferred; /* suspended, waiting for their answer */
    struct http_stream *streams;
    pthread_t watch_thread;
    bool watch_started;
    int watch_epoll, watch_wake;
};

enum request_stage { STAGE_HEAD, STAGE_BODY, STAGE_HANDLER };

struct query_parameter {
    char *name, *value; /* decoded; name NULL: was not UTF-8 */
};

struct http_request {
    struct http_server *server;
    _Atomic(struct MHD_Connection *)
        connection;                 /* NULL: detached, the server has answered in the owner's place */
    struct http_peer *peer;         /* gone when detached */
    char address[INET6_ADDRSTRLEN]; /* the client's */
    bool secure;                    /* it came by https */
    bool over;                      /* not counted in server->active any more */
    char *target;                   /* the request target as it came; cut at '?' */
    const char *path, *method;
    char *query_text; /* inside target, or NULL */
    struct query_parameter *query;
    size_t query_count;
    bool query_parsed;
    char id[HTTP_REQUEST_ID_DIGITS + 1];
    enum request_stage stage;
    struct strbuf body;
    size_t body_seen;
    bool body_too_large;
    bool close_after; /* the answer ends the connection */
    struct {
        const char *name, *value;
    } constant_headers[HTTP_CONSTANT_HEADERS_MAX];
    size_t constant_header_count;
    struct strv header_names, header_values; /* of the answer */
    struct strv cookies;                     /* values handed out by http_cookie */
    struct MHD_Response *response;
    int status;
    bool deferred; /* from here on `response` and `detached` are under `lock` */
    bool detached; /* belongs to its owner alone */
    pthread_mutex_t lock;
    bool suspended; /* in server->deferred, under server->lock */
    struct http_request *previous, *next;
    struct http_stream *stream;
    struct upgrade *upgrade;
    void *user;
    void (*user_destroy)(void *);
};

/* server.c */
void peer_upgraded(struct http_peer *peer);      /* it is no HTTP connection any more */
void request_over(struct http_request *request); /* once */

/* request.c */
struct http_request *request_create(struct http_server *server, const char *target);
void request_destroy(struct http_request *request);
/* Who asks, where a trusted proxy says so. */
void request_find_client(struct http_request *request);
/* Refuses heads that could be understood in two ways. */
int request_check_head(struct http_request *request, struct err *err);

/* reply.c */
/* Hands the response (taken) to the connection, on its own thread or by waking it. */
void request_answer(struct http_request *request, int status, struct MHD_Response *response);
/* The server's own error, through options.error. */
void request_fail(struct http_request *request, enum err_kind kind, const char *code, const char *message);
/* On the connection's thread: sends the answer, or goes to sleep until there is one. *slot is the
 * connection's pointer to the request, emptied when the request is detached. */
enum MHD_Result request_settle(struct http_request *request, void **slot);
void response_add_headers(struct http_request *request, struct MHD_Response *response, const char *type);
/* Ends its sleep, if any; under server->lock. */
void request_wake(struct http_request *request);

/* stream.c */
void stream_begins(struct http_stream *stream, struct http_request *request); /* just before it is queued */
void stream_finished(struct http_stream *stream);  /* the reply is over; the request lets go of the stream */
void streams_wake_all(struct http_server *server); /* to see that the server is draining */
void stream_peer_gone(struct http_server *server, uint64_t peer_id); /* under server->lock */

/* upgrade.c */
void upgrade_abandon(struct upgrade *upgrade); /* accepts NULL */
void upgraded_count_unref(struct upgraded_count *count);

/* watch.c */
int watch_start(struct http_server *server, struct err *err);
void watch_stop(struct http_server *server);
void watch_stream(struct http_server *server, const struct http_peer *peer, bool on);
void peer_expect(struct http_peer *peer, unsigned seconds); /* something must be whole within this time */
void peer_shutdown(struct http_server *server, uint64_t peer_id); /* under server->lock */

#endif
