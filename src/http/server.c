#include "http/server_internal.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "http/listen.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/sysinfo.h>

#define MEMORY_INCREMENT (8 * 1024)

/* --- connections --- */

static void peer_address(struct http_peer *peer, const struct sockaddr *address) {
    str_copy(peer->address, sizeof peer->address, "unix");
    if (address && address->sa_family == AF_INET) {
        const struct sockaddr_in *v4 = (const void *)address;
        inet_ntop(AF_INET, &v4->sin_addr, peer->address, sizeof peer->address);
    } else if (address && address->sa_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const void *)address;
        if (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr))
            inet_ntop(AF_INET, &v6->sin6_addr.s6_addr[12], peer->address, sizeof peer->address);
        else
            inet_ntop(AF_INET6, &v6->sin6_addr, peer->address, sizeof peer->address);
    }
}

static void peer_opened(struct http_server *server, struct MHD_Connection *connection, void **slot) {
    struct http_peer *peer = mem_zalloc(sizeof *peer);
    peer->server = server;
    peer->fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    peer_address(peer, MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS)->client_addr);
    /* A machine that vanished never says so, and a sleeping connection sends nothing that would find out. */
    setsockopt(peer->fd, SOL_SOCKET, SO_KEEPALIVE, &(int){1}, sizeof(int));
    setsockopt(peer->fd, IPPROTO_TCP, TCP_KEEPIDLE, &(int){30}, sizeof(int));
    setsockopt(peer->fd, IPPROTO_TCP, TCP_KEEPINTVL, &(int){10}, sizeof(int));
    setsockopt(peer->fd, IPPROTO_TCP, TCP_KEEPCNT, &(int){3}, sizeof(int));
    peer_expect(peer);
    pthread_mutex_lock(&server->lock);
    peer->id = ++server->next_peer;
    peer->next = server->peers;
    if (peer->next)
        peer->next->previous = peer;
    server->peers = peer;
    pthread_mutex_unlock(&server->lock);
    *slot = peer;
}

static void request_over(struct http_server *server) {
    if (atomic_fetch_sub(&server->active, 1) == 1 && atomic_load(&server->draining)) {
        pthread_mutex_lock(&server->lock);
        pthread_cond_signal(&server->quiet);
        pthread_mutex_unlock(&server->lock);
    }
}

static void peer_closed(struct http_server *server, void **slot) {
    struct http_peer *peer = *slot;
    if (!peer)
        return;
    if (peer->request) { /* libmicrohttpd ran out of memory over its head, and does not call on_completed then
                          */
        request_destroy(peer->request);
        request_over(server);
    }
    pthread_mutex_lock(&server->lock);
    if (peer->previous)
        peer->previous->next = peer->next;
    else
        server->peers = peer->next;
    if (peer->next)
        peer->next->previous = peer->previous;
    pthread_mutex_unlock(&server->lock);
    free(peer);
    *slot = NULL;
}

static void on_connection(void *arg, struct MHD_Connection *connection, void **slot,
                          enum MHD_ConnectionNotificationCode code) {
    if (code == MHD_CONNECTION_NOTIFY_STARTED)
        peer_opened(arg, connection, slot);
    else
        peer_closed(arg, slot);
}

/* --- requests --- */

/* The request line is here: the earliest moment, and the only one at which the target is still raw. */
static void *on_target(void *arg, const char *target, struct MHD_Connection *connection) {
    struct http_server *server = arg;
    atomic_fetch_add(&server->active, 1);
    struct http_request *request = request_create(server, target);
    request->connection = connection;
    request->peer = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
    request->peer->request = request;
    str_copy(request->address, sizeof request->address, request->peer->address);
    peer_expect(request->peer);
    /* Next, libmicrohttpd would cut the query into parameters, in the connection's memory; of many small ones
     * that is more than there is, and 0.9.75 then neither answers nor closes nor calls on_completed. We read
     * the query from our own copy: what stands in its buffer is taken away from it. */
    char *query = strchr((char *)(uintptr_t)target, '?');
    if (query)
        query[1] = '\0';
    return request;
}

static enum MHD_Result refuse(struct http_request *request, void **slot, const struct err *err) {
    request->close_after = true;
    request_fail(request, err->kind, err->code, err->message);
    return request_settle(request, slot);
}

