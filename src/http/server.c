#include "http/server_internal.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/map.h"
#include "http/listen.h"
#include "http/tls_internal.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/sysinfo.h>

#define MEMORY_INCREMENT (8 * 1024)

/* --- connections --- */

struct address_count {
    unsigned connections;
};

static void address_text(char *text, const struct sockaddr *address) {
    str_copy(text, INET6_ADDRSTRLEN, "unix");
    if (address && address->sa_family == AF_INET) {
        const struct sockaddr_in *v4 = (const void *)address;
        inet_ntop(AF_INET, &v4->sin_addr, text, INET6_ADDRSTRLEN);
    } else if (address && address->sa_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const void *)address;
        if (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr))
            inet_ntop(AF_INET, &v6->sin6_addr.s6_addr[12], text, INET6_ADDRSTRLEN);
        else
            inet_ntop(AF_INET6, &v6->sin6_addr, text, INET6_ADDRSTRLEN);
    }
}

static bool is_bounded(const struct http_server *server, const char *address) {
    return !str_eq(address, "unix") &&
           !(server->options.proxies && http_proxies_trust(server->options.proxies, address));
}

/* One address may not take all the connections there are. */
static enum MHD_Result on_accept(void *arg, const struct sockaddr *sockaddr, socklen_t length) {
    struct http_server *server = arg;
    char address[INET6_ADDRSTRLEN];
    address_text(address, sockaddr);
    if (!is_bounded(server, address))
        return MHD_YES;
    pthread_mutex_lock(&server->lock);
    const struct address_count *count = map_get(server->addresses, address);
    bool full = count && count->connections >= server->options.address_max;
    pthread_mutex_unlock(&server->lock);
    if (full)
        log_debug("a connection was refused: its address has too many", "peer", address);
    return full ? MHD_NO : MHD_YES;
}

/* Under server->lock. Two threads may have accepted at once what only one had room for: the later is cut. */
static void count_peer(struct http_peer *peer) {
    struct map *addresses = peer->server->addresses;
    struct address_count *count = map_get(addresses, peer->address);
    peer->counted = is_bounded(peer->server, peer->address);
    if (!peer->counted)
        return;
    if (!count) {
        count = mem_zalloc(sizeof *count);
        map_set(addresses, peer->address, count);
    }
    if (++count->connections > peer->server->options.address_max)
        shutdown(peer->fd, SHUT_RDWR);
}

static void uncount_locked(struct http_peer *peer) {
    struct address_count *count = peer->counted ? map_get(peer->server->addresses, peer->address) : NULL;
    peer->counted = false;
    if (count && --count->connections == 0)
        free(map_remove(peer->server->addresses, peer->address));
}

void peer_upgraded(struct http_peer *peer) {
    pthread_mutex_lock(&peer->server->lock);
    uncount_locked(peer);
    peer->upgraded = true;
    peer->server->tls_upgraded++;
    pthread_mutex_unlock(&peer->server->lock);
}

static void peer_opened(struct http_server *server, struct MHD_Connection *connection, void **slot) {
    struct http_peer *peer = mem_zalloc(sizeof *peer);
    peer->server = server;
    peer->fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    address_text(peer->address,
                 MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS)->client_addr);
    /* A machine that vanished never says so, and a sleeping connection sends nothing that would find out. */
    setsockopt(peer->fd, SOL_SOCKET, SO_KEEPALIVE, &(int){1}, sizeof(int));
    setsockopt(peer->fd, IPPROTO_TCP, TCP_KEEPIDLE, &(int){30}, sizeof(int));
    setsockopt(peer->fd, IPPROTO_TCP, TCP_KEEPINTVL, &(int){10}, sizeof(int));
    setsockopt(peer->fd, IPPROTO_TCP, TCP_KEEPCNT, &(int){3}, sizeof(int));
    peer_expect(peer, server->options.head_seconds);
    pthread_mutex_lock(&server->lock);
    count_peer(peer);
    peer->id = ++server->next_peer;
    peer->next = server->peers;
    if (peer->next)
        peer->next->previous = peer;
    server->peers = peer;
    pthread_mutex_unlock(&server->lock);
    *slot = peer;
}

static void one_over(struct http_server *server) {
    if (atomic_fetch_sub(&server->active, 1) == 1 && atomic_load(&server->draining)) {
        pthread_mutex_lock(&server->lock);
        pthread_cond_signal(&server->quiet);
        pthread_mutex_unlock(&server->lock);
    }
}

void request_over(struct http_request *request) {
    if (!request->over)
        one_over(request->server);
    request->over = true;
}

