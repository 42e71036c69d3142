#include "agent/local/watch.h"

#include "agent/local/process.h"
#include "base/cleanup.h"
#include "base/log.h"

#include <fcntl.h>
#include <sys/epoll.h>

struct watch {
    struct loop *loop;
    char session_id[SESSION_NAME_MAX + 1];
    uint64_t serial;
    struct watch_events events;
    int display, outer, status;
    struct loop_fd *display_source, *outer_source, *status_source;
    struct loop_timer *settle;
    int64_t settle_ms;
    struct status_reader reader;
    bool told; /* `ended` was called */
};

static void close_status(struct watch *watch) {
    loop_fd_remove(watch->status_source);
    watch->status_source = NULL;
    close_fd(watch->status);
    watch->status = -1;
}

static void tell_end(struct watch *watch, const struct status *status) {
    if (watch->told)
        return;
    watch->told = true;
    watch->events.ended(watch->events.arg, watch->session_id, watch->serial, status);
}

/* Reads what there is. */
static void read_status(struct watch *watch) {
    struct status status;
    enum status_result result;
    while (watch->status >= 0 &&
           (result = status_read(&watch->reader, watch->status, &status)) != STATUS_LATER) {
        if (result != STATUS_LINE) {
            if (result == STATUS_BAD)
                log_warn("a session talks nonsense about its state; it is not listened to any more",
                         "session", watch->session_id);
            close_status(watch);
            return;
        }
        if (status.state == STATUS_ENDED)
            tell_end(watch, &status);
        else if (*status.stage)
            watch->events.stage(watch->events.arg, watch->session_id, watch->serial, status.stage);
    }
}

static void on_status(void *arg, uint32_t events) {
    read_status(arg);
}

static void on_display(void *arg, uint32_t events) {
    struct watch *watch = arg;
    loop_fd_remove(watch->display_source);
    watch->display_source = NULL;
    read_status(watch); /* its last word may still lie there */
    tell_end(watch, NULL);
}

static void on_outer(void *arg, uint32_t events) {
    struct watch *watch = arg;
    loop_fd_remove(watch->outer_source);
    watch->outer_source = NULL;
    process_reap(watch->outer, NULL);
}

static void on_settle(void *arg) {
    struct watch *watch = arg;
    watch->settle = NULL;
    watch->events.settled(watch->events.arg, watch->session_id, watch->serial);
}

static void attach(void *arg) {
    struct watch *watch = arg;
    struct err err = {0};
    if (loop_fd_add(watch->loop, watch->display, EPOLLIN, on_display, watch, &watch->display_source, &err) <
            0 ||
        (watch->outer >= 0 &&
         loop_fd_add(watch->loop, watch->outer, EPOLLIN, on_outer, watch, &watch->outer_source, &err) < 0) ||
        (watch->status >= 0 &&
         loop_fd_add(watch->loop, watch->status, EPOLLIN, on_status, watch, &watch->status_source, &err) < 0))
        log_error("a session cannot be watched", "session", watch->session_id, "error", err.message);
    if (watch->settle_ms > 0)
        watch->settle = loop_timer_add(watch->loop, watch->settle_ms, on_settle, watch);
    read_status(watch); /* lines that came with the last ones */
}

static void detach(void *arg) {
    struct watch *watch = arg;
    close_status(watch);
    loop_fd_remove(watch->display_source);
    loop_fd_remove(watch->outer_source);
    loop_timer_cancel(watch->settle);
    process_reap(watch->outer, NULL);
    close_fd(watch->display);
    close_fd(watch->outer);
    free(watch);
}

static int duplicate(int fd) {
    return fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 3);
}

struct watch *watch_begin(struct loop *loop, const char *session_id, uint64_t serial, int display, int outer,
                          int status_fd, const struct status_reader *reader, int64_t settle_ms,
                          const struct watch_events *events) {
    struct watch *watch = mem_zalloc(sizeof *watch);
    *watch = (struct watch){.loop = loop,
                            .serial = serial,
                            .events = *events,
                            .display = duplicate(display),
                            .outer = duplicate(outer),
                            .status = status_fd,
                            .settle_ms = settle_ms};
    str_copy(watch->session_id, sizeof watch->session_id, session_id);
    if (reader)
        watch->reader = *reader;
    loop_post(loop, attach, watch);
    return watch;
}

void watch_end(struct watch *watch) {
    if (watch)
        loop_post(watch->loop, detach, watch);
}
