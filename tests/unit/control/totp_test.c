/* One-time codes against the vectors of RFC 4226 and RFC 6238; scopes; seals. */
#include "../test.h"

#include "base/str.h"
#include "control/seal.h"
#include "control/users/scope.h"
#include "control/users/totp.h"

#define SECRET ((const uint8_t *)"12345678901234567890")

/* RFC 4226 appendix D. */
static void hotp_vectors(void **state) {
    static const char *const codes[] = {"755224", "287082", "359152", "969429", "338314",
                                        "254676", "287922", "162583", "399871", "520489"};
    char code[TOTP_DIGITS + 1];
    for (int64_t i = 0; i < 10; i++) {
        totp_code(SECRET, TOTP_SECRET_SIZE, i, code);
        assert_string_equal(code, codes[i]);
    }
}

/* RFC 6238 appendix B, SHA-1; its codes of 8 digits end with ours of 6. */
static void totp_vectors(void **state) {
    static const struct {
        int64_t seconds;
        const char *code;
    } rows[] = {{59, "287082"},         {1111111109, "081804"}, {1111111111, "050471"},
                {1234567890, "005924"}, {2000000000, "279037"}, {20000000000, "353130"}};
    int64_t step;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_true(totp_matches(SECRET, rows[i].code, rows[i].seconds, -1, &step));
        assert_int_equal(step, rows[i].seconds / 30);
        assert_true(totp_matches(SECRET, rows[i].code, rows[i].seconds + 30, -1, &step));
        assert_true(totp_matches(SECRET, rows[i].code, rows[i].seconds - 30, -1, &step));
        assert_false(totp_matches(SECRET, rows[i].code, rows[i].seconds + 60, -1, &step));
        if (rows[i].seconds >= 60)
            assert_false(totp_matches(SECRET, rows[i].code, rows[i].seconds - 60, -1, &step));
        /* Taken once. */
        assert_false(totp_matches(SECRET, rows[i].code, rows[i].seconds, rows[i].seconds / 30, &step));
        assert_false(totp_matches(SECRET, rows[i].code + 1, rows[i].seconds, -1, &step));
    }
    assert_false(totp_matches(SECRET, "", 59, -1, &step));
    assert_false(totp_matches(SECRET, "2870820", 59, -1, &step));
}

static void secrets_as_text(void **state) {
    char text[TOTP_SECRET_TEXT_SIZE];
    uint8_t again[TOTP_SECRET_SIZE];
    totp_secret_format(SECRET, text);
    assert_string_equal(text, "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
    assert_true(totp_secret_parse(text, again));
    assert_memory_equal(again, SECRET, sizeof again);
    assert_false(totp_secret_parse("", again));
    assert_false(totp_secret_parse("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJ1", again));
    assert_false(totp_secret_parse("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQQ", again));
}

static void scopes(void **state) {
    struct strv names = {0};
    scope_set set = 99;
    char text[SCOPES_TEXT_SIZE];
    assert_int_equal(scopes_parse(&names, &set, NULL), 0);
    assert_int_equal(set, 0);
    assert_true(scopes_allow(set, SCOPE_AUDIT, true));
    assert_false(scopes_allow(set, SCOPE_NONE, false));
    strv_add(&names, "users:read");
    strv_add(&names, "sessions:write");
    assert_int_equal(scopes_parse(&names, &set, NULL), 0);
    assert_string_equal(scopes_format(set, text), "sessions:write users:read");
    assert_int_equal(scopes_read(text), set);
    assert_true(scopes_allow(set, SCOPE_SESSIONS, true));
    assert_true(scopes_allow(set, SCOPE_SESSIONS, false));
    assert_true(scopes_allow(set, SCOPE_USERS, false));
    assert_false(scopes_allow(set, SCOPE_USERS, true));
    assert_false(scopes_allow(set, SCOPE_GROUPS, false));
    assert_true(scopes_allow(set, SCOPE_ANY, true));
    assert_false(scopes_allow(set, SCOPE_NONE, false));
    static const char *const bad[] = {"",          "users", "users:",      "users:rea", "users:reads",
                                      "user:read", ":read", "users:read ", "Users:read"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct strv wrong = {0};
        strv_add(&wrong, bad[i]);
        assert_int_equal(scopes_parse(&wrong, &set, NULL), -1);
        strv_finish(&wrong);
    }
    strv_finish(&names);
    /* Every scope there is fits. */
    set = 0;
    for (enum scope_area area = SCOPE_SESSIONS; area < SCOPE_ANY; area++)
        set |= 3u << (2 * (unsigned)area);
    assert_int_equal(scopes_read(scopes_format(set, text)), set);
}

static void seals(void **state) {
    char sealed[SEAL_SIZE], other[SEAL_SIZE], text[SEAL_TEXT_MAX + 1], longest[SEAL_TEXT_MAX + 2];
    struct err err = {0};
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    assert_int_equal(seal_setup("short", &err), -1);
    assert_int_equal(seal_setup(NULL, &err), 0);
    assert_int_equal(seal("totp", "hello", other, &err), 0);
    assert_string_equal(other, "hello");
    assert_int_equal(seal_setup("0123456789abcdef0123456789abcdef", &err), 0);
    assert_int_equal(seal_open("totp", other, text, &err), 0); /* from before there was a key */
    assert_string_equal(text, "hello");
    assert_int_equal(seal("totp", longest, sealed, &err), -1);
    longest[SEAL_TEXT_MAX] = '\0';
    assert_int_equal(seal("totp", longest, sealed, &err), 0);
    assert_int_equal(seal_open("totp", sealed, text, &err), 0);
    assert_string_equal(text, longest);
    assert_int_equal(seal("totp", "hello", sealed, &err), 0);
    assert_null(strstr(sealed, "hello"));
    assert_int_equal(seal_open("totp", sealed, text, &err), 0);
    assert_string_equal(text, "hello");
    assert_int_equal(seal_open("other", sealed, text, &err), -1);
    char *last = &sealed[strlen(sealed) - 1];
    *last = *last == '0' ? '1' : '0';
    assert_int_equal(seal_open("totp", sealed, text, &err), -1);
    assert_int_equal(seal_open("totp", "sealed:1:", text, &err), -1);
    assert_int_equal(seal_open("totp", "sealed:1:zz", text, &err), -1);
    assert_int_equal(seal("totp", "hello", sealed, &err), 0);
    assert_int_equal(seal_setup(NULL, &err), 0);
    assert_int_equal(seal_open("totp", sealed, text, &err), -1);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(hotp_vectors), cmocka_unit_test(totp_vectors),
                                       cmocka_unit_test(secrets_as_text), cmocka_unit_test(scopes),
                                       cmocka_unit_test(seals)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
