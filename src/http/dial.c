#include "http/client.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/id.h"
#include "http/easy.h"
#include "http/websocket.h"

#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <sodium.h>
#include <strings.h>
#include <sys/socket.h>

#define HEAD_MAX (64 * 1024)
#define KEY_SIZE 25

struct http_connection {
    struct easy easy;
    int fd; /* libcurl's */
    bool plain;
    char *early; /* came behind the head */
    size_t early_length, early_at;
};

/* One attempt to dial. */
struct dial {
    const struct http_client_request *request;
    const char *protocol;
    char *url;       /* with http(s) for ws(s) */
    char *authority; /* Host */
    char *target;
    char key[KEY_SIZE]; /* Sec-WebSocket-Key, or "" */
    struct strbuf in;   /* head, and what came with it */
    size_t head_length;
    int64_t deadline;
};

static void dial_finish(struct dial *dial) {
    free(dial->url);
    free(dial->authority);
    free(dial->target);
    strbuf_finish(&dial->in);
}

static char *url_part(CURLU *url, CURLUPart part) {
    char *text = NULL;
    curl_url_get(url, part, &text, 0);
    char *copy = str_dup(text);
    curl_free(text);
    return copy;
}

static int split_url(struct dial *dial, struct err *err) {
    const char *given = dial->request->url;
    if (strncasecmp(given, "ws:", 3) == 0 || strncasecmp(given, "wss:", 4) == 0)
        dial->url = str_format("http%s", given + 2);
    else
        dial->url = str_dup(given);
    CURLU *url = curl_url();
    CURLUcode code = curl_url_set(url, CURLUPART_URL, dial->url, 0);
    if (code != CURLUE_OK) {
        curl_url_cleanup(url);
        return err_set(err, ERR_INVALID, "bad_url", "%s: %s", given, curl_url_strerror(code));
    }
    _cleanup_free_ char *host = url_part(url, CURLUPART_HOST);
    _cleanup_free_ char *port = url_part(url, CURLUPART_PORT);
    _cleanup_free_ char *path = url_part(url, CURLUPART_PATH);
    _cleanup_free_ char *query = url_part(url, CURLUPART_QUERY);
    curl_url_cleanup(url);
    dial->authority = str_format("%s%s%s", host ? host : "localhost", port ? ":" : "", port ? port : "");
    dial->target = str_format("%s%s%s", path ? path : "/", query ? "?" : "", query ? query : "");
    return 0;
}

static int connect_plain(struct http_connection *connection, const struct dial *dial, struct err *err) {
    if (easy_init(&connection->easy, dial->request, dial->url, err) < 0)
        return -1;
    CURL *curl = connection->easy.curl;
    curl_easy_setopt(curl, CURLOPT_CONNECT_ONLY, 1L);
    curl_easy_setopt(curl, CURLOPT_HTTPPROXYTUNNEL, 1L); /* through a proxy: we speak to the server itself */
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)(dial->deadline - clock_ms()));
    CURLcode code = curl_easy_perform(curl);
    if (code != CURLE_OK)
        return easy_fail(&connection->easy, code, dial->request->url, err);
    curl_socket_t fd = CURL_SOCKET_BAD;
    if (curl_easy_getinfo(curl, CURLINFO_ACTIVESOCKET, &fd) != CURLE_OK || fd == CURL_SOCKET_BAD)
        return err_set(err, ERR_UNAVAILABLE, NULL, "%s: the connection is gone", dial->request->url);
    connection->fd = fd;
    connection->plain = strncasecmp(dial->url, "http:", 5) == 0;
    return fd_set_nonblocking(fd, true, err);
}

static int wait_for(const struct http_connection *connection, short events, const struct dial *dial,
                    struct err *err) {
    int64_t left = dial->deadline - clock_ms();
    struct pollfd waiting = {.fd = connection->fd, .events = events};
    if (left <= 0 || poll(&waiting, 1, (int)left) == 0)
        return err_set(err, ERR_UNAVAILABLE, "timeout", "%s: no answer in time", dial->request->url);
    return 0;
}

static int send_all(struct http_connection *connection, const struct strbuf *out, const struct dial *dial,
                    struct err *err) {
    for (size_t sent = 0; sent < out->length;) {
        size_t n = 0;
        CURLcode code = curl_easy_send(connection->easy.curl, out->data + sent, out->length - sent, &n);
        if (code != CURLE_OK && code != CURLE_AGAIN)
            return easy_fail(&connection->easy, code, dial->request->url, err);
        sent += n;
        if (code == CURLE_AGAIN && wait_for(connection, POLLOUT, dial, err) < 0)
            return -1;
    }
    return 0;
}

