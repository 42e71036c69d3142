/* Tokens as they come from outside, and rightly signed ones of any header and payload (the input's two
 * lines): whatever is let in says what a token of ours can say, and comes back the same when it is written
 * again. */
#include "fuzz.h"

#include "base/cleanup.h"
#include "base/str.h"
#include "control/secret.h"
#include "control/users/jwt.h"

#include <sodium.h>

static const uint8_t key[JWT_KEY_SIZE] = "a key for the fuzzer, 32 bytes..";
#define NOW 1000

static void check(const char *token, size_t length) {
    struct jwt_claims claims, again;
    char kid[JWT_KID_MAX + 1] = "", text[JWT_TEXT_MAX + 1];
    struct err err = {0};
    int has_kid = jwt_key_id(token, length, kid, &err);
    if (jwt_decode(token, length, key, NOW, &claims, &err) < 0) {
        if (err.kind != ERR_UNAUTHENTICATED)
            abort();
        return;
    }
    if (has_kid < 0 || !id_is_username(claims.subject) || claims.expires_at <= NOW)
        abort();
    /* Any word may stand in role; only ours are written. */
    if (strspn(claims.role, "abcdefghijklmnopqrstuvwxyz") != strlen(claims.role))
        return;
    if (jwt_encode(&claims, kid, key, text, &err) < 0 ||
        jwt_decode(text, strlen(text), key, NOW, &again, &err) < 0 ||
        !str_eq(again.subject, claims.subject) || again.login_id != claims.login_id)
        abort();
}

static void check_signed(const uint8_t *data, size_t size) {
    const uint8_t *line = memchr(data, '\n', size);
    if (!line || size > 4096)
        return;
    size_t header = (size_t)(line - data), payload = size - header - 1;
    _cleanup_free_ char *token = mem_alloc(size * 2 + 128);
    size_t at = base64url_encode(data, header, token);
    token[at++] = '.';
    at += base64url_encode(line + 1, payload, token + at);
    uint8_t mac[crypto_auth_hmacsha256_BYTES];
    secret_init();
    crypto_auth_hmacsha256(mac, (const unsigned char *)token, at, key);
    token[at++] = '.';
    at += base64url_encode(mac, sizeof mac, token + at);
    check(token, at);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    check((const char *)data, size);
    check_signed(data, size);
    return 0;
}
