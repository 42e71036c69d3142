#include "fake_server.h"

#include "../test.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/str.h"
#include "http/server.h"

#include <strings.h>

#define LIMIT_MS 20000
#define STREAM_PREFIX "/api/v1/agents/streams/"

struct arrival { /* an upgraded socket on its way to the loop */
    struct fake_server *server;
    struct http_upgraded *upgraded;
    struct fake_stream *stream; /* NULL: a control channel */
    int fd;
};

/* --- on HTTP threads --- */

static void reply_problem(struct http_request *request, int status) {
    char body[128];
    int length = snprintf(body, sizeof body, "{\"status\":%d,\"detail\":\"scripted refusal\"}", status);
    http_reply(request, status, "application/problem+json", body, (size_t)length);
}

static bool key_is(const struct http_request *request, const char *key) {
    const char *given = http_header(request, "X-Agent-API-Key");
    return given && strcmp(given, key) == 0;
}

static void on_register(struct fake_server *server, struct http_request *request) {
    atomic_fetch_add(&server->registers, 1);
    int status = atomic_load(&server->register_status);
    bool known = key_is(request, FAKE_KEY);
    if (!status && !known && !key_is(request, FAKE_TOKEN))
        status = 401;
    if (status) {
        reply_problem(request, status);
        return;
    }
    size_t length;
    const char *body = http_body(request, &length);
    pthread_mutex_lock(&server->lock);
    json_decref(server->registration);
    server->registration = json_loadb(body, length, 0, NULL);
    pthread_mutex_unlock(&server->lock);
    static const char with_key[] = "{\"agentId\":\"agent-1\",\"apiKey\":\"" FAKE_KEY "\"}";
    if (!known && atomic_load(&server->give_key))
        http_reply(request, 201, "application/json", with_key, sizeof with_key - 1);
    else
        http_reply(request, 200, "application/json", "{}", 2);
}

static void on_arrival(void *arg);

static void arrived(void *arg, struct http_upgraded *upgraded, int fd, const void *early,
                    size_t early_length) {
    struct arrival *arrival = arg;
    arrival->upgraded = upgraded;
    arrival->fd = fd;
    loop_post(arrival->server->loop, on_arrival, arrival);
}

static void on_connect(struct fake_server *server, struct http_request *request) {
    char accept[29];
    int status = atomic_load(&server->connect_status);
    if (!status && !key_is(request, FAKE_KEY) && !key_is(request, FAKE_TOKEN)) {
        atomic_fetch_add(&server->bad_keys, 1);
        status = 401;
    }
    if (status || http_websocket_accept(request, accept, NULL) < 0) {
        atomic_fetch_add(&server->connects, 1);
        reply_problem(request, status ? status : 400);
        return;
    }
    struct arrival *arrival = mem_zalloc(sizeof *arrival);
    arrival->server = server;
    http_add_header(request, "Sec-WebSocket-Accept", accept);
    http_upgrade(request, "websocket", arrived, arrival);
}

static void on_stream(struct fake_server *server, struct http_request *request) {
    const char *token = http_header(request, "Authorization"), *key = http_header(request, "X-Agent-API-Key");
    int status = atomic_load(&server->stream_status);
    if (status) {
        reply_problem(request, status);
        return;
    }
    struct arrival *arrival = mem_zalloc(sizeof *arrival);
    arrival->server = server;
    arrival->stream = mem_zalloc(sizeof *arrival->stream);
    str_copy(arrival->stream->path, sizeof arrival->stream->path, http_path(request));
    str_copy(arrival->stream->token, sizeof arrival->stream->token, token ? token : "");
    str_copy(arrival->stream->key, sizeof arrival->stream->key, key ? key : "");
    http_upgrade(request, "streamspace-stream", arrived, arrival);
}

static void handle(void *arg, struct http_request *request) {
    struct fake_server *server = arg;
    const char *path = http_path(request);
    if (strcmp(path, "/api/v1/agents/register") == 0)
        on_register(server, request);
    else if (strcmp(path, "/api/v1/agents/connect") == 0)
        on_connect(server, request);
    else if (str_starts(path, STREAM_PREFIX))
        on_stream(server, request);
    else
        reply_problem(request, 404);
}

/* --- on the loop --- */

