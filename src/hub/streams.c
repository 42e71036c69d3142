/* Streams being opened: asked of an agent, waiting for it to dial back. */
#include "hub/hub_internal.h"

#include <sodium.h>

enum { TOKEN_DIGITS = 64 };

struct stream {
    struct hub *hub;
    char id[PROTO_STREAM_ID_SIZE];
    char session[SESSION_NAME_MAX + 1];
    char agent_id[AGENT_ID_MAX + 1];
    unsigned char token_hash[crypto_hash_sha256_BYTES];
    bool claimed; /* (lock) the token is used up; the socket is on its way */
    int64_t asked_us;
    struct loop_timer *timer;
    hub_stream_fn done;
    void *arg;
};

/* --- the end of the wait: exactly once --- */

/* NULL when the wait is over already. */
static struct stream *take(struct hub *hub, const char *id) {
    pthread_mutex_lock(&hub->lock);
    struct stream *stream = map_remove(hub->streams, id);
    pthread_mutex_unlock(&hub->lock);
    if (stream)
        loop_timer_cancel(stream->timer);
    return stream;
}

static void fail(struct stream *stream, const struct err *err) {
    count(stream->hub, M_STREAMS_FAILED, 1);
    log_info("stream not opened", "session", stream->session, "agent", stream->agent_id, "code", err->code,
             "error", err->message);
    stream->done(stream->arg, NULL, err);
    free(stream);
}

static void give_up(struct stream *stream, enum err_kind kind, const char *code, const char *message) {
    struct err err = {0};
    err_set(&err, kind, code, "%s", message);
    fail(stream, &err);
}

void stream_cancel(struct hub *hub, const char *stream_id) {
    free(take(hub, stream_id));
}

static void too_late(void *arg) {
    struct stream *stream = arg;
    stream->timer = NULL;
    if (take(stream->hub, stream->id))
        give_up(stream, ERR_UNAVAILABLE, "stream_timeout", "the agent did not answer in time");
}

void stream_failed(struct hub *hub, const char *agent_id, const struct proto_stream_error *message) {
    pthread_mutex_lock(&hub->lock);
    struct stream *stream = map_get(hub->streams, message->stream_id);
    bool own = stream && str_eq(stream->agent_id, agent_id);
    pthread_mutex_unlock(&hub->lock);
    if (!own) {
        count(hub, M_STALE_MESSAGES, 1);
        return;
    }
    give_up(take(hub, message->stream_id), ERR_UNAVAILABLE, "stream_failed",
            *message->error ? message->error : "the agent could not open the stream");
}

/* Gives up all waiting streams of an agent, a session, or all (both NULL). Claimed ones have an agent that is
 * there. */
static void give_up_all(struct hub *hub, const char *agent_id, const char *session, enum err_kind kind,
                        const char *code, const char *message) {
    struct strv ids = {0};
    pthread_mutex_lock(&hub->lock);
    size_t cursor = 0;
    const char *id;
    void *value;
    while (map_next(hub->streams, &cursor, &id, &value)) {
        const struct stream *stream = value;
        if (agent_id && (stream->claimed || !str_eq(stream->agent_id, agent_id)))
            continue;
        if (!session || str_eq(stream->session, session))
            strv_add(&ids, id);
    }
    pthread_mutex_unlock(&hub->lock);
    for (size_t i = 0; i < ids.count; i++) {
        struct stream *stream = take(hub, ids.items[i]);
        if (stream)
            give_up(stream, kind, code, message);
    }
    strv_finish(&ids);
}

void streams_agent_gone(struct hub *hub, const char *agent_id) {
    give_up_all(hub, agent_id, NULL, ERR_UNAVAILABLE, "agent_offline", "the agent went away");
}

void streams_session_over(struct hub *hub, const char *session) {
    give_up_all(hub, NULL, session, ERR_CONFLICT, "session_over", "the session is not running any more");
}

void streams_stop(struct hub *hub) {
    give_up_all(hub, NULL, NULL, ERR_UNAVAILABLE, "shutting_down", "the server shuts down");
}

/* --- asking --- */

static void hash_token(const char *token, unsigned char *hash) {
    crypto_hash_sha256(hash, (const unsigned char *)token, strlen(token));
}

static int ask_agent(struct hub *hub, struct stream *stream, enum hub_stream_kind kind, struct err *err) {
    static const char *const kinds[] = {[HUB_STREAM_VNC] = "vnc",
                                        [HUB_STREAM_HTTP] = "http",
                                        [HUB_STREAM_LOG] = "log",
                                        [HUB_STREAM_LOG_FOLLOW] = "log"};
    struct link *link = link_find(hub, stream->agent_id);
    struct proto_message message = {.type = PROTO_STREAM_OPEN};
    struct proto_stream_open *open = &message.stream_open;
    struct strbuf path = STRBUF_FIXED(open->path);
    strbuf_printf(&path, "%s%s", hub->stream_path, stream->id);
    str_copy(open->stream_id, sizeof open->stream_id, stream->id);
    str_copy(open->session_id, sizeof open->session_id, stream->session);
    str_copy(open->kind, sizeof open->kind, kinds[kind]);
    open->follow = kind == HUB_STREAM_LOG_FOLLOW;
    random_hex(open->token, TOKEN_DIGITS);
    hash_token(open->token, stream->token_hash);
    pthread_mutex_lock(&hub->lock); /* the agent may be here before link_send returns */
    map_set(hub->streams, stream->id, stream);
    pthread_mutex_unlock(&hub->lock);
    int result = link
                     ? link_send(link, &message, err)
                     : err_set(err, ERR_UNAVAILABLE, "agent_offline", "the session's agent is not connected");
    sodium_memzero(open->token, sizeof open->token);
    return result;
}

