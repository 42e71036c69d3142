#include "../test.h"

#include "base/cleanup.h"
#include "base/str.h"

static void copy_cuts_and_terminates(void **state) {
    char small[4];
    assert_true(str_copy(small, sizeof small, "abc"));
    assert_false(str_copy(small, sizeof small, "abcdef"));
    assert_string_equal(small, "abc");
}

static void integers_are_whole_and_bounded(void **state) {
    int64_t value = 0;
    assert_true(str_to_i64("42", 0, 100, &value));
    assert_int_equal(value, 42);
    assert_true(str_to_i64("-7", -10, 0, &value));
    static const char *const bad[] = {"", " 1", "1 ", "+1", "1x", "0x1", "101", "-1", "99999999999999999999"};
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        assert_false(str_to_i64(bad[i], 0, 100, &value));
    assert_false(str_to_i64(NULL, 0, 1, &value));
}

static void utf8_follows_rfc_3629(void **state) {
    assert_true(str_is_utf8("häß €😀", strlen("häß €😀")));
    static const char *const bad[] = {"\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80",
                                      "\x80",     "\xe2\x82",     "\xff"};
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        assert_false(str_is_utf8(bad[i], strlen(bad[i])));
    assert_false(str_is_utf8("a\0b", 3));
}

static void strbuf_grows_to_its_limit_only(void **state) {
    _cleanup_strbuf_ struct strbuf text = STRBUF_MAX(10);
    assert_true(strbuf_puts(&text, "12345"));
    assert_true(strbuf_printf(&text, "%d", 67890));
    assert_false(strbuf_putc(&text, 'x'));
    assert_true(text.overflow);
    assert_string_equal(strbuf_str(&text), "1234567890");
    strbuf_clear(&text);
    assert_true(strbuf_puts(&text, "again"));
    strbuf_consume(&text, 2);
    assert_string_equal(strbuf_str(&text), "ain");
}

static void fixed_strbuf_keeps_what_fits(void **state) {
    char bytes[6];
    struct strbuf text = STRBUF_FIXED(bytes);
    assert_true(strbuf_puts(&text, "abc"));
    assert_false(strbuf_puts(&text, "defgh"));
    assert_string_equal(bytes, "abcde");
    assert_false(strbuf_puts(&text, "z"));
    assert_string_equal(bytes, "abcde");
}

static void long_printf_is_whole(void **state) {
    _cleanup_strbuf_ struct strbuf text = STRBUF_MAX(5000);
    assert_true(strbuf_printf(&text, "%04000d", 7));
    assert_int_equal(text.length, 4000);
}

static void split_drops_blanks_and_empties(void **state) {
    _cleanup_strv_ struct strv list = {0};
    strv_split(&list, " a, b ,,c ", ',');
    assert_int_equal(list.count, 3);
    assert_string_equal(list.items[1], "b");
    assert_true(strv_contains(&list, "c"));
    assert_false(strv_contains(&list, ""));
    assert_null(list.items[3]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(copy_cuts_and_terminates),       cmocka_unit_test(integers_are_whole_and_bounded),
        cmocka_unit_test(utf8_follows_rfc_3629),          cmocka_unit_test(strbuf_grows_to_its_limit_only),
        cmocka_unit_test(fixed_strbuf_keeps_what_fits),   cmocka_unit_test(long_printf_is_whole),
        cmocka_unit_test(split_drops_blanks_and_empties),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
