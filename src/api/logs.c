#include "api/logs.h"

#include "api/call.h"
#include "base/cleanup.h"
#include "base/loop.h"
#include "control/users/login_alive.h"

#include <pthread.h>
#include <sys/epoll.h>
#include <sys/socket.h>

struct log_streams {
    struct loop *loop;
    pthread_t thread;
    bool running;
    atomic_uint count;
    bool stopping; /* loop thread, as everything below */
    struct log_stream *first;
};

/* One request. Lives on the loop's thread once the agent has been asked. */
struct log_stream {
    struct log_streams *owner;
    struct log_stream *next, *previous;
    struct api *api;
    int64_t login_id;  /* of who reads */
    struct call *call; /* until it is answered */
    char session[SESSION_NAME_MAX + 1], agent_id[AGENT_ID_MAX + 1];
    bool follow;
    bool again;            /* asked before: what is known already is looked for in the answer */
    bool asking;           /* the hub owes an answer */
    bool streamed, closed; /* the reply has begun as a stream; it is over */
    bool over;
    struct http_stream *out;  /* while following */
    struct hub_socket socket; /* the agent's end, while its answer is read */
    bool has_socket;
    struct loop_fd *watch;
    struct loop_timer *timer; /* limit of the reading, or the next question */
    struct loop_timer *check; /* while following: is it still allowed? */
    struct strbuf text;       /* this answer, where it is needed in whole */
    char known[LOG_MARK];     /* the last bytes that were passed on */
    size_t known_length;
    struct err err;
};

static void ask(struct log_stream *stream);

/* --- the end of it --- */

static void socket_close(struct log_stream *stream) {
    loop_fd_remove(stream->watch);
    stream->watch = NULL;
    if (!stream->has_socket)
        return;
    stream->has_socket = false;
    if (stream->socket.close)
        stream->socket.close(stream->socket.arg);
    else
        close_fd(stream->socket.fd);
}

/* Frees it when nobody else knows it any more: neither hub nor HTTP server. */
static void release(struct log_stream *stream) {
    if (!stream->over || stream->asking || (stream->streamed && !stream->closed))
        return;
    if (stream->previous)
        stream->previous->next = stream->next;
    else if (stream->owner->first == stream)
        stream->owner->first = stream->next;
    if (stream->next)
        stream->next->previous = stream->previous;
    atomic_fetch_sub(&stream->owner->count, 1);
    strbuf_finish(&stream->text);
    free(stream);
}

/* Ends it: the request is answered, the reply completed. The object goes when all others have let go of it.
 */
static void finish(struct log_stream *stream) {
    stream->over = true;
    loop_timer_cancel(stream->timer);
    loop_timer_cancel(stream->check);
    stream->timer = stream->check = NULL;
    socket_close(stream);
    if (stream->out)
        http_stream_end(steal_pointer(&stream->out));
    if (stream->call) {
        if (stream->err.kind == ERR_NONE)
            err_set(&stream->err, ERR_UNAVAILABLE, "shutting_down", "the server is going away");
        call_problem(steal_pointer(&stream->call), &stream->err);
    }
    release(stream);
}

static void on_closed(void *arg) {
    struct log_stream *stream = arg;
    stream->closed = true;
    finish(stream);
}

/* The reply is over, on any thread. */
static void on_client_closed(void *arg) {
    struct log_stream *stream = arg;
    loop_post(stream->owner->loop, on_closed, stream);
}

/* --- following --- */

/* Keeps the end of what was passed on, to find it again in the answer to a next question. */
static void remember(struct log_stream *stream, const char *text, size_t length) {
    if (length >= LOG_MARK) {
        memcpy(stream->known, text + length - LOG_MARK, LOG_MARK);
        stream->known_length = LOG_MARK;
        return;
    }
    size_t keep = stream->known_length;
    if (keep + length > LOG_MARK)
        keep = LOG_MARK - length;
    memmove(stream->known, stream->known + stream->known_length - keep, keep);
    memcpy(stream->known + keep, text, length);
    stream->known_length = keep + length;
}

/* False when the client is not there any more, or reads too slowly. */
static bool pass_on(struct log_stream *stream, const char *text, size_t length) {
    remember(stream, text, length);
    return length == 0 || http_stream_write(stream->out, text, length);
}

/* Where in an answer that what came before ends. A log that has moved on so far that it is gone is new as a
 * whole. */
static size_t known_part(const struct log_stream *stream) {
    size_t mark = stream->known_length;
    const char *text = strbuf_str(&stream->text);
    for (size_t end = stream->text.length; mark && end >= mark; end--)
        if (memcmp(text + end - mark, stream->known, mark) == 0)
            return end;
    return 0;
}