void stream_start(struct hub *hub, const char *session, const char *agent_id, enum hub_stream_kind kind,
                  hub_stream_fn done, void *arg, char *id) {
    struct stream *stream = mem_zalloc(sizeof *stream);
    *stream = (struct stream){.hub = hub, .done = done, .arg = arg, .asked_us = clock_us()};
    proto_make_stream_id(stream->id);
    str_copy(stream->session, sizeof stream->session, session);
    str_copy(stream->agent_id, sizeof stream->agent_id, agent_id);
    id[0] = '\0';
    struct err err = {0};
    pthread_mutex_lock(&hub->lock);
    bool full = map_count(hub->streams) >= HUB_STREAMS_MAX;
    pthread_mutex_unlock(&hub->lock);
    if (hub->stopping || full) {
        if (full)
            err_set(&err, ERR_LIMIT, "too_many_streams", "too many streams are being opened");
        else
            err_set(&err, ERR_UNAVAILABLE, "shutting_down", "the server shuts down");
        fail(stream, &err);
        return;
    }
    char own_id[PROTO_STREAM_ID_SIZE]; /* the stream may be over while it is being asked for */
    memcpy(own_id, stream->id, sizeof own_id);
    stream->timer = loop_timer_add(hub->loop, hub->options.stream_ms, too_late, stream);
    if (ask_agent(hub, stream, kind, &err) == 0) {
        memcpy(id, own_id, sizeof own_id);
        return;
    }
    stream = take(hub, own_id);
    if (stream)
        fail(stream, &err);
}

struct request {
    struct hub *hub;
    char session[SESSION_NAME_MAX + 1];
    char agent_id[AGENT_ID_MAX + 1];
    enum hub_stream_kind kind;
    hub_stream_fn done;
    void *arg;
};

static void start_request(void *arg) {
    _cleanup_free_ struct request *request = arg;
    char id[PROTO_STREAM_ID_SIZE];
    stream_start(request->hub, request->session, request->agent_id, request->kind, request->done,
                 request->arg, id);
}

void hub_stream_open(struct hub *hub, const char *session, const char *agent_id, enum hub_stream_kind kind,
                     hub_stream_fn done, void *arg) {
    struct request *request = mem_zalloc(sizeof *request);
    *request = (struct request){.hub = hub, .kind = kind, .done = done, .arg = arg};
    str_copy(request->session, sizeof request->session, session);
    str_copy(request->agent_id, sizeof request->agent_id, agent_id);
    if (hub_post(hub, start_request, request))
        return;
    free(request);
    struct err err = {0};
    err_set(&err, ERR_UNAVAILABLE, "shutting_down", "the server shuts down");
    done(arg, NULL, &err);
}

/* --- the agent dials back --- */

int hub_stream_claim(struct hub *hub, const char *stream_id, const char *agent_id, const char *token,
                     struct err *err) {
    unsigned char hash[crypto_hash_sha256_BYTES];
    hash_token(token ? token : "", hash);
    pthread_mutex_lock(&hub->lock);
    struct stream *stream = hub->closed ? NULL : map_get(hub->streams, stream_id);
    int result;
    if (!stream)
        result = err_set(err, ERR_NOT_FOUND, "stream_not_found", "no such stream is waiting");
    else if (!str_eq(stream->agent_id, agent_id))
        result = err_set(err, ERR_DENIED, "stream_of_another_agent", "the stream waits for another agent");
    else if (sodium_memcmp(hash, stream->token_hash, sizeof hash) != 0)
        result = err_set(err, ERR_UNAUTHENTICATED, "bad_token", "the stream's token is wrong");
    else if (stream->claimed)
        result = err_set(err, ERR_CONFLICT, "stream_taken", "the stream's token has been used");
    else
        result = 0;
    if (result == 0)
        stream->claimed = true;
    pthread_mutex_unlock(&hub->lock);
    return result;
}

struct arrival {
    struct hub *hub;
    char id[PROTO_STREAM_ID_SIZE];
    struct hub_socket socket;
    char early[];
};

static void close_socket(const struct hub_socket *socket) {
    if (socket->close)
        socket->close(socket->arg);
    else
        close_fd(socket->fd);
}

static void arrive(void *arg) {
    _cleanup_free_ struct arrival *arrival = arg;
    struct hub *hub = arrival->hub;
    struct stream *stream = take(hub, arrival->id);
    if (!stream) {
        close_socket(&arrival->socket);
        return;
    }
    count(hub, M_STREAMS_OPENED, 1);
    metric_observe_us(&hub->metrics[M_STREAM_SECONDS], clock_us() - stream->asked_us);
    stream->done(stream->arg, &arrival->socket, NULL);
    free(stream);
}

void hub_stream_accept(struct hub *hub, const char *stream_id, const struct hub_socket *socket) {
    struct arrival *arrival = mem_zalloc(sizeof *arrival + socket->early_length);
    arrival->hub = hub;
    arrival->socket = *socket;
    arrival->socket.early = arrival->early;
    if (socket->early_length)
        memcpy(arrival->early, socket->early, socket->early_length);
    str_copy(arrival->id, sizeof arrival->id, stream_id);
    if (!hub_post(hub, arrive, arrival)) {
        close_socket(socket);
        free(arrival);
    }
}
