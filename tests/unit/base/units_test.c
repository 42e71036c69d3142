#include "../test.h"

#include "base/cleanup.h"
#include "base/units.h"

static void quantities(void **state) {
    int64_t v = 0;
    char text[UNITS_TEXT_SIZE];
    assert_true(cpu_parse("500m", &v) && v == 500);
    assert_true(cpu_parse("1.5", &v) && v == 1500);
    assert_true(cpu_parse("2", &v) && v == 2000);
    assert_string_equal(cpu_format(2000, text), "2");
    assert_string_equal(cpu_format(250, text), "250m");
    assert_true(bytes_parse("1Gi", &v) && v == INT64_C(1073741824));
    assert_true(bytes_parse("1.5Ki", &v) && v == 1536);
    assert_true(bytes_parse("2M", &v) && v == 2000000);
    assert_string_equal(bytes_format(268435456, text), "256Mi");
    assert_string_equal(bytes_format(1000, text), "1000");
    assert_string_equal(bytes_format(0, text), "0");
}

static void bad_quantities_are_refused(void **state) {
    static const char *const bad[] = {
        "", "-1", "1 Gi", "1gi", "Gi", "1e3", "0x10", ".5Gi", "1.Gi", "99999999999999999999Gi", "nan"};
    int64_t v;
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        assert_false(bytes_parse(bad[i], &v));
        assert_false(cpu_parse(bad[i], &v));
    }
    assert_false(bytes_parse("9000Pi", &v));
    assert_false(cpu_parse("1Gi", &v));
}

static void durations(void **state) {
    int64_t v = -1;
    char text[UNITS_TEXT_SIZE];
    assert_true(duration_parse("30m", &v) && v == 1800);
    assert_true(duration_parse("1h30m", &v) && v == 5400);
    assert_true(duration_parse("7d", &v) && v == 604800);
    assert_true(duration_parse("0", &v) && v == 0);
    assert_string_equal(duration_format(5400, text), "1h30m");
    assert_string_equal(duration_format(0, text), "0");
    static const char *const bad[] = {"", "30", "m", "-1s", "1x", "1h 30m", "99999999999d", "1.5h"};
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        assert_false(duration_parse(bad[i], &v));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quantities),
        cmocka_unit_test(bad_quantities_are_refused),
        cmocka_unit_test(durations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
