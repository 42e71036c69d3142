/* Server-sent events (HTML Living Standard, section 9.2): what changes, to whom it concerns, as it happens.
 */
#include "api/call.h"
#include "api/resources.h"
#include "base/cleanup.h"
#include "control/events/event.h"
#include "json/fields.h"

#include <inttypes.h>
#include <pthread.h>

#define RETRY_MS 1000

/* Known to the hub (until on_gone) and to the HTTP server (until on_closed). */
struct watcher {
    pthread_mutex_t lock;
    unsigned references;
    struct hub *hub;
    struct http_stream *out; /* NULL: not begun, or given up */
    struct strbuf early;     /* events that came before it began */
    int64_t subscription;    /* 0: not yet known */
    int64_t login_id;
    char user[USERNAME_MAX + 1];
    bool closed; /* the client has gone */
    bool gone;   /* the hub is done with it */
};

static void unlock_unref(struct watcher *watcher) {
    bool last = --watcher->references == 0;
    pthread_mutex_unlock(&watcher->lock);
    if (!last)
        return;
    pthread_mutex_destroy(&watcher->lock);
    strbuf_finish(&watcher->early);
    free(watcher);
}

/* The reply is over: on a server thread. */
static void on_closed(void *arg) {
    struct watcher *watcher = arg;
    pthread_mutex_lock(&watcher->lock);
    watcher->closed = true;
    int64_t subscription = watcher->gone ? 0 : watcher->subscription;
    struct hub *hub = watcher->hub;
    unlock_unref(watcher);
    if (subscription)
        hub_events_unsubscribe(hub, subscription);
}

/* Whoever is signed out sees nothing more, in this window or another. */
static bool ends_login(const struct watcher *watcher, const struct event *event) {
    _cleanup_json_ json_t *data = json_loads(event->data ? event->data : "", 0, NULL);
    if (!str_eq(json_string_value(json_object_get(data, "action")), "removed"))
        return false;
    int64_t id = json_integer_value(json_object_get(data, "loginId"));
    const char *user = json_string_value(json_object_get(data, "user"));
    return id ? id == watcher->login_id : user && str_eq(user, watcher->user);
}

static void write_event(struct strbuf *text, const struct event *event) {
    strbuf_printf(text, "id: %" PRId64 "\nevent: %s\ndata: %s\n\n", event->id, event->kind,
                  event->data ? event->data : "{}");
}

/* On the hub's thread. */
static bool on_event(void *arg, const struct event *event) {
    struct watcher *watcher = arg;
    if (event && str_eq(event->kind, "login")) /* not for pages */
        return !ends_login(watcher, event);
    _cleanup_strbuf_ struct strbuf text = STRBUF_MAX(HTTP_STREAM_BUFFER_MAX);
    if (event)
        write_event(&text, event);
    else
        strbuf_puts(&text, ": still here\n\n");
    pthread_mutex_lock(&watcher->lock);
    bool going_on =
        !watcher->closed && (watcher->out ? http_stream_write(watcher->out, text.data, text.length)
                                          : strbuf_append(&watcher->early, text.data, text.length));
    pthread_mutex_unlock(&watcher->lock);
    return going_on;
}

/* The hub is done with it: on its thread. */
static void on_gone(void *arg) {
    struct watcher *watcher = arg;
    pthread_mutex_lock(&watcher->lock);
    watcher->gone = true;
    struct http_stream *out = steal_pointer(&watcher->out);
    unlock_unref(watcher);
    if (out)
        http_stream_end(out);
}

/* After subscribing: what has come already is sent first. */
static void begin(struct watcher *watcher, struct call *call) {
    call_account(call, 200);
    pthread_mutex_lock(&watcher->lock);
    struct http_stream *out =
        http_reply_stream(call->request, 200, "text/event-stream; charset=utf-8", on_closed, watcher);
    char hello[64];
    snprintf(hello, sizeof hello, "retry: %d\n\n", RETRY_MS);
    http_stream_write(out, hello, strlen(hello));
    http_stream_write(out, watcher->early.data, watcher->early.length);
    strbuf_clear(&watcher->early);
    bool gone = watcher->gone;
    if (!gone)
        watcher->out = out;
    pthread_mutex_unlock(&watcher->lock);
    if (gone) /* the hub has given up in between */
        http_stream_end(out);
}

static int last_event_id(struct call *call, int64_t *ret, struct err *err) {
    const char *text = http_header(call->request, "Last-Event-ID");
    *ret = 0;
    if (!str_empty(text) && !str_to_i64(text, 0, INT64_MAX, ret))
        return err_set(err, ERR_INVALID, "invalid_header", "Last-Event-ID must be a number");
    return 0;
}

void events_get(struct call *call) {
    struct err err = {0};
    int64_t last;
    struct hub_event_filter filter = {.user = call->login.user.username,
                                      .is_operator = actor_is_operator(&call->actor)};
    if (last_event_id(call, &last, &err) < 0) {
        call_problem(call, &err);
        return;
    }
    call_release_conn(call);
    struct watcher *watcher = mem_zalloc(sizeof *watcher);
    pthread_mutex_init(&watcher->lock, NULL);
    watcher->references = 2; /* hub and HTTP server */
    watcher->hub = call->api->hub;
    watcher->login_id = call->login.id;
    str_copy(watcher->user, sizeof watcher->user, call->login.user.username);
    watcher->early = (struct strbuf)STRBUF_MAX(HTTP_STREAM_BUFFER_MAX);
    if (hub_events_subscribe(call->api->hub, &filter, last, on_event, on_gone, watcher,
                             &watcher->subscription, &err) < 0) {
        pthread_mutex_lock(&watcher->lock);
        watcher->references = 1;
        unlock_unref(watcher);
        call_problem(call, &err);
        return;
    }
    http_add_header(call->request, "Cache-Control", "no-store");
    http_add_header(call->request, "X-Accel-Buffering", "no"); /* nginx would hold events back */
    begin(watcher, call);
}
