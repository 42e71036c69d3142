/* Viewers: pairs of a browser and a display, from the ticket that was accepted to the close frame. */
#include "hub/hub_internal.h"

#include "control/sessions/session.h"
#include "control/shares/share.h"
#include "control/users/login_alive.h"

#define LOOK_MS                                                                                              \
    5000 /* rights by a share are looked at anew: what no event tells of, and a clock that jumps */

struct session_viewers {
    struct viewer *first;
    unsigned alive; /* (lock) */
};

struct viewer {
    struct hub *hub;
    struct viewer *previous, *next; /* of the same session */
    char session[SESSION_NAME_MAX + 1];
    char agent_id[AGENT_ID_MAX + 1];
    char user[USERNAME_MAX + 1];
    int64_t login_id, share_id;
    int64_t ends_at; /* wall clock */
    struct loop_timer *look;
    char stream_id[PROTO_STREAM_ID_SIZE]; /* while it is being opened */
    struct relay_pair *pair;              /* while it is alive */
    struct relay_end browser;
    char early[];
};

/* --- the count in the session's row --- */

struct recount {
    char session[SESSION_NAME_MAX + 1];
    int delta;
};

static int write_viewers(struct hub *hub, struct db_conn *conn, void *arg, struct err *err) {
    const struct recount *recount = arg;
    return session_add_viewers(conn, recount->session, recount->delta, err);
}

static const struct work_kind viewers_work = {.what = "viewers", .run = write_viewers, .done = work_free};

static void change_viewers(struct viewer *viewer, int delta) {
    struct hub *hub = viewer->hub;
    struct recount *recount = mem_zalloc(sizeof *recount);
    str_copy(recount->session, sizeof recount->session, viewer->session);
    recount->delta = delta;
    metric_add(&hub->metrics[M_VIEWERS], delta);
    work_add(hub, &viewers_work, recount, true);
}

/* --- the lists --- */

static void enlist(struct viewer *viewer) {
    struct hub *hub = viewer->hub;
    pthread_mutex_lock(&hub->lock);
    struct session_viewers *list = map_get(hub->sessions, viewer->session);
    if (!list) {
        list = mem_zalloc(sizeof *list);
        map_set(hub->sessions, viewer->session, list);
    }
    hub->viewer_count++;
    pthread_mutex_unlock(&hub->lock);
    viewer->next = list->first;
    if (viewer->next)
        viewer->next->previous = viewer;
    list->first = viewer;
}

static void forget(struct viewer *viewer) {
    struct hub *hub = viewer->hub;
    pthread_mutex_lock(&hub->lock);
    struct session_viewers *list = map_get(hub->sessions, viewer->session);
    if (viewer->previous)
        viewer->previous->next = viewer->next;
    else
        list->first = viewer->next;
    if (viewer->next)
        viewer->next->previous = viewer->previous;
    if (!list->first)
        free(map_remove(hub->sessions, viewer->session));
    hub->viewer_count--;
    pthread_mutex_unlock(&hub->lock);
    loop_timer_cancel(viewer->look);
    relay_pair_unref(viewer->pair);
    free(viewer);
}

static void set_alive(struct viewer *viewer, bool alive) {
    struct hub *hub = viewer->hub;
    pthread_mutex_lock(&hub->lock);
    struct session_viewers *list = map_get(hub->sessions, viewer->session);
    if (alive)
        list->alive++;
    else
        list->alive--;
    pthread_mutex_unlock(&hub->lock);
    change_viewers(viewer, alive ? 1 : -1);
}

/* --- a pair's life --- */

static void over(void *arg) {
    struct viewer *viewer = arg;
    set_alive(viewer, false);
    log_info("viewer gone", "session", viewer->session, "user", viewer->user);
    forget(viewer);
}

/* The hub waits for all pairs before it closes, so posting works. */
static void on_end(void *arg, enum relay_end_cause cause, const struct relay_totals *totals) {
    struct viewer *viewer = arg;
    hub_post(viewer->hub, over, viewer);
}

/* The display's side ended and the hub had no reason to end it: the page connects again, or learns why it
 * cannot. */
static int on_close_code(void *arg, char *reason) {
    str_copy(reason, WS_REASON_MAX + 1, "the connection to the display ended");
    return HUB_CLOSE_AGENT;
}

static void refuse(struct viewer *viewer, int code, const char *reason) {
    relay_refuse(viewer->hub->options.relay, &viewer->browser, code, reason);
    forget(viewer);
}

