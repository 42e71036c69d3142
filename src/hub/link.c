/* One agent's connection: its life, its silence, its messages. */
#include "hub/hub_internal.h"

#include "control/agents/agent.h"

struct new_link {
    struct hub *hub;
    char agent_id[AGENT_ID_MAX + 1];
    struct ws_io io;
    size_t early_length;
    char early[];
};

static void tick(void *arg);

static void close_io(const struct ws_io *io) {
    if (io->close)
        io->close(io->arg);
    else
        close_fd(io->fd);
}

static void link_free(struct link *link) {
    dispatch_finish(link);
    json_decref(link->missing);
    free(link);
}

struct link *link_ref(struct link *link) {
    link->refs++;
    return link;
}

void link_unref(struct link *link) {
    if (--link->refs == 0)
        link_free(link);
}

struct link *link_find(struct hub *hub, const char *agent_id) {
    return map_get(hub->links, agent_id);
}

bool link_alive(const struct link *link) {
    return link->state == LINK_UP && clock_ms() - link->heard_at < 3 * link->period_ms;
}

/* --- the end --- */

struct ended {
    char agent_id[AGENT_ID_MAX + 1];
    int64_t generation;
};

static int write_offline(struct hub *hub, struct db_conn *conn, void *arg, struct err *err) {
    const struct ended *ended = arg;
    return agent_disconnected(conn, ended->agent_id, ended->generation, err);
}

static const struct work_kind offline_work = {
    .what = "agent offline", .run = write_offline, .done = work_free};

static void queue_offline(struct link *link, int64_t generation) {
    struct ended *ended = mem_zalloc(sizeof *ended);
    str_copy(ended->agent_id, sizeof ended->agent_id, link->agent_id);
    ended->generation = generation;
    work_add(link->hub, &offline_work, ended, true);
}

void link_abandon(struct link *link, int64_t generation) {
    queue_offline(link, generation);
}

/* No more messages from it; its place is free. The socket may still be saying goodbye. */
static void leave(struct link *link) {
    if (link->state == LINK_ENDING)
        return;
    struct hub *hub = link->hub;
    bool was_up = link->state == LINK_UP;
    link->state = LINK_ENDING;
    loop_timer_cancel(link->timer);
    loop_timer_cancel(link->dispatch_timer);
    link->timer = link->dispatch_timer = NULL;
    if (link->listed) {
        link->listed = false;
        map_remove(hub->links, link->agent_id);
        metric_add(&hub->metrics[M_AGENTS], -1);
        streams_agent_gone(hub, link->agent_id);
    }
    if (was_up)
        queue_offline(link, link->generation);
}

static void unlist(struct link *link) {
    struct hub *hub = link->hub;
    if (link->previous)
        link->previous->next = link->next;
    else
        hub->all_links = link->next;
    if (link->next)
        link->next->previous = link->previous;
    hub->link_count--;
    link_unref(link);
}

static void on_close(void *arg, int code, const char *reason) {
    struct link *link = arg;
    if (link->state != LINK_ENDING) {
        char number[16];
        struct strbuf text = STRBUF_FIXED(number);
        strbuf_printf(&text, "%d", code);
        log_info("agent disconnected", "agent", link->agent_id, "code", number, "reason", reason);
    }
    leave(link);
    ws_destroy(link->ws);
    link->ws = NULL;
    unlist(link);
}

void link_close(struct link *link, int code, const char *reason) {
    leave(link);
    if (link->ws)
        ws_close(link->ws, code, reason);
}

/* --- sending --- */

int link_send(struct link *link, const struct proto_message *message, struct err *err) {
    if (link->state != LINK_UP || !link->ws)
        return err_set(err, ERR_UNAVAILABLE, "agent_offline", "agent %s is not connected", link->agent_id);
    _cleanup_strbuf_ struct strbuf text = STRBUF_MAX(PROTO_MESSAGE_MAX);
    if (proto_encode(message, &text, err) < 0)
        return -1;
    if (ws_send_text(link->ws, text.data, text.length) < 0)
        return err_set(err, ERR_UNAVAILABLE, "agent_offline", "the connection of agent %s is closing",
                       link->agent_id);
    return 0;
}

