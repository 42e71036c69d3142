#include "../test.h"

#include "base/cleanup.h"
#include "base/id.h"
#include "base/str.h"

static void allow_lists_refuse_everything_else(void **state) {
    assert_true(id_is_agent("k8s-prod-1"));
    static const char *const bad_agents[] = {"",    "ab",  "-abc", "abc-", "Abc",
                                             "a/b", "a.b", "../x", "a b",  "ab\n"};
    for (size_t i = 0; i < ARRAY_SIZE(bad_agents); i++)
        assert_false(id_is_agent(bad_agents[i]));
    assert_true(id_is_username("ada.l_1"));
    assert_false(id_is_username(".ada"));
    assert_false(id_is_username("ada/../x"));
    assert_false(id_is_session(NULL));
    char long_name[80];
    memset(long_name, 'a', sizeof long_name);
    long_name[64] = '\0';
    assert_false(id_is_session(long_name));
    long_name[63] = '\0';
    assert_true(id_is_session(long_name));
    assert_true(id_is_command("cmd-4a5b9bd3"));
    assert_false(id_is_command("cmd-4a5b9bd"));
    assert_false(id_is_command("cmd-4A5B9BD3"));
}

static void session_names_are_dns_labels(void **state) {
    char name[SESSION_NAME_MAX + 1];
    id_make_session_name(name, "admin", "firefox-browser");
    assert_true(str_starts(name, "admin-firefox-browser-"));
    assert_true(id_is_hex(name + strlen("admin-firefox-browser-"), 8));
    static const char *const users[] = {"a.b_c", "...", "Ünïcode",
                                        "a-very-long-user-name-that-goes-on-and-on-and-on-for-ever-x"};
    for (size_t i = 0; i < ARRAY_SIZE(users); i++) {
        id_make_session_name(name, users[i], "a-very-long-template-name-that-goes-on-and-on-as-well");
        assert_true(id_is_session(name));
    }
}

static void random_ids_differ(void **state) {
    char a[COMMAND_ID_MAX + 1], b[COMMAND_ID_MAX + 1];
    id_make_command(a);
    id_make_command(b);
    assert_true(id_is_command(a));
    assert_string_not_equal(a, b);
    char key[KEY_HEX_SIZE];
    assert_true(id_is_hex(random_hex(key, 64), 64));
}

static void serials_differ(void **state) {
    char all[1000][SERIAL_HEX_DIGITS + 1];
    for (int i = 0; i < 1000; i++) {
        assert_true(id_is_hex(serial_hex(all[i]), SERIAL_HEX_DIGITS));
        for (int k = 0; k < i; k++)
            assert_string_not_equal(all[i], all[k]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(allow_lists_refuse_everything_else),
        cmocka_unit_test(session_names_are_dns_labels),
        cmocka_unit_test(random_ids_differ),
        cmocka_unit_test(serials_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
