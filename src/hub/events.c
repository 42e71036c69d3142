/* The event bus: rows of `events` in, subscribers and the hub's own reactions out. */
#include "hub/hub_internal.h"

#include "control/sessions/state.h"

struct subscription {
    struct hub *hub;
    struct subscription *previous, *next;
    int64_t id;
    char user[USERNAME_MAX + 1];
    bool is_operator;
    bool live;  /* what was missed has been sent */
    bool ended; /* freed when its backfill work lets go */
    unsigned refs;
    int64_t since; /* last event that it was offered */
    int64_t sent_at;
    hub_event_fn event;
    hub_gone_fn gone;
    void *arg;
};

/* --- the end of a subscription --- */

static void subscription_unref(struct subscription *subscription) {
    if (--subscription->refs == 0)
        free(subscription);
}

/* Under the lock. */
static uintptr_t count_of(const struct hub *hub, const char *user) {
    return (uintptr_t)map_get(hub->subscriber_counts, user);
}

static void add_to_count(struct hub *hub, const char *user, int delta) {
    uintptr_t now = count_of(hub, user) + (uintptr_t)(intptr_t)delta;
    if (now)
        map_set(hub->subscriber_counts, user, (void *)now);
    else
        map_remove(hub->subscriber_counts, user);
}

static void end(struct subscription *subscription) {
    struct hub *hub = subscription->hub;
    if (subscription->ended)
        return;
    subscription->ended = true;
    if (subscription->previous)
        subscription->previous->next = subscription->next;
    else
        hub->subscriptions = subscription->next;
    if (subscription->next)
        subscription->next->previous = subscription->previous;
    pthread_mutex_lock(&hub->lock);
    metric_set(&hub->metrics[M_SUBSCRIBERS], --hub->subscription_count);
    add_to_count(hub, subscription->user, -1);
    pthread_mutex_unlock(&hub->lock);
    subscription->gone(subscription->arg);
    subscription_unref(subscription);
}

/* A slow or dead receiver is dropped: it comes back with the id of the last event that it has. */
static void tell(struct subscription *subscription, const struct event *event) {
    if (subscription->ended)
        return;
    if (event) {
        subscription->since = event->id;
        if (!str_eq(event->kind, "login") &&
            !event_visible(event, subscription->user, subscription->is_operator))
            return;
    }
    subscription->sent_at = clock_ms();
    if (subscription->event(subscription->arg, event))
        return;
    count(subscription->hub, M_SUBSCRIBERS_DROPPED, 1);
    end(subscription);
}

/* --- the hub's own reactions --- */

/* A session that does not run any more has no viewers. */
static void session_changed(struct hub *hub, const json_t *data) {
    const char *name = json_string_value(json_object_get(data, "name"));
    const char *text = json_string_value(json_object_get(data, "state"));
    enum session_state state;
    if (!name || !text || !state_parse(text, &state))
        return;
    struct hub_viewer_filter filter = {.session = name};
    const char *reason = json_string_value(json_object_get(data, "reason"));
    if (state == SESSION_HIBERNATING || state == SESSION_HIBERNATED)
        viewers_end(hub, &filter, HUB_CLOSE_HIBERNATED, "the session hibernates");
    else if (state == SESSION_TERMINATING || state == SESSION_TERMINATED || state == SESSION_FAILED)
        viewers_end(hub, &filter, HUB_CLOSE_TERMINATED, str_empty(reason) ? "the session has ended" : reason);
    else
        return;
    streams_session_over(hub, name);
}

/* A login ended: what it watched closes. */
static void login_changed(struct hub *hub, const json_t *data) {
    if (!str_eq(json_string_value(json_object_get(data, "action")), "removed"))
        return;
    int64_t login_id = json_integer_value(json_object_get(data, "loginId"));
    const char *user = json_string_value(json_object_get(data, "user"));
    struct hub_viewer_filter filter = {.login_id = login_id, .user = login_id ? NULL : user};
    if (filter.login_id || filter.user)
        viewers_end(hub, &filter, HUB_CLOSE_REVOKED, "signed out");
}

/* A share was withdrawn, or has expired. */
static void share_changed(struct hub *hub, const json_t *data) {
    struct hub_viewer_filter filter = {.share_id = json_integer_value(json_object_get(data, "shareId"))};
    if (filter.share_id && str_eq(json_string_value(json_object_get(data, "action")), "removed"))
        viewers_end(hub, &filter, HUB_CLOSE_REVOKED, "the share has ended");
}

/* An agent was removed, by whichever replica: its connection means nothing any more. */
static void agent_changed(struct hub *hub, const json_t *data) {
    const char *name = json_string_value(json_object_get(data, "name"));
    if (name && str_eq(json_string_value(json_object_get(data, "action")), "removed"))
        hub_agent_disconnect(hub, name, "the agent was removed");
}