static int send_head(struct http_connection *connection, struct dial *dial, struct err *err) {
    _cleanup_strbuf_ struct strbuf out = STRBUF_MAX(HEAD_MAX);
    strbuf_printf(
        &out,
        "%s %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: streamspace/%s\r\nConnection: Upgrade\r\nUpgrade: %s\r\n",
        dial->request->method ? dial->request->method : "GET", dial->target, dial->authority,
        STREAMSPACE_VERSION, dial->protocol);
    if (dial->key[0])
        strbuf_printf(&out, "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n", dial->key);
    for (const char *const *line = dial->request->headers; line && *line; line++) {
        if (!header_is_sound(*line))
            return err_set(err, ERR_INVALID, NULL, "a request header is malformed");
        strbuf_printf(&out, "%s\r\n", *line);
    }
    strbuf_puts(&out, "\r\n");
    if (out.overflow)
        return err_set(err, ERR_INVALID, NULL, "the request's head is too long");
    return send_all(connection, &out, dial, err);
}

/* Reads until `dial->in` has `length` bytes, or, with length 0, a whole head. Returns 1 at the connection's
 * end. */
static int receive(struct http_connection *connection, struct dial *dial, size_t length, struct err *err) {
    for (;;) {
        const char *end = dial->in.length ? memmem(dial->in.data, dial->in.length, "\r\n\r\n", 4) : NULL;
        if (length ? dial->in.length >= length : end != NULL) {
            if (!length)
                dial->head_length = (size_t)(end - dial->in.data) + 4;
            return 0;
        }
        char block[4096];
        size_t n = 0;
        CURLcode code = curl_easy_recv(connection->easy.curl, block, sizeof block, &n);
        if (code == CURLE_AGAIN) {
            if (wait_for(connection, POLLIN, dial, err) < 0)
                return -1;
        } else if (code != CURLE_OK) {
            return easy_fail(&connection->easy, code, dial->request->url, err);
        } else if (n == 0) {
            return 1;
        } else if (!strbuf_append(&dial->in, block, n)) {
            return err_set(err, ERR_UNAVAILABLE, NULL, "%s: the answer is too long", dial->request->url);
        }
    }
}

/* A header's value in the head, owned, or NULL. */
static char *find_header(const struct dial *dial, const char *name) {
    const char *line = dial->in.data, *end = dial->in.data + dial->head_length - 2;
    size_t name_length = strlen(name);
    while (line < end) {
        const char *next = memmem(line, (size_t)(end - line) + 2, "\r\n", 2);
        if ((size_t)(next - line) > name_length && line[name_length] == ':' &&
            strncasecmp(line, name, name_length) == 0) {
            line += name_length + 1;
            line += strspn(line, " \t");
            size_t length = line < next ? (size_t)(next - line) : 0;
            while (length && (line[length - 1] == ' ' || line[length - 1] == '\t'))
                length--;
            return str_ndup(line, length);
        }
        line = next + 2;
    }
    return NULL;
}

/* The detail and code of a problem document (RFC 9457) that came with a refusal. */
static int refused(struct http_connection *connection, struct dial *dial, int status, struct err *err) {
    enum err_kind kind = http_client_status_kind(status);
    if (kind == ERR_NONE)
        return err_set(err, ERR_UNAVAILABLE, NULL, "%s: answered %d, not with an upgrade", dial->request->url,
                       status);
    _cleanup_free_ char *declared = find_header(dial, "Content-Length");
    int64_t length = 0;
    if (declared && str_to_i64(declared, 1, HEAD_MAX, &length))
        receive(connection, dial, dial->head_length + (size_t)length, NULL);
    json_t *problem = json_loadb(dial->in.data + dial->head_length, dial->in.length - dial->head_length,
                                 JSON_REJECT_DUPLICATES, NULL);
    const char *detail = json_string_value(json_object_get(problem, "detail"));
    const char *code = json_string_value(json_object_get(problem, "code"));
    if (detail)
        err_set(err, kind, code, "%s", detail);
    else
        err_set(err, kind, code, "%s: refused with status %d", dial->request->url, status);
    json_decref(problem);
    return -1;
}

static int check_upgrade(const struct dial *dial, struct err *err) {
    _cleanup_free_ char *upgrade = find_header(dial, "Upgrade");
    if (!upgrade || strcasecmp(upgrade, dial->protocol) != 0)
        return err_set(err, ERR_UNAVAILABLE, NULL, "%s: upgraded to another protocol than %s",
                       dial->request->url, dial->protocol);
    if (!dial->key[0])
        return 0;
    char expected[WEBSOCKET_ACCEPT_SIZE];
    websocket_accept_value(dial->key, expected);
    _cleanup_free_ char *accept = find_header(dial, "Sec-WebSocket-Accept");
    if (!str_eq(accept, expected))
        return err_set(err, ERR_UNAVAILABLE, NULL, "%s: the WebSocket handshake was answered wrongly",
                       dial->request->url);
    return 0;
}

