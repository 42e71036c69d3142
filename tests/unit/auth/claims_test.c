/* What must be true of an ID token, and what is read from claims. */
#include "../test.h"

#include "auth/claims.h"
#include "base/cleanup.h"

static const struct claims_expected expected = {
    .issuer = "https://id.example.org", .client_id = "desk", .nonce = "n-1", .now = 1000000};

/* A good token with one member set to a JSON text, or taken away (NULL). */
static int check(const char *member, const char *text) {
    struct err err = {0};
    json_t *token = json_loads("{\"iss\":\"https://id.example.org\",\"aud\":\"desk\",\"nonce\":\"n-1\","
                               "\"sub\":\"s\",\"exp\":1000300,\"iat\":999990}",
                               0, NULL);
    if (member && text)
        json_object_set_new(token, member, json_loads(text, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL));
    else if (member)
        json_object_del(token, member);
    int status = claims_check(token, &expected, &err);
    if (status < 0)
        assert_int_equal(err.kind, ERR_UNAUTHENTICATED);
    json_decref(token);
    return status;
}

static void test_what_must_be_true(void **state) {
    static const struct {
        const char *member, *text;
        int status;
    } cases[] = {
        {NULL, NULL, 0},
        {"iss", NULL, -1},
        {"iss", "\"https://id.example.org/\"", -1},
        {"iss", "\"https://id.example.org\\u0000\"", -1},
        {"iss", "[\"https://id.example.org\"]", -1},
        {"aud", NULL, -1},
        {"aud", "\"other\"", -1},
        {"aud", "[\"desk\"]", 0},
        {"aud", "[\"other\",\"desk\"]", -1}, /* several, and nobody says that it was given to us */
        {"aud", "[]", -1},
        {"azp", "\"desk\"", 0},
        {"azp", "\"other\"", -1},
        {"nonce", NULL, -1},
        {"nonce", "\"n-2\"", -1},
        {"nonce", "1", -1},
        {"exp", NULL, -1},
        {"exp", "\"1000300\"", -1},
        {"exp", "999941", 0}, /* the other clock may be a minute late */
        {"exp", "999940", -1},
        {"iat", NULL, -1},
        {"iat", "1000060", 0},
        {"iat", "1000061", -1},
        {"sub", NULL, -1},
        {"sub", "\"\"", -1},
        {"sub", "7", -1},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        if (check(cases[i].member, cases[i].text) != cases[i].status)
            fail_msg("%s = %s", cases[i].member ? cases[i].member : "-", cases[i].text ? cases[i].text : "-");
}

static struct oidc_claims claims;

static void read_text(const char *text, const char *username, const char *groups) {
    json_t *source = json_loads(text, JSON_ALLOW_NUL, NULL);
    assert_non_null(source);
    claims_read(source, username, groups, &claims);
    json_decref(source);
}

static void test_what_is_read(void **state) {
    read_text("{\"sub\":\"s\",\"preferred_username\":\"\",\"groups\":[\"a\",7,\"b\"]}", "preferred_username",
              "groups");
    assert_null(claims.username);
    assert_null(claims.email);
    /* what the token said stays, what it lacked is added */
    read_text("{\"sub\":\"other\",\"preferred_username\":\"anna\",\"email\":\"a@b\",\"groups\":[\"c\"]}",
              "preferred_username", "groups");
    assert_string_equal(claims.subject, "s");
    assert_string_equal(claims.username, "anna");
    assert_string_equal(claims.email, "a@b");
    assert_int_equal(claims.groups.count, 2);
    assert_string_equal(claims.groups.items[1], "b");
    oidc_claims_finish(&claims);
    /* members of members, names with dots, one group as a text, an address that is not verified */
    read_text(
        "{\"sub\":\"s\",\"a\":{\"b\":{\"c\":\"deep\"}},\"https://x.y/groups\":\"one\",\"email\":\"a@b\","
        "\"email_verified\":false}",
        "a.b.c", "https://x.y/groups");
    assert_string_equal(claims.username, "deep");
    assert_null(claims.email);
    assert_true(claims.has_groups);
    assert_string_equal(claims.groups.items[0], "one");
    oidc_claims_finish(&claims);
    read_text("{\"sub\":\"s\\u0000t\",\"a\":{\"b\":7},\"groups\":{}}", "a.b.c.d", "groups");
    assert_null(claims.subject);
    assert_null(claims.username);
    assert_false(claims.has_groups);
    oidc_claims_finish(&claims);
}

static void test_many_groups(void **state) {
    json_t *source = json_pack("{s:s,s:[]}", "sub", "s", "groups");
    for (int i = 0; i < OIDC_GROUPS_MAX + 5; i++)
        json_array_append_new(json_object_get(source, "groups"), json_sprintf("g%d", i));
    claims_read(source, "x", "groups", &claims);
    assert_int_equal(claims.groups.count, OIDC_GROUPS_MAX);
    json_decref(source);
    oidc_claims_finish(&claims);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_must_be_true),
        cmocka_unit_test(test_what_is_read),
        cmocka_unit_test(test_many_groups),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
