#include "agent/streams.h"

#include "agent/bridge.h"
#include "agent/enrol.h"
#include "agent/pool.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "http/client.h"
#include "relay/relay.h"

#include <poll.h>
#include <sys/socket.h>

enum kind { KIND_VNC, KIND_LOG, KIND_LOG_FOLLOW };

/* One end of a stream that is being opened; a worker fills it in. */
struct end {
    struct stream *stream;
    bool done; /* loop's thread */
    int result;
    struct err err;
    int fd;
    char *data; /* what was read already; of a log: all of it */
    size_t length;
};

struct stream {
    struct streams *streams;
    enum kind kind;
    char id[PROTO_STREAM_ID_SIZE];
    char session_id[SESSION_NAME_MAX + 1];
    char *url, *key_header, *token_header;
    int64_t limit_ms;
    struct end server, display;
    bool refused; /* stream_error was sent */
    struct stream *previous, *next;
};

struct streams {
    struct streams_options options;
    struct pool *pool;
    struct relay *relay;
    struct stream *first;
    size_t count;
    bool closed;
};

static void stream_free(struct stream *stream) {
    struct streams *streams = stream->streams;
    if (stream->previous)
        stream->previous->next = stream->next;
    else
        streams->first = stream->next;
    if (stream->next)
        stream->next->previous = stream->previous;
    streams->count--;
    close_fd(stream->server.fd);
    close_fd(stream->display.fd);
    free(stream->server.data);
    free(stream->display.data);
    free(stream->url);
    free(stream->key_header);
    if (stream->token_header)
        explicit_bzero(stream->token_header, strlen(stream->token_header));
    free(stream->token_header);
    free(stream);
}

static void send_error(const struct streams *streams, const char *stream_id, const char *error) {
    struct proto_message message = {.type = PROTO_STREAM_ERROR};
    str_copy(message.stream_error.stream_id, sizeof message.stream_error.stream_id, stream_id);
    str_copy(message.stream_error.error, sizeof message.stream_error.error, error);
    streams->options.send(streams->options.arg, &message);
}

/* --- on workers --- */

static int connect_server(struct stream *stream, struct end *end) {
    const char *headers[] = {stream->key_header, stream->token_header, NULL};
    int64_t left = stream->limit_ms - clock_ms();
    if (left <= 0)
        return err_set(&end->err, ERR_UNAVAILABLE, NULL, "no time was left to dial");
    struct http_client_request request = {.method = "GET",
                                          .url = stream->url,
                                          .ca_file = stream->streams->options.ca_file,
                                          .headers = headers,
                                          .timeout_ms = (int)left};
    struct http_connection *connection = NULL;
    int status = 0;
    if (http_dial(&request, "streamspace-stream", &connection, &status, &end->err) < 0)
        return -1;
    if (!http_connection_is_plain(connection)) {
        if (bridge_count() >= STREAMS_BRIDGES_MAX) {
            http_connection_close(connection);
            return err_set(&end->err, ERR_LIMIT, NULL, "too many streams over TLS");
        }
        return bridge_start(connection, &end->fd, &end->err);
    }
    void *early = NULL;
    end->fd = http_connection_release(connection, &early, &end->length);
    end->data = early;
    return end->fd < 0 ? err_errno(&end->err, "cannot take the connection over") : 0;
}

static int connect_display(struct stream *stream, struct end *end) {
    struct runtime *runtime = stream->streams->options.runtime;
    if (stream->kind == KIND_LOG_FOLLOW)
        return runtime->ops->follow_logs(runtime, stream->session_id, STREAMS_LOG_BYTES, &end->fd, &end->err);
    if (stream->kind == KIND_LOG ? !runtime->ops->logs : !runtime->ops->open_stream)
        return err_set(&end->err, ERR_UNSUPPORTED, NULL, "the %s runtime has no such streams",
                       runtime->ops->name);
    if (stream->kind == KIND_LOG)
        return runtime->ops->logs(runtime, stream->session_id, STREAMS_LOG_BYTES, &end->data, &end->length,
                                  &end->err);
    return runtime->ops->open_stream(runtime, stream->session_id, stream->limit_ms, &end->fd, &end->err);
}

static void end_done(void *arg);

static void run_server(void *arg) {
    struct end *end = arg;
    end->result = connect_server(end->stream, end);
    loop_post(end->stream->streams->options.loop, end_done, end);
}

static void run_display(void *arg) {
    struct end *end = arg;
    end->result = connect_display(end->stream, end);
    loop_post(end->stream->streams->options.loop, end_done, end);
}

/* A log that has been read is written to its reader, who may be slow, but not for ever. */
struct writing {
    int fd;
    char *data;
    size_t length;
};

static void write_log(void *arg) {
    struct writing *w = arg;
    int64_t limit = clock_ms() + STREAMS_LOG_SECONDS * 1000;
    size_t sent = 0;
    while (sent < w->length) {
        ssize_t done = send(w->fd, w->data + sent, w->length - sent, MSG_NOSIGNAL);
        if (done > 0) {
            sent += (size_t)done;
            continue;
        }
        struct pollfd ready = {.fd = w->fd, .events = POLLOUT};
        int64_t left = limit - clock_ms();
        if ((done < 0 && errno != EAGAIN && errno != EINTR) || left <= 0 || poll(&ready, 1, (int)left) <= 0)
            break;
    }
    shutdown(w->fd, SHUT_WR);
    close(w->fd);
    free(w->data);
    free(w);
}

