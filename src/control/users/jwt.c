#include "control/users/jwt.h"

#include "base/str.h"
#include "control/secret.h"
#include "json/fields.h"

#include <jansson.h>
#include <sodium.h>
#include <string.h>

#define HEADER_MAX 160
#define PAYLOAD_MAX 512
#define MAC_SIZE crypto_auth_hmacsha256_BYTES
#define MAC_TEXT_LENGTH 43
#define CLOCK_LEEWAY 5

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

size_t base64url_encode(const void *data, size_t length, char *text) {
    const uint8_t *bytes = data;
    size_t out = 0;
    uint32_t bits = 0;
    unsigned have = 0;
    for (size_t i = 0; i < length; i++) {
        bits = bits << 8 | bytes[i];
        for (have += 8; have >= 6; have -= 6)
            text[out++] = alphabet[bits >> (have - 6) & 63];
    }
    if (have > 0)
        text[out++] = alphabet[bits << (6 - have) & 63];
    text[out] = '\0';
    return out;
}

long base64url_decode(const char *text, size_t length, uint8_t *data, size_t size) {
    size_t out = 0;
    uint32_t bits = 0;
    unsigned have = 0;
    if (length % 4 == 1)
        return -1;
    for (size_t i = 0; i < length; i++) {
        const char *at = text[i] ? strchr(alphabet, text[i]) : NULL;
        if (!at)
            return -1;
        bits = bits << 6 | (uint32_t)(at - alphabet);
        have += 6;
        if (have >= 8) {
            if (out == size)
                return -1;
            have -= 8;
            data[out++] = (uint8_t)(bits >> have);
        }
    }
    return bits & ((1u << have) - 1) ? -1 : (long)out;
}

static bool kid_is_valid(const char *kid) {
    size_t length = strlen(kid);
    return length > 0 && length <= JWT_KID_MAX && strspn(kid, alphabet) == length;
}

static void sign(const char *text, size_t length, const uint8_t key[JWT_KEY_SIZE], uint8_t mac[MAC_SIZE]) {
    secret_init();
    crypto_auth_hmacsha256(mac, (const unsigned char *)text, length, key);
}

int jwt_encode(const struct jwt_claims *claims, const char *kid, const uint8_t key[JWT_KEY_SIZE], char *text,
               struct err *err) {
    char header[HEADER_MAX], payload[PAYLOAD_MAX];
    /* Everything that goes in is checked to need no escaping. */
    if (!kid_is_valid(kid) || !id_is_username(claims->subject) ||
        strspn(claims->role, "abcdefghijklmnopqrstuvwxyz") != strlen(claims->role))
        return err_set(err, ERR_INTERNAL, NULL, "claims that cannot be written");
    int header_length =
        snprintf(header, sizeof header, "{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"%s\"}", kid);
    int payload_length = snprintf(payload, sizeof payload,
                                  "{\"sub\":\"%s\",\"role\":\"%s\",\"sid\":%lld,\"iat\":%lld,\"exp\":%lld}",
                                  claims->subject, claims->role, (long long)claims->login_id,
                                  (long long)claims->issued_at, (long long)claims->expires_at);
    _Static_assert(HEADER_MAX * 4 / 3 + PAYLOAD_MAX * 4 / 3 + 50 < JWT_TEXT_MAX, "it fits");
    size_t at = base64url_encode(header, (size_t)header_length, text);
    text[at++] = '.';
    at += base64url_encode(payload, (size_t)payload_length, text + at);
    uint8_t mac[MAC_SIZE];
    sign(text, at, key, mac);
    text[at++] = '.';
    base64url_encode(mac, sizeof mac, text + at);
    return 0;
}

static int bad(struct err *err) {
    return err_set(err, ERR_UNAUTHENTICATED, "bad_token", "the token is not valid");
}

struct parts {
    const char *header, *payload, *mac;
    size_t header_length, payload_length, mac_length;
};

