/* Whole sessions with a real Xvnc, openbox and xterm. */
#include "run.h"

#include "../test.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/str.h"
#include "display/procs.h"
#include "display/session_log.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#define BEARER "Authorization: Bearer " RUN_TOKEN "\r\n"
/* What a failed test leaves must not fail the next one. */
static int tear_down(void **state) {
    run_abandon();
    return 0;
}

#define session_test(test) cmocka_unit_test_teardown(test, tear_down)
#define XTERM "[\"xterm\"]"
/* An application that does nothing, for ever. */
#define IDLE "[\"sleep\",\"1000\"]"
#define PLAIN ",\"windowManager\":false"

static int start(struct run *run, const char *command, const char *more) {
    struct run_options options = {.command = command, .more = more};
    run_start(run, &options);
    return run_listen(run);
}

static void expect_exit(struct run *run, int code) {
    int status = run_wait(run);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), code);
}

static json_int_t pid_of(const json_t *state) {
    json_int_t pid = json_integer_value(json_object_get(state, "pid"));
    assert_true(pid > 0);
    return pid;
}

/* --- starting --- */

static void test_ready(void **state) {
    struct run run;
    int status = start(&run, XTERM, NULL);
    static const char *const stages[] = {"starting display", "starting application"};
    size_t seen = 0;
    json_t *object;
    while ((object = run_next_state(status)) &&
           str_eq(json_string_value(json_object_get(object, "state")), "starting")) {
        /* The first was missed if it was quicker than we. */
        const char *stage = json_string_value(json_object_get(object, "stage"));
        while (seen < 2 && !str_eq(stage, stages[seen]))
            seen++;
        assert_true(seen++ < 2);
        json_decref(object);
    }
    print_message("running after %d ms\n", (int)(clock_ms() - run.started));
    assert_string_equal(json_string_value(json_object_get(object, "state")), "running");
    char path[64], name[32];
    snprintf(path, sizeof path, "/proc/%d/comm", (int)pid_of(object));
    _cleanup_free_ char *text = NULL;
    assert_int_equal(file_read(path, sizeof name, &text, NULL, NULL), 0);
    assert_string_equal(text, "xterm\n");
    json_decref(object);

    _cleanup_free_ char *health = run_request(&run, "GET /health", BEARER);
    assert_true(str_starts(health, "HTTP/1.1 200 "));
    assert_non_null(strstr(health, "\"state\":\"running\""));
    assert_false(path_exists(run.config));
    int64_t before = clock_ms();
    kill(run.pid, SIGTERM);
    run_expect_end(status, false, "stopped");
    expect_exit(&run, 0);
    print_message("gone after %d ms\n", (int)(clock_ms() - before));
    assert_true(clock_ms() - before < 2000);
}

static void expect_server_init(int fd, int width, int height, const char *name) {
    char banner[12];
    assert_true(run_read(fd, banner, sizeof banner));
    assert_memory_equal(banner, "RFB 003.008\n", sizeof banner);
    assert_int_equal(send(fd, banner, sizeof banner, MSG_NOSIGNAL), sizeof banner);
    unsigned char types[2];
    assert_true(run_read(fd, types, 2));
    assert_int_equal(types[0], 1); /* one security type: None */
    assert_int_equal(types[1], 1);
    assert_int_equal(send(fd, "\1", 1, MSG_NOSIGNAL), 1);
    uint32_t result;
    assert_true(run_read(fd, &result, 4));
    assert_int_equal(result, 0);
    assert_int_equal(send(fd, "\1", 1, MSG_NOSIGNAL), 1); /* ClientInit: shared */
    unsigned char init[24];
    assert_true(run_read(fd, init, sizeof init));
    assert_int_equal(init[0] << 8 | init[1], width);
    assert_int_equal(init[2] << 8 | init[3], height);
    char text[64] = "";
    size_t length = init[23];
    assert_true(length < sizeof text && run_read(fd, text, length));
    assert_string_equal(text, name);
}

