/* Both sides of an upgrade: http_upgrade, http_websocket_accept, http_dial. */
#include "http/client.h"
#include "http/server.h"

#include "../test.h"
#include "wire.h"

#include "base/cleanup.h"
#include "http/websocket.h"

#include <dirent.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/un.h>

struct fixture {
    struct http_server *server;
    char url[64];
    uint16_t port;
    atomic_uint upgrades;
    _Atomic(struct http_upgraded *) upgraded;
    _Atomic int fd;
    char early[64];
};

static void on_upgraded(void *arg, struct http_upgraded *upgraded, int fd, const void *early, size_t length) {
    struct fixture *f = arg;
    snprintf(f->early, sizeof f->early, "%.*s", (int)length, (const char *)early);
    f->fd = fd;
    send(fd, "hello", 5, MSG_NOSIGNAL);
    atomic_store(&f->upgraded, upgraded);
    atomic_fetch_add(&f->upgrades, 1);
}

static void handle(void *arg, struct http_request *request) {
    struct fixture *f = arg;
    const char *path = http_path(request);
    struct err err = {0};
    if (str_eq(path, "/refused")) {
        const char *text = "{\"detail\":\"not you\",\"code\":\"bad_key\"}";
        http_reply(request, 401, "application/problem+json", text, strlen(text));
    } else if (str_eq(path, "/plain")) {
        http_reply(request, 200, "text/plain", "hi", 2);
    } else if (str_eq(path, "/raw")) {
        http_upgrade(request, "streamspace-stream", on_upgraded, f);
    } else if (str_eq(path, "/wrong")) {
        http_add_header(request, "Sec-WebSocket-Accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        http_upgrade(request, "websocket", on_upgraded, f);
    } else {
        char accept[29];
        if (http_websocket_accept(request, accept, &err) < 0) {
            http_reply(request, 400, "text/plain", err.code, strlen(err.code));
            return;
        }
        http_add_header(request, "Sec-WebSocket-Accept", accept);
        http_upgrade(request, "websocket", on_upgraded, f);
    }
}

static struct fixture *start(unsigned connection_max) {
    struct fixture *f = mem_zalloc(sizeof *f);
    struct http_server_options options = {.listen = "127.0.0.1:0",
                                          .listen_fd = -1,
                                          .threads = 2,
                                          .connection_max = connection_max,
                                          .handler = handle,
                                          .arg = f};
    struct err err = {0};
    assert_int_equal(http_server_start(&f->server, &options, &err), 0);
    f->port = http_server_port(f->server);
    snprintf(f->url, sizeof f->url, "http://127.0.0.1:%u", f->port);
    return f;
}

static void end(struct fixture *f) {
    http_server_stop(f->server);
    free(f);
}

static void wait_upgrades(struct fixture *f, unsigned count) {
    int64_t limit = clock_ms() + WIRE_WAIT_MS;
    while (atomic_load(&f->upgrades) != count && clock_ms() < limit)
        poll(NULL, 0, 5);
    assert_int_equal(atomic_load(&f->upgrades), count);
}

static int dial(struct fixture *f, const char *path, const char *protocol, struct http_connection **ret,
                int *ret_status, struct err *err) {
    char url[128];
    snprintf(url, sizeof url, "%s%s", f->url, path);
    struct http_client_request request = {.method = "GET", .url = url, .timeout_ms = 5000};
    return http_dial(&request, protocol, ret, ret_status, err);
}

static void expect_bytes(struct http_connection *connection, const char *text) {
    char got[64] = {0};
    size_t have = 0;
    int64_t limit = clock_ms() + WIRE_WAIT_MS;
    while (have < strlen(text) && clock_ms() < limit) {
        ssize_t n = http_connection_read(connection, got + have, strlen(text) - have);
        if (n > 0)
            have += (size_t)n;
        else
            poll(&(struct pollfd){.fd = http_connection_fd(connection), .events = POLLIN}, 1, 100);
    }
    assert_string_equal(got, text);
}

static void the_rfc_s_own_example(void **state) {
    char accept[WEBSOCKET_ACCEPT_SIZE];
    websocket_accept_value("dGhlIHNhbXBsZSBub25jZQ==", accept);
    assert_string_equal(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

static void sockets_change_hands(void **state) {
    struct fixture *f = start(0);
    static const char *const protocols[] = {"streamspace-stream", "websocket"};
    static const char *const paths[] = {"/raw", "/ws"};
    for (unsigned i = 0; i < 2; i++) {
        struct http_connection *connection = NULL;
        struct err err = {0};
        int status = 0;
        if (dial(f, paths[i], protocols[i], &connection, &status, &err) < 0)
            fail_msg("%s", err.message);
        assert_int_equal(status, 101);
        assert_true(http_connection_is_plain(connection));
        wait_upgrades(f, i + 1);
        expect_bytes(connection, "hello");
        assert_int_equal(http_connection_write(connection, "ping", 4), 4);
        char got[8] = {0};
        assert_int_equal(wire_read(f->fd, got, sizeof got, WIRE_WAIT_MS), 4);
        assert_string_equal(got, "ping");
        /* a server that stops leaves them alone */
        if (i == 1) {
            http_server_stop(f->server);
            f->server = NULL;
        }
        assert_int_equal(send(f->fd, "more", 4, MSG_NOSIGNAL), 4);
        expect_bytes(connection, "more");
        http_upgraded_close(atomic_load(&f->upgraded));
        int64_t limit = clock_ms() + WIRE_WAIT_MS;
        char byte;
        ssize_t n;
        while ((n = http_connection_read(connection, &byte, 1)) < 0 && errno == EAGAIN && clock_ms() < limit)
            poll(&(struct pollfd){.fd = http_connection_fd(connection), .events = POLLIN}, 1, 100);
        assert_int_equal(n, 0);
        http_connection_close(connection);
    }
    free(f);
}

static void bytes_behind_the_head_are_kept(void **state) {
    struct fixture *f = start(0);
    /* client → server */
    int fd = wire_connect(f->port);
    wire_puts(fd, "GET /raw HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: "
                  "streamspace-stream\r\n\r\nearly bird");
    _cleanup_strbuf_ struct strbuf answer = STRBUF_MAX(4096);
    assert_true(wire_until(fd, &answer, "hello"));
    assert_true(str_starts(answer.data, "HTTP/1.1 101 "));
    assert_non_null(strcasestr(answer.data, "\r\nConnection: Upgrade\r\n"));
    assert_non_null(strstr(answer.data, "\r\nUpgrade: streamspace-stream\r\n"));
    wait_upgrades(f, 1);
    assert_string_equal(f->early, "early bird");
    http_upgraded_close(atomic_load(&f->upgraded));
    close(fd);
    /* server → client: released with what was read */
    struct http_connection *connection = NULL;
    struct err err = {0};
    assert_int_equal(dial(f, "/raw", "streamspace-stream", &connection, NULL, &err), 0);
    wait_upgrades(f, 2);
    void *early = NULL;
    size_t length = 99;
    int released = http_connection_release(connection, &early, &length);
    assert_true(released >= 0);
    char got[8] = {0};
    if (length)
        memcpy(got, early, length);
    while (length < 5) {
        ssize_t n = wire_read(released, got + length, sizeof got - 1 - length, WIRE_WAIT_MS);
        assert_true(n > 0);
        length += (size_t)n;
    }
    assert_string_equal(got, "hello");
    free(early);
    close(released);
    http_upgraded_close(atomic_load(&f->upgraded));
    end(f);
}

static void refusals_say_why(void **state) {
    struct fixture *f = start(0);
    struct http_connection *connection = NULL;
    struct err err = {0};
    int status = 0;
    assert_int_equal(dial(f, "/refused", "websocket", &connection, &status, &err), -1);
    assert_int_equal(status, 401);
    assert_int_equal(err.kind, ERR_UNAUTHENTICATED);
    assert_string_equal(err.code, "bad_key");
    assert_string_equal(err.message, "not you");
    assert_int_equal(dial(f, "/plain", "websocket", &connection, &status, &err), -1);
    assert_int_equal(status, 200);
    assert_int_equal(err.kind, ERR_UNAVAILABLE);
    assert_int_equal(dial(f, "/raw", "other", &connection, &status, &err),
                     -1); /* upgraded to something else */
    assert_int_equal(err.kind, ERR_UNAVAILABLE);
    wait_upgrades(f, 1);
    http_upgraded_close(atomic_load(&f->upgraded));
    assert_int_equal(dial(f, "/wrong", "websocket", &connection, &status, &err), -1);
    assert_int_equal(err.kind, ERR_UNAVAILABLE);
    wait_upgrades(f, 2);
    http_upgraded_close(atomic_load(&f->upgraded));
    struct http_client_request gone = {.method = "GET", .url = "ws://127.0.0.1:1/", .timeout_ms = 2000};
    assert_int_equal(http_dial(&gone, "websocket", &connection, &status, &err), -1);
    assert_int_equal(status, 0);
    assert_int_equal(err.kind, ERR_UNAVAILABLE);
    end(f);
}

static void bad_handshakes_are_refused(void **state) {
    static const char *const cases[][2] = {
        {"", "websocket_expected"},
        {"Upgrade: websocket\r\n", "websocket_expected"},
        {"Upgrade: h2c\r\nConnection: Upgrade\r\n", "websocket_expected"},
        {"Upgrade: websocket\r\nConnection: keep-alive, upgrade\r\n", "websocket_version"},
        {"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 8\r\n", "websocket_version"},
        {"Upgrade: WebSocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n", "websocket_key"},
        {"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: "
         "abc\r\n",
         "websocket_key"},
        {"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: "
         "dGhlIHNhbXBsZSBub25jZSBpcyBsb25n\r\n",
         "websocket_key"},
    };
    struct fixture *f = start(0);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_free_ char *request = str_format("GET /ws HTTP/1.1\r\nHost: x\r\n%s\r\n", cases[i][0]);
        int fd = wire_connect(f->port);
        wire_puts(fd, request);
        _cleanup_strbuf_ struct strbuf answer = STRBUF_MAX(4096);
        if (!wire_until(fd, &answer, cases[i][1]))
            fail_msg("%s: %s", cases[i][0], strbuf_str(&answer));
        assert_true(str_starts(answer.data, "HTTP/1.1 400 "));
        close(fd);
    }
    assert_int_equal(atomic_load(&f->upgrades), 0);
    end(f);
}

static void too_many_and_impossible_upgrades(void **state) {
    struct fixture *f = start(8);
    struct http_connection *connections[8];
    struct http_upgraded *kept[8];
    struct err err = {0};
    int status = 0;
    for (unsigned i = 0; i < 8; i++) {
        assert_int_equal(dial(f, "/raw", "streamspace-stream", &connections[i], NULL, &err), 0);
        wait_upgrades(f, i + 1);
        kept[i] = atomic_load(&f->upgraded);
    }
    struct http_connection *more = NULL;
    assert_int_equal(dial(f, "/raw", "streamspace-stream", &more, &status, &err), -1);
    assert_int_equal(status, 503);
    wait_upgrades(f, 9); /* the owner was told, with a dead socket */
    char byte;
    assert_int_equal(wire_read(f->fd, &byte, 1, 1000), 0);
    http_upgraded_close(atomic_load(&f->upgraded));
    for (unsigned i = 0; i < 8; i++) {
        http_upgraded_close(kept[i]);
        http_connection_close(connections[i]);
    }
    /* HTTP/1.0 knows no upgrade */
    int fd = wire_connect(f->port);
    wire_puts(fd, "GET /raw HTTP/1.0\r\n\r\n");
    _cleanup_strbuf_ struct strbuf answer = STRBUF_MAX(4096);
    wire_until(fd, &answer, NULL);
    assert_null(strstr(strbuf_str(&answer), "101"));
    close(fd);
    wait_upgrades(f, 10);
    http_upgraded_close(atomic_load(&f->upgraded));
    end(f);
}

static unsigned open_descriptors(void) {
    unsigned count = 0;
    _cleanup_closedir_ DIR *dir = opendir("/proc/self/fd");
    while (readdir(dir))
        count++;
    return count;
}

static void a_thousand_upgrades_leave_nothing(void **state) {
    struct fixture *f = start(0);
    struct err err = {0};
    unsigned before = 0;
    for (unsigned i = 0; i < 1000; i++) {
        struct http_connection *connection = NULL;
        assert_int_equal(dial(f, "/ws", "websocket", &connection, NULL, &err), 0);
        wait_upgrades(f, i + 1);
        expect_bytes(connection, "hello");
        if (i % 2)
            http_connection_close(connection);
        http_upgraded_close(atomic_load(&f->upgraded));
        if (i % 2 == 0)
            http_connection_close(connection);
        if (i == 99)
            before = open_descriptors();
    }
    assert_true(open_descriptors() <= before + 2);
    end(f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_rfc_s_own_example),
        cmocka_unit_test(sockets_change_hands),
        cmocka_unit_test(bytes_behind_the_head_are_kept),
        cmocka_unit_test(refusals_say_why),
        cmocka_unit_test(bad_handshakes_are_refused),
        cmocka_unit_test(too_many_and_impossible_upgrades),
        cmocka_unit_test(a_thousand_upgrades_leave_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
