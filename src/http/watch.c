/* The watch thread: cuts off clients that take too long to send a request (libmicrohttpd's time-out starts
 * anew with every byte), and notices clients that leave while their connection sleeps (libmicrohttpd does not
 * look at those). */
#include "http/server_internal.h"

#include "base/cleanup.h"
#include "base/clock.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#define WATCH_PERIOD_MS 500
#define WATCH_EVENTS 64

void peer_expect(struct http_peer *peer, unsigned seconds) {
    atomic_store(&peer->deadline, clock_ms() + (int64_t)seconds * 1000);
}

void peer_shutdown(struct http_server *server, uint64_t peer_id) {
    for (struct http_peer *peer = server->peers; peer; peer = peer->next)
        if (peer->id == peer_id)
            shutdown(peer->fd, SHUT_RDWR);
}

void watch_stream(struct http_server *server, const struct http_peer *peer, bool on) {
    struct epoll_event event = {.events = EPOLLRDHUP | EPOLLONESHOT, .data.u64 = peer->id};
    epoll_ctl(server->watch_epoll, on ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, peer->fd, &event);
}

static void cut_off_overdue(struct http_server *server) {
    int64_t now = clock_ms();
    pthread_mutex_lock(&server->lock);
    for (struct http_peer *peer = server->peers; peer; peer = peer->next) {
        int64_t deadline = atomic_load(&peer->deadline);
        if (deadline && deadline <= now) {
            shutdown(peer->fd, SHUT_RDWR);
            atomic_store(&peer->deadline, 0);
        }
    }
    pthread_mutex_unlock(&server->lock);
}

static void *watch(void *arg) {
    struct http_server *server = arg;
    int64_t next = clock_ms() + WATCH_PERIOD_MS;
    for (;;) {
        struct epoll_event events[WATCH_EVENTS];
        int64_t left = next - clock_ms();
        int count = epoll_wait(server->watch_epoll, events, WATCH_EVENTS, left > 0 ? (int)left : 0);
        for (int i = 0; i < count; i++) {
            if (events[i].data.u64 == 0)
                return NULL;
            pthread_mutex_lock(&server->lock);
            stream_peer_gone(server, events[i].data.u64);
            pthread_mutex_unlock(&server->lock);
        }
        if (clock_ms() >= next) {
            cut_off_overdue(server);
            next = clock_ms() + WATCH_PERIOD_MS;
        }
    }
}

int watch_start(struct http_server *server, struct err *err) {
    server->watch_epoll = epoll_create1(EPOLL_CLOEXEC);
    server->watch_wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = 0};
    if (server->watch_epoll < 0 || server->watch_wake < 0 ||
        epoll_ctl(server->watch_epoll, EPOLL_CTL_ADD, server->watch_wake, &event) < 0)
        return err_errno(err, "cannot watch connections");
    if (pthread_create(&server->watch_thread, NULL, watch, server) != 0)
        return err_set(err, ERR_INTERNAL, NULL, "cannot start a thread");
    server->watch_started = true;
    return 0;
}

void watch_stop(struct http_server *server) {
    if (server->watch_started) {
        uint64_t one = 1;
        (void)!write(server->watch_wake, &one, sizeof one);
        pthread_join(server->watch_thread, NULL);
    }
    close_fd(server->watch_epoll);
    close_fd(server->watch_wake);
}
