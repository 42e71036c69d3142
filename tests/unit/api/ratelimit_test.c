/* Buckets: their size, their refill, and a table that does not grow. */
#include "../test.h"

#include "api/ratelimit.h"
#include "base/clock.h"

#include <stdio.h>

static void a_bucket_is_emptied_and_refilled(void **state) {
    struct rate_limit *limit = rate_limit_create(3, 1000);
    int64_t wait = 0;
    for (int i = 0; i < 3; i++)
        assert_true(rate_limit_take(limit, "mallory", &wait));
    assert_false(rate_limit_take(limit, "mallory", &wait));
    assert_in_range(wait, 900, 1000);
    assert_true(rate_limit_take(limit, "alice", NULL));
    clock_test_shift(1000, 0);
    assert_true(rate_limit_take(limit, "mallory", NULL));
    assert_false(rate_limit_take(limit, "mallory", NULL));
    clock_test_shift(100000, 0); /* never fuller than full */
    for (int i = 0; i < 3; i++)
        assert_true(rate_limit_take(limit, "mallory", NULL));
    assert_false(rate_limit_take(limit, "mallory", NULL));
    rate_limit_destroy(limit);
}

static void what_turned_out_well_does_not_count(void **state) {
    struct rate_limit *limit = rate_limit_create(2, 60000);
    for (int i = 0; i < 1000; i++) {
        assert_true(rate_limit_take(limit, "alice", NULL));
        rate_limit_give_back(limit, "alice");
    }
    for (int i = 0; i < 5; i++) /* and nothing can be saved up */
        rate_limit_give_back(limit, "alice");
    assert_true(rate_limit_take(limit, "alice", NULL));
    assert_true(rate_limit_take(limit, "alice", NULL));
    assert_false(rate_limit_take(limit, "alice", NULL));
    rate_limit_destroy(limit);
}

static void a_flood_of_keys_forgets_the_fullest(void **state) {
    struct rate_limit *limit = rate_limit_create(10, 600000);
    for (int i = 0; i < 10; i++)
        assert_true(rate_limit_take(limit, "victim", NULL));
    assert_false(rate_limit_take(limit, "victim", NULL));
    char key[32];
    for (int i = 0; i < 10 * RATE_LIMIT_ROWS * RATE_LIMIT_WAYS; i++) {
        snprintf(key, sizeof key, "flood-%d", i);
        rate_limit_take(limit, key, NULL);
    }
    assert_false(rate_limit_take(limit, "victim", NULL)); /* its empty bucket is still known */
    rate_limit_destroy(limit);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bucket_is_emptied_and_refilled),
        cmocka_unit_test(what_turned_out_well_does_not_count),
        cmocka_unit_test(a_flood_of_keys_forgets_the_fullest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
