/* Changes of accounts, API keys, one-time codes and the first set-up, below the API. */
#include "control/users/api_key.h"
#include "control/users/login_alive.h"
#include "control/users/mfa.h"
#include "control/users/setup.h"
#include "rig.h"

static struct rig r;

static int setup(void **state) {
    rig_open(&r);
    return 0;
}

static int teardown(void **state) {
    rig_close(&r);
    return 0;
}

static struct user find(const char *name) {
    struct err err = {0};
    struct user user = {0};
    OK(user_find(r.c, name, &user, &err));
    return user;
}

static void changes_are_told_apart(void **state) {
    struct err err = {0};
    struct user user;
    struct user_change change = {.email = "a@example.org", .has_email = true};
    OK(user_update(r.c, &r.admin, "alice", &change, &user, &err));
    assert_string_equal(user.email, "a@example.org");
    OK(user_update(r.c, &r.admin, "alice", &change, &user, &err)); /* as it is: nothing to tell */
    assert_int_equal(query_number(r.c, "SELECT COUNT(*) FROM audit_log WHERE action = 'user.update'"), 1);
    change = (struct user_change){.has_email = true, .role = USER_ROLE_OPERATOR, .has_active = true};
    OK(user_update(r.c, &r.admin, "alice", &change, &user, &err));
    assert_string_equal(user.email, "");
    assert_int_equal(user.role, USER_ROLE_OPERATOR);
    assert_false(user.active);
    assert_int_equal(query_number(r.c, "SELECT COUNT(*) FROM audit_log WHERE target = 'alice' AND action IN "
                                       "('user.update', 'user.role', 'user.deactivate')"),
                     4);
    change = (struct user_change){.email = "nowhere", .has_email = true};
    FAILS(user_update(r.c, &r.admin, "alice", &change, &user, &err), ERR_INVALID, "invalid_field");
    FAILS(user_update(r.c, &r.admin, "nobody", &change, &user, &err), ERR_INVALID, "invalid_field");
    change = (struct user_change){0};
    FAILS(user_update(r.c, &r.admin, "nobody", &change, &user, &err), ERR_NOT_FOUND, "user_not_found");
}

static void an_administrator_stays(void **state) {
    struct err err = {0};
    struct user user;
    struct user_change demote = {.role = USER_ROLE_USER}, promote = {.role = USER_ROLE_ADMIN};
    FAILS(user_update(r.c, &r.admin, "admin", &demote, &user, &err), ERR_CONFLICT, "last_admin");
    FAILS(user_delete(r.c, &r.admin, "admin", &err), ERR_CONFLICT, "last_admin");
    OK(user_update(r.c, &r.admin, "bob", &promote, &user, &err));
    OK(user_set_active(r.c, &r.admin, "bob", false, &err));
    FAILS(user_set_active(r.c, &r.admin, "admin", false, &err), ERR_CONFLICT, "last_admin");
    OK(user_update(r.c, &r.admin, "bob", &demote, &user, &err)); /* not active: he does not count */
    OK(user_update(r.c, &r.admin, "bob", &promote, &user, &err));
    OK(user_set_active(r.c, &r.admin, "bob", true, &err));
    OK(user_delete(r.c, &r.admin, "admin", &err));
    FAILS(user_delete(r.c, &r.admin, "bob", &err), ERR_CONFLICT, "last_admin");
}

static void a_key_ends_with_its_time(void **state) {
    struct err err = {0};
    char key[API_KEY_TEXT_SIZE], until[TIME_TEXT_SIZE];
    struct api_key made;
    struct login login;
    struct user user;
    time_format(clock_wall_ms() + 60000, until);
    OK(api_key_create(r.c, &r.alice, &(struct api_key_new){.name = "k", .expires_at = until}, key, &made,
                      &err));
    OK(api_key_find(r.c, key, &login, &err));
    assert_true(login.by_key);
    assert_int_equal(login.id, made.login_id);
    OK(login_alive(r.c, login.id, &user, &err));
    /* Neither idle days nor the end of all logins touch it. */
    OK(login_end_all(r.c, user.id, 0, &err));
    OK(api_key_expire(r.c, &err));
    OK(api_key_find(r.c, key, &login, &err));
    clock_test_shift(0, 61000);
    FAILS(api_key_find(r.c, key, &login, &err), ERR_UNAUTHENTICATED, "token_expired");
    OK(login_alive(r.c, made.login_id, &user, &err)); /* what it opened is still there … */
    int64_t before = query_number(r.c, "SELECT COUNT(*) FROM events WHERE kind = 'login'");
    OK(api_key_expire(r.c, &err)); /* … until the reconciler comes by */
    FAILS(login_alive(r.c, made.login_id, &user, &err), ERR_UNAUTHENTICATED, "signed_out");
    assert_int_equal(query_number(r.c, "SELECT COUNT(*) FROM events WHERE kind = 'login'"), before + 1);
    OK(api_key_expire(r.c, &err));
    assert_int_equal(query_number(r.c, "SELECT COUNT(*) FROM events WHERE kind = 'login'"), before + 1);
}