static void react(struct hub *hub, const struct event *event) {
    static const struct {
        const char *kind;
        void (*changed)(struct hub *hub, const json_t *data);
    } reactions[] = {{"session", session_changed},
                     {"login", login_changed},
                     {"share", share_changed},
                     {"agent", agent_changed}};
    if (str_starts(event->audience, EVENT_GUEST))
        return; /* a copy: the owner's is the one to react to */
    for (size_t i = 0; i < ARRAY_SIZE(reactions); i++) {
        if (!str_eq(event->kind, reactions[i].kind))
            continue;
        json_t *data = json_loads(event->data, 0, NULL);
        reactions[i].changed(hub, data);
        json_decref(data);
    }
}

/* --- reading --- */

static void reset(struct subscription *subscription, int64_t id) {
    char data[] = "{}";
    struct event event = {.id = id, .data = data};
    str_copy(event.kind, sizeof event.kind, HUB_EVENT_RESET);
    str_copy(event.audience, sizeof event.audience, EVENT_EVERYBODY);
    tell(subscription, &event);
}

static void fan_out(struct hub *hub, const struct event *event) {
    count(hub, M_EVENTS, 1);
    react(hub, event);
    struct subscription *next;
    for (struct subscription *subscription = hub->subscriptions; subscription; subscription = next) {
        next = subscription->next;
        if (subscription->live)
            tell(subscription, event);
    }
}

/* Events that were read. */
struct reading {
    struct subscription *subscription; /* whose missed ones; NULL: new ones, for all */
    int64_t since;
    bool gap; /* some are gone */
    bool unsure;
    int64_t newest; /* when unsure */
    struct event *events;
    size_t count;
};

static void reading_free(struct reading *reading) {
    events_free(reading->events, reading->count);
    free(reading);
}

static bool new_begin(struct hub *hub, void *arg) {
    struct reading *reading = arg;
    hub->events_due = false; /* whoever looks from here on is heard */
    reading->unsure |= hub->events_unsure;
    hub->events_unsure = false;
    reading->since = hub->last_event;
    return true;
}

static int read_events(struct hub *hub, struct db_conn *conn, void *arg, struct err *err) {
    struct reading *reading = arg;
    if (reading->unsure && event_newest(conn, &reading->newest, err) < 0)
        return -1;
    if (reading->subscription && event_gap(conn, reading->since, &reading->gap, err) < 0)
        return -1;
    return reading->gap ? 0 : event_read(conn, reading->since, &reading->events, &reading->count, err);
}

/* A database that came back without its last transactions (a standby took over, a copy was restored) gives
 * their ids out again: everybody starts anew. */
static void start_anew(struct hub *hub, int64_t newest) {
    log_warn("the database has lost its last events");
    hub->last_event = newest;
    struct subscription *next;
    for (struct subscription *subscription = hub->subscriptions; subscription; subscription = next) {
        next = subscription->next;
        if (subscription->live)
            reset(subscription, newest);
    }
    events_look(hub);
}

static void new_done(struct hub *hub, void *arg, int result, const struct err *err) {
    struct reading *reading = arg;
    if (result == 0 && reading->unsure && reading->newest < hub->last_event)
        start_anew(hub, reading->newest);
    for (size_t i = 0; i < reading->count; i++) {
        if (reading->events[i].id <= hub->last_event)
            continue; /* after an absence of the database two readings may begin at the same place */
        hub->last_event = reading->events[i].id;
        fan_out(hub, &reading->events[i]);
    }
    if (reading->count == EVENT_BATCH_MAX)
        events_look(hub);
    reading_free(reading);
}

static const struct work_kind new_work = {
    .what = "events", .begin = new_begin, .run = read_events, .done = new_done};

void events_look(struct hub *hub) {
    if (hub->events_due || hub->stopping)
        return;
    hub->events_due = true;
    work_add(hub, &new_work, mem_zalloc(sizeof(struct reading)), true);
}

static void look(void *arg) {
    events_look(arg);
}

static void look_closely(void *arg) {
    struct hub *hub = arg;
    hub->events_unsure = true;
    events_look(hub);
}

/* On a thread of the database's. */
static void on_notify(void *arg, const char *channel, const char *payload) {
    hub_post(arg, payload ? look : look_closely, arg);
}

int events_start(struct hub *hub, struct err *err) {
    _cleanup_db_ struct db_conn *conn = NULL;
    if (db_acquire(hub->options.db, &conn, err) < 0 || event_newest(conn, &hub->last_event, err) < 0)
        return -1;
    return db_listen(hub->options.db, EVENT_CHANNEL, on_notify, hub, err);
}

