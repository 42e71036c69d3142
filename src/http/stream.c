#include "http/server_internal.h"

#include "base/cleanup.h"

#include <stdint.h>
#include <time.h>

#define STREAM_BLOCK (16 * 1024) /* bytes given to libmicrohttpd at once */

/* Two hold a stream: its owner until http_stream_end, the connection until the reply is over. */
struct http_stream {
    pthread_mutex_t lock;
    pthread_cond_t drained; /* some was taken, or it is over */
    unsigned references;
    struct http_server *server; /* NULL before the reply has begun and when it is over */
    struct MHD_Connection *connection;
    uint64_t peer_id;
    struct strbuf waiting;
    size_t taken;       /* of `waiting`, given to libmicrohttpd already */
    bool ended;         /* by the owner */
    atomic_bool broken; /* client gone or too slow: cut it off */
    bool sleeping;      /* the connection is suspended; under server->lock, as the list */
    struct http_stream *previous, *next;
    void (*closed)(void *arg);
    void *arg;
};

/* Called with the lock held; gives it up. */
static void unlock_unref(struct http_stream *stream) {
    bool last = --stream->references == 0;
    pthread_mutex_unlock(&stream->lock);
    if (!last)
        return;
    pthread_cond_destroy(&stream->drained);
    pthread_mutex_destroy(&stream->lock);
    strbuf_finish(&stream->waiting);
    free(stream);
}

/* Under server->lock. */
static void wake(struct http_stream *stream) {
    if (!stream->sleeping)
        return;
    stream->sleeping = false;
    MHD_resume_connection(stream->connection);
}

/* Under stream->lock. */
static void wake_locked(struct http_stream *stream) {
    struct http_server *server = stream->server;
    if (!server)
        return;
    pthread_mutex_lock(&server->lock);
    wake(stream);
    pthread_mutex_unlock(&server->lock);
}

/* libmicrohttpd wants more of the body: what waits, the end, or sleep until something comes. */
static ssize_t stream_read(void *arg, uint64_t position, char *buffer, size_t max) {
    struct http_stream *stream = arg;
    pthread_mutex_lock(&stream->lock);
    size_t left = stream->waiting.length - stream->taken;
    ssize_t result = 0;
    if (stream->broken) {
        result = MHD_CONTENT_READER_END_WITH_ERROR;
    } else if (left) {
        size_t count = left < max ? left : max;
        memcpy(buffer, stream->waiting.data + stream->taken, count);
        stream->taken += count;
        if (stream->taken == stream->waiting.length) {
            strbuf_clear(&stream->waiting);
            stream->taken = 0;
        }
        result = (ssize_t)count;
        pthread_cond_broadcast(&stream->drained);
    } else if (stream->ended) {
        result = MHD_CONTENT_READER_END_OF_STREAM;
    } else {
        pthread_mutex_lock(&stream->server->lock);
        if (atomic_load(&stream->server->draining)) {
            result = MHD_CONTENT_READER_END_OF_STREAM;
        } else if (atomic_load(&stream->broken)) { /* meanwhile */
            result = MHD_CONTENT_READER_END_WITH_ERROR;
        } else {
            stream->sleeping = true;
            MHD_suspend_connection(stream->connection);
        }
        pthread_mutex_unlock(&stream->server->lock);
    }
    pthread_mutex_unlock(&stream->lock);
    return result;
}

static struct http_stream *stream_create(void (*closed)(void *arg), void *arg) {
    struct http_stream *stream = mem_zalloc(sizeof *stream);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&stream->drained, &attributes);
    pthread_condattr_destroy(&attributes);
    pthread_mutex_init(&stream->lock, NULL);
    stream->references = 2;
    stream->waiting.max = HTTP_STREAM_BUFFER_MAX;
    stream->closed = closed;
    stream->arg = arg;
    return stream;
}

void stream_begins(struct http_stream *stream, struct http_request *request) {
    struct http_server *server = request->server;
    pthread_mutex_lock(&stream->lock);
    stream->server = server;
    pthread_mutex_lock(&server->lock);
    stream->connection = request->connection;
    stream->peer_id = request->peer->id;
    stream->next = server->streams;
    if (stream->next)
        stream->next->previous = stream;
    server->streams = stream;
    pthread_mutex_unlock(&server->lock);
    pthread_mutex_unlock(&stream->lock);
    watch_stream(server, request->peer, true);
}