/* --- silence --- */

struct status_change {
    struct ended of;
    enum agent_status status;
};

static int write_status(struct hub *hub, struct db_conn *conn, void *arg, struct err *err) {
    const struct status_change *change = arg;
    return agent_set_status(conn, change->of.agent_id, change->of.generation, change->status, err);
}

static const struct work_kind status_work = {
    .what = "agent degraded", .run = write_status, .done = work_free};

static void set_degraded(struct link *link) {
    link->degraded = true;
    log_warn("agent is silent", "agent", link->agent_id);
    struct status_change *change = mem_zalloc(sizeof *change);
    str_copy(change->of.agent_id, sizeof change->of.agent_id, link->agent_id);
    change->of.generation = link->generation;
    change->status = AGENT_DEGRADED;
    work_add(link->hub, &status_work, change, true);
}

static void send_ping(struct link *link) {
    struct proto_message message = {.type = PROTO_PING};
    struct strbuf nonce = STRBUF_FIXED(message.ping.nonce);
    strbuf_printf(&nonce, "%llu", (unsigned long long)++link->pings);
    link_send(link, &message, NULL);
}

static void set_timer(struct link *link, int64_t at) {
    link->timer = loop_timer_add(link->hub->loop, at - clock_ms(), tick, link);
}

/* Pings every period; two of silence degrade, three end the connection. */
static void tick(void *arg) {
    struct link *link = arg;
    link->timer = NULL;
    if (link->state == LINK_NEW) {
        link_close(link, PROTO_CLOSE_POLICY, "no hello came");
        return;
    }
    if (link->state == LINK_HELLO) { /* the database is away: the agent's own limit decides */
        set_timer(link, clock_ms() + link->hub->options.hello_ms);
        return;
    }
    int64_t now = clock_ms(), silence = now - link->heard_at;
    if (silence >= 3 * link->period_ms) {
        count(link->hub, M_SILENT, 1);
        log_warn("agent is silent for too long", "agent", link->agent_id);
        link_close(link, 1001, "no heartbeat for three periods");
        return;
    }
    if (silence >= 2 * link->period_ms && !link->degraded)
        set_degraded(link);
    if (now >= link->ping_at) {
        send_ping(link);
        link->ping_at = now + link->period_ms;
    }
    int64_t next = link->heard_at + (link->degraded ? 3 : 2) * link->period_ms;
    if (link->state == LINK_UP)
        set_timer(link, next < link->ping_at ? next : link->ping_at);
}

void link_watch(struct link *link) {
    loop_timer_cancel(link->timer);
    set_timer(link, link->ping_at);
}

/* --- messages --- */

static void handle(struct link *link, struct proto_message *message) {
    switch (message->type) {
    case PROTO_HELLO:
        hello_received(link, message);
        break;
    case PROTO_PONG:
        break; /* being heard is all that it is for */
    case PROTO_STREAM_ERROR:
        stream_failed(link->hub, link->agent_id, &message->stream_error);
        break;
    default:
        dispatch_received(link, message);
        break;
    }
}

static void on_text(void *arg, const char *text, size_t length) {
    struct link *link = arg;
    struct hub *hub = link->hub;
    struct err err = {0};
    if (link->state == LINK_ENDING)
        return;
    count(hub, M_MESSAGES, 1);
    link->heard_at = clock_ms();
    _cleanup_proto_ struct proto_message message = {0};
    if (proto_decode(text, length, PROTO_AGENT, &message, &err) < 0) {
        count(hub, M_BAD_MESSAGES, 1);
        log_warn("agent sent what is no message", "agent", link->agent_id, "error", err.message);
        link_close(link, proto_close_code(&err), err.message);
        return;
    }
    if (message.ignored)
        count(hub, M_IGNORED_FIELDS, message.ignored);
    if (message.type == PROTO_UNKNOWN) {
        count(hub, M_UNKNOWN_MESSAGES, 1);
        log_debug("agent sent an unknown message", "agent", link->agent_id, "type", message.type_text);
        return;
    }
    if (link->state == LINK_NEW && message.type != PROTO_HELLO) {
        link_close(link, PROTO_CLOSE_POLICY, "the first message must be hello");
        return;
    }
    if (link->waiting >= WORK_PER_LINK_MAX) {
        link_close(link, 1013, "too much at once: connect again and say hello");
        return;
    }
    handle(link, &message);
}