static void test_stream(void **state) {
    struct run run;
    int status = start(&run, IDLE, ",\"geometry\":\"800x600\",\"name\":\"my desktop\"" PLAIN);
    json_decref(run_await_state(status, "running"));
    int first = run_upgrade(&run, "/stream", "streamspace-stream", "", NULL);
    int second = run_upgrade(&run, "/stream", "streamspace-stream", "", NULL);
    assert_true(first >= 0 && second >= 0);
    expect_server_init(first, 800, 600, "my desktop");
    expect_server_init(second, 800, 600, "my desktop");
    close(second);
    /* Many who come and go without a word do not lock the others out. */
    for (int i = 0; i < 20; i++)
        close(run_upgrade(&run, "/stream", "streamspace-stream", "", NULL));
    int third = run_upgrade(&run, "/stream", "streamspace-stream", "", NULL);
    assert_true(third >= 0);
    expect_server_init(third, 800, 600, "my desktop");
    close(third);
    kill(run.pid, SIGTERM);
    /* The session's end ends its streams. */
    char byte;
    while (recv(first, &byte, 1, 0) > 0)
        ;
    close(first);
    run_expect_end(status, false, "stopped");
    expect_exit(&run, 0);
}

static void test_websocket(void **state) {
    struct run run;
    int status = start(&run, IDLE, PLAIN);
    json_decref(run_await_state(status, "running"));
    _cleanup_free_ char *head = NULL;
    int fd = run_upgrade(&run, "/stream", "websocket",
                         "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                         "Sec-WebSocket-Protocol: base64, binary\r\n",
                         &head);
    assert_true(fd >= 0);
    assert_non_null(strcasestr(head, "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
    assert_non_null(strcasestr(head, "Sec-WebSocket-Protocol: binary\r\n"));
    unsigned char frame[2 + 12];
    assert_true(run_read(fd, frame, sizeof frame));
    assert_int_equal(frame[0], 0x82);
    assert_int_equal(frame[1], 12);
    assert_memory_equal(frame + 2, "RFB 003.008\n", 12);
    close(status);
    kill(run.pid, SIGTERM);
    assert_true(run_read(fd, frame, 2));
    assert_int_equal(frame[0], 0x88); /* a close frame, not a cut */
    close(fd);
    expect_exit(&run, 0);
}

static void test_token(void **state) {
    struct run run;
    int status = start(&run, IDLE, PLAIN);
    json_decref(run_await_state(status, "running"));
    static const char *const paths[] = {"GET /health", "GET /status",  "GET /stream",
                                        "GET /",       "POST /health", "GET /x"};
    static const char *const headers[] = {
        "",
        "Authorization: Bearer 10112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\r\n",
        "Authorization: Bearer 0011\r\n",
        "Authorization: Bearer " RUN_TOKEN "0\r\n",
        "Authorization: Basic " RUN_TOKEN "\r\n",
        "Authorization: " RUN_TOKEN "\r\n",
        "Authorization:\r\n",
        "X-Token: " RUN_TOKEN "\r\n",
    };
    for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
        for (size_t k = 0; k < ARRAY_SIZE(headers); k++) {
            _cleanup_free_ char *answer = run_request(&run, paths[i], headers[k]);
            assert_true(str_starts(answer, "HTTP/1.1 401 "));
            assert_non_null(strcasestr(answer, "Content-Type: application/problem+json\r\n"));
            assert_non_null(strstr(answer, "\"code\":\"unauthenticated\""));
        }
    struct {
        const char *request, *expected;
    } const others[] = {
        {"GET /", "HTTP/1.1 404 "},        {"GET /healt", "HTTP/1.1 404 "},
        {"GET /health/", "HTTP/1.1 404 "}, {"POST /health", "HTTP/1.1 405 "},
        {"GET /stream", "HTTP/1.1 426 "},  {"GET /status", "HTTP/1.1 426 "},
    };
    for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
        _cleanup_free_ char *answer = run_request(&run, others[i].request, BEARER);
        assert_true(str_starts(answer, others[i].expected));
    }
    close(status);
    run_stop(&run);
}

static void test_not_installed(void **state) {
    struct run run;
    int status = start(&run, "[\"no-such-application\",\"--x\"]", NULL);
    run_expect_end(status, true, "application not installed: no-such-application");
    expect_exit(&run, 1);
}

static void test_cannot_be_executed(void **state) {
    struct run run;
    /* Found, but a script whose interpreter is not there. */
    char script[] = "/var/tmp/streamspace-script-XXXXXX";
    int fd = mkstemp(script);
    assert_int_equal(fd_write_all(fd, "#!/no/such/interpreter\n", 23, NULL), 0);
    assert_int_equal(fchmod(fd, 0755), 0);
    close(fd);
    _cleanup_free_ char *command = str_format("[\"%s\"]", script);
    int status = start(&run, command, NULL);
    json_t *object = run_await_state(status, "ended");
    assert_true(json_is_true(json_object_get(object, "failed")));
    const char *reason = json_string_value(json_object_get(object, "reason"));
    assert_true(str_starts(reason, "application cannot be started: "));
    assert_non_null(strstr(reason, "No such file"));
    json_decref(object);
    close(status);
    expect_exit(&run, 1);
    unlink(script);
}

/* Whoever asks after the end still learns it. */
static void test_late_listener(void **state) {
    struct run run;
    struct run_options options = {.command = "[\"no-such-application\"]"};
    run_start(&run, &options);
    run_await_log(&run, "display: ended");
    int status = run_listen(&run);
    run_expect_end(status, true, "application not installed: no-such-application");
    expect_exit(&run, 1);
}

static void test_bad_configuration(void **state) {
    struct run run;
    struct run_options options = {.command = XTERM, .more = ",\"protocol\":\"http\""};
    run_start(&run, &options);
    char text[1024] = "";
    struct pollfd poller = {.fd = run.errors, .events = POLLIN};
    assert_int_equal(poll(&poller, 1, RUN_LIMIT_MS), 1);
    assert_true(read(run.errors, text, sizeof text - 1) > 0);
    assert_non_null(strstr(text, "protocol"));
    assert_null(strstr(text, RUN_TOKEN));
    expect_exit(&run, 2);
}

static void test_unix_port(void **state) {
    struct run run;
    char listen[] = "unix:/var/tmp/streamspace-port-test.XXXXXXXX";
    snprintf(listen + sizeof listen - 9, 9, "%08x", (unsigned)getpid());
    struct run_options options = {.command = IDLE, .more = PLAIN, .listen = listen};
    run_start(&run, &options);
    str_copy(run.port, sizeof run.port, listen + 5);
    run_await_log(&run, "display: running");
    struct stat status;
    assert_int_equal(stat(run.port, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    _cleanup_free_ char *health = run_request(&run, "GET /health", BEARER);
    assert_true(str_starts(health, "HTTP/1.1 200 "));
    run_stop(&run);
    assert_false(path_exists(run.port));
}

static void test_tcp_port(void **state) {
    struct run run;
    struct run_options options = {.command = IDLE, .more = PLAIN, .listen = "tcp:127.0.0.1:0"};
    run_start(&run, &options);
    char text[1024] = "";
    size_t length = 0;
    struct pollfd poller = {.fd = run.errors, .events = POLLIN};
    while (!strstr(text, "port=") || !strchr(strstr(text, "port="), '\n')) {
        assert_int_equal(poll(&poller, 1, RUN_LIMIT_MS), 1);
        ssize_t count = read(run.errors, text + length, sizeof text - 1 - length);
        assert_true(count > 0);
        length += (size_t)count;
    }
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)strtol(strstr(text, "port=") + 5, NULL, 10)),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    static const char request[] = "GET /health HTTP/1.1\r\nHost: x\r\n" BEARER "\r\n";
    assert_int_equal(send(fd, request, sizeof request - 1, MSG_NOSIGNAL), sizeof request - 1);
    char answer[12];
    assert_true(run_read(fd, answer, sizeof answer));
    assert_memory_equal(answer, "HTTP/1.1 200", sizeof answer);
    close(fd);
    run_stop(&run);
}

/* --- what the application finds --- */

static void test_environment(void **state) {
    struct run run;
    int status =
        start(&run, "[\"sh\",\"-c\",\"env; pwd; umask; ls -m /proc/$$/fd; exec sleep 1000\"]", PLAIN);
    json_decref(run_await_state(status, "running"));
    run_await_log(&run, "app: 0, 1, 2\n");
    assert_true(run_log_has(&run, "app: TEST_A=b c\n"));
    assert_true(run_log_has(&run, "app: XAUTHORITY=/"));
    assert_true(run_log_has(&run, "app: XDG_RUNTIME_DIR=/"));
    assert_true(run_log_has(&run, "app: PATH=/"));
    assert_true(run_log_has(&run, "app: 0022\n"));
    assert_false(run_log_has(&run, "SECRET"));
    assert_false(run_log_has(&run, ":99999"));
    assert_false(run_log_has(&run, RUN_TOKEN));
    _cleanup_free_ char *place = str_format("app: %s\n", run.dir);
    assert_true(run_log_has(&run, place));
    close(status);
    run_stop(&run);
}

static void test_x_needs_the_cookie(void **state) {
    struct run run;
    int status = start(&run,
                       "[\"sh\",\"-c\",\"xdpyinfo >/dev/null && echo with; "
                       "XAUTHORITY=/dev/null xdpyinfo >/dev/null 2>&1 || echo without; exec sleep 1000\"]",
                       PLAIN);
    json_decref(run_await_state(status, "running"));
    run_await_log(&run, "app: with\n");
    run_await_log(&run, "app: without\n");
    close(status);
    run_stop(&run);
}

static void test_window_fills_the_screen(void **state) {
    struct run run;
    int status =
        start(&run,
              "[\"sh\",\"-c\",\"xterm & until xwininfo -name xterm 2>/dev/null | tr -d '\\\\n' | "
              "grep -q 'X:  0 .*Y:  0 .*Width: 1000 .*Height: 700 .*IsViewable'; do sleep 0.1; done; "
              "echo fills the screen; wait\"]",
              ",\"geometry\":\"1000x700\"");
    run_await_log(&run, "app: fills the screen\n");
    close(status);
    run_stop(&run);
}

/* Starts a session with this script as Xvnc, first on the path of the display's own environment. `dir` (64
 * bytes) is to be removed when the session is over. */
static int start_with_server(struct run *run, const char *script, char *dir) {
    str_copy(dir, 64, "/var/tmp/streamspace-path-XXXXXX");
    assert_non_null(mkdtemp(dir));
    _cleanup_free_ char *program = str_format("%s/Xvnc", dir);
    assert_int_equal(file_write_atomic(program, script, strlen(script), 0755, NULL), 0);
    _cleanup_free_ char *old = str_dup(getenv("PATH"));
    _cleanup_free_ char *path = str_format("%s:%s", dir, old);
    setenv("PATH", path, 1);
    int status = start(run, XTERM, NULL);
    setenv("PATH", old, 1);
    return status;
}

static void test_no_display_server(void **state) {
    struct run run;
    char dir[64];
    int status = start_with_server(&run, "#!/bin/sh\necho no screens found >&2\nexit 1\n", dir);
    run_expect_end(status, true, "display server did not start");
    expect_exit(&run, 1);
    dir_remove(dir, NULL);
}

/* A server that cannot take our socket (this is a script, so we believe that it cannot) binds its own, and
 * its clients wait until it says so. */
static void test_display_server_with_its_own_socket(void **state) {
    struct run run;
    char dir[64];
    int status = start_with_server(&run, "#!/bin/sh\nexec /usr/bin/Xvnc \"$@\"\n", dir);
    json_decref(run_await_state(status, "running"));
    assert_true(run_find(&run, "xterm", RUN_LIMIT_MS) > 0);
    close(status);
    run_stop(&run);
    dir_remove(dir, NULL);
}

/* --- ending --- */

static void ends(const char *command, const char *more, bool failed, const char *reason) {
    struct run run;
    int status = start(&run, command, more);
    run_expect_end(status, failed, reason);
    expect_exit(&run, failed ? 1 : 0);
}

static void test_application_ends(void **state) {
    ends("[\"sh\",\"-c\",\"sleep 0.2; exit 0\"]", NULL, false, "application closed");
    ends("[\"true\"]", PLAIN, false, "application closed");
    ends("[\"sh\",\"-c\",\"sleep 0.2; exit 3\"]", NULL, true, "application exited with code 3");
    ends("[\"false\"]", PLAIN, true, "application exited with code 1");
    ends("[\"sh\",\"-c\",\"kill -SEGV $$\"]", PLAIN, true, "application killed by signal SIGSEGV");
}

static void test_x_dies(void **state) {
    struct run run;
    int status = start(&run, XTERM, NULL);
    json_decref(run_await_state(status, "running"));
    int stream = run_upgrade(&run, "/stream", "streamspace-stream", "", NULL);
    assert_true(stream >= 0);
    pid_t x = run_find(&run, "Xvnc", RUN_LIMIT_MS);
    assert_true(x > 0);
    kill(x, SIGKILL);
    run_expect_end(status, true, "display server died");
    char byte;
    while (recv(stream, &byte, 1, 0) > 0)
        ;
    close(stream);
    expect_exit(&run, 1);
}

/* Nobody answers on the abstract socket, and nobody else can take its name. */
static void expect_no_abstract_socket(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path + 1, path, strlen(path));
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(path));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, size), -1);
    assert_int_equal(errno, ECONNREFUSED);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, size), -1);
    assert_int_equal(errno, EADDRINUSE);
    close(fd);
}

