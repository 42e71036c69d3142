/* Whose word is taken, and how far a chain is followed. */
#include "../test.h"

#include "base/str.h"
#include "http/proxies.h"

static void ranges(void **state) {
    static struct http_proxies proxies;
    struct err err = {0};
    assert_int_equal(http_proxies_parse(&proxies, "10.0.0.0/8, 192.168.1.7,fd00::/8,2001:db8::1", &err), 0);
    static const struct {
        const char *address;
        bool trusted;
    } cases[] = {
        {"10.0.0.1", true},     {"10.255.255.255", true},  {"11.0.0.1", false}, {"192.168.1.7", true},
        {"192.168.1.8", false}, {"fd12::1", true},         {"fe80::1", false},  {"2001:db8::1", true},
        {"2001:db8::2", false}, {"::ffff:10.1.1.1", true}, {"unix", false},     {"", false},
        {"10.0.0.1:80", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        print_message("%s\n", cases[i].address);
        assert_int_equal(http_proxies_trust(&proxies, cases[i].address), cases[i].trusted);
    }
    assert_int_equal(http_proxies_parse(&proxies, "0.0.0.0/0", &err), 0);
    assert_true(http_proxies_trust(&proxies, "203.0.113.1"));
    assert_false(http_proxies_trust(&proxies, "2001:db8::1"));
    assert_int_equal(http_proxies_parse(&proxies, "", &err), 0);
    assert_false(http_proxies_trust(&proxies, "127.0.0.1"));
}

static void what_is_no_range(void **state) {
    static struct http_proxies proxies;
    static const char *const bad[] = {"10.0.0.0/33", "10.0.0/8", "::1/129",     "proxy.example.org",
                                      "10.0.0.1/",   "/8",       "10.0.0.0/-1", "10.0.0.1 10.0.0.2"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct err err = {0};
        assert_int_equal(http_proxies_parse(&proxies, bad[i], &err), -1);
        assert_string_equal(err.code, "bad_proxies");
    }
    struct strbuf many = STRBUF_MAX(8192);
    for (int i = 0; i <= HTTP_PROXIES_MAX; i++)
        strbuf_printf(&many, "10.0.0.%d,", i);
    assert_int_equal(http_proxies_parse(&proxies, strbuf_str(&many), NULL), -1);
    strbuf_finish(&many);
}

static void chains(void **state) {
    static struct http_proxies proxies;
    static const struct {
        bool rfc7239;
        const char *header, *proto, *client;
        bool secure;
    } cases[] = {
        {false, NULL, NULL, "10.0.0.1", false},
        {false, "1.2.3.4", "https", "1.2.3.4", true},
        {false, "6.6.6.6, 1.2.3.4, 10.9.9.9", "http, https", "1.2.3.4", true},
        {false, "1.2.3.4", "https, http", "1.2.3.4", false},
        {false, "10.9.9.9, 10.8.8.8", NULL, "10.9.9.9", false},
        {false, ",,,", "", "10.0.0.1", false},
        {false, "[::1", NULL, "10.0.0.1", false},
        {true, "for=1.2.3.4;proto=https", NULL, "1.2.3.4", true},
        {true, "for=6.6.6.6;proto=https, for=1.2.3.4;proto=http", NULL, "1.2.3.4", false},
        {true, "for=\"[2001:db8::7]:80\" , for=10.4.4.4;proto=https", NULL, "2001:db8::7", true},
        {true, "proto=https", NULL, "10.0.0.1", true},
        {true, "for=unknown", NULL, "10.0.0.1", false},
        {true, "fort=1.2.3.4", NULL, "10.0.0.1", false},
    };
    assert_int_equal(http_proxies_parse(&proxies, "10.0.0.0/8", NULL), 0);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char address[64] = "10.0.0.1";
        bool secure = false;
        print_message("%s\n", cases[i].header ? cases[i].header : "-");
        if (cases[i].rfc7239)
            http_proxies_forwarded(&proxies, cases[i].header, address, &secure);
        else
            http_proxies_x_forwarded(&proxies, cases[i].header, cases[i].proto, address, &secure);
        assert_string_equal(address, cases[i].client);
        assert_int_equal(secure, cases[i].secure);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranges),
        cmocka_unit_test(what_is_no_range),
        cmocka_unit_test(chains),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
