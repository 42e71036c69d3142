#include "display/restart.h"

#include "../test.h"

static void test_gives_up_after_quick_failures(void **state) {
    struct restart_policy policy = {0};
    const int64_t delays[] = {1000, 2000, 4000, 8000};
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(restart_next(&policy, 10), delays[i]);
    assert_int_equal(restart_next(&policy, RESTART_QUICK_MS - 1), -1);
}

static void test_longer_run_forgets_quick_failures(void **state) {
    struct restart_policy policy = {0};
    for (int round = 0; round < 20; round++) {
        for (int i = 0; i < RESTART_QUICK_MAX - 1; i++)
            assert_true(restart_next(&policy, 0) > 0);
        assert_true(restart_next(&policy, RESTART_QUICK_MS) > 0);
    }
}

static void test_backs_off_up_to_a_limit(void **state) {
    struct restart_policy policy = {0};
    const int64_t delays[] = {1000, 2000, 4000, 8000, 16000, 30000, 30000};
    for (size_t i = 0; i < 7; i++)
        assert_int_equal(restart_next(&policy, 20000), delays[i]);
    for (int i = 0; i < 10000; i++)
        assert_int_equal(restart_next(&policy, 20000), RESTART_DELAY_MAX_MS);
}

static void test_steady_run_starts_over(void **state) {
    struct restart_policy policy = {0};
    for (int i = 0; i < 6; i++)
        restart_next(&policy, 20000);
    assert_int_equal(restart_next(&policy, RESTART_STEADY_MS), 1000);
    assert_int_equal(restart_next(&policy, RESTART_STEADY_MS - 1), 2000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gives_up_after_quick_failures),
        cmocka_unit_test(test_longer_run_forgets_quick_failures),
        cmocka_unit_test(test_backs_off_up_to_a_limit),
        cmocka_unit_test(test_steady_run_starts_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
