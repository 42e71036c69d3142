/* Signatures: RFC 7515's own examples, keys made here, and everything that must not pass. */
#include "../test.h"

#include "auth/jose.h"
#include "base/cleanup.h"
#include "base/str.h"

#include <sodium.h>
#include <string.h>

/* RFC 7515 appendix A.2 (RS256) and A.3 (ES256): facts of the standard. */
static const char rfc_rsa_key[] =
    "{\"keys\":[{\"kty\":\"RSA\",\"n\":\"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddx"
    "HmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_"
    "7OMg0LOL-bSf63kpaSH"
    "SXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_"
    "I5IhlJH7aGhyxXFvUK-DWNmoudF8"
    "NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ\",\"e\":\"AQAB\"}]}";
static const char rfc_rsa_text[] =
    "eyJhbGciOiJSUzI1NiJ9."
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ."
    "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_"
    "O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZ"
    "cAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--"
    "xi12jzDwusC-e"
    "OkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_"
    "IoypGlUPQGe77Rw";
static const char rfc_ec_key[] =
    "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
    "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}]}";
static const char rfc_ec_text[] =
    "eyJhbGciOiJFUzI1NiJ9."
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ."
    "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";

static const char off_the_curve[] =
    "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
    "\"y\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\"}]}";

static struct jose_keys *keys_of(const char *text) {
    struct jose_keys *keys = NULL;
    struct err err = {0};
    if (jose_keys_parse(text, strlen(text), &keys, &err) < 0)
        fail_msg("%s", err.message);
    return keys;
}

static int verify(const char *set, const char *text, struct err *err) {
    struct jose_keys *keys = keys_of(set);
    json_t *payload = NULL;
    err_clear(err);
    int status = jose_verify(keys, text, strlen(text), &payload, err);
    if (status == 0)
        assert_string_equal(json_string_value(json_object_get(payload, "iss")), "joe");
    json_decref(payload);
    jose_keys_free(keys);
    return status;
}

static void test_the_examples_of_the_standard(void **state) {
    struct err err = {0};
    assert_int_equal(verify(rfc_rsa_key, rfc_rsa_text, &err), 0);
    assert_int_equal(verify(rfc_ec_key, rfc_ec_text, &err), 0);
    /* a key of the other kind is none */
    assert_int_equal(verify(rfc_rsa_key, rfc_ec_text, &err), -1);
    assert_true(err_is(&err, "unknown_key"));
}

static void test_every_changed_character_is_seen(void **state) {
    static const char *const texts[][2] = {{rfc_rsa_key, rfc_rsa_text}, {rfc_ec_key, rfc_ec_text}};
    struct err err = {0};
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        char *copy = str_dup(texts[i][1]);
        for (size_t at = 0, length = strlen(copy); at < length; at++) {
            char was = copy[at];
            copy[at] = was == 'A' ? 'Q' : 'A';
            if (verify(texts[i][0], copy, &err) == 0)
                fail_msg("character %zu of text %zu: %c for %c", at, i, copy[at], was);
            copy[at] = was;
        }
        assert_int_equal(verify(texts[i][0], copy, &err), 0);
        free(copy);
    }
}

