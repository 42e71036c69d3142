/* Signatures of identity providers: JWK sets (RFC 7517) and compact JWS (RFC 7515) with RS256 and ES256
 * (RFC 7518 sections 3.3 and 3.4). No other algorithm is taken, "none" and the symmetric ones in particular:
 * the text does not choose how it is checked, its key's type does.
 */
#ifndef SS_AUTH_JOSE_H
#define SS_AUTH_JOSE_H

#include "base/err.h"

#include <jansson.h>
#include <stddef.h>

#define JOSE_TEXT_MAX (64 * 1024) /* bytes of a signed text */
#define JOSE_KEYS_MAX 64          /* keys of a set; what comes after them is not looked at */
#define JOSE_KID_MAX 255

struct jose_keys;
/* From the JSON text of a set. Keys that cannot check an RS256 or ES256 signature (other types, curves, uses)
 * are left out. ERR_INVALID "bad_jwks" when it is no set. *ret may hold no key at all. */
int jose_keys_parse(const char *text, size_t length, struct jose_keys **ret, struct err *err);
size_t jose_keys_count(const struct jose_keys *keys);
void jose_keys_free(struct jose_keys *keys); /* accepts NULL */

/* Checks the signature and gives the payload, a JSON object, with one reference for the caller (json_decref).
 * Nothing of what the payload says is checked. ERR_INVALID "bad_signature" when it is malformed, its
 * algorithm is not taken, or no key fits; ERR_NOT_FOUND "unknown_key" when the set has no key of that name
 * (it may be old: fetch it again). */
int jose_verify(const struct jose_keys *keys, const char *text, size_t length, json_t **ret, struct err *err);

#endif