static void peer_closed(struct http_server *server, void **slot) {
    struct http_peer *peer = *slot;
    if (!peer)
        return;
    if (peer->request) { /* libmicrohttpd ran out of memory over its head, and does not call on_completed then
                          */
        request_over(peer->request);
        request_destroy(peer->request);
    }
    pthread_mutex_lock(&server->lock);
    uncount_locked(peer);
    if (peer->upgraded && --server->tls_upgraded == 0)
        pthread_cond_signal(&server->quiet);
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
    request->secure = server->options.tls;
    peer_expect(request->peer, server->options.head_seconds);
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
    peer_expect(request->peer, options->body_seconds);
    request_find_client(request);
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
        peer_expect(request->peer, server->options.idle_seconds);
        if (request->stream)
            watch_stream(server, request->peer, false);
        /* whoever answered is still inside the lock */
        pthread_mutex_lock(&request->lock);
        pthread_mutex_unlock(&request->lock);
        request_over(request);
        request_destroy(request);
    } else {
        one_over(server); /* detached */
    }
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
    unsigned flags =
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_UPGRADE | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG;
    unsigned connections = options->connection_max;
    struct MHD_OptionItem more[4];
    size_t count = 0;
    if (options->threads > 1)
        more[count++] =
            (struct MHD_OptionItem){MHD_OPTION_THREAD_POOL_SIZE, (intptr_t)options->threads, NULL};
    if (options->tls) {
        flags |= MHD_USE_TLS;
        connections *= 2; /* upgraded ones stay with libmicrohttpd: as many again */
        more[count++] =
            (struct MHD_OptionItem){MHD_OPTION_HTTPS_CERT_CALLBACK2, 0, (void *)(uintptr_t)http_tls_retrieve};
        more[count++] =
            (struct MHD_OptionItem){MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)(uintptr_t)HTTP_TLS_PRIORITIES};
    }
    more[count] = (struct MHD_OptionItem){MHD_OPTION_END, 0, NULL};
    server->daemon = MHD_start_daemon(
        flags, 0, on_accept, server, on_access, server, MHD_OPTION_EXTERNAL_LOGGER, on_log, server,
        MHD_OPTION_LISTEN_SOCKET, listen_fd, MHD_OPTION_URI_LOG_CALLBACK, on_target, server,
        MHD_OPTION_NOTIFY_COMPLETED, on_completed, server, MHD_OPTION_NOTIFY_CONNECTION, on_connection,
        server, MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, server, MHD_OPTION_CONNECTION_LIMIT, connections,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HTTP_HEADER_BYTES_MAX,
        MHD_OPTION_CONNECTION_MEMORY_INCREMENT, (size_t)MEMORY_INCREMENT, MHD_OPTION_CONNECTION_TIMEOUT,
        options->idle_seconds, MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_ARRAY, more, MHD_OPTION_END);
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
    if (!options->head_seconds)
        options->head_seconds = options->idle_seconds < HTTP_HEAD_SECONDS_DEFAULT ? options->idle_seconds
                                                                                  : HTTP_HEAD_SECONDS_DEFAULT;
    if (!options->body_seconds)
        options->body_seconds = options->idle_seconds < HTTP_BODY_SECONDS_DEFAULT ? options->idle_seconds
                                                                                  : HTTP_BODY_SECONDS_DEFAULT;
    if (!options->address_max)
        options->address_max = HTTP_ADDRESS_CONNECTIONS_DEFAULT;
    if (!options->drain_ms)
        options->drain_ms = HTTP_STOP_GRACE_MS;
}

static void server_free(struct http_server *server) {
    watch_stop(server);
    upgraded_count_unref(server->upgraded);
    map_destroy(server->addresses, free);
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
    pthread_mutex_init(&server->upgraded->lock, NULL);
    server->addresses = map_create();
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

static void deadline_in(struct timespec *until, unsigned limit_ms) {
    clock_gettime(CLOCK_REALTIME, until);
    until->tv_sec += limit_ms / 1000;
    until->tv_nsec += (long)(limit_ms % 1000) * 1000000;
    if (until->tv_nsec >= 1000000000) {
        until->tv_sec++;
        until->tv_nsec -= 1000000000;
    }
}

/* Waits for the requests under way, but not for ever. */
static void wait_quiet(struct http_server *server, unsigned limit_ms) {
    struct timespec until;
    deadline_in(&until, limit_ms);
    pthread_mutex_lock(&server->lock);
    while (atomic_load(&server->active) > 0)
        if (pthread_cond_timedwait(&server->quiet, &server->lock, &until) != 0)
            break;
    pthread_mutex_unlock(&server->lock);
}

/* Their owners have closed them: what they wrote last is still on its way through libmicrohttpd. Whoever has
 * not is cut off. */
static void end_tls_upgraded(struct http_server *server) {
    struct timespec until;
    deadline_in(&until, HTTP_STOP_GRACE_MS);
    pthread_mutex_lock(&server->lock);
    while (server->tls_upgraded > 0)
        if (pthread_cond_timedwait(&server->quiet, &server->lock, &until) != 0)
            break;
    pthread_mutex_unlock(&server->lock);
    pthread_mutex_lock(&server->upgraded->lock);
    server->upgraded->stopped = true;
    pthread_mutex_unlock(&server->upgraded->lock);
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
 * drain_ms and HTTP_STOP_GRACE_MS at most. */
void http_server_stop_accepting(struct http_server *server) {
    shutdown(server->listen_fd, SHUT_RDWR);
}

void http_server_stop(struct http_server *server) {
    if (!server)
        return;
    http_server_stop_accepting(server);
    pthread_mutex_lock(&server->lock);
    atomic_store(&server->draining, true);
    pthread_mutex_unlock(&server->lock);
    streams_wake_all(server);
    wait_quiet(server, server->options.drain_ms);
    pthread_mutex_lock(&server->lock);
    atomic_store(&server->stopping, true);
    bool left = server->deferred != NULL;
    pthread_mutex_unlock(&server->lock);
    wake_deferred(server);
    if (left)
        wait_quiet(server, HTTP_STOP_GRACE_MS); /* their 503 goes out */
    if (server->options.tls)
        end_tls_upgraded(server);
    MHD_stop_daemon(server->daemon);
    server_free(server);
}