static int close_code_of(const struct err *err) {
    if (err_is(err, "shutting_down"))
        return 1001;
    if (err_is(err, "session_over"))
        return HUB_CLOSE_TERMINATED;
    return err_is(err, "stream_failed") ? HUB_CLOSE_DISPLAY : HUB_CLOSE_AGENT;
}

static void stream_ready(void *arg, const struct hub_socket *socket, const struct err *err) {
    static const struct relay_callbacks callbacks = {.on_end = on_end, .on_close_code = on_close_code};
    struct viewer *viewer = arg;
    struct hub *hub = viewer->hub;
    viewer->stream_id[0] = '\0';
    if (!socket) {
        char reason[WS_REASON_MAX + 1];
        str_copy(reason, sizeof reason, err->message);
        refuse(viewer, close_code_of(err), reason);
        return;
    }
    struct relay_end display = {.kind = RELAY_RAW,
                                .fd = socket->fd,
                                .close = socket->close,
                                .arg = socket->arg,
                                .early = socket->early,
                                .early_length = socket->early_length};
    struct err problem = {0};
    set_alive(viewer, true);
    if (relay_pair_start(hub->options.relay, &viewer->pair, &viewer->browser, &display, &callbacks, viewer,
                         &problem) < 0) {
        log_error("cannot pair a viewer", "session", viewer->session, "error", problem.message);
        over(viewer);
        return;
    }
    log_info("viewer", "session", viewer->session, "user", viewer->user);
}

static void end(struct viewer *viewer, int code, const char *reason);

/* --- may he still? --- */

struct right {
    int64_t share_id, login_id;
    bool over;
};

/* An error that says "no such" is an answer; any other leaves things as they are. */
static bool is_gone(const struct err *err) {
    return err->kind == ERR_NOT_FOUND || err->kind == ERR_UNAUTHENTICATED;
}

static int read_right(struct hub *hub, struct db_conn *conn, void *arg, struct err *err) {
    struct right *right = arg;
    struct share share;
    struct user user;
    struct err why = {0};
    if (share_find(conn, right->share_id, true, &share, &why) < 0 && !is_gone(&why)) {
        err_copy(err, &why);
        return -1;
    }
    if (why.kind == ERR_NONE && right->login_id && login_alive(conn, right->login_id, &user, &why) < 0 &&
        !is_gone(&why)) {
        err_copy(err, &why);
        return -1;
    }
    right->over = why.kind != ERR_NONE;
    return 0;
}

static void right_read(struct hub *hub, void *arg, int result, const struct err *err) {
    _cleanup_free_ struct right *right = arg;
    struct hub_viewer_filter filter = {.share_id = right->share_id, .login_id = right->login_id};
    if (result == 0 && right->over)
        viewers_end(hub, &filter, HUB_CLOSE_REVOKED, "the right to see this session has ended");
}

static const struct work_kind right_work = {.what = "viewer's right", .run = read_right, .done = right_read};

static void look(void *arg) {
    struct viewer *viewer = arg;
    int64_t left = viewer->ends_at ? viewer->ends_at - clock_wall_ms() : LOOK_MS;
    viewer->look = NULL;
    if (left <= 0) {
        end(viewer, HUB_CLOSE_REVOKED, "the share has expired");
        return;
    }
    viewer->look = loop_timer_add(viewer->hub->loop, left < LOOK_MS ? left : LOOK_MS, look, viewer);
    struct right *right = mem_zalloc(sizeof *right);
    *right = (struct right){.share_id = viewer->share_id, .login_id = viewer->login_id};
    work_add(viewer->hub, &right_work, right, false);
}

static void start(void *arg) {
    struct viewer *viewer = arg;
    struct hub *hub = viewer->hub;
    enlist(viewer);
    if (hub->stopping) {
        refuse(viewer, 1001, "the server shuts down");
        return;
    }
    if (hub->viewer_count > HUB_VIEWERS_MAX) {
        refuse(viewer, 1013, "too many viewers");
        return;
    }
    /* At once: the right may have ended after the ticket was used, and its event have gone by before he was
     * here. */
    if (viewer->share_id)
        viewer->look = loop_timer_add(hub->loop, 0, look, viewer);
    stream_start(hub, viewer->session, viewer->agent_id, HUB_STREAM_VNC, stream_ready, viewer,
                 viewer->stream_id);
}

