#include "http/server.h"

#include "../test.h"
#include "wire.h"

#include "base/cleanup.h"

#include <dirent.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/un.h>

struct fixture {
    struct http_server *server;
    uint16_t port;
    pthread_t thread;
    bool thread_started;
    atomic_uint handled, closed, users_freed;
    struct http_request *_Atomic kept;
    struct http_stream *_Atomic stream;
};

static void free_user(void *arg) {
    struct fixture *f = arg;
    atomic_fetch_add(&f->users_freed, 1);
}

static void stream_closed(void *arg) {
    struct fixture *f = arg;
    atomic_fetch_add(&f->closed, 1);
}

static void *answer_kept(void *arg) {
    struct fixture *f = arg;
    http_add_header(f->kept, "X-Late", "yes");
    http_reply(f->kept, 202, "text/plain", "late", 4);
    return NULL;
}

static void reply_text(struct http_request *request, const char *text) {
    http_reply(request, 200, "text/plain", text ? text : "(null)", text ? strlen(text) : 6);
}

static void echo(struct http_request *request) {
    struct strbuf text = STRBUF_MAX(4 * 1024 * 1024);
    size_t length;
    const char *body = http_body(request, &length);
    strbuf_printf(
        &text, "method=%s path=%s a=%s b=%s name0=%s name1=%s cookie=%s peer=%s h=%s body=%zu:%.64s",
        http_method(request), http_path(request), http_query(request, "a"), http_query(request, "b"),
        http_query_name(request, 0), http_query_name(request, 1), http_cookie(request, "sid"),
        http_peer(request), http_header(request, "x-thing"), length, body);
    http_reply(request, 200, "text/plain", text.data, text.length);
    strbuf_finish(&text);
}

static void handle(void *arg, struct http_request *request) {
    struct fixture *f = arg;
    atomic_fetch_add(&f->handled, 1);
    const char *path = http_path(request);
    http_set_user(request, f, free_user);
    if (str_eq(path, "/later")) {
        http_defer(request);
        f->kept = request;
        assert_int_equal(pthread_create(&f->thread, NULL, answer_kept, f), 0);
        f->thread_started = true;
    } else if (str_eq(path, "/now-but-deferred")) {
        http_defer(request);
        reply_text(request, "early");
    } else if (str_eq(path, "/never")) {
        http_defer(request);
        f->kept = request;
    } else if (str_eq(path, "/stream")) {
        http_add_header(request, "Cache-Control", "no-store");
        struct http_stream *stream = http_reply_stream(request, 200, "text/event-stream", stream_closed, f);
        http_stream_write(stream, "first\n", 6);
        atomic_store(&f->stream, stream);
    } else if (str_eq(path, "/stream-at-once")) {
        struct http_stream *stream = http_reply_stream(request, 200, "text/plain", stream_closed, f);
        http_stream_write(stream, "all", 3);
        http_stream_end(stream);
    } else if (str_eq(path, "/split")) {
        http_add_header(request, "X-Bad", "a\r\nInjected: yes");
        http_add_header(request, "X-Good", "a");
        reply_text(request, "ok");
    } else if (str_eq(path, "/silent")) {
        return;
    } else if (str_eq(path, "/empty")) {
        http_reply(request, 204, NULL, NULL, 0);
    } else {
        echo(request);
    }
}

static size_t body_limit(void *arg, struct http_request *request) {
    return str_starts(http_path(request), "/small") ? 10 : 1024 * 1024;
}

static void on_error(void *arg, struct http_request *request, const struct err *err) {
    char text[ERR_MESSAGE_MAX + 64];
    snprintf(text, sizeof text, "{\"code\":\"%s\"}", err->code);
    http_reply(request, err_http_status(err->kind), "application/problem+json", text, strlen(text));
}

static struct http_server_options options_of(struct fixture *f) {
    return (struct http_server_options){.listen = "127.0.0.1:0",
                                        .listen_fd = -1,
                                        .threads = 2,
                                        .idle_seconds = 20,
                                        .handler = handle,
                                        .body_limit = body_limit,
                                        .error = on_error,
                                        .arg = f};
}

static struct fixture *start(const struct http_server_options *given) {
    struct fixture *f = mem_zalloc(sizeof *f);
    struct http_server_options options = given ? *given : options_of(f);
    options.arg = f;
    struct err err = {0};
    if (http_server_start(&f->server, &options, &err) < 0)
        fail_msg("%s", err.message);
    f->port = http_server_port(f->server);
    return f;
}