/* --- on the loop --- */

static void start_log(struct stream *stream) {
    struct writing *w = mem_zalloc(sizeof *w);
    *w = (struct writing){.fd = steal_fd(&stream->server.fd),
                          .data = steal_pointer(&stream->display.data),
                          .length = stream->display.length};
    pool_submit(stream->streams->pool, write_log, w);
}

static void start_pair(struct stream *stream) {
    struct err err = {0};
    struct relay_pair *pair = NULL;
    struct relay_end a = {.kind = RELAY_RAW,
                          .fd = steal_fd(&stream->server.fd),
                          .early = stream->server.data,
                          .early_length = stream->server.length};
    struct relay_end b = {.kind = RELAY_RAW, .fd = steal_fd(&stream->display.fd)};
    struct relay_callbacks none = {0};
    if (relay_pair_start(stream->streams->relay, &pair, &a, &b, &none, NULL, &err) < 0) {
        log_error("a stream cannot be started", "session", stream->session_id, "error", err.message);
        send_error(stream->streams, stream->id, err.message);
        return;
    }
    relay_pair_unref(pair);
    log_debug("stream opened", "session", stream->session_id, "stream", stream->id);
}

static void end_done(void *arg) {
    struct end *end = arg;
    struct stream *stream = end->stream;
    struct streams *streams = stream->streams;
    end->done = true;
    if (end->result < 0 && !stream->refused) { /* at once: the viewer waits */
        stream->refused = true;
        log_warn("a stream cannot be opened", "session", stream->session_id, "end",
                 end == &stream->server ? "control plane" : "display", "error", end->err.message);
        send_error(streams, stream->id, end->err.message);
    }
    if (!stream->server.done || !stream->display.done)
        return;
    if (!stream->refused && !streams->closed) {
        if (stream->kind == KIND_LOG)
            start_log(stream);
        else
            start_pair(stream);
    }
    stream_free(stream);
}

static bool kind_parse(const char *text, enum kind *ret) {
    *ret = str_eq(text, "log") ? KIND_LOG : KIND_VNC;
    return *ret == KIND_LOG || str_eq(text, "vnc");
}

void streams_open(struct streams *streams, const struct proto_stream_open *open, const char *url,
                  const char *key) {
    enum kind kind;
    if (streams->closed || !url)
        return;
    if (!kind_parse(open->kind, &kind)) {
        send_error(streams, open->stream_id, "this agent has no streams of this kind");
        return;
    }
    if (kind == KIND_LOG && open->follow && streams->options.runtime->ops->follow_logs)
        kind = KIND_LOG_FOLLOW; /* else: what there is, and its end, which the control plane understands */
    if (streams->count >= STREAMS_OPENING_MAX) {
        send_error(streams, open->stream_id, "too many streams are being opened");
        return;
    }
    struct stream *stream = mem_zalloc(sizeof *stream);
    stream->streams = streams;
    stream->kind = kind;
    str_copy(stream->id, sizeof stream->id, open->stream_id);
    str_copy(stream->session_id, sizeof stream->session_id, open->session_id);
    stream->url = enrol_url(url, open->path);
    stream->key_header = enrol_key_header(key);
    stream->token_header = str_format("Authorization: Bearer %s", open->token);
    stream->limit_ms = clock_ms() + STREAMS_LIMIT_MS;
    stream->server = (struct end){.stream = stream, .fd = -1};
    stream->display = (struct end){.stream = stream, .fd = -1};
    stream->next = streams->first;
    if (stream->next)
        stream->next->previous = stream;
    streams->first = stream;
    streams->count++;
    pool_submit(streams->pool, run_server, &stream->server);
    pool_submit(streams->pool, run_display, &stream->display);
}

int streams_create(struct streams **ret, const struct streams_options *options, struct err *err) {
    struct streams *streams = mem_zalloc(sizeof *streams);
    streams->options = *options;
    if (relay_create(&streams->relay, options->relay_loops, err) < 0) {
        free(streams);
        return -1;
    }
    streams->pool = pool_create(STREAMS_THREADS);
    *ret = streams;
    return 0;
}

bool streams_close(struct streams *streams, int64_t limit_ms) {
    streams->closed = true;
    if (!pool_destroy(streams->pool, limit_ms))
        return false;
    streams->pool = NULL;
    return true;
}

void streams_destroy(struct streams *streams) {
    if (!streams)
        return;
    streams->closed = true;
    pool_destroy(streams->pool, STREAMS_LIMIT_MS * 3);
    loop_step(streams->options.loop, 0);
    relay_destroy(streams->relay);
    while (streams->first)
        stream_free(streams->first);
    free(streams);
}

unsigned streams_alive(const struct streams *streams) {
    return relay_pairs(streams->relay);
}