/* Xvnc that is killed cannot clean up; we do. */
static void test_x_leaves_no_files(void **state) {
    struct run run;
    int status = start(&run, "[\"sh\",\"-c\",\"echo at ${DISPLAY#:} end; exec sleep 1000\"]", PLAIN);
    json_decref(run_await_state(status, "running"));
    run_await_log(&run, " end\n");
    _cleanup_free_ char *log = NULL;
    assert_int_equal(file_read(run.log, SESSION_LOG_MAX, &log, NULL, NULL), 0);
    int number = (int)strtol(strstr(log, "app: at ") + 8, NULL, 10);
    char socket_path[64], lock_path[64];
    snprintf(socket_path, sizeof socket_path, "/tmp/.X11-unix/X%d", number);
    snprintf(lock_path, sizeof lock_path, "/tmp/.X%d-lock", number);
    assert_true(path_exists(socket_path));
    expect_no_abstract_socket(socket_path);
    kill(run_find(&run, "Xvnc", RUN_LIMIT_MS), SIGKILL);
    run_expect_end(status, true, "display server died");
    expect_exit(&run, 1);
    assert_false(path_exists(socket_path));
    assert_false(path_exists(lock_path));
}

static void test_stubborn_application(void **state) {
    struct run run;
    int status = start(&run, "[\"sh\",\"-c\",\"trap '' TERM; setsid sleep 1000 & sleep 1000\"]", NULL);
    json_decref(run_await_state(status, "running"));
    assert_true(run_find(&run, "sleep", RUN_LIMIT_MS) > 0);
    int64_t before = clock_ms();
    kill(run.pid, SIGTERM);
    run_expect_end(status, false, "stopped");
    expect_exit(&run, 0);
    assert_in_range(clock_ms() - before, 2900, 6000);
}