static void end(struct fixture *f) {
    http_server_stop(f->server);
    if (f->thread_started)
        pthread_join(f->thread, NULL);
    free(f);
}

#define assert_has(text, needle)                                                                             \
    do {                                                                                                     \
        if (!strstr(text, needle))                                                                           \
            fail_msg("\"%s\" is not in: %s", needle, text);                                                  \
    } while (0)
#define assert_lacks(text, needle)                                                                           \
    do {                                                                                                     \
        if (strstr(text, needle))                                                                            \
            fail_msg("\"%s\" is in: %s", needle, text);                                                      \
    } while (0)

static void wait_for(atomic_uint *value, unsigned wanted) {
    int64_t limit = clock_ms() + WIRE_WAIT_MS;
    while (atomic_load(value) != wanted && clock_ms() < limit)
        poll(NULL, 0, 5);
    assert_int_equal(atomic_load(value), wanted);
}

static void everything_of_a_request_is_told(void **state) {
    struct fixture *f = start(NULL);
    _cleanup_free_ char *answer = wire_exchange(
        f->port, "POST /p%2fx%00y?a=1%20%2B+2&b=%ff&c HTTP/1.1\r\nHost: x\r\nX-Thing: t\r\nCookie: "
                 "sidx=no; sid=\"v=1\"; other=2\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello");
    assert_has(answer, "HTTP/1.1 200 OK\r\n");
    assert_has(answer, "\r\nContent-Type: text/plain\r\n");
    assert_has(answer,
               "method=POST path=/p%2fx%00y a=1 + 2 b=(null) name0=a name1=b cookie=v=1 peer=127.0.0.1 h=t "
               "body=5:hello");
    const char *id = strstr(answer, "\r\nX-Request-Id: ");
    assert_non_null(id);
    assert_int_equal(strspn(id + 16, "0123456789abcdef"), 16);
    wait_for(&f->users_freed, 1);
    end(f);
}

