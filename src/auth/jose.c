#include "auth/jose.h"

#include "base/cleanup.h"
#include "base/str.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <sodium.h>

#define RSA_BITS_MIN 2048
#define RSA_BYTES_MAX 1024 /* 8192 bits */
#define P256_BYTES 32
#define ES256_BYTES (2 * P256_BYTES)
#define DER_MAX 80 /* of an ES256 signature */

enum algorithm { RS256, ES256 };

struct key {
    char kid[JOSE_KID_MAX + 1]; /* "" when it has none */
    enum algorithm algorithm;
    EVP_PKEY *pkey;
};

struct jose_keys {
    struct key items[JOSE_KEYS_MAX];
    size_t count;
};

DEFINE_CLEANUP(OSSL_PARAM, OSSL_PARAM_free);
DEFINE_CLEANUP(OSSL_PARAM_BLD, OSSL_PARAM_BLD_free);
DEFINE_CLEANUP(BIGNUM, BN_free);
DEFINE_CLEANUP(EVP_PKEY_CTX, EVP_PKEY_CTX_free);
DEFINE_CLEANUP(EVP_MD_CTX, EVP_MD_CTX_free);
DEFINE_CLEANUP(json_t, json_decref);

/* Base64url without padding (RFC 7515 section 2). The length, or -1. */
static long decode(const char *text, size_t length, void *data, size_t size) {
    size_t got;
    if (!text || sodium_base642bin(data, size, text, length, NULL, &got, NULL,
                                   sodium_base64_VARIANT_URLSAFE_NO_PADDING) < 0)
        return -1;
    return (long)got;
}

static long decode_member(const json_t *object, const char *name, void *data, size_t size) {
    const json_t *value = json_object_get(object, name);
    return json_is_string(value) ? decode(json_string_value(value), json_string_length(value), data, size)
                                 : -1;
}

/* --- keys --- */

static EVP_PKEY *make_pkey(const char *type, OSSL_PARAM *params) {
    _cleanup_(EVP_PKEY_CTX_free_p) EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    EVP_PKEY *pkey = NULL;
    if (!params || !context || EVP_PKEY_fromdata_init(context) <= 0 ||
        EVP_PKEY_fromdata(context, &pkey, EVP_PKEY_PUBLIC_KEY, params) <= 0)
        return NULL;
    return pkey;
}

/* RFC 7518 section 6.3.1. */
static EVP_PKEY *read_rsa(const json_t *jwk) {
    uint8_t modulus[RSA_BYTES_MAX], exponent[8];
    long modulus_length = decode_member(jwk, "n", modulus, sizeof modulus);
    long exponent_length = decode_member(jwk, "e", exponent, sizeof exponent);
    if (modulus_length <= 0 || exponent_length <= 0)
        return NULL;
    _cleanup_(BN_free_p) BIGNUM *n = BN_bin2bn(modulus, (int)modulus_length, NULL);
    _cleanup_(BN_free_p) BIGNUM *e = BN_bin2bn(exponent, (int)exponent_length, NULL);
    _cleanup_(OSSL_PARAM_BLD_free_p) OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    if (!n || !e || !builder || BN_num_bits(n) < RSA_BITS_MIN ||
        !OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, n) ||
        !OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, e))
        return NULL;
    _cleanup_(OSSL_PARAM_free_p) OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(builder);
    return make_pkey("RSA", params);
}

/* RFC 7518 section 6.2.1; the point as SEC 1 writes it, uncompressed. */
static EVP_PKEY *read_ec(const json_t *jwk) {
    uint8_t point[1 + ES256_BYTES] = {4};
    const char *curve = json_string_value(json_object_get(jwk, "crv"));
    if (!str_eq(curve, "P-256") || decode_member(jwk, "x", point + 1, P256_BYTES) != P256_BYTES ||
        decode_member(jwk, "y", point + 1 + P256_BYTES, P256_BYTES) != P256_BYTES)
        return NULL;
    _cleanup_(OSSL_PARAM_BLD_free_p) OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    if (!builder || !OSSL_PARAM_BLD_push_utf8_string(builder, OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0) ||
        !OSSL_PARAM_BLD_push_octet_string(builder, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point))
        return NULL;
    _cleanup_(OSSL_PARAM_free_p) OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(builder);
    return make_pkey("EC", params);
}

/* A member that, where it is given, must say this. */
static bool says(const json_t *jwk, const char *name, const char *wanted) {
    const json_t *value = json_object_get(jwk, name);
    return !value || str_eq(json_string_value(value), wanted);
}

static void add_key(struct jose_keys *keys, const json_t *jwk) {
    struct key *key = &keys->items[keys->count];
    const char *type = json_string_value(json_object_get(jwk, "kty"));
    const char *kid = json_string_value(json_object_get(jwk, "kid"));
    if (keys->count == JOSE_KEYS_MAX || !says(jwk, "use", "sig") || (kid && strlen(kid) > JOSE_KID_MAX))
        return;
    if (str_eq(type, "RSA") && says(jwk, "alg", "RS256")) {
        key->algorithm = RS256;
        key->pkey = read_rsa(jwk);
    } else if (str_eq(type, "EC") && says(jwk, "alg", "ES256")) {
        key->algorithm = ES256;
        key->pkey = read_ec(jwk);
    }
    if (!key->pkey)
        return;
    str_copy(key->kid, sizeof key->kid, kid ? kid : "");
    keys->count++;
}

