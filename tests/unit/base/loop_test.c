#include "../test.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/loop.h"

#include <pthread.h>
#include <sys/epoll.h>
#include <sys/socket.h>

static struct loop *make_loop(void) {
    struct loop *loop = NULL;
    assert_int_equal(loop_create(&loop, NULL), 0);
    return loop;
}

struct recorder {
    struct loop *loop;
    int calls[16];
    int count;
    int stop_after;
    struct loop_fd *other;
};

static void record(struct recorder *recorder, int value) {
    recorder->calls[recorder->count++] = value;
    if (recorder->count == recorder->stop_after)
        loop_stop(recorder->loop);
}
static void first(void *arg) {
    record(arg, 1);
}
static void second(void *arg) {
    record(arg, 2);
}
static void third(void *arg) {
    record(arg, 3);
}

static void timers_fire_in_order_and_can_be_cancelled(void **state) {
    struct loop *loop = make_loop();
    struct recorder recorder = {.loop = loop, .stop_after = 3};
    struct loop_timer *cancelled[20];
    for (int i = 0; i < 20; i++)
        cancelled[i] = loop_timer_add(loop, i * 7 % 5, second, &recorder);
    loop_timer_add(loop, 30, third, &recorder);
    loop_timer_add(loop, 10, first, &recorder);
    loop_timer_add(loop, 10, second, &recorder);
    for (int i = 0; i < 20; i++)
        loop_timer_cancel(cancelled[(i * 7) % 20]);
    int64_t start = clock_ms();
    loop_run(loop);
    assert_true(clock_ms() - start >= 30);
    assert_int_equal(recorder.calls[0], 1);
    assert_int_equal(recorder.calls[1], 2);
    assert_int_equal(recorder.calls[2], 3);
    loop_destroy(loop);
}

static void *post_many(void *arg) {
    struct recorder *recorder = arg;
    loop_post(recorder->loop, first, recorder);
    loop_post(recorder->loop, second, recorder);
    loop_post(recorder->loop, third, recorder);
    return NULL;
}

static void tasks_from_another_thread_run_in_order(void **state) {
    struct loop *loop = make_loop();
    struct recorder recorder = {.loop = loop, .stop_after = 3};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, post_many, &recorder), 0);
    loop_run(loop);
    pthread_join(thread, NULL);
    assert_int_equal(recorder.calls[0] * 100 + recorder.calls[1] * 10 + recorder.calls[2], 123);
    loop_destroy(loop);
}

static void remove_other(void *arg, uint32_t events) {
    struct recorder *recorder = arg;
    assert_true(events & EPOLLIN);
    loop_fd_remove(recorder->other);
    record(recorder, 1);
}

static void a_removed_source_is_not_called_in_the_same_round(void **state) {
    struct loop *loop = make_loop();
    int a[2], b[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, a), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, b), 0);
    struct recorder one = {.loop = loop}, two = {.loop = loop};
    struct loop_fd *first_source, *second_source;
    assert_int_equal(loop_fd_add(loop, a[0], EPOLLIN, remove_other, &one, &first_source, NULL), 0);
    assert_int_equal(loop_fd_add(loop, b[0], EPOLLIN, remove_other, &two, &second_source, NULL), 0);
    one.other = second_source;
    two.other = first_source;
    assert_int_equal(write(a[1], "x", 1), 1);
    assert_int_equal(write(b[1], "x", 1), 1);
    loop_step(loop, 1000);
    assert_int_equal(one.count + two.count, 1);
    loop_destroy(loop);
    for (int i = 0; i < 2; i++) {
        close(a[i]);
        close(b[i]);
    }
}

static void a_loop_stopped_early_returns_at_once(void **state) {
    struct loop *loop = make_loop();
    loop_stop(loop);
    loop_run(loop);
    loop_post(loop, first, NULL); /* dropped by destroy, not leaked */
    loop_destroy(loop);
    loop_destroy(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(timers_fire_in_order_and_can_be_cancelled),
        cmocka_unit_test(tasks_from_another_thread_run_in_order),
        cmocka_unit_test(a_removed_source_is_not_called_in_the_same_round),
        cmocka_unit_test(a_loop_stopped_early_returns_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