static void send_welcome(struct fake_server *server) {
    struct proto_message message = {.type = PROTO_WELCOME};
    struct proto_session wanted = {.state = "running"};
    message.welcome.protocol_version = PROTO_VERSION;
    message.welcome.heartbeat_seconds = server->heartbeat_seconds;
    message.welcome.generation = atomic_load(&server->connects);
    str_copy(message.welcome.replica_id, sizeof message.welcome.replica_id, "fake");
    if (server->wanted) {
        str_copy(wanted.session_id, sizeof wanted.session_id, server->wanted);
        message.welcome.wanted = &wanted;
        message.welcome.wanted_count = 1;
    }
    for (size_t i = 0; server->programs && server->programs[i]; i++)
        strv_add(&message.welcome.programs, server->programs[i]);
    fake_send(server, &message);
    strv_finish(&message.welcome.programs);
}

static char complete[] = "complete", failed[] = "failed";

static void note_outcome(struct fake_server *server, const char *id, int64_t attempt, char *outcome) {
    if (attempt != 1) /* only first attempts are looked at */
        return;
    const char *before = map_set(server->outcomes, id, outcome);
    if (before && strcmp(before, outcome) != 0)
        fail_msg("%s was %s and is %s", id, before, outcome);
}

static void on_text(void *arg, const char *text, size_t length) {
    struct fake_server *server = arg;
    struct err err = {0};
    _cleanup_proto_ struct proto_message message = {0};
    if (proto_decode(text, length, PROTO_AGENT, &message, &err) < 0 || message.type == PROTO_UNKNOWN)
        fail_msg("the agent sent \"%.*s\": %s", (int)length, text, err.message);
    assert_int_equal(message.ignored, 0);
    json_array_append_new(server->inbox, json_loadb(text, length, 0, NULL));
    if (message.type == PROTO_COMPLETE)
        note_outcome(server, message.complete.command_id, message.complete.attempt, complete);
    if (message.type == PROTO_FAILED)
        note_outcome(server, message.failed.command_id, message.failed.attempt, failed);
    if (message.type == PROTO_HELLO && server->answer_hello)
        send_welcome(server);
    if (message.type == PROTO_HELLO && server->on_hello)
        server->on_hello(
            server->arg,
            json_object_get(json_array_get(server->inbox, json_array_size(server->inbox) - 1), "payload"));
}

static void on_close(void *arg, int code, const char *reason) {
    struct fake_server *server = arg;
    server->closes++;
    server->close_code = code;
    ws_destroy(server->ws);
    server->ws = NULL;
}

static void close_upgraded(void *arg) {
    http_upgraded_close(arg);
}

static void on_arrival(void *arg) {
    _cleanup_free_ struct arrival *arrival = arg;
    struct fake_server *server = arrival->server;
    if (arrival->stream) {
        arrival->stream->fd = arrival->fd;
        arrival->stream->upgraded = arrival->upgraded;
        arrival->stream->next = server->streams;
        server->streams = arrival->stream;
        return;
    }
    static const struct ws_callbacks callbacks = {.on_text = on_text, .on_close = on_close};
    struct ws_io io = {.fd = arrival->fd, .close = close_upgraded, .arg = arrival->upgraded};
    ws_destroy(server->ws);
    server->ws = NULL;
    struct err err = {0};
    if (ws_attach(&server->ws, server->loop, WS_SERVER, &io, &callbacks, server, NULL, 0, &err) < 0)
        fail_msg("%s", err.message);
    atomic_fetch_add(&server->connects, 1);
}

void fake_server_start(struct fake_server *server, struct loop *loop, const char *listen) {
    struct err err = {0};
    *server = (struct fake_server){.loop = loop, .answer_hello = true, .heartbeat_seconds = 20};
    atomic_store(&server->give_key, true);
    pthread_mutex_init(&server->lock, NULL);
    server->inbox = json_array();
    server->outcomes = map_create();
    struct http_server_options options = {.listen = listen ? listen : "127.0.0.1:0",
                                          .listen_fd = -1,
                                          .threads = 1,
                                          .handler = handle,
                                          .arg = server};
    if (http_server_start(&server->http, &options, &err) < 0)
        fail_msg("%s", err.message);
    server->url = str_format("http://127.0.0.1:%u", http_server_port(server->http));
}

void fake_server_stop(struct fake_server *server) {
    ws_destroy(server->ws);
    server->ws = NULL;
    http_server_stop(server->http);
    loop_step(server->loop, 0); /* arrivals that were on their way */
    ws_destroy(server->ws);
    while (server->streams) {
        struct fake_stream *next = server->streams->next;
        fake_stream_free(server->streams);
        server->streams = next;
    }
    json_decref(server->inbox);
    map_destroy(server->outcomes, NULL);
    json_decref(server->registration);
    pthread_mutex_destroy(&server->lock);
    free(server->url);
}

void fake_stream_free(struct fake_stream *stream) {
    http_upgraded_close(stream->upgraded);
    free(stream);
}

/* --- waiting --- */

