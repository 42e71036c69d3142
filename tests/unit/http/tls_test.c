/* Dialling over TLS: the certificate is checked, and bytes go both ways through the connection's own
 * functions. */
#include "http/client.h"

#include "../test.h"
#include "wire.h"

#include "base/cleanup.h"
#include "base/file.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/wait.h>

#define BLOCK (300 * 1024)

extern char **environ;

static char directory[] = "/tmp/tls-test-XXXXXX";
static char url[64], certificate[128];
static pid_t child;

static int setup(void **state) {
    if (!mkdtemp(directory))
        return -1;
    int out[2];
    if (pipe2(out, O_CLOEXEC) < 0)
        return -1;
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, out[1], 1);
    char *argv[] = {(char[]){"python3"}, (char[]){TLS_SERVER}, directory, NULL};
    int code = posix_spawnp(&child, "python3", &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    close(out[1]);
    _cleanup_strbuf_ struct strbuf line = STRBUF_MAX(64);
    for (char block[16]; code == 0 && !strchr(strbuf_str(&line), '\n');) {
        struct pollfd waiting = {.fd = out[0], .events = POLLIN};
        ssize_t n = poll(&waiting, 1, 20000) > 0 ? read(out[0], block, sizeof block) : -1;
        if (n <= 0)
            return -1;
        strbuf_append(&line, block, (size_t)n);
    }
    close(out[0]);
    snprintf(url, sizeof url, "wss://127.0.0.1:%.*s/x", (int)strcspn(strbuf_str(&line), "\n"),
             strbuf_str(&line));
    snprintf(certificate, sizeof certificate, "%s/cert.pem", directory);
    return 0;
}

static int teardown(void **state) {
    kill(child, SIGTERM);
    waitpid(child, NULL, 0);
    return dir_remove(directory, NULL);
}

static void unknown_certificates_are_refused(void **state) {
    struct http_client_request request = {.method = "GET", .url = url, .timeout_ms = 10000};
    struct http_connection *connection = NULL;
    struct err err = {0};
    int status = -1;
    assert_int_equal(http_dial(&request, "websocket", &connection, &status, &err), -1);
    assert_int_equal(status, 0);
    assert_int_equal(err.kind, ERR_UNAVAILABLE);
    assert_string_equal(err.code, "tls");
}

static void bytes_go_both_ways(void **state) {
    struct http_client_request request = {
        .method = "GET", .url = url, .ca_file = certificate, .timeout_ms = 10000};
    struct http_connection *connection = NULL;
    struct err err = {0};
    if (http_dial(&request, "websocket", &connection, NULL, &err) < 0)
        fail_msg("%s", err.message);
    assert_false(http_connection_is_plain(connection));
    void *early;
    size_t early_length;
    assert_int_equal(http_connection_release(connection, &early, &early_length), -1);
    _cleanup_free_ char *sent = mem_alloc(BLOCK);
    for (size_t i = 0; i < BLOCK; i++)
        sent[i] = (char)(i * 7);
    _cleanup_strbuf_ struct strbuf got = STRBUF_MAX(BLOCK + 6);
    size_t written = 0;
    int64_t limit = clock_ms() + WIRE_WAIT_MS;
    while (got.length < BLOCK + 6 && clock_ms() < limit) {
        if (written < BLOCK) {
            ssize_t n = http_connection_write(connection, sent + written, BLOCK - written);
            assert_true(n > 0 || errno == EAGAIN);
            written += n > 0 ? (size_t)n : 0;
        }
        char block[8192];
        ssize_t n = http_connection_read(connection, block, sizeof block);
        assert_true(n > 0 || (n < 0 && errno == EAGAIN));
        if (n > 0)
            assert_true(strbuf_append(&got, block, (size_t)n));
        else
            poll(&(struct pollfd){.fd = http_connection_fd(connection), .events = POLLIN}, 1, 20);
    }
    assert_int_equal(got.length, BLOCK + 6);
    assert_memory_equal(got.data, "behind", 6);
    assert_memory_equal(got.data + 6, sent, BLOCK);
    http_connection_close(connection);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unknown_certificates_are_refused),
        cmocka_unit_test(bytes_go_both_ways),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
