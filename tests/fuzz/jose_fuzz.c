/* Key sets and signed texts as an identity provider might send them: the input as both (a line of keys, then
 * a text), as a text for good keys, and as keys for a good text. What passes is an object and stops passing
 * when a character of what was signed is another. */
#include "fuzz.h"

#include "auth/jose.h"
#include "base/cleanup.h"
#include "base/str.h"

/* RFC 7515 appendix A.3. */
static const char good_keys[] =
    "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
    "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}]}";
static const char good_text[] =
    "eyJhbGciOiJFUzI1NiJ9."
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ."
    "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";

/* True when it passes. */
static bool passes(const struct jose_keys *keys, const char *text, size_t length) {
    struct err err = {0};
    json_t *payload = NULL;
    bool passed = jose_verify(keys, text, length, &payload, &err) == 0;
    if (passed ? !json_is_object(payload) : payload || err.kind == ERR_NONE)
        abort();
    json_decref(payload);
    return passed;
}

static void check(const char *set, size_t set_length, const char *text, size_t length) {
    struct err err = {0};
    struct jose_keys *keys = NULL;
    if (jose_keys_parse(set, set_length, &keys, &err) == 0) {
        const char *dot = memchr(text, '.', length);
        if (jose_keys_count(keys) > JOSE_KEYS_MAX)
            abort();
        if (passes(keys, text, length) && dot) {
            _cleanup_free_ char *changed = str_ndup(text, length);
            changed[dot - text + 1] = dot[1] == 'e' ? 'f' : 'e';
            if (passes(keys, changed, length))
                abort();
        }
    } else if (keys || !err_is(&err, "bad_jwks")) {
        abort();
    }
    jose_keys_free(keys);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const char *text = (const char *)data, *line = memchr(data, '\n', size);
    if (line)
        check(text, (size_t)(line - text), line + 1, size - (size_t)(line - text) - 1);
    check(good_keys, sizeof good_keys - 1, text, size);
    check(text, size, good_text, sizeof good_text - 1);
    return 0;
}
