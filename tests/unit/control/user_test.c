/* Accounts, passwords, tokens and logins. */
#include "control/users/jwt.h"
#include "control/users/keyring.h"
#include "control/users/login.h"
#include "control/users/password.h"
#include "rig.h"

#include <sodium.h>

static struct rig r;

static int setup(void **unused) {
    rig_open(&r);
    return 0;
}

static int teardown(void **unused) {
    rig_close(&r);
    return 0;
}

#define GOOD "correct horse battery"

static void test_passwords(void **unused) {
    struct err err = {0};
    struct user user = {0};
    struct user_new fields = {
        .username = "carol", .password = GOOD, .full_name = "Carol", .email = "c@example.org"};
    OK(user_create(r.c, &r.admin, &fields, &user, &err));
    assert_int_equal(user.role, USER_ROLE_USER);
    assert_string_equal(user.email, "c@example.org");
    FAILS(user_create(r.c, &r.admin, &fields, &user, &err), ERR_CONFLICT, "user_exists");
    struct user found = {0};
    OK(user_verify_password(r.c, "carol", GOOD, &found, &err));
    assert_int_equal(found.id, user.id);
    FAILS(user_verify_password(r.c, "carol", GOOD "x", &found, &err), ERR_UNAUTHENTICATED, "bad_credentials");
    FAILS(user_verify_password(r.c, "carol", "", &found, &err), ERR_UNAUTHENTICATED, "bad_credentials");
    FAILS(user_verify_password(r.c, "nobody", GOOD, &found, &err), ERR_UNAUTHENTICATED, "bad_credentials");
    FAILS(user_verify_password(r.c, "x' OR '1'='1", GOOD, &found, &err), ERR_UNAUTHENTICATED,
          "bad_credentials");
    /* Without a password nobody gets in, not even with the empty one. */
    FAILS(user_verify_password(r.c, "alice", "", &found, &err), ERR_UNAUTHENTICATED, "bad_credentials");
    OK(user_update(r.c, &r.admin, "carol", &(struct user_change){.password = GOOD " 2"}, &found, &err));
    FAILS(user_verify_password(r.c, "carol", GOOD, &found, &err), ERR_UNAUTHENTICATED, "bad_credentials");
    OK(user_set_active(r.c, &r.admin, "carol", false, &err));
    FAILS(user_verify_password(r.c, "carol", GOOD " 2", &found, &err), ERR_DENIED, "user_disabled");
    FAILS(user_verify_password(r.c, "carol", GOOD, &found, &err), ERR_UNAUTHENTICATED, "bad_credentials");
    assert_int_equal(query_number(r.c, "SELECT COUNT(*) FROM users WHERE password_hash LIKE '%horse%'"), 0);
    assert_int_equal(query_number(r.c, "SELECT COUNT(*) FROM audit_log WHERE detail LIKE '%horse%'"), 0);
}

static void test_unknown_users_take_as_long(void **unused) {
    /* The forgotten hash costs what new ones cost. */
    char hash[PASSWORD_HASH_SIZE];
    struct err err = {0};
    OK(password_hash(GOOD, hash, &err));
    assert_memory_equal(hash, password_nobody, strlen("$argon2id$v=19$m=32768,t=2,p=1$"));
    assert_false(password_matches("", ""));
    assert_true(password_matches(hash, GOOD));
}

