/* Events become visible in the order of their ids, however long the transactions that write them take: a
 * follower that reads "above the last one that I have" misses none. */
#include "rig.h"

#include <pthread.h>
#include <time.h>

#define WRITERS 6
#define EVENTS_EACH 40

static struct rig r;

static int setup(void **state) {
    rig_open(&r);
    return 0;
}

static int teardown(void **state) {
    rig_close(&r);
    return 0;
}

static void *write_events(void *arg) {
    unsigned seed = (unsigned)(uintptr_t)arg;
    for (int i = 0; i < EVENTS_EACH; i++) {
        struct err err = {0};
        _cleanup_db_ struct db_conn *conn = NULL;
        if (db_acquire(r.t.db, &conn, &err) < 0 || db_begin(conn, &err) < 0 ||
            event_write(conn, "session", EVENT_OPERATORS, "{}", &err) < 0)
            return str_dup(err.message);
        /* Between the id and the commit: here a later transaction would overtake. */
        nanosleep(&(struct timespec){.tv_nsec = rand_r(&seed) % 2000000}, NULL);
        if (i % 7 == 0)
            db_rollback(conn); /* its id is never seen */
        else if (db_commit(conn, &err) < 0)
            return str_dup(err.message);
    }
    return NULL;
}

static void test_a_follower_misses_none(void **unused) {
    struct err err = {0};
    int64_t last = 0, before = query_number(r.c, "SELECT COUNT(*) FROM events");
    pthread_t threads[WRITERS];
    OK(event_newest(r.c, &last, &err));
    for (unsigned i = 0; i < WRITERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, write_events, (void *)(uintptr_t)(i + 1)), 0);
    int64_t followed = 0, wanted = WRITERS * (EVENTS_EACH - (EVENTS_EACH + 6) / 7);
    for (int64_t end = clock_ms() + 30000; followed < wanted && clock_ms() < end;) {
        struct event *events = NULL;
        size_t count = 0;
        bool all_there = query_number(r.c, "SELECT COUNT(*) FROM events") - before == wanted;
        OK(event_read(r.c, last, &events, &count, &err));
        for (size_t i = 0; i < count; i++) {
            assert_true(events[i].id > last);
            last = events[i].id;
        }
        followed += (int64_t)count;
        events_free(events, count);
        if (all_there && count == 0)
            break; /* what is missing now was missed */
    }
    for (unsigned i = 0; i < WRITERS; i++) {
        void *message = NULL;
        pthread_join(threads[i], &message);
        if (message)
            fail_msg("%s", (char *)message);
    }
    assert_int_equal(followed, wanted);
}

static void test_an_event_needs_a_transaction(void **unused) {
    struct err err = {0};
    assert_int_equal(event_write(r.c, "session", EVENT_OPERATORS, "{}", &err), -1);
    assert_int_equal(err.kind, ERR_INTERNAL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_follower_misses_none, setup, teardown),
        cmocka_unit_test_setup_teardown(test_an_event_needs_a_transaction, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
