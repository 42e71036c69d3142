#include "../test.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/str.h"
#include "ws/ws.h"

#include <string.h>
#include <sys/socket.h>

#define LIMIT_MS 5000
#define TEXTS_MAX 64

/* One side: a connection and what it has seen. */
struct side {
    struct ws *ws;
    char *texts[TEXTS_MAX];
    int count, pongs, closes, code;
    char reason[WS_REASON_MAX + 1];
    bool destroy_on_text, close_on_text, echo;
};

static void on_text(void *arg, const char *text, size_t length) {
    struct side *side = arg;
    side->texts[side->count++] = str_ndup(text, length);
    if (side->echo)
        ws_send_text(side->ws, text, length);
    if (side->close_on_text)
        ws_close(side->ws, 4001, "replaced");
    if (side->destroy_on_text) {
        ws_destroy(side->ws);
        side->ws = NULL;
    }
}

static void on_pong(void *arg) {
    ((struct side *)arg)->pongs++;
}

static void on_close(void *arg, int code, const char *reason) {
    struct side *side = arg;
    side->closes++;
    side->code = code;
    str_copy(side->reason, sizeof side->reason, reason);
}

static const struct ws_callbacks callbacks = {on_text, on_pong, on_close};

struct fixture {
    struct loop *loop;
    struct side server, client;
    int raw; /* the client's end when the test speaks for itself */
};

static void attach(struct fixture *f, struct side *side, enum ws_role role, int fd) {
    struct ws_io io = {.fd = fd};
    assert_int_equal(ws_attach(&side->ws, f->loop, role, &io, &callbacks, side, NULL, 0, NULL), 0);
}