static void test_bad_users(void **unused) {
    struct err err = {0};
    struct user user;
    char longer[300];
    memset(longer, 'a', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    const struct {
        struct user_new fields;
        const char *field;
    } bad[] = {
        {{.username = "Carol", .password = GOOD}, "username"},
        {{.username = "", .password = GOOD}, "username"},
        {{.username = "-x", .password = GOOD}, "username"},
        {{.username = "carol", .password = "short"}, "password"},
        {{.username = "carol", .password = "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"}, "password"},
        {{.username = "carol", .password = GOOD, .full_name = longer}, "fullName"},
        {{.username = "carol", .password = GOOD, .full_name = "a\nb"}, "fullName"},
        {{.username = "carol", .password = GOOD, .email = "no-address"}, "email"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        err_clear(&err);
        assert_int_equal(user_create(r.c, &r.admin, &bad[i].fields, &user, &err), -1);
        assert_int_equal(err.kind, ERR_INVALID);
        assert_string_equal(err.field, bad[i].field);
    }
}

static void test_the_first_admin(void **unused) {
    struct err err = {0};
    struct temp_db t;
    struct db_conn *c = NULL;
    char generated[USER_GENERATED_PASSWORD_SIZE];
    bool created = true;
    struct user user;
    temp_db_open(&t, 2);
    OK(db_acquire(t.db, &c, &err));
    FAILS(user_ensure_first_admin(c, "short", true, generated, &created, &err), ERR_INVALID, "weak_password");
    assert_int_equal(query_number(c, "SELECT COUNT(*) FROM users"), 0);
    OK(user_ensure_first_admin(c, NULL, true, generated, &created, &err));
    assert_true(created);
    assert_int_equal(strlen(generated), 24);
    OK(user_verify_password(c, "admin", generated, &user, &err));
    assert_int_equal(user.role, USER_ROLE_ADMIN);
    /* The next start: nothing changes, whatever is given. */
    char again[USER_GENERATED_PASSWORD_SIZE];
    OK(user_ensure_first_admin(c, "another password", true, again, &created, &err));
    assert_false(created);
    assert_string_equal(again, "");
    OK(user_verify_password(c, "admin", generated, &user, &err));
    FAILS(user_ensure_first_admin(c, "short", true, again, &created, &err), ERR_INVALID, "weak_password");
    FAILS(user_set_active(c, &ACTOR_SYSTEM, "admin", false, &err), ERR_CONFLICT, "last_admin");
    db_release(c);
    temp_db_close(&t);
}

/* --- tokens --- */

static void test_base64url(void **unused) {
    /* RFC 4648 section 10, without padding. */
    static const char *const plain[] = {"", "f", "fo", "foo", "foob", "fooba", "foobar"};
    static const char *const coded[] = {"", "Zg", "Zm8", "Zm9v", "Zm9vYg", "Zm9vYmE", "Zm9vYmFy"};
    char text[32];
    uint8_t data[32];
    for (size_t i = 0; i < ARRAY_SIZE(plain); i++) {
        assert_int_equal(base64url_encode(plain[i], strlen(plain[i]), text), strlen(coded[i]));
        assert_string_equal(text, coded[i]);
        assert_int_equal(base64url_decode(coded[i], strlen(coded[i]), data, sizeof data), strlen(plain[i]));
        assert_memory_equal(data, plain[i], strlen(plain[i]));
    }
    static const char *const bad[] = {"Z", "Zg==", "Zh", "Zm9", "Zm+v", "Zm/v", "Zm 9", "Zm\xc3\xa4"};
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        assert_int_equal(base64url_decode(bad[i], strlen(bad[i]), data, sizeof data), -1);
    assert_int_equal(base64url_decode("Zm9vYmFy", 8, data, 3), -1);
    assert_int_equal(base64url_decode("Zm\0v", 4, data, sizeof data), -1);
}

/* A token of any header and payload, rightly signed. */
static void forge(const char *header, const char *payload, const uint8_t *key, char *token) {
    size_t at = base64url_encode(header, strlen(header), token);
    uint8_t mac[crypto_auth_hmacsha256_BYTES];
    token[at++] = '.';
    at += base64url_encode(payload, strlen(payload), token + at);
    crypto_auth_hmacsha256(mac, (const unsigned char *)token, at, key);
    token[at++] = '.';
    base64url_encode(mac, sizeof mac, token + at);
}

static void test_jwt(void **unused) {
    struct err err = {0};
    uint8_t key[JWT_KEY_SIZE] = {1, 2, 3}, other[JWT_KEY_SIZE] = {3, 2, 1};
    char token[2048], kid[JWT_KID_MAX + 1];
    struct jwt_claims claims = {
        .subject = "alice", .role = "user", .login_id = 42, .issued_at = 1000, .expires_at = 1900};
    struct jwt_claims got;
    OK(jwt_encode(&claims, "k1", key, token, &err));
    OK(jwt_key_id(token, strlen(token), kid, &err));
    assert_string_equal(kid, "k1");
    OK(jwt_decode(token, strlen(token), key, 1500, &got, &err));
    assert_string_equal(got.subject, "alice");
    assert_int_equal(got.login_id, 42);
    FAILS(jwt_decode(token, strlen(token), other, 1500, &got, &err), ERR_UNAUTHENTICATED, "bad_token");
    FAILS(jwt_decode(token, strlen(token), key, 1900, &got, &err), ERR_UNAUTHENTICATED, "token_expired");
    FAILS(jwt_decode(token, strlen(token), key, 900, &got, &err), ERR_UNAUTHENTICATED, "bad_token");
    /* Each single character changed. */
    size_t length = strlen(token);
    for (size_t i = 0; i < length; i++) {
        char changed[2048];
        memcpy(changed, token, length + 1);
        changed[i] = changed[i] == 'A' ? 'B' : 'A';
        err_clear(&err);
        assert_int_equal(jwt_decode(changed, length, key, 1500, &got, &err), -1);
        assert_int_equal(jwt_decode(token, i, key, 1500, &got, &err), -1);
    }
    static const char good[] = "{\"sub\":\"alice\",\"role\":\"user\",\"sid\":42,\"iat\":1000,\"exp\":1900}";
    forge("{\"alg\":\"HS256\",\"kid\":\"k1\"}", good, key, token);
    OK(jwt_decode(token, strlen(token), key, 1500, &got, &err));
    static const char *const headers[] = {"{\"alg\":\"none\",\"kid\":\"k1\"}",
                                          "{\"alg\":\"HS512\",\"kid\":\"k1\"}",
                                          "{\"alg\":\"hs256\",\"kid\":\"k1\"}",
                                          "{\"kid\":\"k1\"}",
                                          "{\"alg\":\"HS256\"}",
                                          "{\"alg\":\"HS256\",\"kid\":\"\"}",
                                          "{\"alg\":\"HS256\",\"kid\":\"../x\"}",
                                          "{\"alg\":\"HS256\",\"alg\":\"none\",\"kid\":\"k1\"}",
                                          "{\"alg\":\"HS256\",\"kid\":\"k1\",\"crit\":[\"x\"]}",
                                          "{\"alg\":\"HS256\",\"kid\":\"k1\",\"typ\":\"JWE\"}",
                                          "[]",
                                          ""};
    for (size_t i = 0; i < ARRAY_SIZE(headers); i++) {
        forge(headers[i], good, key, token);
        FAILS(jwt_decode(token, strlen(token), key, 1500, &got, &err), ERR_UNAUTHENTICATED, "bad_token");
    }
    static const char *const payloads[] = {
        "{}",
        "{\"sub\":\"alice\",\"role\":\"user\",\"sid\":\"42\",\"iat\":1000,\"exp\":1900}",
        "{\"sub\":\"alice\",\"role\":\"user\",\"sid\":42,\"iat\":1000,\"exp\":1e99}",
        "{\"sub\":\"Alice\",\"role\":\"user\",\"sid\":42,\"iat\":1000,\"exp\":1900}",
        "{\"sub\":\"alice\",\"sid\":42,\"iat\":1000,\"exp\":1900}",
        "null",
        "{"};
    for (size_t i = 0; i < ARRAY_SIZE(payloads); i++) {
        forge("{\"alg\":\"HS256\",\"kid\":\"k1\"}", payloads[i], key, token);
        FAILS(jwt_decode(token, strlen(token), key, 1500, &got, &err), ERR_UNAUTHENTICATED, "bad_token");
    }
    static const char *const texts[] = {"", ".", "..", "...", "a.b.c", "....."};
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
        FAILS(jwt_key_id(texts[i], strlen(texts[i]), kid, &err), ERR_UNAUTHENTICATED, "bad_token");
    struct jwt_claims strange = claims;
    str_copy(strange.role, sizeof strange.role, "a\"b");
    FAILS(jwt_encode(&strange, "k1", key, token, &err), ERR_INTERNAL, "internal");
}

/* --- logins --- */

static struct user user_of(const struct actor *actor) {
    struct err err = {0};
    struct user user = {0};
    OK(user_find_id(r.c, actor->user_id, &user, &err));
    return user;
}

static void test_logins(void **unused) {
    struct err err = {0};
    struct keyring *keyring = NULL;
    OK(keyring_create(&keyring, r.c, NULL, &err));
    struct user alice = user_of(&r.alice);
    struct login_tokens one = {0}, two = {0};
    struct login login = {0}, other = {0};
    OK(login_create(r.c, keyring, &alice, "192.0.2.1", "Browser/1", &one, &err));
    OK(login_create(r.c, keyring, &alice, "192.0.2.1", NULL, &two, &err));
    OK(login_find_cookie(r.c, keyring, one.cookie, &login, &err));
    assert_string_equal(login.user.username, "alice");
    OK(login_find_token(r.c, keyring, one.access, strlen(one.access), &other, &err));
    assert_int_equal(other.id, login.id);
    assert_string_equal(login.csrf, one.csrf);
    assert_true(login_csrf_matches(&login, one.csrf));
    assert_false(login_csrf_matches(&login, two.csrf));
    assert_false(login_csrf_matches(&login, NULL));
    assert_false(login_csrf_matches(&login, ""));
    /* Nothing of it can be read in the database. */
    assert_int_equal(query_number(r.c, "SELECT COUNT(*) FROM logins"), 2);
    struct db_rows *rows = NULL;
    assert_int_equal(db_row(r.c, &rows, &err, "SELECT 1 FROM logins WHERE cookie_hash = $1", "s", one.cookie),
                     0);
    assert_int_equal(
        db_row(r.c, &rows, &err, "SELECT 1 FROM refresh_tokens WHERE token_hash = $1", "s", one.refresh), 0);
    /* Logging out ends this one only. */
    OK(login_end(r.c, &r.alice, login.id, &err));
    OK(login_end(r.c, &r.alice, login.id, &err));
    FAILS(login_find_cookie(r.c, keyring, one.cookie, &login, &err), ERR_UNAUTHENTICATED, "bad_cookie");
    FAILS(login_find_token(r.c, keyring, one.access, strlen(one.access), &login, &err), ERR_UNAUTHENTICATED,
          "bad_token");
    FAILS(login_refresh(r.c, keyring, one.refresh, &one, &login, &err), ERR_UNAUTHENTICATED, "bad_token");
    OK(login_find_cookie(r.c, keyring, two.cookie, &login, &err));
    assert_int_equal(
        query_number(r.c, "SELECT COUNT(*) FROM events WHERE kind = 'login' AND audience = 'internal'"), 1);
    /* A deactivated user is out at once, and for good. */
    OK(user_set_active(r.c, &r.admin, "alice", false, &err));
    FAILS(login_find_token(r.c, keyring, two.access, strlen(two.access), &login, &err), ERR_UNAUTHENTICATED,
          "bad_token");
    OK(user_set_active(r.c, &r.admin, "alice", true, &err));
    FAILS(login_find_cookie(r.c, keyring, two.cookie, &login, &err), ERR_UNAUTHENTICATED, "bad_cookie");
    static const char *const bad[] = {"", "0", "' OR 1=1 --"};
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        FAILS(login_find_cookie(r.c, keyring, bad[i], &login, &err), ERR_UNAUTHENTICATED, "bad_cookie");
    keyring_destroy(keyring);
}

static void test_refresh_rotates_and_theft_ends_it(void **unused) {
    struct err err = {0};
    struct keyring *keyring = NULL;
    OK(keyring_create(&keyring, r.c, NULL, &err));
    struct user alice = user_of(&r.alice);
    struct login_tokens first = {0}, second = {0}, third = {0};
    struct login login = {0};
    OK(login_create(r.c, keyring, &alice, NULL, NULL, &first, &err));
    OK(login_refresh(r.c, keyring, first.refresh, &second, &login, &err));
    assert_string_not_equal(first.refresh, second.refresh);
    assert_string_equal(login.user.username, "alice");
    OK(login_find_token(r.c, keyring, second.access, strlen(second.access), &login, &err));
    /* The thief, or the one stolen from, comes second. */
    FAILS(login_refresh(r.c, keyring, first.refresh, &third, &login, &err), ERR_UNAUTHENTICATED, "bad_token");
    FAILS(login_refresh(r.c, keyring, second.refresh, &third, &login, &err), ERR_UNAUTHENTICATED,
          "bad_token");
    FAILS(login_find_token(r.c, keyring, second.access, strlen(second.access), &login, &err),
          ERR_UNAUTHENTICATED, "bad_token");
    assert_int_equal(
        query_number(r.c, "SELECT COUNT(*) FROM audit_log WHERE action = 'login.refresh' AND outcome = "
                          "'refused'"),
        1);
    /* Access tokens end after 15 minutes, logins after 14 days without use. */
    OK(login_create(r.c, keyring, &alice, NULL, NULL, &first, &err));
    clock_test_shift(0, (LOGIN_ACCESS_SECONDS + 1) * 1000);
    FAILS(login_find_token(r.c, keyring, first.access, strlen(first.access), &login, &err),
          ERR_UNAUTHENTICATED, "token_expired");
    OK(login_find_cookie(r.c, keyring, first.cookie, &login, &err));
    clock_test_shift(0, (int64_t)15 * 86400000);
    FAILS(login_find_cookie(r.c, keyring, first.cookie, &login, &err), ERR_UNAUTHENTICATED, "bad_cookie");
    clock_test_shift(0, (int64_t)17 * 86400000);
    OK(login_prune(r.c, &err));
    assert_int_equal(query_number(r.c, "SELECT COUNT(*) FROM logins"), 0);
    assert_int_equal(query_number(r.c, "SELECT COUNT(*) FROM refresh_tokens"), 0);
    keyring_destroy(keyring);
}

static void test_keys_rotate_without_logging_out(void **unused) {
    struct err err = {0};
    struct keyring *keyring = NULL, *replica = NULL, *again = NULL;
    OK(keyring_create(&keyring, r.c, NULL, &err));
    OK(keyring_create(&replica, r.c, NULL, &err));
    assert_int_equal(query_number(r.c, "SELECT COUNT(*) FROM signing_keys"), 1);
    struct user alice = user_of(&r.alice);
    struct login_tokens before = {0}, after = {0};
    struct login login = {0};
    OK(login_create(r.c, keyring, &alice, NULL, NULL, &before, &err));
    OK(keyring_rotate(keyring, r.c, &r.admin, NULL, &err));
    OK(login_create(r.c, keyring, &alice, NULL, NULL, &after, &err));
    OK(login_find_token(r.c, keyring, before.access, strlen(before.access), &login, &err));
    assert_true(login_csrf_matches(&login, before.csrf));
    /* Another replica learns of the new key when it sees it. */
    OK(login_find_token(r.c, replica, after.access, strlen(after.access), &login, &err));
    assert_true(login_csrf_matches(&login, after.csrf));
    /* JWT_SECRET: a key of its own, the same one each time. */
    FAILS(keyring_create(&again, r.c, "short", &err), ERR_INVALID, "weak_secret");
    static const char secret[] = "0123456789abcdef0123456789abcdef";
    OK(keyring_create(&again, r.c, secret, &err));
    keyring_destroy(again);
    OK(keyring_create(&again, r.c, secret, &err));
    assert_int_equal(query_number(r.c, "SELECT COUNT(*) FROM signing_keys"), 3);
    OK(login_find_token(r.c, again, after.access, strlen(after.access), &login, &err));
    /* Told of it, a replica signs with the newest; before that it goes on with its own. */
    char kid[JWT_KID_MAX + 1], newest[JWT_KID_MAX + 1];
    uint8_t bytes[JWT_KEY_SIZE];
    struct signing_key_info made = {0};
    OK(keyring_rotate(keyring, r.c, &r.admin, &made, &err));
    keyring_newest(keyring, newest, bytes);
    keyring_newest(replica, kid, bytes);
    assert_string_equal(newest, made.kid);
    assert_string_not_equal(kid, newest);
    OK(keyring_reload(replica, r.c, &err));
    keyring_newest(replica, kid, bytes);
    assert_string_equal(kid, newest);
    /* Keys are forgotten when their tokens have expired, and not before; CSRF tokens do not mind. */
    OK(signing_keys_maintain(r.c, &err));
    assert_int_equal(query_number(r.c, "SELECT COUNT(*) FROM signing_keys WHERE retired_at IS NOT NULL"), 0);
    clock_test_shift(0, SIGNING_KEY_KEEP_MS + 1000);
    OK(signing_keys_maintain(r.c, &err));
    assert_int_equal(query_number(r.c, "SELECT COUNT(*) FROM signing_keys WHERE secret <> ''"), 1);
    OK(login_find_cookie(r.c, keyring, before.cookie, &login, &err));
    assert_true(login_csrf_matches(&login, before.csrf));
    keyring_destroy(again);
    OK(keyring_create(&again, r.c, secret, &err)); /* a retired JWT_SECRET stays retired */
    keyring_newest(again, kid, bytes);
    assert_string_equal(kid, newest);
    OK(login_find_cookie(r.c, again, before.cookie, &login, &err));
    assert_true(login_csrf_matches(&login, before.csrf));
    /* After the setting's days there is a new one, once. */
    clock_test_shift(0, (int64_t)31 * 86400000);
    OK(signing_keys_maintain(r.c, &err));
    OK(signing_keys_maintain(r.c, &err));
    assert_int_equal(query_number(r.c, "SELECT COUNT(*) FROM signing_keys WHERE retired_at IS NULL"), 2);
    OK(keyring_reload(keyring, r.c, &err));
    keyring_newest(keyring, kid, bytes);
    assert_string_not_equal(kid, newest);
    OK(setting_set(r.c, SETTING_KEY_ROTATION_DAYS, 0, &err));
    clock_test_shift(0, (int64_t)100 * 86400000);
    OK(signing_keys_maintain(r.c, &err));
    assert_int_equal(query_number(r.c, "SELECT COUNT(*) FROM signing_keys WHERE retired_at IS NULL"), 1);
    clock_test_shift(0, 0);
    /* A token of a key that nobody has. */
    char forged[JWT_TEXT_MAX + 1];
    uint8_t key[JWT_KEY_SIZE] = {9};
    struct jwt_claims claims = {
        .subject = "admin", .role = "admin", .login_id = 1, .issued_at = 0, .expires_at = INT32_MAX};
    OK(jwt_encode(&claims, "unknown", key, forged, &err));
    FAILS(login_find_token(r.c, keyring, forged, strlen(forged), &login, &err), ERR_UNAUTHENTICATED,
          "bad_token");
    keyring_destroy(keyring);
    keyring_destroy(replica);
    keyring_destroy(again);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_passwords, setup, teardown),
        cmocka_unit_test(test_unknown_users_take_as_long),
        cmocka_unit_test_setup_teardown(test_bad_users, setup, teardown),
        cmocka_unit_test(test_the_first_admin),
        cmocka_unit_test(test_base64url),
        cmocka_unit_test(test_jwt),
        cmocka_unit_test_setup_teardown(test_logins, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refresh_rotates_and_theft_ends_it, setup, teardown),
        cmocka_unit_test_setup_teardown(test_keys_rotate_without_logging_out, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