static void test_second_signal_kills(void **state) {
    struct run run;
    int status = start(&run, "[\"sh\",\"-c\",\"trap '' TERM; echo deaf; sleep 1000\"]", PLAIN);
    json_decref(run_await_state(status, "running"));
    run_await_log(&run, "app: deaf");
    int64_t before = clock_ms();
    kill(run.pid, SIGTERM);
    json_t *object = run_next_state(status);
    assert_string_equal(json_string_value(json_object_get(object, "stage")), "ending");
    json_decref(object);
    kill(run.pid, SIGTERM);
    run_expect_end(status, false, "stopped");
    expect_exit(&run, 0);
    assert_true(clock_ms() - before < 2500);
}

/* A window manager that dies comes back; the session does not care. */
static void test_window_manager_comes_back(void **state) {
    struct run run;
    int status = start(&run, IDLE, NULL);
    json_decref(run_await_state(status, "running"));
    pid_t first = run_find(&run, "openbox", RUN_LIMIT_MS);
    assert_true(first > 0);
    kill(first, SIGKILL);
    run_await_log(&run, "display: window manager killed by signal SIGKILL\n");
    pid_t second = run_find(&run, "openbox", RUN_LIMIT_MS);
    assert_true(second > 0 && second != first);
    _cleanup_free_ char *health = run_request(&run, "GET /health", BEARER);
    assert_non_null(strstr(health, "\"state\":\"running\""));
    close(status);
    run_stop(&run);
}

