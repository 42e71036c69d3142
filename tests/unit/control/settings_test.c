/* The table of settings: its rows, what comes before what, changes, and this process's copy. */
#include "rig.h"

#include "base/str.h"
#include "control/audit/audit.h"

static struct rig r;

static int setup(void **state) {
    rig_open(&r);
    return 0;
}

static int teardown(void **state) {
    for (int i = 0; i < SETTINGS; i++)
        setting_pin((enum setting)i, NULL, SETTING_FROM_DEFAULT, NULL);
    rig_close(&r);
    return 0;
}

static void rows_are_whole(void **state) {
    struct err err = {0};
    char variable[SETTING_VARIABLE_SIZE];
    for (int i = 0; i < SETTINGS; i++) {
        const struct setting_row *row = &setting_table[i];
        enum setting found;
        print_message("%s\n", row->name ? row->name : "(a row is missing)");
        assert_non_null(row->name);
        assert_int_equal(strspn(row->name, "abcdefghijklmnopqrstuvwxyz0123456789-"), strlen(row->name));
        assert_non_null(row->help);
        assert_non_null(row->group);
        assert_true(row->help[strlen(row->help) - 1] != '.');
        assert_true(setting_find(row->name, strlen(row->name), &found));
        assert_int_equal(found, i);
        assert_true(strlen(setting_variable((enum setting)i, variable)) < SETTING_VARIABLE_SIZE - 1);
        assert_int_equal(row->choices != NULL, row->type == SETTING_CHOICE);
        assert_int_equal(row->valid != NULL, row->expect != NULL);
        if (row->preset)
            OK(setting_check((enum setting)i, row->preset, NULL, &err));
        else
            assert_int_equal(row->type, SETTING_TEXT);
        if (row->flags & SETTING_SECRET)
            assert_false(row->flags & SETTING_STORED);
        if (row->type == SETTING_INTEGER || row->type == SETTING_DURATION || row->type == SETTING_QUANTITY)
            assert_true(row->min < row->max);
        for (int k = 0; k < i; k++)
            assert_false(str_eq(setting_table[k].name, row->name));
    }
    assert_string_equal(setting_variable(SETTING_HISTORY_DAYS, variable), "STREAMSPACE_HISTORY_DAYS");
    assert_string_equal(setting_variable(SETTING_ADMIN_PASSWORD, variable), "ADMIN_PASSWORD");
}

static void values(void **state) {
    struct err err = {0};
    int64_t number = -1;
    OK(setting_check(SETTING_STOP_DEADLINE, "1m30s", &number, &err));
    assert_int_equal(number, 90);
    OK(setting_check(SETTING_SHARE_LINKS, "off", &number, &err));
    assert_int_equal(number, 2);
    FAILS(setting_check(SETTING_STOP_DEADLINE, "90", NULL, &err), ERR_INVALID, "invalid_field");
    FAILS(setting_check(SETTING_STOP_DEADLINE, "2h", NULL, &err), ERR_INVALID, "invalid_field");
    assert_string_equal(err.field, "session-stop-deadline");
    FAILS(setting_check(SETTING_PUBLIC_URL, "javascript:x", NULL, &err), ERR_INVALID, "invalid_field");
    FAILS(setting_check(SETTING_LISTEN, "a\nb", NULL, &err), ERR_INVALID, "invalid_field");
    FAILS(setting_check(SETTING_LISTEN, "\xff", NULL, &err), ERR_INVALID, "invalid_field");
    char huge[SETTING_TEXT_MAX + 1];
    memset(huge, 'x', sizeof huge - 1);
    huge[sizeof huge - 1] = '\0';
    FAILS(setting_check(SETTING_LISTEN, huge, NULL, &err), ERR_INVALID, "invalid_field");
}