void stream_finished(struct http_stream *stream) {
    pthread_mutex_lock(&stream->lock);
    struct http_server *server = stream->server;
    if (server) {
        pthread_mutex_lock(&server->lock);
        if (stream->previous)
            stream->previous->next = stream->next;
        else
            server->streams = stream->next;
        if (stream->next)
            stream->next->previous = stream->previous;
        pthread_mutex_unlock(&server->lock);
    }
    stream->server = NULL;
    atomic_store(&stream->broken, true);
    pthread_cond_broadcast(&stream->drained);
    pthread_mutex_unlock(&stream->lock);
    if (stream->closed)
        stream->closed(stream->arg);
    pthread_mutex_lock(&stream->lock);
    unlock_unref(stream);
}

void streams_wake_all(struct http_server *server) {
    pthread_mutex_lock(&server->lock);
    for (struct http_stream *stream = server->streams; stream; stream = stream->next)
        wake(stream);
    pthread_mutex_unlock(&server->lock);
}

void stream_peer_gone(struct http_server *server, uint64_t peer_id) {
    for (struct http_stream *stream = server->streams; stream; stream = stream->next)
        if (stream->peer_id == peer_id) {
            atomic_store(&stream->broken, true);
            wake(stream);
        }
}

struct http_stream *http_reply_stream(struct http_request *request, int status, const char *type,
                                      void (*closed)(void *arg), void *arg) {
    struct http_stream *stream = stream_create(closed, arg);
    struct MHD_Response *response =
        MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, STREAM_BLOCK, stream_read, stream, NULL);
    if (!response)
        abort();
    response_add_headers(request, response, type);
    request->stream = stream;
    request_answer(request, status, response); /* the request may be gone from here on */
    return stream;
}

bool http_stream_write(struct http_stream *stream, const void *data, size_t length) {
    pthread_mutex_lock(&stream->lock);
    bool fits = !stream->broken && !stream->ended;
    if (fits) {
        if (stream->taken && stream->waiting.length + length > HTTP_STREAM_BUFFER_MAX) {
            strbuf_consume(&stream->waiting, stream->taken);
            stream->taken = 0;
        }
        fits = strbuf_append(&stream->waiting, data, length);
        if (!fits) {
            /* A client this slow would only fall further behind. Its connection may be stuck in a send, so
             * that nobody asks for more: cut it. */
            atomic_store(&stream->broken, true);
            if (stream->server) {
                pthread_mutex_lock(&stream->server->lock);
                peer_shutdown(stream->server, stream->peer_id);
                pthread_mutex_unlock(&stream->server->lock);
            }
        }
        wake_locked(stream);
    }
    pthread_mutex_unlock(&stream->lock);
    return fits;
}

size_t http_stream_pending(struct http_stream *stream) {
    pthread_mutex_lock(&stream->lock);
    size_t pending = stream->broken ? 0 : stream->waiting.length - stream->taken;
    pthread_mutex_unlock(&stream->lock);
    return pending;
}

int http_stream_wait(struct http_stream *stream, size_t pending, int limit_ms) {
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += limit_ms / 1000;
    until.tv_nsec += (limit_ms % 1000) * 1000000L;
    if (until.tv_nsec >= 1000000000L) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000L;
    }
    int result = 1;
    pthread_mutex_lock(&stream->lock);
    while (!stream->broken && stream->waiting.length - stream->taken > pending && result > 0)
        if (pthread_cond_timedwait(&stream->drained, &stream->lock, &until) != 0)
            result = 0;
    if (stream->broken)
        result = -1;
    pthread_mutex_unlock(&stream->lock);
    return result;
}

void http_stream_abort(struct http_stream *stream) {
    pthread_mutex_lock(&stream->lock);
    atomic_store(&stream->broken, true);
    wake_locked(stream);
    unlock_unref(stream);
}

void http_stream_end(struct http_stream *stream) {
    pthread_mutex_lock(&stream->lock);
    stream->ended = true;
    wake_locked(stream);
    unlock_unref(stream);
}
