/* An HTTP/1.1 server (over libmicrohttpd): requests in, replies out, upgrades handed over.
 *
 * The handler is called on one of the server's threads when a request has come in whole. It must not wait
 * for anything longer than a few milliseconds. It answers in one of four ways:
 *   - at once: http_reply();
 *   - later, from any thread: http_defer(), then http_reply() on the request that it kept;
 *   - with a stream of unknown length (server-sent events, log follow): http_reply_stream();
 *   - by giving the socket away: http_upgrade().
 * Exactly one of them per request. A request is valid until it is answered, and no longer.
 *
 * Routing is on the raw request target: libmicrohttpd decodes %2f and cuts at %00. A request with both
 * Content-Length and Transfer-Encoding is refused with 400 and the connection closed (RFC 9112 section 6.1).
 */
#ifndef SS_HTTP_SERVER_H
#define SS_HTTP_SERVER_H

#include "base/err.h"
#include "http/proxies.h"
#include "http/tls.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

struct http_server;
struct http_request;
struct http_stream;
struct http_upgraded;

/* Called for every request. */
typedef void (*http_handler_fn)(void *arg, struct http_request *request);

/* Looks at a request's head before its body is read: returns the most body bytes that it may have (0: none).
 * A longer one is answered with 413 by the server's error function. May be NULL: body_max for all. */
typedef size_t (*http_body_limit_fn)(void *arg, struct http_request *request);

/* Makes the body of an error answer that the server itself gives (400, 413): fills with http_reply(). */
typedef void (*http_error_fn)(void *arg, struct http_request *request, const struct err *err);

struct http_server_options {
    const char *listen;      /* "127.0.0.1:8000", "[::1]:0", "0.0.0.0:8000"; NULL when listen_fd is given */
    int listen_fd;           /* a listening socket (TCP or Unix) to take over, or -1 */
    unsigned threads;        /* 0: one per core */
    unsigned connection_max; /* 0: HTTP_CONNECTIONS_DEFAULT */
    size_t body_max;         /* 0: HTTP_BODY_MAX_DEFAULT */
    unsigned address_max;    /* connections of one address at once, trusted proxies and Unix sockets excepted;
                              * 0: HTTP_ADDRESS_CONNECTIONS_DEFAULT */
    unsigned idle_seconds;   /* until the next request begins; 0: HTTP_IDLE_SECONDS_DEFAULT */
    unsigned head_seconds;   /* from the connection, or its first request line, to the end of the head; 0:
                              * HTTP_HEAD_SECONDS_DEFAULT */
    unsigned body_seconds;   /* for the body; 0: HTTP_BODY_SECONDS_DEFAULT */
    unsigned drain_ms;       /* for requests under way when the server stops; 0: HTTP_STOP_GRACE_MS */
    struct http_tls *tls;    /* borrowed for the server's life; NULL: plain */
    const struct http_proxies *proxies; /* borrowed likewise; NULL: nobody's word is taken */
    http_handler_fn handler;
    http_body_limit_fn body_limit;
    http_error_fn error;
    void *arg;
};

#define HTTP_CONNECTIONS_DEFAULT 8192
#define HTTP_BODY_MAX_DEFAULT (1024 * 1024)
#define HTTP_IDLE_SECONDS_DEFAULT 60
#define HTTP_HEAD_SECONDS_DEFAULT 20
#define HTTP_BODY_SECONDS_DEFAULT 60
#define HTTP_ADDRESS_CONNECTIONS_DEFAULT 1024
#define HTTP_STOP_GRACE_MS 2000
/* Of one request's head; more is 431. libmicrohttpd clears this much for every request: 64 KB cost 13 % of
 * one. */
#define HTTP_HEADER_BYTES_MAX (32 * 1024)

int http_server_start(struct http_server **ret, const struct http_server_options *options, struct err *err);
/* The port that was bound (for ":0"), 0 for Unix sockets. */
uint16_t http_server_port(const struct http_server *server);
/* Takes no new connections from here on; those that are open are served on. */
void http_server_stop_accepting(struct http_server *server);
/* Stops accepting, ends open streams, gives requests under way drain_ms, answers 503 for deferred ones that
 * are still unanswered (their owners may yet call http_reply, which is dropped), waits for handlers, frees.
 * Upgraded sockets live on, but under TLS, where they end; their owners close them as ever. Accepts NULL. */
void http_server_stop(struct http_server *server);