static void what_comes_before_what(void **state) {
    struct err err = {0};
    char text[SETTING_TEXT_MAX];
    enum setting_source source;
    OK(setting_get_text(r.c, SETTING_HISTORY_DAYS, text, &source, &err));
    assert_string_equal(text, "30");
    assert_int_equal(source, SETTING_FROM_DEFAULT);
    OK(setting_put(r.c, SETTING_HISTORY_DAYS, "7", &err));
    OK(setting_get_text(r.c, SETTING_HISTORY_DAYS, text, &source, &err));
    assert_string_equal(text, "7");
    assert_int_equal(source, SETTING_FROM_DATABASE);
    OK(setting_pin(SETTING_HISTORY_DAYS, "9", SETTING_FROM_VARIABLE, &err));
    OK(setting_get_text(r.c, SETTING_HISTORY_DAYS, text, &source, &err));
    assert_string_equal(text, "9");
    assert_int_equal(source, SETTING_FROM_VARIABLE);
    FAILS(setting_put(r.c, SETTING_HISTORY_DAYS, "8", &err), ERR_CONFLICT, "setting_pinned");
    FAILS(setting_pin(SETTING_HISTORY_DAYS, "0", SETTING_FROM_FLAG, &err), ERR_INVALID, "invalid_field");
    assert_int_equal(setting_start_number(SETTING_HISTORY_DAYS), 9);
    FAILS(setting_put(r.c, SETTING_LISTEN, "x", &err), ERR_INVALID, "setting_not_stored");
}

static void this_processs_copy(void **state) {
    struct err err = {0};
    assert_int_equal(setting_now(SETTING_AUDIT_DAYS), 365);
    OK(setting_set(r.c, SETTING_AUDIT_DAYS, 10, &err));
    OK(settings_refresh(r.c, &err));
    assert_int_equal(setting_now(SETTING_AUDIT_DAYS), 10);
    OK(db_exec(r.c, NULL, &err, "UPDATE settings SET value = 'nonsense'", ""));
    OK(db_exec(r.c, NULL, &err, "INSERT INTO settings (name, value, updated_at) VALUES ('of-old', '1', 'x')",
               ""));
    OK(settings_refresh(r.c, &err));
    assert_int_equal(setting_now(SETTING_AUDIT_DAYS), 365);
}

static void changes_are_all_or_none(void **state) {
    struct err err = {0};
    int64_t value = 0;
    struct setting_change good[] = {{SETTING_AUDIT_DAYS, "20"}, {SETTING_SHARE_LINKS, "off"}};
    OK(settings_change(r.c, &r.admin, good, 2, &err));
    struct setting_change bad[] = {{SETTING_AUDIT_DAYS, "30"}, {SETTING_SHARE_LINKS, "perhaps"}};
    FAILS(settings_change(r.c, &r.admin, bad, 2, &err), ERR_INVALID, "invalid_field");
    OK(setting_get(r.c, SETTING_AUDIT_DAYS, &value, &err));
    assert_int_equal(value, 20);
    struct setting_change reset = {SETTING_AUDIT_DAYS, NULL};
    OK(settings_change(r.c, &r.admin, &reset, 1, &err));
    struct audit_row *rows = NULL;
    size_t count = 0;
    OK(audit_list(r.c, &(struct audit_filter){.action = "setting"}, &rows, &count, &err));
    assert_int_equal(count, 3);
    assert_string_equal(rows[0].action, "setting.reset");
    assert_string_equal(rows[0].detail, "from '20' to '365' (default)");
    free(rows);
}

static void passwords_in_urls_are_masked(void **state) {
    static const struct {
        const char *text, *shown;
    } cases[] = {
        {"postgres://u:secret@h/db", "postgres://u:***@h/db"},
        {"postgres://u@h/db", "postgres://u@h/db"},
        {"postgres://h/db?a=b&password=secret&c=d", "postgres://h/db?a=b&password=***&c=d"},
        {"postgres://u:s@h/db?password=t", "postgres://u:***@h/db?password=***"},
        {"https://desk.example.org/x@y:z", "https://desk.example.org/x@y:z"},
        {"plain", "plain"},
        {"", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        _cleanup_free_ char *shown = setting_shown(cases[i].text);
        assert_string_equal(shown, cases[i].shown);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(rows_are_whole, setup, teardown),
        cmocka_unit_test_setup_teardown(values, setup, teardown),
        cmocka_unit_test_setup_teardown(what_comes_before_what, setup, teardown),
        cmocka_unit_test_setup_teardown(this_processs_copy, setup, teardown),
        cmocka_unit_test_setup_teardown(changes_are_all_or_none, setup, teardown),
        cmocka_unit_test(passwords_in_urls_are_masked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