int jose_keys_parse(const char *text, size_t length, struct jose_keys **ret, struct err *err) {
    _cleanup_(json_decref_p) json_t *set = json_loadb(text, length, JSON_REJECT_DUPLICATES, NULL);
    const json_t *list = json_object_get(set, "keys"), *jwk;
    size_t i;
    if (!json_is_array(list))
        return err_set(err, ERR_INVALID, "bad_jwks", "this is no set of keys");
    struct jose_keys *keys = mem_zalloc(sizeof *keys);
    json_array_foreach (list, i, jwk)
        add_key(keys, jwk);
    *ret = keys;
    return 0;
}

size_t jose_keys_count(const struct jose_keys *keys) {
    return keys->count;
}

void jose_keys_free(struct jose_keys *keys) {
    for (size_t i = 0; keys && i < keys->count; i++)
        EVP_PKEY_free(keys->items[i].pkey);
    free(keys);
}

/* --- signatures --- */

/* One of the two numbers of an ES256 signature as an ASN.1 INTEGER: no leading zeros, but one where the first
 * bit would make it negative. Returns the end. */
static uint8_t *put_integer(uint8_t *der, const uint8_t number[P256_BYTES]) {
    size_t skip = 0;
    while (skip < P256_BYTES - 1 && number[skip] == 0)
        skip++;
    bool pad = number[skip] & 0x80;
    *der++ = 0x02;
    *der++ = (uint8_t)(P256_BYTES - skip + pad);
    if (pad)
        *der++ = 0;
    memcpy(der, number + skip, P256_BYTES - skip);
    return der + P256_BYTES - skip;
}

/* R and S side by side (RFC 7518 section 3.4) → the DER that OpenSSL checks. */
static size_t to_der(const uint8_t signature[ES256_BYTES], uint8_t der[DER_MAX]) {
    uint8_t *end = put_integer(put_integer(der + 2, signature), signature + P256_BYTES);
    der[0] = 0x30;
    der[1] = (uint8_t)(end - der - 2);
    return (size_t)(end - der);
}

static bool matches(const struct key *key, const char *text, size_t text_length, const uint8_t *signature,
                    size_t length) {
    uint8_t der[DER_MAX];
    if (key->algorithm == ES256) {
        if (length != ES256_BYTES)
            return false;
        length = to_der(signature, der);
        signature = der;
    }
    _cleanup_(EVP_MD_CTX_free_p) EVP_MD_CTX *context = EVP_MD_CTX_new();
    return context && EVP_DigestVerifyInit(context, NULL, EVP_sha256(), NULL, key->pkey) == 1 &&
           EVP_DigestVerify(context, signature, length, (const uint8_t *)text, text_length) == 1;
}

/* header.payload.signature */
struct parts {
    const char *header, *payload, *signature;
    size_t header_length, payload_length, signature_length;
};

static bool split(const char *text, size_t length, struct parts *parts) {
    const char *first = memchr(text, '.', length);
    const char *second = first ? memchr(first + 1, '.', length - (size_t)(first + 1 - text)) : NULL;
    if (!second || memchr(second + 1, '.', length - (size_t)(second + 1 - text)))
        return false;
    *parts = (struct parts){.header = text,
                            .header_length = (size_t)(first - text),
                            .payload = first + 1,
                            .payload_length = (size_t)(second - first - 1),
                            .signature = second + 1,
                            .signature_length = length - (size_t)(second + 1 - text)};
    return true;
}

static json_t *decode_object(const char *text, size_t length) {
    _cleanup_free_ char *data = mem_zalloc(length + 1);
    long got = decode(text, length, data, length);
    json_t *value = got > 0 ? json_loadb(data, (size_t)got, JSON_REJECT_DUPLICATES, NULL) : NULL;
    if (json_is_object(value))
        return value;
    json_decref(value);
    return NULL;
}

static int bad(struct err *err, const char *why) {
    return err_set(err, ERR_INVALID, "bad_signature", "%s", why);
}

/* By every key that the header's "alg" and "kid" allow. 1 right, 0 wrong, -1 no such key. */
static int check(const struct jose_keys *keys, enum algorithm algorithm, const char *kid,
                 const struct parts *parts, const uint8_t *signature, size_t length) {
    int status = -1;
    size_t signed_length = parts->header_length + 1 + parts->payload_length;
    for (size_t i = 0; i < keys->count && status <= 0; i++) {
        const struct key *key = &keys->items[i];
        if (key->algorithm != algorithm || (kid && *key->kid && !str_eq(kid, key->kid)))
            continue;
        status = matches(key, parts->header, signed_length, signature, length);
    }
    return status;
}

int jose_verify(const struct jose_keys *keys, const char *text, size_t length, json_t **ret,
                struct err *err) {
    struct parts parts;
    uint8_t signature[RSA_BYTES_MAX];
    if (length > JOSE_TEXT_MAX || !split(text, length, &parts))
        return bad(err, "this is no signed text");
    _cleanup_(json_decref_p) json_t *header = decode_object(parts.header, parts.header_length);
    long signature_length = decode(parts.signature, parts.signature_length, signature, sizeof signature);
    const char *name = json_string_value(json_object_get(header, "alg"));
    const char *kid = json_string_value(json_object_get(header, "kid"));
    if (!header || signature_length <= 0 || json_object_get(header, "crit"))
        return bad(err, "this is no signed text that we understand");
    if (!str_eq(name, "RS256") && !str_eq(name, "ES256"))
        return bad(err, "it is not signed by RS256 or ES256");
    int status =
        check(keys, str_eq(name, "RS256") ? RS256 : ES256, kid, &parts, signature, (size_t)signature_length);
    if (status < 0)
        return err_set(err, ERR_NOT_FOUND, "unknown_key", "there is no key that signed this");
    json_t *payload = status > 0 ? decode_object(parts.payload, parts.payload_length) : NULL;
    if (!payload)
        return bad(err, status > 0 ? "what was signed is no JSON object" : "the signature is wrong");
    *ret = payload;
    return 0;
}