/* May he still, and is there still something to come? While the database is away: as before. */
static bool goes_on(const struct log_stream *stream) {
    struct err err = {0};
    struct user user;
    _cleanup_db_ struct db_conn *conn = NULL;
    _cleanup_session_ struct session session = {0};
    if (db_acquire(stream->api->db, &conn, &err) == 0 &&
        login_alive(conn, stream->login_id, &user, &err) == 0) {
        struct actor actor = {
            .user_id = user.id, .username = user.username, .role = user_role_name(user.role)};
        if (session_get_for(conn, &actor, stream->session, &session, &err) == 0)
            return state_table[session.state].live;
    }
    return err.kind == ERR_UNAVAILABLE;
}

static void on_check(void *arg) {
    struct log_stream *stream = arg;
    stream->check = NULL;
    if (!goes_on(stream)) {
        finish(stream);
        return;
    }
    stream->check = loop_timer_add(stream->owner->loop, LOG_CHECK_MS, on_check, stream);
}

static void on_again(void *arg) {
    struct log_stream *stream = arg;
    stream->timer = NULL;
    ask(stream);
}

/* The agent has no more to give: it went away, or it cannot follow. Another question is due. */
static void ask_later(struct log_stream *stream) {
    socket_close(stream);
    loop_timer_cancel(stream->timer);
    stream->again = true;
    stream->timer = loop_timer_add(stream->owner->loop, LOG_AGAIN_MS, on_again, stream);
}

static void start_following(struct log_stream *stream) {
    struct call *call = steal_pointer(&stream->call);
    http_add_header(call->request, "Cache-Control", "no-store");
    http_add_header(call->request, "X-Accel-Buffering", "no");
    call_account(call, 200);
    stream->streamed = true;
    stream->out =
        http_reply_stream(call->request, 200, "text/plain; charset=utf-8", on_client_closed, stream);
    stream->check = loop_timer_add(stream->owner->loop, LOG_CHECK_MS, on_check, stream);
}

/* What was collected is passed on, but for what came before; from now on all that comes is new. False when it
 * was the end of `stream`. */
static bool collected(struct log_stream *stream) {
    size_t known = stream->again ? known_part(stream) : 0;
    bool alive = pass_on(stream, strbuf_str(&stream->text) + known, stream->text.length - known);
    strbuf_clear(&stream->text);
    stream->again = false;
    loop_timer_cancel(stream->timer);
    stream->timer = NULL;
    if (!alive)
        finish(stream);
    return alive;
}

/* It has been quiet for a moment: the agent has told what it had, and tells the rest as it comes. */
static void on_quiet(void *arg) {
    struct log_stream *stream = arg;
    stream->timer = NULL;
    collected(stream);
}

/* --- reading --- */

static void answer_whole(struct log_stream *stream) {
    struct call *call = steal_pointer(&stream->call);
    call_text(call, 200, "text/plain; charset=utf-8", strbuf_str(&stream->text), stream->text.length);
    finish(stream);
}

static void on_limit(void *arg) {
    struct log_stream *stream = arg;
    stream->timer = NULL;
    err_set(&stream->err, ERR_UNAVAILABLE, "log_timeout", "the agent did not send the log in time");
    finish(stream);
}

static void on_readable(void *arg, uint32_t events) {
    struct log_stream *stream = arg;
    char chunk[16 * 1024];
    ssize_t got = 0;
    bool collects = !stream->follow || stream->again;
    for (int turns = 0; turns < LOG_TURNS; turns++) {
        got = recv(stream->socket.fd, chunk, sizeof chunk, 0);
        if (got <= 0)
            break;
        if (collects)
            strbuf_append(&stream->text, chunk, (size_t)got);
        else if (!pass_on(stream, chunk, (size_t)got)) {
            finish(stream);
            return;
        }
    }
    bool end = got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR);
    if (!stream->follow) {
        if (end || stream->text.overflow)
            answer_whole(stream);
        return;
    }
    if (collects && !end && !stream->text.overflow) {
        loop_timer_cancel(stream->timer);
        stream->timer = loop_timer_add(stream->owner->loop, LOG_QUIET_MS, on_quiet, stream);
        return;
    }
    if (collects && !collected(stream))
        return;
    if (end)
        ask_later(stream);
}

/* --- asking --- */

