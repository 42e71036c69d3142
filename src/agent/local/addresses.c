/* The host's addresses come and go (DHCP, privacy addresses, containers' bridges) while sessions run. */
#include "agent/local/local.h"

#include "base/cleanup.h"
#include "base/log.h"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#define SETTLE_MS 20 /* changes come in swarms */

int local_refresh_addresses(struct session *session, const struct host_addresses *now, struct err *err) {
    if (host_addresses_equal(now, &session->refused))
        return 0;
    _cleanup_strbuf_ struct strbuf script = STRBUF_MAX(NET_SCRIPT_MAX);
    net_script_replace(&script, now);
    if (script.overflow)
        return err_set(err, ERR_LIMIT, NULL, "too many network rules");
    if (net_apply_in(session->user_namespace, session->net_namespace, &script, err) < 0)
        return -1;
    struct host_addresses copy = {.count = now->count};
    copy.items = mem_dup(now->items, (now->count + 1) * sizeof *now->items);
    host_addresses_finish(&session->refused);
    session->refused = copy;
    return 0;
}

static void refresh_all(void *arg) {
    struct local *local = arg;
    local->address_timer = NULL;
    struct err err = {0};
    struct host_addresses now = {0};
    if (host_addresses_read(&now, &err) < 0) {
        log_error("the rules that keep sessions from the host's addresses may be out of date", "error",
                  err.message);
        return;
    }
    struct session **all;
    size_t count = session_all(&local->sessions, &all);
    for (size_t i = 0; i < count; i++) {
        struct session *session = all[i];
        if (session->record.outbound && session_state_get(&local->sessions, session) == SESSION_RUNNING &&
            session->net_namespace >= 0 && local_refresh_addresses(session, &now, &err) < 0)
            log_error("a session's network rules are out of date", "session", session->record.session,
                      "error", err.message);
        session_unref(&local->sessions, session);
    }
    free(all);
    host_addresses_finish(&now);
}

static void on_change(void *arg, uint32_t events) {
    struct local *local = arg;
    char drop[8192];
    while (recv(local->address_socket, drop, sizeof drop, MSG_DONTWAIT) > 0 || errno == ENOBUFS)
        errno = 0;
    if (!local->address_timer)
        local->address_timer = loop_timer_add(local->loop, SETTLE_MS, refresh_all, local);
}

int local_watch_addresses(struct local *local, struct err *err) {
    struct sockaddr_nl address = {.nl_family = AF_NETLINK,
                                  .nl_groups = RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR};
    local->address_socket = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
    if (local->address_socket < 0 ||
        bind(local->address_socket, (struct sockaddr *)&address, sizeof address) < 0)
        return err_errno(err, "cannot listen for changes of the host's addresses");
    return loop_fd_add(local->loop, local->address_socket, EPOLLIN, on_change, local, &local->address_source,
                       err);
}

void local_unwatch_addresses(struct local *local) {
    loop_fd_remove(local->address_source);
    loop_timer_cancel(local->address_timer);
    close_fd(local->address_socket);
}