/* base64url(header) "." base64url(payload) "." signature */
static char *make_text(const char *header, const char *signature) {
    char head[512], body[512];
    static const char payload[] = "{\"iss\":\"joe\"}";
    sodium_bin2base64(head, sizeof head, (const unsigned char *)header, strlen(header),
                      sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    sodium_bin2base64(body, sizeof body, (const unsigned char *)payload, strlen(payload),
                      sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    return str_format("%s.%s.%s", head, body, signature);
}

static void test_other_algorithms_are_refused(void **state) {
    static const char *const headers[] = {"{\"alg\":\"none\"}",
                                          "{\"alg\":\"None\"}",
                                          "{\"alg\":\"HS256\"}",
                                          "{\"alg\":\"PS256\"}",
                                          "{\"alg\":\"RS384\"}",
                                          "{\"alg\":\"ES384\"}",
                                          "{\"alg\":7}",
                                          "{}",
                                          "[]",
                                          "7",
                                          "",
                                          "{\"alg\":\"RS256\",",
                                          "{\"alg\":\"RS256\",\"crit\":[\"x\"]}"};
    struct err err = {0};
    for (size_t i = 0; i < ARRAY_SIZE(headers); i++) {
        static const char *const signatures[] = {"", "AAAA", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"};
        for (size_t k = 0; k < ARRAY_SIZE(signatures); k++) {
            char *text = make_text(headers[i], signatures[k]);
            assert_int_equal(verify(rfc_rsa_key, text, &err), -1);
            assert_true(err_is(&err, "bad_signature"));
            free(text);
        }
    }
}

static void test_rubbish(void **state) {
    static const char *const texts[] = {
        "", ".", "..", "...", "a.b", "a.b.c", "a.b.c.d", "\x01.\xff.\x7f", "e30.e30.", "e30.e30.e30"};
    struct err err = {0};
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
        assert_int_equal(verify(rfc_ec_key, texts[i], &err), -1);
    char *long_text = mem_zalloc(JOSE_TEXT_MAX + 2);
    memset(long_text, 'A', JOSE_TEXT_MAX + 1);
    assert_int_equal(verify(rfc_ec_key, long_text, &err), -1);
    free(long_text);
}

static void test_sets_of_keys(void **state) {
    struct err err = {0};
    struct jose_keys *keys = NULL;
    static const char *const no_sets[] = {
        "", "7", "{}", "{\"keys\":{}}", "{\"keys\":[]", "{\"keys\":[],\"keys\":[]}"};
    for (size_t i = 0; i < ARRAY_SIZE(no_sets); i++)
        assert_int_equal(jose_keys_parse(no_sets[i], strlen(no_sets[i]), &keys, &err), -1);
    static const char *const unusable[] = {
        "{\"keys\":[]}",
        "{\"keys\":[7,null,[],{}]}",
        "{\"keys\":[{\"kty\":\"oct\",\"k\":\"AAAA\"}]}",
        "{\"keys\":[{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"}]}", /* 24 bits */
        "{\"keys\":[{\"kty\":\"RSA\",\"n\":7,\"e\":\"AQAB\"}]}",
        "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-384\",\"x\":\"AAAA\",\"y\":\"AAAA\"}]}",
        "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AAAA\",\"y\":\"AAAA\"}]}",
        off_the_curve,
    };
    for (size_t i = 0; i < ARRAY_SIZE(unusable); i++) {
        keys = keys_of(unusable[i]);
        if (jose_keys_count(keys) != 0)
            fail_msg("a key was taken from %s", unusable[i]);
        jose_keys_free(keys);
    }
    /* for encryption, for another algorithm, and one too many */
    char *other_use = str_format("{\"keys\":[{\"use\":\"enc\",%s", rfc_ec_key + strlen("{\"keys\":[{"));
    keys = keys_of(other_use);
    assert_int_equal(jose_keys_count(keys), 0);
    jose_keys_free(keys);
    free(other_use);
    struct strbuf many = STRBUF_MAX(1024 * 1024);
    strbuf_puts(&many, "{\"keys\":[7");
    for (int i = 0; i < JOSE_KEYS_MAX + 3; i++)
        strbuf_printf(&many, ",{\"kid\":\"k%d\",%.*s", i,
                      (int)(strlen(rfc_ec_key) - strlen("{\"keys\":[{]}")),
                      rfc_ec_key + strlen("{\"keys\":[{"));
    strbuf_puts(&many, "]}");
    keys = keys_of(strbuf_str(&many));
    assert_int_equal(jose_keys_count(keys), JOSE_KEYS_MAX);
    jose_keys_free(keys);
    strbuf_finish(&many);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_examples_of_the_standard),
        cmocka_unit_test(test_every_changed_character_is_seen),
        cmocka_unit_test(test_other_algorithms_are_refused),
        cmocka_unit_test(test_rubbish),
        cmocka_unit_test(test_sets_of_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