/* --- the request: everything returned is borrowed from it --- */
const char *
http_method(const struct http_request *request); /* "GET" for HEAD, too: its answer goes without body */
const char *http_path(const struct http_request *request); /* raw, without the query: "/api/v1/x%2fy" */
/* The decoded value of the first query parameter of this name, or NULL. NULL too when it is not UTF-8. */
const char *http_query(struct http_request *request, const char *name);
/* The name of query parameter number `index` (decoded), or NULL past the end: to refuse unknown ones. */
const char *http_query_name(struct http_request *request, size_t index);
const char *http_header(const struct http_request *request, const char *name); /* NULL when absent */
const char *http_cookie(struct http_request *request, const char *name);
/* Percent-decoding of a part of a path or query: owned text, or NULL when it is malformed, not UTF-8, or has
 * NUL. */
char *http_decode(const char *text, size_t length, bool plus_is_space);
const char *http_body(const struct http_request *request, size_t *ret_length); /* never NULL */
/* The client's address as text without port ("127.0.0.1"; "unix" for Unix sockets): the peer's, or what a
 * trusted proxy says. */
const char *http_peer(const struct http_request *request);
/* Did the client come by https: to us, or to a trusted proxy that says so? */
bool http_is_secure(const struct http_request *request);
/* 16 hex digits made for this request; the server adds it to every reply as X-Request-Id. */
const char *http_request_id(const struct http_request *request);
/* Room for the router: pointers kept with the request. */
void http_set_user(struct http_request *request, void *user, void (*destroy)(void *));
void *http_user(const struct http_request *request);

/* --- the answer --- */
/* Adds a header to the coming reply (both copied; CR, LF and NUL are refused by dropping the header). */
void http_add_header(struct http_request *request, const char *name, const char *value);
/* The same for texts that live as long as the process, which are not looked at; at most
 * HTTP_CONSTANT_HEADERS_MAX of them. */
#define HTTP_CONSTANT_HEADERS_MAX 12
void http_add_constant_header(struct http_request *request, const char *name, const char *value);
/* Sends status, content type and body (copied; NULL and 0 for none). HEAD answers drop the body. From any
 * thread after http_defer. */
void http_reply(struct http_request *request, int status, const char *type, const void *body, size_t length);
/* As http_reply, for bytes that live as long as the process (embedded assets): nothing is copied. */
void http_reply_static(struct http_request *request, int status, const char *type, const void *body,
                       size_t length);
/* Says that the answer comes later; the handler returns and another thread answers. */
void http_defer(struct http_request *request);

/* Starts a reply of unknown length. `closed` is called once, on any thread, when the client has gone or
 * after http_stream_end; the stream is freed when both have happened, so end it after `closed`, too. `closed`
 * may call http_stream_end. A client that goes away is noticed at once, without writing. */
struct http_stream *http_reply_stream(struct http_request *request, int status, const char *type,
                                      void (*closed)(void *arg), void *arg);
#define HTTP_STREAM_BUFFER_MAX (1024 * 1024) /* bytes waiting for a slow client */
/* Appends (copied), from any thread. False when the client has gone or its buffer is full (which ends it). */
bool http_stream_write(struct http_stream *stream, const void *data, size_t length);
/* Bytes still waiting to be taken by the client. */
size_t http_stream_pending(struct http_stream *stream);
/* Waits until at most `pending` bytes wait. 1: so it is; 0: not within limit_ms; -1: the client has gone. For
 * threads that produce much, and may wait. */
int http_stream_wait(struct http_stream *stream, size_t pending, int limit_ms);
/* Instead of http_stream_end(), when the rest cannot be given: the connection is cut, so that nobody takes
 * what came for the whole. */
void http_stream_abort(struct http_stream *stream);
/* No more data: the reply ends when all is sent. The pointer is void afterwards. */
void http_stream_end(struct http_stream *stream);

/* Answers 101 and calls fn with the connected socket (non-blocking), on a server thread, exactly once: a
 * client that went away meanwhile is a socket at its end. More than connection_max upgraded sockets are
 * refused with 503, likewise. `early` are bytes that the client had already sent, borrowed for the call. The
 * socket belongs to `upgraded` and is closed by http_upgraded_close() alone, from any thread. `protocol` is
 * the Upgrade header's value; further headers (Sec-WebSocket-Accept …) by http_add_header before. */
typedef void (*http_upgrade_fn)(void *arg, struct http_upgraded *upgraded, int fd, const void *early,
                                size_t early_length);
void http_upgrade(struct http_request *request, const char *protocol, http_upgrade_fn fn, void *arg);
void http_upgraded_close(struct http_upgraded *upgraded);

/* Sec-WebSocket-Accept for a handshake (RFC 6455 section 4.2.2): checks version 13, key and Upgrade headers.
 * `accept` has 29 bytes. ERR_INVALID when it is no WebSocket request. */
int http_websocket_accept(const struct http_request *request, char *accept, struct err *err);

#endif
