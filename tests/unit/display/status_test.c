#include "display/status.h"

#include "../test.h"

#include "base/cleanup.h"
#include "base/str.h"
#include "display/state.h"

#include <sys/socket.h>
#include <unistd.h>

static struct loop *loop;
static struct display_status *status;
static int closed;

static int set_up(void **state) {
    closed = 0;
    assert_int_equal(loop_create(&loop, NULL), 0);
    display_status_create(&status, loop);
    return 0;
}

static int tear_down(void **state) {
    display_status_destroy(status);
    loop_destroy(loop);
    return 0;
}

static void close_it(void *arg) {
    closed++;
    close((int)(intptr_t)arg);
}

/* Joins as a listener; returns the listener's own end. */
static int join(void) {
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
    display_status_add(status, ends[1], close_it, (void *)(intptr_t)ends[1]);
    return ends[0];
}

static void step(void) {
    for (int i = 0; i < 4; i++)
        loop_step(loop, 0);
}

static void expect(int fd, const char *text) {
    char got[4096];
    ssize_t count = recv(fd, got, sizeof got - 1, 0);
    got[count > 0 ? count : 0] = '\0';
    assert_string_equal(got, text);
}

static void test_present_state_first(void **state) {
    int early = join();
    display_status_publish(status, "one");
    display_status_publish(status, "two");
    int late = join();
    display_status_publish(status, "three");
    expect(early, "one\ntwo\nthree\n");
    expect(late, "two\nthree\n");
    close(early);
    close(late);
    step();
    assert_int_equal(closed, 2);
    assert_false(display_status_has_listeners(status));
}

static void test_slow_listener_is_dropped(void **state) {
    int slow = join(), quick = join();
    char line[1000];
    memset(line, 'l', sizeof line);
    line[sizeof line - 1] = '\0';
    static char sink[64 * 1024];
    int rounds = 0;
    for (; rounds < 100000 && !closed; rounds++) {
        display_status_publish(status, line);
        assert_true(recv(quick, sink, sizeof sink, 0) > 0);
    }
    assert_int_equal(closed, 1);
    assert_true(rounds < 10000);
    display_status_publish(status, "end");
    expect(quick, "end\n");
    close(slow);
    close(quick);
}

static void test_listener_that_catches_up(void **state) {
    int fd = join();
    char line[1000];
    memset(line, 'l', sizeof line);
    line[sizeof line - 1] = '\0';
    static char sink[1024 * 1024];
    /* Until the socket is full and a few lines wait in us. */
    size_t sent = 0;
    int buffer = 4608;
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
    ssize_t count;
    size_t got = 0;
    for (int round = 0; round < 400; round++) {
        for (int i = 0; i < 8; i++, sent += sizeof line)
            display_status_publish(status, line);
        for (int i = 0; i < 8; i++) {
            while ((count = recv(fd, sink, sizeof sink, 0)) > 0)
                got += (size_t)count;
            step();
        }
    }
    assert_int_equal(closed, 0);
    assert_int_equal(got, sent);
    close(fd);
}

static void test_talkative_listener(void **state) {
    int fd = join();
    display_status_publish(status, "one");
    for (int i = 0; i < 100; i++)
        send(fd, "nonsense nonsense nonsense", 26, MSG_NOSIGNAL);
    step();
    display_status_publish(status, "two");
    expect(fd, "one\ntwo\n");
    close(fd);
}

static void test_limit(void **state) {
    int fds[STATUS_LISTENERS_MAX + 1];
    for (int i = 0; i <= STATUS_LISTENERS_MAX; i++)
        fds[i] = join();
    assert_int_equal(closed, 1);
    display_status_publish(status, "line");
    for (int i = 0; i < STATUS_LISTENERS_MAX; i++)
        expect(fds[i], "line\n");
    expect(fds[STATUS_LISTENERS_MAX], "");
    for (int i = 0; i <= STATUS_LISTENERS_MAX; i++)
        close(fds[i]);
    step();
    assert_int_equal(closed, STATUS_LISTENERS_MAX + 1);
}

static void count_call(void *arg) {
    (*(int *)arg)++;
}

static void test_delivery_of_the_end(void **state) {
    int calls = 0;
    int fd = join();
    display_status_publish(status, "end");
    display_status_finish(status);
    display_status_on_delivered(status, count_call, &calls);
    assert_int_equal(calls, 0);
    expect(fd, "end\n");
    expect(fd, ""); /* nothing more comes … */
    step();
    assert_int_equal(calls, 0);
    close(fd); /* … and it hangs up */
    step();
    assert_int_equal(calls, 1);
    assert_true(display_status_is_delivered(status));
}

static void test_end_for_a_late_listener(void **state) {
    int calls = 0;
    display_status_publish(status, "end");
    display_status_finish(status);
    display_status_on_delivered(status, count_call, &calls);
    assert_false(display_status_is_delivered(status));
    int fd = join();
    expect(fd, "end\n");
    close(fd);
    step();
    assert_int_equal(calls, 1);
}

static void test_lines(void **state) {
    struct {
        struct display_situation situation;
        const char *line;
    } const cases[] = {
        {{.phase = DISPLAY_STARTING, .stage = "starting display"},
         "{\"state\":\"starting\",\"stage\":\"starting display\"}"},
        {{.phase = DISPLAY_RUNNING, .pid = 7}, "{\"state\":\"running\",\"pid\":7}"},
        {{.phase = DISPLAY_ENDED, .failed = true, .reason = "application \"x\"\n"},
         "{\"state\":\"ended\",\"failed\":true,\"reason\":\"application \\\"x\\\"\\n\"}"},
        {{.phase = DISPLAY_ENDED, .reason = "a\xff"},
         "{\"state\":\"ended\",\"failed\":false,\"reason\":\"a\xef\xbf\xbd\"}"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_free_ char *line = display_situation_json(&cases[i].situation);
        assert_string_equal(line, cases[i].line);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_present_state_first, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_slow_listener_is_dropped, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_listener_that_catches_up, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_talkative_listener, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_limit, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_delivery_of_the_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_end_for_a_late_listener, set_up, tear_down),
        cmocka_unit_test(test_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