static bool split(const char *token, size_t length, struct parts *ret) {
    if (length > JWT_TEXT_MAX)
        return false;
    const char *end = token + length;
    const char *first = memchr(token, '.', length);
    if (!first)
        return false;
    const char *second = memchr(first + 1, '.', (size_t)(end - first - 1));
    if (!second)
        return false;
    *ret = (struct parts){.header = token,
                          .header_length = (size_t)(first - token),
                          .payload = first + 1,
                          .payload_length = (size_t)(second - first - 1),
                          .mac = second + 1,
                          .mac_length = (size_t)(end - second - 1)};
    return ret->mac_length == MAC_TEXT_LENGTH;
}

static json_t *decode_object(const char *text, size_t length, size_t max) {
    uint8_t bytes[PAYLOAD_MAX];
    long got = base64url_decode(text, length, bytes, max);
    json_t *object = NULL;
    if (got < 0 || json_decode((const char *)bytes, (size_t)got, &object, NULL) < 0)
        return NULL;
    if (!json_is_object(object)) {
        json_decref(object);
        return NULL;
    }
    return object;
}

int jwt_key_id(const char *token, size_t length, char *kid, struct err *err) {
    struct parts parts;
    if (!split(token, length, &parts))
        return bad(err);
    _cleanup_json_ json_t *header = decode_object(parts.header, parts.header_length, HEADER_MAX);
    const char *type = json_string_value(json_object_get(header, "typ"));
    const char *found = json_string_value(json_object_get(header, "kid"));
    /* RFC 7515 section 4.1.11: "crit" names what must be understood, and nothing is. */
    if (!header || !str_eq(json_string_value(json_object_get(header, "alg")), "HS256") ||
        (type && !str_eq(type, "JWT")) || json_object_get(header, "crit") || !found || !kid_is_valid(found))
        return bad(err);
    str_copy(kid, JWT_KID_MAX + 1, found);
    return 0;
}

static bool read_claims(const json_t *payload, struct jwt_claims *ret) {
    const char *subject = json_string_value(json_object_get(payload, "sub"));
    const char *role = json_string_value(json_object_get(payload, "role"));
    const json_t *sid = json_object_get(payload, "sid"), *iat = json_object_get(payload, "iat"),
                 *exp = json_object_get(payload, "exp");
    if (!subject || !id_is_username(subject) || !role || !json_is_integer(sid) || !json_is_integer(iat) ||
        !json_is_integer(exp))
        return false;
    str_copy(ret->subject, sizeof ret->subject, subject);
    ret->login_id = json_integer_value(sid);
    ret->issued_at = json_integer_value(iat);
    ret->expires_at = json_integer_value(exp);
    return str_copy(ret->role, sizeof ret->role, role);
}

int jwt_decode(const char *token, size_t length, const uint8_t key[JWT_KEY_SIZE], int64_t now,
               struct jwt_claims *ret, struct err *err) {
    struct parts parts;
    char kid[JWT_KID_MAX + 1];
    uint8_t given[MAC_SIZE], right[MAC_SIZE];
    if (!split(token, length, &parts) || jwt_key_id(token, length, kid, err) < 0 ||
        base64url_decode(parts.mac, parts.mac_length, given, sizeof given) != MAC_SIZE)
        return bad(err);
    sign(token, parts.header_length + 1 + parts.payload_length, key, right);
    if (sodium_memcmp(given, right, MAC_SIZE) != 0)
        return bad(err);
    _cleanup_json_ json_t *payload = decode_object(parts.payload, parts.payload_length, PAYLOAD_MAX);
    struct jwt_claims claims = {0};
    if (!payload || !read_claims(payload, &claims) || claims.issued_at > now + CLOCK_LEEWAY)
        return bad(err);
    if (claims.expires_at <= now)
        return err_set(err, ERR_UNAUTHENTICATED, "token_expired", "the token has expired");
    *ret = claims;
    return 0;
}
