/* An HTTP client (over libcurl): whole requests, and connections that are upgraded. Calls block, with a
 * limit; use a thread of your own where that hurts.
 */
#ifndef SS_HTTP_CLIENT_H
#define SS_HTTP_CLIENT_H

#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct http_client_request {
    const char *method;         /* "GET" … */
    const char *url;            /* absolute http or https URL */
    const char *unix_socket;    /* dial this Unix socket instead of the URL's host, or NULL */
    const char *ca_file;        /* PEM bundle for https, NULL: the system's */
    const char *const *headers; /* "Name: value" lines, NULL-terminated, or NULL */
    const void *body;           /* or NULL */
    size_t body_length;
    int timeout_ms;      /* of the whole exchange; 0: 30 s */
    size_t response_max; /* bytes of body accepted; 0: 8 MiB */
};

struct http_client_response {
    int status;
    struct strbuf body;
    struct strv headers; /* "name: value", names in lower case */
};
void http_client_response_finish(struct http_client_response *response);
/* The value of a response header (lower-case name), borrowed, or NULL. */
const char *http_client_header(const struct http_client_response *response, const char *name);

/* Sends one request. 0 with any status that the server gave, redirects included (they are not followed).
 * ERR_UNAVAILABLE when it could not be reached (code "timeout", "tls" or the kind's own), ERR_TOO_LARGE when
 * the body is longer than response_max, ERR_INVALID for a malformed URL or header. The response is empty on
 * failure. */
int http_client_request(const struct http_client_request *request, struct http_client_response *response,
                        struct err *err);

/* Appends a text to a URL's query or a form's body: "-._~", letters and digits stay, the rest is
 * percent-encoded (RFC 3986 section 2.3). */
void http_encode(struct strbuf *out, const char *text);

/* The kind of error that a status stands for (the opposite of err_http_status): 404 → ERR_NOT_FOUND …, other
 * 4xx ERR_INVALID, 502 to 504 ERR_UNAVAILABLE, other 5xx ERR_INTERNAL, anything else ERR_NONE. */
enum err_kind http_client_status_kind(int status);

/* Streams the body of a GET to `fn` as it comes (log follow, server-sent events) until it ends, fn returns
 * false (that is success), or `timeout_ms` pass without a byte (ERR_UNAVAILABLE "timeout"; 0: no limit; 10 s
 * for connecting in any case). fn is called once with length 0 as soon as the status is known, and again
 * about every second of silence, so that it can end the stream. */
typedef bool (*http_client_data_fn)(void *arg, int status, const char *data, size_t length);
int http_client_stream(const struct http_client_request *request, http_client_data_fn fn, void *arg,
                       struct err *err);

/* A dialled, upgraded connection. Plain ones can be read and written through `fd` directly; with TLS the
 * functions must be used. */
struct http_connection;
/* Dials, sends the request with `Connection: Upgrade` and `Upgrade: protocol`, and reads the answer's head.
 * For protocol "websocket" the key is made and the accept value checked (RFC 6455 section 4.1).
 * On 101: 0 and *ret. Another status: -1, *ret_status set and err of the kind that fits it (401 →
 * UNAUTHENTICATED …), with the problem's detail as message. Not reached: -1, *ret_status 0, ERR_UNAVAILABLE.
 * ws:// and wss:// are taken as http(s). */
int http_dial(const struct http_client_request *request, const char *protocol, struct http_connection **ret,
              int *ret_status, struct err *err);
int http_connection_fd(const struct http_connection *connection); /* non-blocking, borrowed */
bool http_connection_is_plain(const struct http_connection *connection);
/* As read(2)/write(2): -1 with errno EAGAIN when it would wait. Bytes that came behind the head are read
 * first. */
ssize_t http_connection_read(struct http_connection *connection, void *data, size_t length);
ssize_t http_connection_write(struct http_connection *connection, const void *data, size_t length);
/* For plain connections: bytes that came behind the 101's head and were not read yet are copied to *ret
 * (owned, *ret_length bytes; NULL and 0 when there are none), then the descriptor is given away (returned,
 * non-blocking, close-on-exec) and the object freed. -1 for TLS ones, which stay as they are. */
int http_connection_release(struct http_connection *connection, void **ret, size_t *ret_length);
void http_connection_close(struct http_connection *connection); /* accepts NULL */

#endif
