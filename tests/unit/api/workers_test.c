/* The queue is bounded, the number of threads is what was asked for, and stopping does what is queued. */
#include "../test.h"

#include "api/workers.h"

#include <pthread.h>
#include <stdatomic.h>

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static atomic_int running, most, done;

static void job(void *arg) {
    int now = atomic_fetch_add(&running, 1) + 1, before = atomic_load(&most);
    while (now > before && !atomic_compare_exchange_weak(&most, &before, now))
        ;
    pthread_mutex_lock(&gate);
    pthread_mutex_unlock(&gate);
    atomic_fetch_sub(&running, 1);
    atomic_fetch_add(&done, 1);
}

static void the_queue_is_bounded_and_finished(void **state) {
    struct workers *workers;
    assert_int_equal(workers_create(&workers, 2, NULL), 0);
    pthread_mutex_lock(&gate);
    int taken = 0;
    while (workers_submit(workers, job, NULL))
        taken++;
    assert_in_range(taken, WORKERS_QUEUE_MAX, WORKERS_QUEUE_MAX + 2);
    pthread_mutex_unlock(&gate);
    workers_stop(workers);
    assert_int_equal(atomic_load(&done), taken);
    assert_in_range(atomic_load(&most), 1, 2);
    assert_false(workers_submit(workers, job, NULL));
    workers_destroy(workers);
    workers_destroy(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_queue_is_bounded_and_finished)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