static enum MHD_Result refuse_too_large(struct http_request *request, void **slot) {
    struct err err = {0};
    err_set(&err, ERR_TOO_LARGE, NULL, "the body may have at most %zu bytes", request->body.max);
    return refuse(request, slot, &err);
}

static enum MHD_Result on_head(struct http_request *request, void **slot) {
    const struct http_server_options *options = &request->server->options;
    request->stage = STAGE_BODY;
    struct err err = {0};
    if (request_check_head(request, &err) < 0)
        return refuse(request, slot, &err);
    request->body.max = options->body_limit ? options->body_limit(options->arg, request) : options->body_max;
    const char *declared = http_header(request, "Content-Length");
    int64_t length = 0;
    if (declared && !str_to_i64(declared, 0, INT64_MAX, &length))
        length = INT64_MAX;
    bool client_waits = http_header(request, "Expect") != NULL;
    if (length > (int64_t)request->body.max && (client_waits || length > HTTP_ERROR_DRAIN_MAX))
        return refuse_too_large(request, slot);
    return MHD_YES;
}

static enum MHD_Result on_body(struct http_request *request, const char *data, size_t length) {
    request->body_seen += length;
    if (!request->body_too_large && !strbuf_append(&request->body, data, length)) {
        request->body_too_large = true;
        size_t max = request->body.max;
        strbuf_finish(&request->body);
        request->body.max = max;
    }
    /* Ends the connection without an answer: libmicrohttpd takes none while it reads a body. */
    return request->body_too_large && request->body_seen > HTTP_ERROR_DRAIN_MAX ? MHD_NO : MHD_YES;
}

static enum MHD_Result on_access(void *arg, struct MHD_Connection *connection, const char *url,
                                 const char *method, const char *version, const char *upload,
                                 size_t *upload_length, void **slot) {
    struct http_server *server = arg;
    struct http_request *request = *slot;
    switch (request->stage) {
    case STAGE_HEAD:
        request->method = strcmp(method, "HEAD") == 0 ? "GET" : method;
        return on_head(request, slot);
    case STAGE_BODY:
        if (*upload_length) {
            size_t length = *upload_length;
            *upload_length = 0;
            return on_body(request, upload, length);
        }
        atomic_store(&request->peer->deadline, 0);
        request->stage = STAGE_HANDLER;
        if (request->body_too_large)
            return refuse_too_large(request, slot);
        server->options.handler(server->options.arg, request);
        return request_settle(request, slot);
    case STAGE_HANDLER:
        return request_settle(request, slot);
    }
    return MHD_NO;
}

static void on_completed(void *arg, struct MHD_Connection *connection, void **slot,
                         enum MHD_RequestTerminationCode code) {
    struct http_server *server = arg;
    struct http_request *request = *slot;
    struct http_peer *peer =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
    *slot = NULL;
    peer->request = NULL;
    if (request) {
        peer_expect(request->peer);
        if (request->stream)
            watch_stream(server, request->peer, false);
        /* whoever answered is still inside the lock */
        pthread_mutex_lock(&request->lock);
        pthread_mutex_unlock(&request->lock);
        request_destroy(request);
    }
    request_over(server);
}

/* --- start and stop --- */

static size_t keep_escapes(void *arg, struct MHD_Connection *connection, char *text) {
    return strlen(text);
}

static void on_log(void *arg, const char *format, va_list args) {
    char line[512];
    vsnprintf(line, sizeof line, format, args);
    line[strcspn(line, "\n")] = '\0';
    log_debug("libmicrohttpd", "message", line);
}

static int start_daemon(struct http_server *server, int listen_fd, struct err *err) {
    const struct http_server_options *options = &server->options;
    struct MHD_OptionItem pool[] = {{options->threads > 1 ? MHD_OPTION_THREAD_POOL_SIZE : MHD_OPTION_END,
                                     (intptr_t)options->threads, NULL},
                                    {MHD_OPTION_END, 0, NULL}};
    server->daemon = MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_UPGRADE | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0,
        NULL, NULL, on_access, server, MHD_OPTION_EXTERNAL_LOGGER, on_log, server, MHD_OPTION_LISTEN_SOCKET,
        listen_fd, MHD_OPTION_URI_LOG_CALLBACK, on_target, server, MHD_OPTION_NOTIFY_COMPLETED, on_completed,
        server, MHD_OPTION_NOTIFY_CONNECTION, on_connection, server, MHD_OPTION_UNESCAPE_CALLBACK,
        keep_escapes, server, MHD_OPTION_CONNECTION_LIMIT, options->connection_max,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HTTP_HEADER_BYTES_MAX,
        MHD_OPTION_CONNECTION_MEMORY_INCREMENT, (size_t)MEMORY_INCREMENT, MHD_OPTION_CONNECTION_TIMEOUT,
        options->idle_seconds, MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_ARRAY, pool, MHD_OPTION_END);
    if (!server->daemon)
        return err_set(err, ERR_INTERNAL, NULL, "cannot start the HTTP server");
    return 0;
}

