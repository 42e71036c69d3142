/* Inside auth/: what must be true of an ID token, and what is read from claims. No I/O. */
#ifndef SS_AUTH_CLAIMS_H
#define SS_AUTH_CLAIMS_H

#include "auth/oidc.h"

#include <jansson.h>
#include <stdint.h>

struct claims_expected {
    const char *issuer, *client_id, *nonce;
    int64_t now; /* seconds since 1970 */
};
/* OpenID Connect Core section 3.1.3.7. ERR_UNAUTHENTICATED "oidc_refused". */
int claims_check(const json_t *token, const struct claims_expected *expected, struct err *err);

/* Adds what `source` (an ID token's payload, a userinfo answer) has and *ret lacks. `username_claim` and
 * `groups_claim` may be paths with dots ("resource_access.desk.roles"). */
void claims_read(const json_t *source, const char *username_claim, const char *groups_claim,
                 struct oidc_claims *ret);

#endif
