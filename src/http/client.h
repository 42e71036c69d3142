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

/* Sends one request. 0 with any status that the server gave; ERR_UNAVAILABLE when it could not be reached. */
int http_client_request(const struct http_client_request *request, struct http_client_response *response,
                        struct err *err);

/* Streams the body of a GET to `fn` as it comes (log follow, server-sent events) until it ends, fn returns
 * false, or `timeout_ms` pass without a byte (0: no limit). The status is given before the first byte. */
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
 * (owned, *ret_length bytes), then the descriptor is given away and the object freed. */
int http_connection_release(struct http_connection *connection, void **ret, size_t *ret_length);
void http_connection_close(struct http_connection *connection); /* accepts NULL */

#endif