static void fill_defaults(struct http_server_options *options) {
    if (!options->threads)
        options->threads = (unsigned)get_nprocs();
    if (!options->connection_max)
        options->connection_max = HTTP_CONNECTIONS_DEFAULT;
    if (!options->body_max)
        options->body_max = HTTP_BODY_MAX_DEFAULT;
    if (!options->idle_seconds)
        options->idle_seconds = HTTP_IDLE_SECONDS_DEFAULT;
}

static void server_free(struct http_server *server) {
    watch_stop(server);
    upgraded_count_unref(server->upgraded);
    pthread_cond_destroy(&server->quiet);
    pthread_mutex_destroy(&server->lock);
    free(server);
}

int http_server_start(struct http_server **ret, const struct http_server_options *options, struct err *err) {
    struct http_server *server = mem_zalloc(sizeof *server);
    server->options = *options;
    fill_defaults(&server->options);
    server->watch_epoll = server->watch_wake = -1;
    pthread_mutex_init(&server->lock, NULL);
    pthread_cond_init(&server->quiet, NULL);
    server->upgraded = mem_zalloc(sizeof *server->upgraded);
    atomic_store(&server->upgraded->references, 1);
    _cleanup_close_ int fd = options->listen_fd;
    if (options->listen && http_listen(options->listen, &fd, err) < 0)
        goto failed;
    if (fd_set_nonblocking(fd, true, err) < 0)
        goto failed;
    server->port = http_listen_port(fd);
    if (watch_start(server, err) < 0 || start_daemon(server, fd, err) < 0)
        goto failed;
    server->listen_fd = steal_fd(&fd); /* libmicrohttpd closes it when it stops */
    *ret = server;
    return 0;
failed:
    server_free(server);
    return -1;
}

uint16_t http_server_port(const struct http_server *server) {
    return server->port;
}

/* Waits for the requests under way, but not for ever. */
static void wait_quiet(struct http_server *server) {
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += HTTP_STOP_GRACE_MS / 1000;
    pthread_mutex_lock(&server->lock);
    while (atomic_load(&server->active) > 0)
        if (pthread_cond_timedwait(&server->quiet, &server->lock, &until) != 0)
            break;
    pthread_mutex_unlock(&server->lock);
}

static void wake_deferred(struct http_server *server) {
    pthread_mutex_lock(&server->lock);
    while (server->deferred)
        request_wake(server->deferred);
    pthread_mutex_unlock(&server->lock);
}

/* By shutdown(2), which refuses new connections from now on. MHD_quiesce_daemon() would be the library's way,
 * but with epoll it races with the library's own threads for the removal of the socket, and the loser aborts
 * the process (0.9.75 to 1.0). Its threads find accept(2) failing with EINVAL until the daemon is stopped, in
 * HTTP_STOP_GRACE_MS twice at most. */
static void stop_accepting(struct http_server *server) {
    shutdown(server->listen_fd, SHUT_RDWR);
}

void http_server_stop(struct http_server *server) {
    if (!server)
        return;
    stop_accepting(server);
    pthread_mutex_lock(&server->lock);
    atomic_store(&server->draining, true);
    pthread_mutex_unlock(&server->lock);
    streams_wake_all(server);
    wait_quiet(server);
    pthread_mutex_lock(&server->lock);
    atomic_store(&server->stopping, true);
    bool left = server->deferred != NULL;
    pthread_mutex_unlock(&server->lock);
    wake_deferred(server);
    if (left)
        wait_quiet(server); /* their 503 goes out */
    MHD_stop_daemon(server->daemon);
    server_free(server);
}