static int shake_hands(struct http_connection *connection, struct dial *dial, int *ret_status,
                       struct err *err) {
    if (send_head(connection, dial, err) < 0)
        return -1;
    int ended = receive(connection, dial, 0, err);
    if (ended < 0)
        return -1;
    if (ended)
        return err_set(err, ERR_UNAVAILABLE, NULL, "%s: closed the connection without an answer",
                       dial->request->url);
    int64_t status = 0;
    char digits[4] = {0};
    if (dial->in.length > 12 && str_starts(dial->in.data, "HTTP/1."))
        memcpy(digits, dial->in.data + 9, 3);
    if (!str_to_i64(digits, 100, 599, &status))
        return err_set(err, ERR_UNAVAILABLE, NULL, "%s: does not speak HTTP", dial->request->url);
    *ret_status = (int)status;
    if (status != 101)
        return refused(connection, dial, (int)status, err);
    if (check_upgrade(dial, err) < 0)
        return -1;
    connection->early_length = dial->in.length - dial->head_length;
    if (connection->early_length)
        connection->early = mem_dup(dial->in.data + dial->head_length, connection->early_length);
    return 0;
}

static void connection_free(struct http_connection *connection) {
    easy_finish(&connection->easy);
    free(connection->early);
    free(connection);
}

int http_dial(const struct http_client_request *request, const char *protocol, struct http_connection **ret,
              int *ret_status, struct err *err) {
    struct dial dial = {.request = request,
                        .protocol = protocol,
                        .in = STRBUF_MAX(HEAD_MAX),
                        .deadline = clock_ms() +
                                    (request->timeout_ms ? request->timeout_ms : HTTP_CLIENT_TIMEOUT_MS)};
    struct http_connection *connection = mem_zalloc(sizeof *connection);
    int status = 0;
    if (strcasecmp(protocol, "websocket") == 0) {
        uint8_t nonce[16];
        random_bytes(nonce, sizeof nonce);
        sodium_bin2base64(dial.key, sizeof dial.key, nonce, sizeof nonce, sodium_base64_VARIANT_ORIGINAL);
    }
    int result = -1;
    if (split_url(&dial, err) == 0 && connect_plain(connection, &dial, err) == 0)
        result = shake_hands(connection, &dial, &status, err);
    if (ret_status)
        *ret_status = status;
    dial_finish(&dial);
    if (result == 0)
        *ret = connection;
    else
        connection_free(connection);
    return result;
}

int http_connection_fd(const struct http_connection *connection) {
    return connection->fd;
}

bool http_connection_is_plain(const struct http_connection *connection) {
    return connection->plain;
}

ssize_t http_connection_read(struct http_connection *connection, void *data, size_t length) {
    size_t left = connection->early_length - connection->early_at;
    if (left) {
        size_t count = left < length ? left : length;
        memcpy(data, connection->early + connection->early_at, count);
        connection->early_at += count;
        return (ssize_t)count;
    }
    if (connection->plain)
        return recv(connection->fd, data, length, 0);
    size_t n = 0;
    CURLcode code = curl_easy_recv(connection->easy.curl, data, length, &n);
    if (code == CURLE_OK)
        return (ssize_t)n;
    errno = code == CURLE_AGAIN ? EAGAIN : ECONNRESET;
    return -1;
}

ssize_t http_connection_write(struct http_connection *connection, const void *data, size_t length) {
    if (connection->plain)
        return send(connection->fd, data, length, MSG_NOSIGNAL);
    size_t n = 0;
    CURLcode code = curl_easy_send(connection->easy.curl, data, length, &n);
    if (code == CURLE_OK)
        return (ssize_t)n;
    errno = code == CURLE_AGAIN ? EAGAIN : EPIPE;
    return -1;
}

int http_connection_release(struct http_connection *connection, void **ret, size_t *ret_length) {
    if (!connection->plain)
        return -1;
    int fd = fcntl(connection->fd, F_DUPFD_CLOEXEC, 3);
    if (fd < 0)
        return -1;
    *ret_length = connection->early_length - connection->early_at;
    *ret = *ret_length ? mem_dup(connection->early + connection->early_at, *ret_length) : NULL;
    connection_free(connection);
    return fd;
}

void http_connection_close(struct http_connection *connection) {
    if (connection)
        connection_free(connection);
}