static void a_key_outlives_idle_days(void **state) {
    struct err err = {0};
    char key[API_KEY_TEXT_SIZE];
    struct api_key made;
    struct login login;
    OK(api_key_create(r.c, &r.alice, &(struct api_key_new){.name = "k"}, key, &made, &err));
    clock_test_shift(0, (int64_t)400 * 86400000);
    OK(login_prune(r.c, &err));
    OK(api_key_find(r.c, key, &login, &err));
    FAILS(api_key_delete(r.c, &r.bob, made.id, &err), ERR_NOT_FOUND, "api_key_not_found");
    OK(api_key_delete(r.c, &r.admin, made.id, &err));
    FAILS(api_key_find(r.c, key, &login, &err), ERR_UNAUTHENTICATED, "bad_token");
}

static void codes_go_with_their_user(void **state) {
    struct err err = {0};
    char text[TOTP_SECRET_TEXT_SIZE], uri[MFA_URI_SIZE], code[TOTP_DIGITS + 1];
    uint8_t secret[TOTP_SECRET_SIZE];
    struct mfa_backup_codes codes;
    struct user alice = find("alice");
    OK(mfa_begin(r.c, &alice, text, uri, &err));
    assert_true(totp_secret_parse(text, secret));
    totp_code(secret, sizeof secret, clock_wall_ms() / 30000, code);
    OK(mfa_confirm(r.c, &r.alice, &alice, code, &codes, &err));
    alice = find("alice");
    assert_true(alice.mfa);
    FAILS(mfa_check(r.c, &r.alice, &alice, code, &err), ERR_UNAUTHENTICATED, "mfa_invalid");
    clock_test_shift(0, 30000);
    totp_code(secret, sizeof secret, clock_wall_ms() / 30000, code);
    OK(mfa_check(r.c, &r.alice, &alice, code, &err));
    assert_int_equal(query_number(r.c, "SELECT COUNT(*) FROM mfa_backup_codes"), MFA_BACKUP_CODES);
    OK(user_delete(r.c, &r.admin, "alice", &err));
    assert_int_equal(query_number(r.c, "SELECT COUNT(*) FROM mfa_backup_codes"), 0);
    assert_int_equal(query_number(r.c, "SELECT COUNT(*) FROM user_totp"), 0);
}

static void set_up_once(void **state) {
    struct err err = {0};
    char token[KEY_HEX_SIZE], late[KEY_HEX_SIZE];
    struct user user;
    struct user_new fields = {
        .username = "root", .password = "a first good password", .role = USER_ROLE_USER};
    OK(setup_offer(r.c, token, &err));
    assert_string_equal(token, "");
    OK(db_exec(r.c, NULL, &err, "UPDATE users SET active = 0 WHERE role = 'admin'", ""));
    OK(setup_offer(r.c, late, &err));
    clock_test_shift(0, (int64_t)(SETUP_HOURS + 1) * 3600000);
    FAILS(setup_finish(r.c, &ACTOR_SYSTEM, late, &fields, &user, &err), ERR_UNAUTHENTICATED,
          "bad_setup_token");
    OK(setup_offer(r.c, token, &err));
    assert_int_equal(query_number(r.c, "SELECT COUNT(*) FROM setup_tokens"), 1);
    FAILS(setup_finish(r.c, &ACTOR_SYSTEM, "", &fields, &user, &err), ERR_UNAUTHENTICATED, "bad_setup_token");
    OK(setup_finish(r.c, &ACTOR_SYSTEM, token, &fields, &user, &err));
    assert_int_equal(user.role, USER_ROLE_ADMIN);
    FAILS(setup_finish(r.c, &ACTOR_SYSTEM, token, &fields, &user, &err), ERR_CONFLICT, "setup_done");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(changes_are_told_apart, setup, teardown),
        cmocka_unit_test_setup_teardown(an_administrator_stays, setup, teardown),
        cmocka_unit_test_setup_teardown(a_key_ends_with_its_time, setup, teardown),
        cmocka_unit_test_setup_teardown(a_key_outlives_idle_days, setup, teardown),
        cmocka_unit_test_setup_teardown(codes_go_with_their_user, setup, teardown),
        cmocka_unit_test_setup_teardown(set_up_once, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
