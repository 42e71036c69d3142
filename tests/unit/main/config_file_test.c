/* Both forms of the file of --config, and what is refused with its line. */
#include "../test.h"

#include "base/options.h"
#include "base/str.h"
#include "main/config_file.h"

static void both_forms(void **state) {
    static const char *const texts[] = {
        "# what a comment says\nlisten: 0.0.0.0:80\nproxies:\n  - 10.0.0.0/8\n  - ::1\nquoted: \"a: "
        "b\"\nempty:\ntrue-ish: yes\n",
        "# what a comment says\n\nlisten = 0.0.0.0:80\r\nproxies = 10.0.0.0/8,::1\nquoted='a: b'\nempty "
        "=\ntrue-ish=yes",
        "---\n{listen: \"0.0.0.0:80\", proxies: [10.0.0.0/8, \"::1\"], quoted: 'a: b', empty: ~, true-ish: "
        "yes}\n",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        _cleanup_config_file_ struct config_file *file = NULL;
        struct err err = {0};
        char source[OPTION_SOURCE_SIZE];
        if (config_file_parse(&file, "F", texts[i], strlen(texts[i]), &err) < 0)
            fail_msg("%s", err.message);
        assert_string_equal(config_file_get(file, "listen", source), "0.0.0.0:80");
        assert_true(str_starts(source, "F:") && str_ends(source, ": listen"));
        assert_string_equal(config_file_get(file, "proxies", NULL), "10.0.0.0/8,::1");
        assert_string_equal(config_file_get(file, "quoted", NULL), "a: b");
        assert_string_equal(config_file_get(file, "empty", NULL), "");
        assert_string_equal(config_file_get(file, "true-ish", NULL), "yes");
        assert_null(config_file_get(file, "listening", NULL));
    }
    assert_null(config_file_get(NULL, "x", NULL));
}

static bool known(const char *name) {
    return str_eq(name, "a");
}

static void names_are_checked(void **state) {
    _cleanup_config_file_ struct config_file *file = NULL;
    struct err err = {0};
    const char *text = "a: 1\n\nb: 2\n";
    assert_int_equal(config_file_parse(&file, "F", text, strlen(text), &err), 0);
    assert_int_equal(config_file_check(file, known, &err), -1);
    assert_string_equal(err.message, "F:3: there is no setting 'b'");
    assert_int_equal(config_file_check(NULL, known, &err), 0);
}

static void what_is_refused(void **state) {
    static const struct {
        const char *text, *where;
    } cases[] = {
        {"a: 1\na: 2\n", "F:2:"},
        {"a = 1\nb = 2\na = 3\n", "F:3:"},
        {"a = 1\nwhat\n", "F:2:"},
        {"a = 1\n= 2\n", "F:2:"},
        {"a: {b: 1}\n", "F:1:"},
        {"a: [1, [2]]\n", "F:1:"},
        {"a: &x 1\nb: *x\n", "F:1:"},
        {"- a\n", "F:1:"},
        {"just a word\n", "F:1:"},
        {"a: 1\n---\nb: 2\n", "F:"},
        {"a: 'b\n", "F:"},
        {"\ta: 1\n", "F:"},
        {"? [a]\n: b\n", "F:1:"},
        {"a: \"x\\0y\"\n", "F:1:"},
        {"a: \xff\n", "F: "},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct config_file *file = NULL;
        struct err err = {0};
        print_message("%s", cases[i].text);
        assert_int_equal(config_file_parse(&file, "F", cases[i].text, strlen(cases[i].text), &err), -1);
        assert_null(file);
        assert_int_equal(err.kind, ERR_INVALID);
        if (!str_starts(err.message, cases[i].where))
            fail_msg("%s", err.message);
    }
}

static void it_is_bounded(void **state) {
    struct strbuf text = STRBUF_MAX(1024 * 1024);
    struct config_file *file = NULL;
    for (int i = 0; i <= CONFIG_ENTRIES_MAX; i++)
        strbuf_printf(&text, "a%d: 1\n", i);
    assert_int_equal(config_file_parse(&file, "F", text.data, text.length, NULL), -1);
    strbuf_clear(&text);
    strbuf_puts(&text, "a: [");
    for (int i = 0; i < CONFIG_VALUE_MAX; i++)
        strbuf_puts(&text, "x,");
    strbuf_puts(&text, "x]\n");
    assert_int_equal(config_file_parse(&file, "F", text.data, text.length, NULL), -1);
    strbuf_finish(&text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_forms),
        cmocka_unit_test(names_are_checked),
        cmocka_unit_test(what_is_refused),
        cmocka_unit_test(it_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