static void start(struct fixture *f, bool raw_client) {
    int fds[2];
    *f = (struct fixture){.raw = -1};
    assert_int_equal(loop_create(&f->loop, NULL), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
    attach(f, &f->server, WS_SERVER, fds[0]);
    if (raw_client)
        f->raw = fds[1];
    else
        attach(f, &f->client, WS_CLIENT, fds[1]);
}

static void finish(struct fixture *f) {
    ws_destroy(f->server.ws);
    ws_destroy(f->client.ws);
    close_fd(f->raw);
    for (int i = 0; i < TEXTS_MAX; i++) {
        free(f->server.texts[i]);
        free(f->client.texts[i]);
    }
    loop_destroy(f->loop);
}

#define RUN_UNTIL(f, condition)                                                                              \
    for (int64_t limit_ = clock_ms() + LIMIT_MS; !(condition);) {                                            \
        assert_true(clock_ms() < limit_);                                                                    \
        loop_step((f)->loop, 50);                                                                            \
    }

static void texts_go_both_ways(void **state) {
    struct fixture f;
    start(&f, false);
    f.server.echo = true;
    _cleanup_free_ char *large = mem_zalloc(WS_MESSAGE_MAX + 1);
    memset(large, 'x', WS_MESSAGE_MAX);
    assert_int_equal(ws_send_text(f.client.ws, "hello", 5), 0);
    assert_int_equal(ws_send_text(f.client.ws, large, WS_MESSAGE_MAX), 0);
    assert_int_equal(ws_ping(f.client.ws), 0);
    RUN_UNTIL(&f, f.client.count == 2 && f.client.pongs == 1);
    assert_string_equal(f.client.texts[0], "hello");
    assert_int_equal(strlen(f.client.texts[1]), WS_MESSAGE_MAX);
    assert_int_equal(ws_queued(f.client.ws), 0);
    finish(&f);
}

static void a_close_carries_code_and_reason(void **state) {
    struct fixture f;
    start(&f, false);
    ws_close(f.server.ws, 4009, "another instance is connected");
    RUN_UNTIL(&f, f.client.closes && f.server.closes);
    assert_int_equal(f.client.code, 4009);
    assert_string_equal(f.client.reason, "another instance is connected");
    assert_int_equal(f.server.code, 4009);
    assert_int_equal(ws_send_text(f.server.ws, "x", 1), -1);
    finish(&f);
}

static void a_broken_socket_is_1006(void **state) {
    struct fixture f;
    start(&f, true);
    close_fd(f.raw);
    f.raw = -1;
    RUN_UNTIL(&f, f.server.closes);
    assert_int_equal(f.server.code, 1006);
    finish(&f);
}

static void garbage_closes_with_the_right_code(void **state) {
    static const struct {
        const char *bytes;
        size_t size;
        int code;
    } cases[] = {
        {"\x81\x01x", 3, 1002},                            /* not masked */
        {"\x82\x81\0\0\0\0x", 7, 1003},                    /* binary */
        {"\x81\x81\0\0\0\0\xff", 7, 1007},                 /* not UTF-8 */
        {"\x81\xff\0\0\0\0\0\x10\0\0\0\0\0\0x", 15, 1009}, /* a megabyte */
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct fixture f;
        start(&f, true);
        assert_int_equal(send(f.raw, cases[i].bytes, cases[i].size, 0), cases[i].size);
        uint8_t head[4];
        ssize_t got = 0;
        RUN_UNTIL(&f, (got = recv(f.raw, head, 4, MSG_DONTWAIT)) > 0);
        assert_int_equal(head[0], 0x88);
        if (got == 4)
            assert_int_equal(head[2] << 8 | head[3], cases[i].code);
        shutdown(f.raw, SHUT_RDWR);
        RUN_UNTIL(&f, f.server.closes);
        assert_int_equal(f.server.code, cases[i].code);
        assert_int_equal(f.server.count, 0);
        finish(&f);
    }
}

static void callbacks_may_destroy_and_close(void **state) {
    for (int close_it = 0; close_it < 2; close_it++) {
        struct fixture f;
        start(&f, false);
        f.server.destroy_on_text = !close_it;
        f.server.close_on_text = close_it;
        assert_int_equal(ws_send_text(f.client.ws, "one", 3), 0);
        assert_int_equal(ws_send_text(f.client.ws, "two", 3), 0);
        RUN_UNTIL(&f, f.client.closes && f.server.closes == close_it);
        assert_int_equal(f.server.count, 1);
        assert_int_equal(f.client.code, close_it ? 4001 : 1006);
        finish(&f);
    }
}

static void early_bytes_are_handled(void **state) {
    struct fixture f;
    int fds[2];
    f = (struct fixture){.raw = -1};
    assert_int_equal(loop_create(&f.loop, NULL), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
    struct ws_io io = {.fd = fds[0]};
    assert_int_equal(ws_attach(&f.server.ws, f.loop, WS_SERVER, &io, &callbacks, &f.server,
                               "\x81\x82\0\0\0\0hi\x81\x81\0\0", 12, NULL),
                     0);
    f.raw = fds[1];
    RUN_UNTIL(&f, f.server.count == 1);
    assert_int_equal(send(f.raw, "\0\0!", 3, 0), 3);
    RUN_UNTIL(&f, f.server.count == 2);
    assert_string_equal(f.server.texts[1], "!");
    finish(&f);
}

static void a_peer_that_does_not_read_is_closed(void **state) {
    struct fixture f;
    start(&f, true);
    _cleanup_free_ char *large = mem_zalloc(WS_MESSAGE_MAX);
    memset(large, 'x', WS_MESSAGE_MAX);
    int sent = 0;
    while (ws_send_text(f.server.ws, large, WS_MESSAGE_MAX) == 0)
        assert_true(++sent < 1000);
    assert_in_range(ws_queued(f.server.ws), 1, WS_QUEUE_MAX + 1024);
    RUN_UNTIL(&f, f.server.closes); /* after the close frame's limit */
    assert_int_equal(f.server.code, 1008);
    finish(&f);
}

/* The close frame cannot go out, and the peer goes on sending: the end comes all the same, without spinning.
 */
static void a_close_that_cannot_be_sent_has_a_limit(void **state) {
    static const char *const ends[] = {"\x88\x82\0\0\0\0\x03\xe8", "\xf1\x81\0\0\0\0x!"};
    for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
        struct fixture f;
        start(&f, true);
        _cleanup_free_ char *large = mem_zalloc(WS_MESSAGE_MAX);
        memset(large, 'x', WS_MESSAGE_MAX);
        for (int n = 0; n < 4; n++)
            assert_int_equal(ws_send_text(f.server.ws, large, WS_MESSAGE_MAX), 0);
        assert_true(ws_queued(f.server.ws) > 0);
        assert_int_equal(send(f.raw, ends[i], 8, 0), 8);
        unsigned rounds = 0;
        for (int64_t limit = clock_ms() + LIMIT_MS; !f.server.closes; rounds++) {
            assert_true(clock_ms() < limit);
            send(f.raw, "more", 4, MSG_DONTWAIT | MSG_NOSIGNAL);
            loop_step(f.loop, 50);
        }
        assert_true(rounds < 200);
        assert_int_equal(f.server.code, i ? 1006 : 1000);
        finish(&f);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_go_both_ways),
        cmocka_unit_test(a_close_carries_code_and_reason),
        cmocka_unit_test(a_broken_socket_is_1006),
        cmocka_unit_test(garbage_closes_with_the_right_code),
        cmocka_unit_test(callbacks_may_destroy_and_close),
        cmocka_unit_test(early_bytes_are_handled),
        cmocka_unit_test(a_peer_that_does_not_read_is_closed),
        cmocka_unit_test(a_close_that_cannot_be_sent_has_a_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
