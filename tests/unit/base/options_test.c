#include "../test.h"

#include "base/cleanup.h"
#include "base/options.h"

struct target {
    const char *listen;
    int64_t count;
    bool verbose;
    const char *exit;
    struct strv labels;
};

static const struct option_spec table[] = {
    {"listen", "SS_TEST_LISTEN", OPTION_TEXT, OPTION_FIELD(struct target, listen), "ADDRESS",
     "127.0.0.1:8000", NULL, 0, 0, false, "where"},
    {"count", "SS_TEST_COUNT", OPTION_INTEGER, OPTION_FIELD(struct target, count), "N", "5", NULL, 1, 10,
     false, "how many"},
    {"verbose", NULL, OPTION_FLAG, OPTION_FIELD(struct target, verbose), NULL, NULL, NULL, 0, 0, false,
     "talk"},
    {"exit", NULL, OPTION_CHOICE, OPTION_FIELD(struct target, exit), NULL, "stop", "keep|stop", 0, 0, false,
     "then"},
    {"label", NULL, OPTION_LIST, OPTION_FIELD(struct target, labels), "K=V", NULL, NULL, 0, 0, false,
     "labels"},
};

static int parse(struct target *target, struct strv *words, struct err *err, int argc, const char **argv) {
    bool help;
    return options_parse(table, ARRAY_SIZE(table), argc, (char **)(uintptr_t)argv, target, words, &help, err);
}

static void flag_beats_variable_beats_preset(void **state) {
    struct target target = {0};
    const char *none[] = {"x"};
    assert_int_equal(parse(&target, NULL, NULL, 1, none), 0);
    assert_string_equal(target.listen, "127.0.0.1:8000");
    setenv("SS_TEST_COUNT", "7", 1);
    assert_int_equal(parse(&target, NULL, NULL, 1, none), 0);
    assert_int_equal(target.count, 7);
    const char *flags[] = {"x", "--count=9", "--verbose", "--listen", ":1", "--label", "a=1", "--label=b=2"};
    assert_int_equal(parse(&target, NULL, NULL, 8, flags), 0);
    unsetenv("SS_TEST_COUNT");
    assert_int_equal(target.count, 9);
    assert_true(target.verbose);
    assert_string_equal(target.listen, ":1");
    assert_int_equal(target.labels.count, 2);
    options_finish(table, ARRAY_SIZE(table), &target);
}

static void bad_input_names_its_source(void **state) {
    static const struct {
        const char *argv[3];
        const char *message;
    } cases[] = {
        {{"x", "--nope", "1"}, "unknown option --nope"},
        {{"x", "--count", "11"}, "--count wants a whole number from 1 to 10, not '11'"},
        {{"x", "--exit", "no"}, "--exit is one of keep|stop, not 'no'"},
        {{"x", "word", "--verbose"}, "unexpected word 'word'"},
        {{"x", "--verbose", "--count"}, "--count wants a value (N)"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct target target = {0};
        struct err err = {0};
        assert_int_equal(parse(&target, NULL, &err, 3, (const char **)(uintptr_t)cases[i].argv), -1);
        assert_string_equal(err.message, cases[i].message);
    }
}

static void words_are_collected(void **state) {
    struct target target = {0};
    _cleanup_strv_ struct strv words = {0};
    const char *argv[] = {"x", "create", "--count", "2", "--", "--terminal"};
    assert_int_equal(parse(&target, &words, NULL, 6, argv), 0);
    assert_int_equal(words.count, 2);
    assert_string_equal(words.items[1], "--terminal");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flag_beats_variable_beats_preset),
        cmocka_unit_test(bad_input_names_its_source),
        cmocka_unit_test(words_are_collected),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