/* On the loop, after the hub has answered. */
static void on_opened(void *arg) {
    struct log_stream *stream = arg;
    stream->asking = false;
    if (stream->owner->stopping || stream->over || (!stream->has_socket && stream->call)) {
        finish(stream);
        return;
    }
    if (!stream->has_socket) { /* the agent is away, or the session is just changing: on_check knows better */
        stream->err = (struct err){0};
        ask_later(stream);
        return;
    }
    if (loop_fd_add(stream->owner->loop, stream->socket.fd, EPOLLIN, on_readable, stream, &stream->watch,
                    &stream->err) < 0) {
        finish(stream);
        return;
    }
    if (!stream->follow)
        stream->timer = loop_timer_add(stream->owner->loop, LOG_READ_MS, on_limit, stream);
    else if (stream->again)
        stream->timer = loop_timer_add(stream->owner->loop, LOG_QUIET_MS, on_quiet, stream);
    else {
        if (stream->call)
            start_following(stream);
        collected(stream); /* what came with the agent's first words */
    }
}

/* The hub's answer, on its thread. */
static void on_hub(void *arg, const struct hub_socket *socket, const struct err *err) {
    struct log_stream *stream = arg;
    if (socket) {
        stream->socket = *socket;
        stream->has_socket = true;
        strbuf_append(&stream->text, socket->early, socket->early_length);
    } else {
        err_copy(&stream->err, err);
    }
    loop_post(stream->owner->loop, on_opened, stream);
}

static void ask(struct log_stream *stream) {
    if (stream->owner->stopping) {
        finish(stream);
        return;
    }
    strbuf_clear(&stream->text);
    stream->asking = true;
    hub_stream_open(stream->api->hub, stream->session, stream->agent_id,
                    stream->follow ? HUB_STREAM_LOG_FOLLOW : HUB_STREAM_LOG, on_hub, stream);
}

static void on_begin(void *arg) {
    struct log_stream *stream = arg;
    stream->next = stream->owner->first;
    if (stream->next)
        stream->next->previous = stream;
    stream->owner->first = stream;
    ask(stream);
}

void session_logs(struct call *call) {
    struct err err = {0};
    struct log_streams *owner = call->api->log_streams;
    const char *follow = http_query(call->request, "follow");
    if (follow && !str_eq(follow, "true") && !str_eq(follow, "false")) {
        err_set_field(&err, ERR_INVALID, "invalid_parameter", "follow", "must be true or false");
    } else if (!state_table[call->session.state].live) {
        err_set(&err, ERR_CONFLICT, "session_ended", "the session has ended, and its log with it");
    } else if (atomic_fetch_add(&owner->count, 1) >= LOG_STREAMS_MAX) {
        atomic_fetch_sub(&owner->count, 1);
        err_set(&err, ERR_LIMIT, NULL, "too many logs are being read; try again in a moment");
    }
    if (err.kind != ERR_NONE) {
        call_problem(call, &err);
        return;
    }
    struct log_stream *stream = mem_zalloc(sizeof *stream);
    stream->owner = owner;
    stream->api = call->api;
    stream->login_id = call->login.id;
    stream->call = call;
    stream->text = (struct strbuf)STRBUF_MAX(LOG_BYTES_MAX);
    stream->follow = str_eq(follow, "true");
    str_copy(stream->session, sizeof stream->session, call->session.name);
    str_copy(stream->agent_id, sizeof stream->agent_id, call->session.agent_id);
    call_release_conn(call);
    http_defer(call->request);
    loop_post(owner->loop, on_begin, stream);
}

/* --- the loop --- */

static void *run(void *arg) {
    struct log_streams *streams = arg;
    loop_run(streams->loop);
    return NULL;
}

int log_streams_create(struct log_streams **ret, struct err *err) {
    struct log_streams *streams = mem_zalloc(sizeof *streams);
    if (loop_create(&streams->loop, err) < 0) {
        free(streams);
        return -1;
    }
    errno = pthread_create(&streams->thread, NULL, run, streams);
    if (errno) {
        err_errno(err, "cannot start the thread for logs");
        log_streams_destroy(streams);
        return -1;
    }
    streams->running = true;
    *ret = streams;
    return 0;
}

static void on_stop(void *arg) {
    struct log_streams *streams = arg;
    streams->stopping = true;
    for (struct log_stream *stream = streams->first, *next; stream; stream = next) {
        next = stream->next;
        if (!stream->asking) /* else its answer comes, and ends it */
            finish(stream);
    }
}

void log_streams_stop(struct log_streams *streams) {
    loop_post(streams->loop, on_stop, streams);
}

static void on_last(void *arg) {
    struct log_streams *streams = arg;
    loop_stop(streams->loop);
}

void log_streams_destroy(struct log_streams *streams) {
    if (!streams)
        return;
    if (streams->running) {
        loop_post(streams->loop, on_last, streams);
        pthread_join(streams->thread, NULL);
    }
    loop_destroy(streams->loop);
    free(streams);
}
