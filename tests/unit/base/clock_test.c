#include "../test.h"

#include "base/cleanup.h"
#include "base/clock.h"

static void format_and_parse_agree(void **state) {
    char text[TIME_TEXT_SIZE];
    assert_string_equal(time_format(1795234567120, text), "2026-11-21T04:16:07.120Z");
    int64_t back = 0;
    assert_true(time_parse(text, &back));
    assert_int_equal(back, 1795234567120);
    for (int64_t ms = 0; ms < INT64_C(4000000000000); ms += INT64_C(86399999777)) {
        assert_true(time_parse(time_format(ms, text), &back));
        assert_int_equal(back, ms);
    }
}

static void offsets_and_fractions_are_read(void **state) {
    int64_t a, b;
    assert_true(time_parse("2026-01-01T01:00:00+01:00", &a));
    assert_true(time_parse("2026-01-01t00:00:00.000000001z", &b));
    assert_int_equal(a, b);
}

static void malformed_times_are_refused(void **state) {
    static const char *const bad[] = {"",
                                      "2026-01-01",
                                      "2026-01-01T00:00:00",
                                      "2026-13-01T00:00:00Z",
                                      "2026-02-30T00:00:00Z",
                                      "2026-01-01T24:00:00Z",
                                      "2026-01-01T00:00:00.Z",
                                      "2026-01-01T00:00:00Zx",
                                      "2026-01-01T00:00:00+1:00"};
    int64_t value;
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        assert_false(time_parse(bad[i], &value));
}

static void test_shift_moves_both_clocks_apart(void **state) {
    int64_t boot = clock_ms(), wall = clock_wall_ms();
    clock_test_shift(10000, -3600000);
    assert_in_range(clock_ms() - boot, 10000, 15000);
    assert_in_range(wall - clock_wall_ms(), 3590000, 3600000);
    clock_test_shift(0, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(format_and_parse_agree),
        cmocka_unit_test(offsets_and_fractions_are_read),
        cmocka_unit_test(malformed_times_are_refused),
        cmocka_unit_test(test_shift_moves_both_clocks_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