/* --- the beginning --- */

static const struct ws_callbacks callbacks = {.on_text = on_text, .on_close = on_close};

static void refuse(struct new_link *task, const char *why) {
    log_warn("agent connection refused", "agent", task->agent_id, "reason", why);
    close_io(&task->io);
}

void link_new(void *arg) {
    _cleanup_free_ struct new_link *task = arg;
    struct hub *hub = task->hub;
    struct err err = {0};
    if (hub->stopping || hub->link_count >= HUB_AGENTS_MAX) {
        refuse(task, hub->stopping ? "shutting down" : "too many agents");
        return;
    }
    struct link *link = mem_zalloc(sizeof *link);
    link->hub = hub;
    link->refs = 1;
    link->open = map_create();
    link->heard_at = clock_ms();
    str_copy(link->agent_id, sizeof link->agent_id, task->agent_id);
    if (ws_attach(&link->ws, hub->loop, WS_SERVER, &task->io, &callbacks, link, task->early,
                  task->early_length, &err) < 0) {
        log_error("cannot take an agent's connection", "agent", link->agent_id, "error", err.message);
        link_unref(link);
        return;
    }
    link->next = hub->all_links;
    if (link->next)
        link->next->previous = link;
    hub->all_links = link;
    hub->link_count++;
    set_timer(link, clock_ms() + hub->options.hello_ms);
}

void hub_agent_connected(struct hub *hub, const char *agent_id, const struct ws_io *io, const void *early,
                         size_t early_length) {
    struct new_link *task = mem_zalloc(sizeof *task + early_length);
    task->hub = hub;
    str_copy(task->agent_id, sizeof task->agent_id, agent_id);
    task->io = *io;
    task->early_length = early_length;
    if (early_length)
        memcpy(task->early, early, early_length);
    if (!hub_post(hub, link_new, task)) {
        refuse(task, "shutting down");
        free(task);
    }
}

struct goodbye {
    struct hub *hub;
    char agent_id[AGENT_ID_MAX + 1];
    char reason[WS_REASON_MAX + 1];
};

static void say_goodbye(struct link *link, const char *reason, int code) {
    struct proto_message message = {.type = PROTO_SHUTDOWN};
    str_copy(message.shutdown.reason, sizeof message.shutdown.reason, reason);
    link_send(link, &message, NULL);
    link_close(link, code, reason);
}

static void disconnect(void *arg) {
    _cleanup_free_ struct goodbye *goodbye = arg;
    struct link *link = link_find(goodbye->hub, goodbye->agent_id);
    if (link)
        say_goodbye(link, goodbye->reason, PROTO_CLOSE_POLICY);
}

void hub_agent_disconnect(struct hub *hub, const char *agent_id, const char *reason) {
    struct goodbye *goodbye = mem_zalloc(sizeof *goodbye);
    goodbye->hub = hub;
    str_copy(goodbye->agent_id, sizeof goodbye->agent_id, agent_id);
    str_copy(goodbye->reason, sizeof goodbye->reason, reason);
    if (!hub_post(hub, disconnect, goodbye))
        free(goodbye);
}

void links_stop(struct hub *hub) {
    struct link *next;
    for (struct link *link = hub->all_links; link; link = next) {
        next = link->next;
        if (link->state == LINK_UP)
            say_goodbye(link, "the server shuts down", 1001);
        else
            link_close(link, 1001, "the server shuts down");
    }
}

void links_destroy(struct hub *hub) {
    while (hub->all_links) {
        struct link *link = hub->all_links;
        leave(link);
        ws_destroy(link->ws);
        link->ws = NULL;
        unlist(link);
    }
}
