/* JSON Web Tokens (RFC 7519) signed with HMAC-SHA-256 (RFC 7515, alg HS256 and no other). Pure functions.
 */
#ifndef SS_CONTROL_JWT_H
#define SS_CONTROL_JWT_H

#include "base/err.h"
#include "base/id.h"

#include <stddef.h>
#include <stdint.h>

#define JWT_TEXT_MAX 1024 /* characters of a whole token; longer ones are refused */
#define JWT_KID_MAX 32
#define JWT_KEY_SIZE 32

struct jwt_claims {
    char subject[USERNAME_MAX + 1]; /* sub */
    char role[16];                  /* role */
    int64_t login_id;               /* sid: number of the logins row */
    int64_t issued_at, expires_at;  /* iat, exp: seconds since 1970 */
};

/* Writes the token into `text` (JWT_TEXT_MAX + 1 bytes). `kid`: 1–JWT_KID_MAX of A–Z a–z 0–9 - _. */
int jwt_encode(const struct jwt_claims *claims, const char *kid, const uint8_t key[JWT_KEY_SIZE], char *text,
               struct err *err);

/* Reads the header alone: which key? `kid` has JWT_KID_MAX + 1 bytes. ERR_UNAUTHENTICATED "bad_token" for
 * whatever is no three-part token with {"alg":"HS256","typ":"JWT"?,"kid":…}. `token` need not be terminated.
 */
int jwt_key_id(const char *token, size_t length, char *kid, struct err *err);

/* Checks signature (constant time) and form, then expiry against `now` (seconds, 5 s of leeway for iat in the
 * future). ERR_UNAUTHENTICATED "bad_token" or "token_expired". */
int jwt_decode(const char *token, size_t length, const uint8_t key[JWT_KEY_SIZE], int64_t now,
               struct jwt_claims *ret, struct err *err);

/* base64url without padding (RFC 4648 section 5). Encoding writes (n * 4 + 2) / 3 characters and a
 * terminator. Decoding refuses foreign characters, padding and non-zero spare bits: returns the number of
 * bytes or -1. */
size_t base64url_encode(const void *data, size_t length, char *text);
long base64url_decode(const char *text, size_t length, uint8_t *data, size_t size);

#endif