void hub_view(struct hub *hub, const struct hub_viewer *of, const struct relay_end *browser) {
    struct viewer *viewer = mem_zalloc(sizeof *viewer + browser->early_length);
    *viewer = (struct viewer){.hub = hub,
                              .login_id = of->login_id,
                              .share_id = of->share_id,
                              .ends_at = of->ends_at,
                              .browser = *browser};
    str_copy(viewer->session, sizeof viewer->session, of->session);
    str_copy(viewer->agent_id, sizeof viewer->agent_id, of->agent_id);
    str_copy(viewer->user, sizeof viewer->user, of->user);
    viewer->browser.early = viewer->early;
    /* Never let somebody act who may only look. */
    viewer->browser.protocol = of->view_only ? RELAY_RFB_VIEW : RELAY_RFB;
    if (browser->early_length)
        memcpy(viewer->early, browser->early, browser->early_length);
    if (!hub_post(hub, start, viewer)) {
        relay_refuse(hub->options.relay, browser, 1001, "the server shuts down");
        free(viewer);
    }
}

/* --- counting --- */

unsigned hub_viewers(struct hub *hub, const char *session) {
    pthread_mutex_lock(&hub->lock);
    const struct session_viewers *list = map_get(hub->sessions, session);
    unsigned alive = list ? list->alive : 0;
    pthread_mutex_unlock(&hub->lock);
    return alive;
}

unsigned hub_viewers_all(struct hub *hub) {
    return (unsigned)metric_get(&hub->metrics[M_VIEWERS]);
}

/* --- ending --- */

static void end(struct viewer *viewer, int code, const char *reason) {
    if (viewer->pair) {
        relay_pair_end(viewer->pair, code, reason); /* on_end follows */
        return;
    }
    stream_cancel(viewer->hub, viewer->stream_id);
    refuse(viewer, code, reason);
}

static bool is_meant(const struct viewer *viewer, const struct hub_viewer_filter *filter) {
    return (!filter->user || str_eq(filter->user, viewer->user)) &&
           (!filter->login_id || filter->login_id == viewer->login_id) &&
           (!filter->share_id || filter->share_id == viewer->share_id);
}

static void end_list(struct hub *hub, const char *session, const struct hub_viewer_filter *filter, int code,
                     const char *reason) {
    struct session_viewers *list = map_get(hub->sessions, session);
    struct viewer *next;
    for (struct viewer *viewer = list ? list->first : NULL; viewer; viewer = next) {
        next = viewer->next;
        if (is_meant(viewer, filter))
            end(viewer, code, reason);
    }
}

void viewers_end(struct hub *hub, const struct hub_viewer_filter *filter, int code, const char *reason) {
    if (filter->session) {
        end_list(hub, filter->session, filter, code, reason);
        return;
    }
    size_t cursor = 0;
    const char *session;
    void *list;
    while (map_next(hub->sessions, &cursor, &session, &list)) {
        char name[SESSION_NAME_MAX + 1]; /* the key goes with the last viewer */
        str_copy(name, sizeof name, session);
        end_list(hub, name, filter, code, reason);
    }
}

void viewers_end_all(struct hub *hub) {
    const struct hub_viewer_filter all = {0};
    viewers_end(hub, &all, 1001, "the server shuts down");
}

struct ending {
    struct hub *hub;
    char session[SESSION_NAME_MAX + 1], user[USERNAME_MAX + 1];
    int64_t login_id, share_id;
    int code;
    char reason[WS_REASON_MAX + 1];
};

static void end_asked(void *arg) {
    _cleanup_free_ struct ending *ending = arg;
    struct hub_viewer_filter filter = {.session = *ending->session ? ending->session : NULL,
                                       .user = *ending->user ? ending->user : NULL,
                                       .login_id = ending->login_id,
                                       .share_id = ending->share_id};
    viewers_end(ending->hub, &filter, ending->code, ending->reason);
}

void hub_viewers_end(struct hub *hub, const struct hub_viewer_filter *filter, int code, const char *reason) {
    if (!filter->session && !filter->user && !filter->login_id && !filter->share_id)
        return; /* a filter that was meant to say something must not end everybody's streams */
    struct ending *ending = mem_zalloc(sizeof *ending);
    *ending =
        (struct ending){.hub = hub, .login_id = filter->login_id, .share_id = filter->share_id, .code = code};
    str_copy(ending->session, sizeof ending->session, filter->session ? filter->session : "");
    str_copy(ending->user, sizeof ending->user, filter->user ? filter->user : "");
    str_copy(ending->reason, sizeof ending->reason, reason);
    if (!hub_post(hub, end_asked, ending))
        free(ending);
}