static void connections_are_kept_and_pipelined(void **state) {
    struct fixture *f = start(NULL);
    int fd = wire_connect(f->port);
    _cleanup_strbuf_ struct strbuf answer = STRBUF_MAX(65536);
    wire_puts(fd, "GET /one HTTP/1.1\r\nHost: x\r\n\r\nGET /two HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_true(wire_until(fd, &answer, "path=/two"));
    wire_puts(fd, "GET http://x/three?a=7 HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_true(wire_until(fd, &answer, "path=/three a=7"));
    close(fd);
    end(f);
}

static void heads_are_answered_without_body(void **state) {
    struct fixture *f = start(NULL);
    _cleanup_free_ char *answer =
        wire_exchange(f->port, "HEAD /x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    assert_has(answer, "200 OK");
    assert_has(answer, "Content-Length: ");
    assert_lacks(answer, "method=");
    _cleanup_free_ char *stream =
        wire_exchange(f->port, "HEAD /stream-at-once HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    assert_has(stream, "200 OK");
    assert_lacks(stream, "all");
    _cleanup_free_ char *empty =
        wire_exchange(f->port, "GET /empty HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    assert_has(empty, "204 No Content");
    wait_for(&f->closed, 1);
    end(f);
}

static void ambiguous_heads_are_refused(void **state) {
    static const char *const requests[] = {
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length : 3\r\n\r\nabc",
        "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: identity\r\n\r\nabc",
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -3\r\n\r\nabc",
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3x\r\n\r\nabc",
        "GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n",
        "GET path HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /\x01 HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /\xc3\xa4 HTTP/1.1\r\nHost: x\r\n\r\n",
        "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
    };
    struct fixture *f = start(NULL);
    for (size_t i = 0; i < ARRAY_SIZE(requests); i++) {
        _cleanup_free_ char *answer = wire_exchange(f->port, requests[i]);
        if (!str_starts(answer, "HTTP/1.1 400 "))
            fail_msg("%s\n→ %s", requests[i], answer);
    }
    assert_int_equal(atomic_load(&f->handled), 0);
    end(f);
}

static void rubbish_does_no_harm(void **state) {
    static const char *const rubbish[] = {
        "\r\n\r\n\r\n",
        "\x16\x03\x01\x02\x00\x01",
        "GET\r\n\r\n",
        "GET / HTTP/9.9\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\nNo colon here\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n"};
    struct fixture dummy;
    struct http_server_options options = options_of(&dummy);
    options.idle_seconds = 2; /* blank lines are waited on */
    struct fixture *f = start(&options);
    for (size_t i = 0; i < ARRAY_SIZE(rubbish); i++) {
        int fd = wire_connect(f->port);
        wire_puts(fd, rubbish[i]);
        shutdown(fd, SHUT_WR);
        _cleanup_strbuf_ struct strbuf answer = STRBUF_MAX(65536);
        if (!wire_until(fd, &answer, NULL))
            fail_msg("no end after %s: %s", rubbish[i], strbuf_str(&answer));
        assert_lacks(strbuf_str(&answer), "HTTP/1.1 200");
        close(fd);
    }
    _cleanup_free_ char *answer =
        wire_exchange(f->port, "GET /x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    assert_has(answer, "200 OK");
    end(f);
}

static void chunked_bodies_are_put_together(void **state) {
    struct fixture *f = start(NULL);
    _cleanup_free_ char *answer = wire_exchange(
        f->port, "POST /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
                 "3\r\nabc\r\n2;ext=1\r\nde\r\n0\r\n\r\n");
    assert_has(answer, "body=5:abcde");
    end(f);
}

static char *post(const struct fixture *f, const char *path, size_t length, const char *more) {
    struct strbuf request = STRBUF_MAX(32 * 1024 * 1024);
    strbuf_printf(&request, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n%s\r\n", path, length,
                  more);
    _cleanup_free_ char *body = mem_alloc(length);
    memset(body, 'b', length);
    strbuf_append(&request, body, length);
    char *answer = wire_exchange_bytes(f->port, request.data, request.length);
    strbuf_finish(&request);
    return answer;
}

static void bodies_have_limits(void **state) {
    struct fixture *f = start(NULL);
    _cleanup_free_ char *whole = post(f, "/x", 1024 * 1024, "Connection: close\r\n");
    assert_has(whole, "body=1048576:bbbb");
    _cleanup_free_ char *two = post(f, "/x", 2 * 1024 * 1024, "");
    assert_has(two, "HTTP/1.1 413 ");
    assert_has(two, "{\"code\":\"too_large\"}");
    assert_has(two, "Connection: close");
    _cleanup_free_ char *small = post(f, "/small", 11, "");
    assert_has(small, "HTTP/1.1 413 ");
    _cleanup_free_ char *fits = post(f, "/small", 10, "Connection: close\r\n");
    assert_has(fits, "body=10:");
    _cleanup_free_ char *chunked =
        wire_exchange(f->port, "POST /small HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                               "6\r\nabcdef\r\n6\r\nabcdef\r\n0\r\n\r\n");
    assert_has(chunked, "HTTP/1.1 413 ");
    /* 10 GB announced: refused on the head alone */
    _cleanup_free_ char *huge =
        wire_exchange(f->port, "POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 10000000000\r\n\r\n");
    assert_has(huge, "HTTP/1.1 413 ");
    _cleanup_free_ char *expects = wire_exchange(
        f->port, "POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 2000000\r\nExpect: 100-continue\r\n\r\n");
    assert_true(str_starts(expects, "HTTP/1.1 413 "));
    end(f);
}

static void endless_chunked_bodies_are_cut(void **state) {
    struct fixture *f = start(NULL);
    int fd = wire_connect(f->port);
    wire_puts(fd, "POST /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
    _cleanup_free_ char *chunk = mem_alloc(65536 + 9);
    memcpy(chunk, "10000\r\n", 7);
    memset(chunk + 7, 'x', 65536);
    memcpy(chunk + 7 + 65536, "\r\n", 2);
    size_t sent = 0;
    while (sent < 64u * 1024 * 1024 && wire_send(fd, chunk, 65536 + 9))
        sent += 65536;
    assert_true(sent < 32u * 1024 * 1024);
    close(fd);
    assert_int_equal(atomic_load(&f->handled), 0);
    end(f);
}

/* Heads that ask more of libmicrohttpd's memory than their own length: refused or cut off at once, and
 * nothing of them is left (the address sanitizer watches). */
static void small_floods_are_refused(void **state) {
    static const struct {
        const char *begin, *item, *end;
        int count;
    } floods[] = {
        {"GET /?", "a&", " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 10000},
        {"GET /?x=", "&", " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 20000},
        {"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n", "a: b\r\n", "\r\n", 3000},
        {"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nCookie: ", "a=b; ", "\r\n\r\n", 1000},
        {"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nCookie: ", "a=b; ", "\r\n\r\n", 4000},
    };
    struct fixture *f = start(NULL);
    for (size_t i = 0; i < ARRAY_SIZE(floods); i++) {
        _cleanup_strbuf_ struct strbuf request = STRBUF_MAX(1024 * 1024);
        strbuf_puts(&request, floods[i].begin);
        for (int k = 0; k < floods[i].count; k++)
            strbuf_puts(&request, floods[i].item);
        strbuf_puts(&request, floods[i].end);
        int fd = wire_connect(f->port);
        wire_send(fd, request.data, request.length);
        _cleanup_strbuf_ struct strbuf answer = STRBUF_MAX(256 * 1024);
        assert_true(wire_until(fd, &answer, NULL)); /* within the limit of all waits here */
        close(fd);
    }
    end(f);
}

static void header_floods_are_refused(void **state) {
    struct fixture *f = start(NULL);
    struct strbuf request = STRBUF_MAX(2 * 1024 * 1024);
    strbuf_puts(&request, "GET / HTTP/1.1\r\nHost: x\r\n");
    char value[8192];
    memset(value, 'v', sizeof value);
    for (int i = 0; i < 100; i++) {
        strbuf_printf(&request, "X-%d: ", i);
        strbuf_append(&request, value, sizeof value);
        strbuf_puts(&request, "\r\n");
    }
    strbuf_puts(&request, "\r\n");
    int fd = wire_connect(f->port);
    wire_send(fd, request.data, request.length);
    _cleanup_strbuf_ struct strbuf answer = STRBUF_MAX(65536);
    assert_true(wire_until(fd, &answer, NULL)); /* an answer or a reset: it was not done sending */
    if (answer.length)
        assert_true(str_starts(answer.data, "HTTP/1.1 431"));
    close(fd);
    /* a line too long on its own, read to its end */
    strbuf_clear(&request);
    strbuf_puts(&request, "GET /");
    for (int i = 0; i < 8; i++)
        strbuf_append(&request, value, sizeof value);
    _cleanup_free_ char *line = wire_exchange_bytes(f->port, request.data, request.length);
    assert_lacks(line, "HTTP/1.1 200");
    /* 24 KB of headers are fine */
    strbuf_clear(&request);
    strbuf_puts(&request, "GET /x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n");
    for (int i = 0; i < 3; i++) {
        strbuf_printf(&request, "X-%d: ", i);
        strbuf_append(&request, value, sizeof value);
        strbuf_puts(&request, "\r\n");
    }
    strbuf_puts(&request, "\r\n");
    _cleanup_free_ char *fine = wire_exchange_bytes(f->port, request.data, request.length);
    assert_has(fine, "200 OK");
    strbuf_finish(&request);
    assert_int_equal(atomic_load(&f->handled), 1);
    end(f);
}

static void slow_requests_are_cut_off(void **state) {
    struct fixture dummy;
    struct http_server_options options = options_of(&dummy);
    options.idle_seconds = 1;
    struct fixture *f = start(&options);
    static const char *const beginnings[] = {"", "GET / HT", "GET / HTTP/1.1\r\nHost: x\r\nX: ",
                                             "POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n"};
    for (size_t i = 0; i < ARRAY_SIZE(beginnings); i++) {
        int fd = wire_connect(f->port);
        wire_puts(fd, beginnings[i]);
        int64_t begun = clock_ms();
        char block[256];
        ssize_t n;
        /* a byte every 100 ms: never idle for a second */
        while ((n = wire_read(fd, block, sizeof block, 100)) == -1 && clock_ms() - begun < 8000)
            if (i)
                send(fd, "x", 1, MSG_NOSIGNAL);
        assert_true(n == 0 || n == -2);
        assert_true(clock_ms() - begun < 5000);
        close(fd);
    }
    assert_int_equal(atomic_load(&f->handled), 0);
    end(f);
}

static void slow_handlers_are_not_cut_off(void **state) {
    struct fixture dummy;
    struct http_server_options options = options_of(&dummy);
    options.idle_seconds = 1;
    struct fixture *f = start(&options);
    int fd = wire_connect(f->port);
    wire_puts(fd, "GET /never HTTP/1.1\r\nHost: x\r\n\r\n");
    char block[1024];
    assert_int_equal(wire_read(fd, block, sizeof block, 2500), -1);
    reply_text(f->kept, "at last");
    _cleanup_strbuf_ struct strbuf answer = STRBUF_MAX(65536);
    assert_true(wire_until(fd, &answer, "at last"));
    close(fd);
    end(f);
}

static void answers_may_come_later(void **state) {
    struct fixture *f = start(NULL);
    for (int i = 0; i < 300; i++) {
        _cleanup_free_ char *answer =
            wire_exchange(f->port, "GET /later HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        assert_has(answer, "HTTP/1.1 202 Accepted");
        assert_has(answer, "X-Late: yes");
        assert_has(answer, "\r\n\r\nlate");
        pthread_join(f->thread, NULL);
        f->thread_started = false;
    }
    _cleanup_free_ char *early =
        wire_exchange(f->port, "GET /now-but-deferred HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    assert_has(early, "early");
    wait_for(&f->users_freed, 301);
    end(f);
}

static void a_handler_that_forgets_is_a_500(void **state) {
    struct fixture *f = start(NULL);
    _cleanup_free_ char *answer =
        wire_exchange(f->port, "GET /silent HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    assert_has(answer, "HTTP/1.1 500 ");
    _cleanup_free_ char *split =
        wire_exchange(f->port, "GET /split HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    assert_lacks(split, "Injected");
    assert_has(split, "X-Good: a");
    end(f);
}

static void streams_flow_and_end(void **state) {
    struct fixture *f = start(NULL);
    int fd = wire_connect(f->port);
    wire_puts(fd, "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n");
    _cleanup_strbuf_ struct strbuf answer = STRBUF_MAX(1 << 20);
    assert_true(wire_until(fd, &answer, "first\n"));
    assert_has(answer.data, "Content-Type: text/event-stream");
    assert_has(answer.data, "X-Request-Id: ");
    for (int i = 0; i < 200; i++) {
        char line[32];
        snprintf(line, sizeof line, "event %d\n", i);
        assert_true(http_stream_write(f->stream, line, strlen(line)));
        assert_true(wire_until(fd, &answer, line));
    }
    http_stream_end(f->stream);
    assert_true(wire_until(fd, &answer, "\r\n0\r\n\r\n"));
    wait_for(&f->closed, 1);
    /* the connection goes on */
    wire_puts(fd, "GET /again HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_true(wire_until(fd, &answer, "path=/again"));
    close(fd);
    _cleanup_free_ char *at_once =
        wire_exchange(f->port, "GET /stream-at-once HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    assert_has(at_once, "3\r\nall\r\n0\r\n\r\n");
    _cleanup_free_ char *old = wire_exchange(f->port, "GET /stream-at-once HTTP/1.0\r\n\r\n");
    assert_has(old, "\r\n\r\nall");
    wait_for(&f->closed, 3);
    end(f);
}

static void clients_that_leave_are_noticed(void **state) {
    struct fixture *f = start(NULL);
    int fd = wire_connect(f->port);
    wire_puts(fd, "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n");
    _cleanup_strbuf_ struct strbuf answer = STRBUF_MAX(65536);
    assert_true(wire_until(fd, &answer, "first\n"));
    assert_int_equal(atomic_load(&f->closed), 0);
    int64_t begun = clock_ms();
    close(fd); /* nothing is written: only the watch can see it */
    wait_for(&f->closed, 1);
    assert_true(clock_ms() - begun < 2000);
    assert_false(http_stream_write(f->stream, "x", 1));
    assert_int_equal(http_stream_pending(f->stream), 0);
    http_stream_end(f->stream);
    end(f);
}

static void streams_do_not_grow_for_slow_readers(void **state) {
    struct fixture *f = start(NULL);
    int fd = wire_connect(f->port);
    wire_puts(fd, "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n");
    _cleanup_strbuf_ struct strbuf answer = STRBUF_MAX(65536);
    assert_true(wire_until(fd, &answer, "first\n"));
    _cleanup_free_ char *block = mem_zalloc(65536);
    size_t written = 0;
    while (written < 512u * 1024 * 1024 && http_stream_write(f->stream, block, 65536)) {
        assert_true(http_stream_pending(f->stream) <= HTTP_STREAM_BUFFER_MAX);
        written += 65536;
    }
    assert_true(written < 512u * 1024 * 1024);
    wait_for(&f->closed, 1);
    http_stream_end(f->stream);
    close(fd);
    end(f);
}

static void stop_ends_streams_and_sleepers(void **state) {
    struct fixture *f = start(NULL);
    int stream = wire_connect(f->port), sleeper = wire_connect(f->port), idle = wire_connect(f->port);
    wire_puts(stream, "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n");
    _cleanup_strbuf_ struct strbuf answer = STRBUF_MAX(65536);
    assert_true(wire_until(stream, &answer, "first\n"));
    wire_puts(sleeper, "GET /never HTTP/1.1\r\nHost: x\r\n\r\n");
    wait_for(&f->handled, 2);
    int64_t begun = clock_ms();
    http_server_stop(f->server);
    assert_true(clock_ms() - begun < 6000);
    assert_true(wire_until(stream, &answer, "0\r\n\r\n"));
    assert_int_equal(atomic_load(&f->closed), 1);
    http_stream_end(f->stream);
    _cleanup_strbuf_ struct strbuf late = STRBUF_MAX(65536);
    assert_true(wire_until(sleeper, &late, NULL));
    assert_has(strbuf_str(&late), "HTTP/1.1 503 ");
    assert_int_equal(atomic_load(&f->users_freed), 1);
    reply_text(f->kept, "nobody hears"); /* the owner still may */
    assert_int_equal(atomic_load(&f->users_freed), 2);
    close(stream);
    close(sleeper);
    close(idle);
    free(f);
}

static unsigned open_descriptors(void) {
    unsigned count = 0;
    _cleanup_closedir_ DIR *dir = opendir("/proc/self/fd");
    while (readdir(dir))
        count++;
    return count;
}

static void nothing_is_left_open(void **state) {
    unsigned before = open_descriptors();
    for (int round = 0; round < 3; round++) {
        struct fixture *f = start(NULL);
        for (int i = 0; i < 50; i++) {
            free(wire_exchange(f->port, "GET /x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
            free(wire_exchange(f->port,
                               "GET /stream-at-once HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
        }
        end(f);
    }
    assert_int_equal(open_descriptors(), before);
}

static void unix_sockets_serve_too(void **state) {
    char dir[] = "/tmp/http-test-XXXXXX";
    assert_non_null(mkdtemp(dir));
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s/s", dir);
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(listener, 5), 0);
    struct fixture dummy;
    struct http_server_options options = options_of(&dummy);
    options.listen = NULL;
    options.listen_fd = listener;
    options.threads = 1;
    struct fixture *f = start(&options);
    assert_int_equal(f->port, 0);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    wire_puts(fd, "GET /x HTTP/1.1\r\nHost: x\r\n\r\n");
    _cleanup_strbuf_ struct strbuf answer = STRBUF_MAX(65536);
    assert_true(wire_until(fd, &answer, "peer=unix"));
    close(fd);
    end(f);
    unlink(address.sun_path);
    rmdir(dir);
}

static void bad_addresses_are_told(void **state) {
    static const char *const bad[] = {
        "", "8000", ":8000", "127.0.0.1", "127.0.0.1:x", "127.0.0.1:70000", "no.such:1"};
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        struct http_server_options options = {.listen = bad[i], .listen_fd = -1, .handler = handle};
        struct http_server *server = NULL;
        struct err err = {0};
        assert_int_equal(http_server_start(&server, &options, &err), -1);
        assert_int_equal(err.kind, ERR_INVALID);
    }
    struct fixture *f = start(NULL);
    char taken[32];
    snprintf(taken, sizeof taken, "127.0.0.1:%u", f->port);
    struct http_server_options options = {.listen = taken, .listen_fd = -1, .handler = handle};
    struct http_server *server = NULL;
    struct err err = {0};
    assert_int_equal(http_server_start(&server, &options, &err), -1);
    assert_string_equal(err.code, "address_in_use");
    end(f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_of_a_request_is_told),
        cmocka_unit_test(connections_are_kept_and_pipelined),
        cmocka_unit_test(heads_are_answered_without_body),
        cmocka_unit_test(ambiguous_heads_are_refused),
        cmocka_unit_test(rubbish_does_no_harm),
        cmocka_unit_test(chunked_bodies_are_put_together),
        cmocka_unit_test(bodies_have_limits),
        cmocka_unit_test(endless_chunked_bodies_are_cut),
        cmocka_unit_test(small_floods_are_refused),
        cmocka_unit_test(header_floods_are_refused),
        cmocka_unit_test(slow_requests_are_cut_off),
        cmocka_unit_test(slow_handlers_are_not_cut_off),
        cmocka_unit_test(answers_may_come_later),
        cmocka_unit_test(a_handler_that_forgets_is_a_500),
        cmocka_unit_test(streams_flow_and_end),
        cmocka_unit_test(clients_that_leave_are_noticed),
        cmocka_unit_test(streams_do_not_grow_for_slow_readers),
        cmocka_unit_test(stop_ends_streams_and_sleepers),
        cmocka_unit_test(nothing_is_left_open),
        cmocka_unit_test(unix_sockets_serve_too),
        cmocka_unit_test(bad_addresses_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