void events_unlisten(struct hub *hub) {
    db_unlisten(hub->options.db, on_notify, hub);
}

void events_stop(struct hub *hub) {
    while (hub->subscriptions)
        end(hub->subscriptions);
}

void events_keep_alive(struct hub *hub) {
    int64_t now = clock_ms();
    struct subscription *next;
    for (struct subscription *subscription = hub->subscriptions; subscription; subscription = next) {
        next = subscription->next;
        if (now - subscription->sent_at >= hub->options.keepalive_ms)
            tell(subscription, NULL);
    }
}

/* --- subscribing --- */

static bool missed_begin(struct hub *hub, void *arg) {
    struct reading *reading = arg;
    reading->since = reading->subscription->since;
    return !reading->subscription->ended;
}

static void send_missed(struct subscription *subscription);

/* Sends what was missed up to where the live events begin; a batch at a time, so that others are not held up.
 */
static void missed_done(struct hub *hub, void *arg, int result, const struct err *err) {
    struct reading *reading = arg;
    struct subscription *subscription = reading->subscription;
    bool beyond = subscription->since > hub->last_event; /* of another database, or from before a restore */
    if (reading->gap || beyond || result != 0)
        reset(subscription, hub->last_event);
    for (size_t i = 0; !beyond && i < reading->count && reading->events[i].id <= hub->last_event; i++)
        tell(subscription, &reading->events[i]);
    subscription->live = reading->count < EVENT_BATCH_MAX || subscription->since >= hub->last_event;
    if (!subscription->live && !subscription->ended)
        send_missed(subscription);
    subscription_unref(subscription);
    reading_free(reading);
}

static const struct work_kind missed_work = {
    .what = "missed events", .begin = missed_begin, .run = read_events, .done = missed_done};

static void send_missed(struct subscription *subscription) {
    struct reading *reading = mem_zalloc(sizeof *reading);
    reading->subscription = subscription;
    subscription->refs++;
    work_add(subscription->hub, &missed_work, reading, true);
}

static void subscribe(void *arg) {
    struct subscription *subscription = arg;
    struct hub *hub = subscription->hub;
    subscription->next = hub->subscriptions;
    if (subscription->next)
        subscription->next->previous = subscription;
    hub->subscriptions = subscription;
    subscription->sent_at = clock_ms();
    if (hub->stopping) {
        end(subscription);
        return;
    }
    if (!subscription->since) {
        subscription->since = hub->last_event;
        subscription->live = true;
        return;
    }
    send_missed(subscription);
}

int hub_events_subscribe(struct hub *hub, const struct hub_event_filter *filter, int64_t last_event_id,
                         hub_event_fn event, hub_gone_fn gone, void *arg, int64_t *ret_id, struct err *err) {
    struct subscription *subscription = mem_zalloc(sizeof *subscription);
    *subscription = (struct subscription){.hub = hub,
                                          .is_operator = filter->is_operator,
                                          .refs = 1,
                                          .since = last_event_id > 0 ? last_event_id : 0,
                                          .event = event,
                                          .gone = gone,
                                          .arg = arg};
    str_copy(subscription->user, sizeof subscription->user, filter->user ? filter->user : "");
    pthread_mutex_lock(&hub->lock);
    bool full = hub->subscription_count >= HUB_SUBSCRIBERS_MAX ||
                count_of(hub, subscription->user) >= HUB_SUBSCRIBERS_USER_MAX,
         closed = hub->closed;
    if (!full && !closed) {
        add_to_count(hub, subscription->user, 1);
        subscription->id = *ret_id = ++hub->next_subscription;
        metric_set(&hub->metrics[M_SUBSCRIBERS], ++hub->subscription_count);
        loop_post(hub->loop, subscribe, subscription);
    }
    pthread_mutex_unlock(&hub->lock);
    if (!full && !closed)
        return 0;
    free(subscription);
    if (closed)
        return err_set(err, ERR_UNAVAILABLE, "shutting_down", "the server shuts down");
    return err_set(err, ERR_LIMIT, "too_many_watchers", "too many event streams are open");
}

struct unsubscribe {
    struct hub *hub;
    int64_t id;
};

static void unsubscribe(void *arg) {
    _cleanup_free_ struct unsubscribe *task = arg;
    for (struct subscription *s = task->hub->subscriptions; s; s = s->next)
        if (s->id == task->id) {
            end(s);
            return;
        }
}

void hub_events_unsubscribe(struct hub *hub, int64_t id) {
    struct unsubscribe *task = mem_zalloc(sizeof *task);
    *task = (struct unsubscribe){.hub = hub, .id = id};
    if (!hub_post(hub, unsubscribe, task))
        free(task);
}