/* --- restarting --- */

static void test_restart(void **state) {
    struct run run;
    int status = start(
        &run,
        "[\"sh\",\"-c\",\"sleep 0.2; test -e $HOME/twice && exec sleep 1000; touch $HOME/twice; exit 3\"]",
        ",\"onExit\":\"restart\"" PLAIN);
    json_t *first = run_await_state(status, "running");
    json_t *between = run_await_state(status, "running");
    assert_string_equal(json_string_value(json_object_get(between, "stage")), "restarting application");
    assert_string_equal(json_string_value(json_object_get(between, "reason")),
                        "application exited with code 3");
    int64_t before = clock_ms();
    json_t *second = run_await_state(status, "running");
    assert_in_range(clock_ms() - before, 800, 5000);
    assert_int_not_equal(pid_of(first), pid_of(second));
    json_decref(first);
    json_decref(between);
    json_decref(second);
    close(status);
    run_stop(&run);
}

static void test_restart_is_given_up(void **state) {
    ends("[\"sh\",\"-c\",\"exit 7\"]", ",\"onExit\":\"restart\"" PLAIN, true,
         "application exited with code 7, 5 times in a row within 5 s of its start");
}

/* --- descendants --- */

static void test_daemonised_application(void **state) {
    struct run run;
    int status =
        start(&run, "[\"sh\",\"-c\",\"setsid sleep 1000 </dev/null >/dev/null 2>&1 & exit 0\"]", NULL);
    run_await_log(&run, "display: application exited with code 0");
    pid_t daemon = run_find(&run, "sleep", RUN_LIMIT_MS);
    assert_true(daemon > 0);
    _cleanup_free_ char *health = run_request(&run, "GET /health", BEARER);
    assert_null(strstr(health, "ended"));
    assert_true(kill(daemon, 0) == 0);
    kill(daemon, SIGKILL);
    run_expect_end(status, false, "application closed");
    expect_exit(&run, 0);
}