void fake_wait(struct fake_server *server, bool (*ready)(void *arg), void *arg, const char *what) {
    int64_t limit = clock_ms() + LIMIT_MS;
    while (!ready(arg)) {
        if (clock_ms() > limit)
            fail_msg("waited in vain for %s", what);
        loop_step(server->loop, 10);
    }
}

void fake_run(struct fake_server *server, int64_t ms) {
    int64_t limit = clock_ms() + ms;
    while (clock_ms() < limit)
        loop_step(server->loop, 10);
}

static json_t *find(struct fake_server *server, const char *type, const char *name, const char *value,
                    int nth) {
    size_t index;
    json_t *message;
    json_array_foreach (server->inbox, index, message) {
        const char *text =
            json_string_value(json_object_get(json_object_get(message, "payload"), name ? name : ""));
        if (str_eq(json_string_value(json_object_get(message, "type")), type) &&
            (!name || (text && str_eq(text, value))) && nth-- == 0)
            return message;
    }
    return NULL;
}

json_t *fake_await(struct fake_server *server, const char *type, const char *name, const char *value,
                   int nth) {
    int64_t limit = clock_ms() + LIMIT_MS;
    json_t *message;
    while (!(message = find(server, type, name, value, nth))) {
        if (clock_ms() > limit)
            fail_msg("no %s with %s = %s (%d)", type, name ? name : "anything", value ? value : "", nth);
        loop_step(server->loop, 10);
    }
    return message;
}

int fake_count(struct fake_server *server, const char *type, const char *name, const char *value) {
    int count = 0;
    while (find(server, type, name, value, count))
        count++;
    return count;
}

struct connects {
    struct fake_server *server;
    int wanted;
};

static bool has_connects(void *arg) {
    const struct connects *c = arg;
    return atomic_load(&c->server->connects) >= c->wanted;
}

void fake_await_connects(struct fake_server *server, int connects) {
    struct connects c = {.server = server, .wanted = connects};
    fake_wait(server, has_connects, &c, "a connection");
}

/* --- sending --- */

void fake_send_text(struct fake_server *server, const char *text) {
    assert_non_null(server->ws);
    ws_send_text(server->ws, text, strlen(text));
}

void fake_send(struct fake_server *server, const struct proto_message *message) {
    _cleanup_strbuf_ struct strbuf text = STRBUF_MAX(PROTO_MESSAGE_MAX);
    struct err err = {0};
    if (proto_encode(message, &text, &err) < 0)
        fail_msg("%s", err.message);
    fake_send_text(server, strbuf_str(&text));
}

void fake_command(struct fake_server *server, const char *id, int attempt, const char *action,
                  json_t *payload) {
    struct proto_message message = {.type = PROTO_COMMAND};
    message.command.attempt = attempt;
    message.command.deadline_seconds = 60;
    message.command.payload = payload;
    str_copy(message.command.command_id, sizeof message.command.command_id, id);
    str_copy(message.command.action, sizeof message.command.action, action);
    fake_send(server, &message);
    proto_message_finish(&message);
}

static void send_stream_open(struct fake_server *server, const char *stream_id, const char *session,
                             const char *kind, bool follow) {
    struct proto_message message = {.type = PROTO_STREAM_OPEN};
    struct proto_stream_open *open = &message.stream_open;
    str_copy(open->stream_id, sizeof open->stream_id, stream_id);
    str_copy(open->session_id, sizeof open->session_id, session);
    snprintf(open->path, sizeof open->path, STREAM_PREFIX "%s", stream_id);
    str_copy(open->token, sizeof open->token, "stream-token");
    str_copy(open->kind, sizeof open->kind, kind);
    open->follow = follow;
    fake_send(server, &message);
}

void fake_stream_open(struct fake_server *server, const char *stream_id, const char *session,
                      const char *kind) {
    send_stream_open(server, stream_id, session, kind, false);
}

void fake_log_follow(struct fake_server *server, const char *stream_id, const char *session) {
    send_stream_open(server, stream_id, session, "log", true);
}

struct fake_stream *fake_stream_await(struct fake_server *server, const char *stream_id) {
    int64_t limit = clock_ms() + LIMIT_MS;
    for (;;) {
        for (struct fake_stream **link = &server->streams; *link; link = &(*link)->next)
            if (str_ends((*link)->path, stream_id)) {
                struct fake_stream *found = *link;
                *link = found->next;
                return found;
            }
        if (clock_ms() > limit)
            fail_msg("no stream %s", stream_id);
        loop_step(server->loop, 10);
    }
}

void fake_drop(struct fake_server *server) {
    ws_destroy(server->ws);
    server->ws = NULL;
}
