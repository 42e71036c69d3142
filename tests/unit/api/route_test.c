/* Paths and the rows that they find. */
#include "../test.h"

#include "api/route.h"
#include "base/str.h"

static const struct route table[] = {
    {"list", "GET", "/api/v1/things", ROUTE_USER},
    {"create", "POST", "/api/v1/things", ROUTE_USER},
    {"special", "GET", "/api/v1/things/special", ROUTE_USER},
    {"one", "GET", "/api/v1/things/{name}", ROUTE_USER},
    {"remove", "DELETE", "/api/v1/things/{name}", ROUTE_USER},
    {"part", "GET", "/api/v1/things/{name}/parts/{part}", ROUTE_USER},
};

static const char *found(const char *method, const char *path, struct route_match *match) {
    struct err err = {0};
    if (route_find(table, sizeof table / sizeof table[0], method, path, match, &err) < 0)
        return err_is(&err, "invalid_path") ? "invalid_path" : "another error";
    return match->route ? match->route->id : match->other_methods ? match->allow : "none";
}

static void rows_are_found(void **state) {
    struct route_match match;
    assert_string_equal(found("GET", "/api/v1/things", &match), "list");
    assert_string_equal(found("HEAD", "/api/v1/things", &match), "list");
    assert_string_equal(found("POST", "/api/v1/things", &match), "create");
    assert_string_equal(found("GET", "/api/v1/things/special", &match), "special");
    assert_string_equal(found("GET", "/api/v1/things/a-b.c", &match), "one");
    assert_string_equal(match.params[0], "a-b.c");
    assert_string_equal(found("GET", "/api/v1/things/x/parts/y", &match), "part");
    assert_string_equal(match.params[0], "x");
    assert_string_equal(match.params[1], "y");
}

static void parts_are_decoded_one_by_one(void **state) {
    struct route_match match;
    assert_string_equal(found("GET", "/api/v1/things/%61%62", &match), "one");
    assert_string_equal(match.params[0], "ab");
    assert_string_equal(found("GET", "/api/v1/th%69ngs", &match), "list");
    assert_string_equal(found("GET", "/api/v1/things/%E2%82%AC", &match), "one");
    assert_string_equal(match.params[0], "€");
    assert_string_equal(found("GET", "/api/v1/things/a+b", &match), "one");
    assert_string_equal(match.params[0], "a+b");
}

static void tricks_are_refused(void **state) {
    static const char *const paths[] = {
        "/api/v1/things/a%2fb",
        "/api/v1/things/a%2Fb",
        "/api/v1/things/a%00b",
        "/api/v1/things/%00",
        "/api/v1/things%00",
        "/api/v1/things/..",
        "/api/v1/things/%2e%2e",
        "/api/v1/./things",
        "/api/v1/things/a%5cb",
        "/api/v1/things/a\\b",
        "/api/v1/things/%",
        "/api/v1/things/%4",
        "/api/v1/things/%zz",
        "/api/v1/things/a%0d%0ab",
        "/api/v1/things/%ff",
        "/api/v1/things/%c0%af",
        "things",
        "",
        "*",
        "http://x/api/v1/things",
        "/../../etc/passwd/a/b/c/d/e/f",
    };
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        struct route_match match;
        assert_string_equal(found("GET", paths[i], &match), "invalid_path");
    }
}

static void other_paths_are_unknown(void **state) {
    static const char *const paths[] = {
        "/",
        "//",
        "/api/v1/things/",
        "/api/v1//things",
        "/api/v1",
        "/api/v1/things/a/parts/",
        "/API/v1/things",
        "/api/v1/things/x/parts/y/z",
        "/a/b/c/d/e/f/g/h/i/j/k",
    };
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        struct route_match match;
        assert_string_equal(found("GET", paths[i], &match), "none");
    }
}

static void long_parts_are_unknown(void **state) {
    struct route_match match;
    char path[1024] = "/api/v1/things/";
    size_t begin = strlen(path);
    memset(path + begin, 'x', ROUTE_SEGMENT_MAX);
    assert_string_equal(found("GET", path, &match), "one");
    path[begin + ROUTE_SEGMENT_MAX] = 'x';
    assert_string_equal(found("GET", path, &match), "none");
    memset(path + begin, 'x', sizeof path - begin - 1);
    assert_string_equal(found("GET", path, &match), "none");
}

static void other_methods_are_named(void **state) {
    struct route_match match;
    assert_string_equal(found("PUT", "/api/v1/things", &match), "GET, HEAD, POST");
    assert_string_equal(found("OPTIONS", "/api/v1/things/a", &match), "GET, HEAD, DELETE");
    assert_string_equal(found("DELETE", "/api/v1/things/special", &match), "remove");
    assert_string_equal(found("get", "/api/v1/things", &match), "GET, HEAD, POST");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_found),         cmocka_unit_test(parts_are_decoded_one_by_one),
        cmocka_unit_test(tricks_are_refused),     cmocka_unit_test(other_paths_are_unknown),
        cmocka_unit_test(long_parts_are_unknown), cmocka_unit_test(other_methods_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