/* A message bus that an application leaves behind does not keep its session alive. */
static void test_helper_left_behind(void **state) {
    struct run run;
    char dir[] = "/var/tmp/streamspace-helper-XXXXXX";
    assert_non_null(mkdtemp(dir));
    _cleanup_free_ char *helper = str_format("%s/dbus-daemon", dir);
    assert_int_equal(symlink("/bin/sleep", helper), 0);
    _cleanup_free_ char *command =
        str_format("[\"sh\",\"-c\",\"setsid %s 1000 </dev/null >/dev/null 2>&1 & sleep 0.2\"]", helper);
    int status = start(&run, command, NULL);
    run_expect_end(status, false, "application closed");
    expect_exit(&run, 0);
    dir_remove(dir, NULL);
}

static bool has_no_zombies(void *arg) {
    struct run *run = arg;
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)run->pid, (int)run->pid);
    _cleanup_free_ char *text = NULL;
    assert_int_equal(file_read(path, 64 * 1024, &text, NULL, NULL), 0);
    int children = 0;
    for (char *c = text; *c; c++)
        children += *c == ' ';
    return children == 2; /* Xvnc and the application */
}

static void test_orphans_are_reaped(void **state) {
    struct run run;
    int status = start(
        &run,
        "[\"sh\",\"-c\",\"i=0; while [ $i -lt 50 ]; do (setsid true &); i=$((i+1)); done; echo orphans; "
        "exec sleep 1000\"]",
        PLAIN);
    json_decref(run_await_state(status, "running"));
    run_await_log(&run, "app: orphans");
    run_until(has_no_zombies, &run, "no zombies");
    close(status);
    run_stop(&run);
}

/* --- load --- */

static bool exists(void *arg) {
    return path_exists(arg);
}

static void test_flood(void **state) {
    struct run run;
    int status = start(&run,
                       "[\"sh\",\"-c\",\"yes 'flood flood flood flood' | head -c 100000000; touch "
                       "$HOME/done; exec sleep 1000\"]",
                       PLAIN);
    json_decref(run_await_state(status, "running"));
    int64_t slowest = 0;
    char done[96];
    snprintf(done, sizeof done, "%s/done", run.dir);
    while (!path_exists(done)) {
        int64_t before = clock_ms();
        _cleanup_free_ char *health = run_request(&run, "GET /health", BEARER);
        assert_non_null(strstr(health, "running"));
        if (clock_ms() - before > slowest)
            slowest = clock_ms() - before;
        assert_true(clock_ms() - run.started < RUN_LIMIT_MS);
    }
    run_until(exists, done, "the end of the flood");
    print_message("slowest answer in the flood: %d ms\n", (int)slowest);
    _cleanup_free_ char *old = str_format("%s.1", run.log);
    struct stat now;
    assert_int_equal(stat(run.log, &now), 0);
    assert_true(now.st_size > 100 * 1024 && now.st_size <= SESSION_LOG_MAX);
    assert_true(stat(old, &now) < 0 || now.st_size <= SESSION_LOG_MAX);
    close(status);
    run_stop(&run);
}

