#include "http/server_internal.h"

#include "base/cleanup.h"
#include "base/file.h"
#include "base/log.h"

#include <fcntl.h>
#include <netinet/tcp.h>

/* What is to happen when the 101 has been sent. */
struct upgrade {
    http_upgrade_fn fn;
    void *arg;
    struct upgraded_count *count;
    bool done;
};

struct http_upgraded {
    int fd;
    struct MHD_UpgradeResponseHandle *handle; /* under TLS: libmicrohttpd passes the bytes on */
    struct upgraded_count *count;
};

void upgraded_count_unref(struct upgraded_count *count) {
    if (atomic_fetch_sub(&count->references, 1) != 1)
        return;
    pthread_mutex_destroy(&count->lock);
    free(count);
}

static void hand_over(struct upgrade *upgrade, int fd, struct MHD_UpgradeResponseHandle *handle,
                      const void *early, size_t early_length) {
    upgrade->done = true;
    struct http_upgraded *upgraded = mem_zalloc(sizeof *upgraded);
    upgraded->fd = fd;
    upgraded->handle = handle;
    upgraded->count = upgrade->count;
    atomic_fetch_add(&upgraded->count->references, 1);
    atomic_fetch_add(&upgraded->count->alive, 1);
    upgrade->fn(upgrade->arg, upgraded, fd, early, early_length);
}

/* libmicrohttpd would keep the connection's memory, its slot under the connection limit and a place in its
 * list of sleeping connections (walked at every wake-up) for as long as the socket is in use. So the owner
 * gets a duplicate, and libmicrohttpd is told at once that we are done; it closes its own descriptor without
 * shutting the socket down.
 *
 * Under TLS the socket is one end of a pair, and libmicrohttpd passes on between the other end and the
 * client: it is told when the owner closes. The owner has a duplicate there too, so that he holds no
 * descriptor that libmicrohttpd closes when the server stops. */
static void on_upgrade(void *arg, struct MHD_Connection *connection, void *slot, const char *extra,
                       size_t extra_length, MHD_socket socket_fd, struct MHD_UpgradeResponseHandle *handle) {
    struct upgrade *upgrade = arg;
    struct http_request *request = slot;
    int fd = fcntl(socket_fd, F_DUPFD_CLOEXEC, 3);
    if (fd >= 0) {
        /* not our protocol any more: neither waits for more nor holds back the last bytes */
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
        fd_set_nonblocking(fd, true, NULL);
        bool tls = request->server->options.tls;
        if (tls) { /* the request lives on as long as the connection, and is none any more */
            request_over(request);
            peer_upgraded(request->peer);
        }
        hand_over(upgrade, fd, tls ? handle : NULL, extra, extra_length);
        if (tls)
            return;
    } else {
        log_warn("no descriptor left for an upgraded connection", "request", request->id);
        shutdown(socket_fd, SHUT_RDWR);
    }
    MHD_upgrade_action(handle, MHD_UPGRADE_ACTION_CLOSE);
}

/* The client went away first: a socket at its end spares the owner a case of its own. */
void upgrade_abandon(struct upgrade *upgrade) {
    if (!upgrade)
        return;
    if (!upgrade->done) {
        int ends[2];
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0)
            ends[0] = -1;
        else
            close_fd(ends[1]);
        hand_over(upgrade, ends[0], NULL, NULL, 0);
    }
    upgraded_count_unref(upgrade->count);
    free(upgrade);
}

void http_upgrade(struct http_request *request, const char *protocol, http_upgrade_fn fn, void *arg) {
    struct http_server *server = request->server;
    struct upgrade *upgrade = mem_zalloc(sizeof *upgrade);
    *upgrade = (struct upgrade){.fn = fn, .arg = arg, .count = server->upgraded};
    atomic_fetch_add(&upgrade->count->references, 1);
    request->upgrade = upgrade;
    if (atomic_load(&server->upgraded->alive) >= server->options.connection_max) {
        request_fail(request, ERR_UNAVAILABLE, "too_many_connections", "too many open connections");
        return;
    }
    struct MHD_Response *response = MHD_create_response_for_upgrade(on_upgrade, upgrade);
    if (!response)
        abort();
    response_add_headers(request, response, NULL);
    MHD_add_response_header(response, MHD_HTTP_HEADER_UPGRADE, protocol);
    request_answer(request, MHD_HTTP_SWITCHING_PROTOCOLS, response);
}

void http_upgraded_close(struct http_upgraded *upgraded) {
    if (!upgraded)
        return;
    if (upgraded->handle) {
        pthread_mutex_lock(&upgraded->count->lock);
        if (!upgraded->count->stopped)
            MHD_upgrade_action(upgraded->handle, MHD_UPGRADE_ACTION_CLOSE);
        pthread_mutex_unlock(&upgraded->count->lock);
    }
    close_fd(upgraded->fd);
    atomic_fetch_sub(&upgraded->count->alive, 1);
    upgraded_count_unref(upgraded->count);
    free(upgraded);
}
