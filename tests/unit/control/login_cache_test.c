/* What was checked a moment ago, and when that does not count any more. */
#include "control/users/jwt.h"
#include "control/users/login.h"
#include "control/users/login_cache.h"
#include "rig.h"

static struct rig r;

static int setup(void **unused) {
    rig_open(&r);
    return 0;
}

static int teardown(void **unused) {
    rig_close(&r);
    return 0;
}

static void test_found_until_something_changes(void **unused) {
    struct login_cache *cache = login_cache_create();
    struct login login = {.id = 7}, found = {0};
    assert_false(login_cache_find(cache, "token", 5, 0, &found));
    login_cache_put(cache, "token", 5, 0, 0, &login);
    assert_true(login_cache_find(cache, "token", 5, 0, &found));
    assert_int_equal(found.id, 7);
    assert_false(login_cache_find(cache, "token", 5, 1, &found)); /* a login ended meanwhile */
    assert_false(login_cache_find(cache, "tokem", 5, 0, &found));
    assert_false(login_cache_find(cache, "token", 4, 0, &found));
    login_cache_destroy(cache);
    login_cache_destroy(NULL);
}

static void test_expired_tokens_are_not_found(void **unused) {
    struct login_cache *cache = login_cache_create();
    struct login login = {.id = 7}, found;
    int64_t now = clock_wall_ms() / 1000;
    login_cache_put(cache, "token", 5, 0, now - 1, &login);
    assert_false(login_cache_find(cache, "token", 5, 0, &found));
    login_cache_put(cache, "token", 5, 0, now + 60, &login);
    assert_true(login_cache_find(cache, "token", 5, 0, &found));
    login_cache_destroy(cache);
}

static void test_newer_ones_take_the_place_of_older(void **unused) {
    struct login_cache *cache = login_cache_create();
    struct login found;
    char text[32];
    for (int i = 0; i < 4 * LOGIN_CACHE_MAX; i++) {
        struct login login = {.id = i};
        int length = snprintf(text, sizeof text, "token %d", i);
        login_cache_put(cache, text, (size_t)length, 0, 0, &login);
        assert_true(login_cache_find(cache, text, (size_t)length, 0, &found));
        assert_int_equal(found.id, i);
    }
    login_cache_destroy(cache);
}

/* Through the real path: no moment of grace for what this process ends itself. */
static void test_ended_logins_stop_at_once(void **unused) {
    struct err err = {0};
    struct keyring *keyring = NULL;
    struct login_tokens tokens, other;
    struct login login;
    struct user user = {0};
    OK(user_create(r.c, &r.admin,
                   &(struct user_new){.username = "carol", .password = "correct horse battery"}, &user,
                   &err));
    OK(keyring_create(&keyring, r.c, NULL, &err));
    OK(login_create(r.c, keyring, &user, NULL, NULL, &tokens, &err));
    OK(login_create(r.c, keyring, &user, NULL, NULL, &other, &err));
    for (int i = 0; i < 3; i++) {
        OK(login_find_token(r.c, keyring, tokens.access, strlen(tokens.access), &login, &err));
        OK(login_find_cookie(r.c, keyring, tokens.cookie, &login, &err));
        OK(login_find_token(r.c, keyring, other.access, strlen(other.access), &login, &err));
    }
    OK(login_find_token(r.c, keyring, tokens.access, strlen(tokens.access), &login, &err));
    OK(login_end(r.c, &r.admin, login.id, &err));
    FAILS(login_find_token(r.c, keyring, tokens.access, strlen(tokens.access), &login, &err),
          ERR_UNAUTHENTICATED, "bad_token");
    FAILS(login_find_cookie(r.c, keyring, tokens.cookie, &login, &err), ERR_UNAUTHENTICATED, "bad_cookie");
    OK(login_find_token(r.c, keyring, other.access, strlen(other.access), &login, &err));
    OK(user_set_active(r.c, &r.admin, "carol", false, &err));
    assert_int_equal(login_find_token(r.c, keyring, other.access, strlen(other.access), &login, &err), -1);
    keyring_destroy(keyring);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_found_until_something_changes),
        cmocka_unit_test(test_expired_tokens_are_not_found),
        cmocka_unit_test(test_newer_ones_take_the_place_of_older),
        cmocka_unit_test_setup_teardown(test_ended_logins_stop_at_once, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