/* Process 1 of a pid namespace of its own, as in a sandbox. */
static void test_process_1(void **state) {
    /* No user namespace is needed for root; whoever else runs the tests may be refused one. */
    static const char *const as_root[] = {"unshare",
                                          "--pid",
                                          "--mount",
                                          "--mount-proc",
                                          "--fork",
                                          "--kill-child",
                                          "sh",
                                          "-c",
                                          "mount -t tmpfs -o mode=1777 tmpfs /tmp && exec \"$0\" \"$@\"",
                                          NULL};
    static const char *const as_user[] = {"unshare",
                                          "--user",
                                          "--map-root-user",
                                          "--pid",
                                          "--mount",
                                          "--mount-proc",
                                          "--fork",
                                          "--kill-child",
                                          "sh",
                                          "-c",
                                          "mount -t tmpfs -o mode=1777 tmpfs /tmp && exec \"$0\" \"$@\"",
                                          NULL};
    struct run run;
    struct run_options options = {
        .command =
            "[\"sh\",\"-c\",\"echo parent $PPID on $DISPLAY; (setsid sleep 0.1 &); setsid sleep 1000 & "
            "trap '' TERM; sleep 1000\"]",
        .more = PLAIN,
        .prefix = geteuid() == 0 ? as_root : as_user};
    run_start(&run, &options);
    int status = run_try_listen(&run);
    if (status < 0) {
        print_message("no namespaces here\n");
        run_abandon();
        skip();
    }
    json_t *object = run_await_state(status, "running");
    assert_in_range(pid_of(object), 2, 10);
    json_decref(object);
    run_await_log(&run, "app: parent 1 on :");
    pid_t inner = run_find(&run, run_program_name(), RUN_LIMIT_MS);
    assert_true(inner > 0);
    kill(inner, SIGTERM);
    run_expect_end(status, false, "stopped");
    expect_exit(&run, 0);
}

#define LISTENERS 20

static void test_many_listeners(void **state) {
    struct run run;
    int fds[LISTENERS];
    fds[0] = start(&run, XTERM, NULL);
    for (int i = 1; i < LISTENERS; i++)
        fds[i] = run_listen(&run);
    for (int i = 0; i < LISTENERS; i++)
        json_decref(run_await_state(fds[i], "running"));
    /* Some leave without a word. */
    for (int i = 0; i < 5; i++)
        close(fds[i]);
    kill(run.pid, SIGTERM);
    for (int i = 5; i < LISTENERS; i++)
        run_expect_end(fds[i], false, "stopped");
    expect_exit(&run, 0);
}

int main(int argc, char **argv) {
    if (argc != 2)
        return 2;
    run_set_program(argv[1]);
    const struct CMUnitTest tests[] = {
        session_test(test_ready),
        session_test(test_stream),
        session_test(test_websocket),
        session_test(test_token),
        session_test(test_not_installed),
        session_test(test_cannot_be_executed),
        session_test(test_late_listener),
        session_test(test_bad_configuration),
        session_test(test_unix_port),
        session_test(test_tcp_port),
        session_test(test_environment),
        session_test(test_x_needs_the_cookie),
        session_test(test_window_fills_the_screen),
        session_test(test_no_display_server),
        session_test(test_display_server_with_its_own_socket),
        session_test(test_application_ends),
        session_test(test_x_dies),
        session_test(test_x_leaves_no_files),
        session_test(test_stubborn_application),
        session_test(test_second_signal_kills),
        session_test(test_window_manager_comes_back),
        session_test(test_restart),
        session_test(test_restart_is_given_up),
        session_test(test_daemonised_application),
        session_test(test_helper_left_behind),
        session_test(test_orphans_are_reaped),
        session_test(test_process_1),
        session_test(test_flood),
        session_test(test_many_listeners),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
