/* Signing in at an identity provider: OpenID Connect Core 1.0, authorization code flow (section 3.1) with
 * PKCE (RFC 7636, S256), discovery (OpenID Connect Discovery 1.0), key sets (RFC 7517).
 *
 *     oidc_begin()    where to send the browser, and what must be kept until it comes back
 *     oidc_finish()   what the browser brought back → who it is
 *
 * Both may ask the provider: they block up to OIDC_TIMEOUT_MS for each of a few requests, so call them on a
 * thread that may wait. What the provider publishes is kept OIDC_METADATA_MS; keys are fetched again when a
 * token names one that is not known, at most every OIDC_KEYS_PAUSE_MS. All functions may be called from any
 * thread.
 */
#ifndef SS_AUTH_OIDC_H
#define SS_AUTH_OIDC_H

#include "base/err.h"
#include "base/str.h"

#include <stddef.h>

#define OIDC_TIMEOUT_MS 10000
#define OIDC_METADATA_MS (3600 * 1000)
#define OIDC_KEYS_PAUSE_MS 10000
#define OIDC_ANSWER_MAX (256 * 1024) /* bytes of any of the provider's answers */
#define OIDC_SECRET_SIZE 44  /* state, nonce, verifier: 43 characters (256 random bits) and terminator */
#define OIDC_GROUPS_MAX 256  /* groups of one user that are looked at */
#define OIDC_CLOCK_LEEWAY 60 /* seconds that the provider's clock may differ */

struct oidc;

/* All texts are copied. */
struct oidc_options {
    const char *issuer; /* "https://id.example.org/realm": https, or http on this machine */
    const char *client_id;
    const char *client_secret;  /* NULL or "": a public client */
    const char *scopes;         /* NULL: "openid profile email" */
    const char *username_claim; /* NULL: "preferred_username" */
    const char *groups_claim;   /* NULL: "groups" */
    const char *ca_file;        /* NULL: the system's authorities */
};

/* ERR_INVALID for options that cannot work. Asks nobody yet. */
int oidc_create(struct oidc **ret, const struct oidc_options *options, struct err *err);
void oidc_destroy(struct oidc *oidc); /* accepts NULL */

/* To be kept secret and single-use until the browser is back, bound to the browser that began. */
struct oidc_request {
    const char *redirect_uri; /* our callback, as this browser reaches us; borrowed, by the caller */
    char state[OIDC_SECRET_SIZE], nonce[OIDC_SECRET_SIZE], verifier[OIDC_SECRET_SIZE];
};

/* Fills all of `request` but redirect_uri. *ret_url is owned. ERR_UNAVAILABLE "oidc_unavailable" when the
 * provider does not answer or what it publishes is of no use. */
int oidc_begin(struct oidc *oidc, struct oidc_request *request, char **ret_url, struct err *err);

/* Who it is, by the ID token and the userinfo endpoint. */
struct oidc_claims {
    char *subject;      /* the provider's own, never reused */
    char *username;     /* NULL when it has none */
    char *email, *name; /* or NULL; the address only when the provider does not say that it is unverified */
    struct strv groups;
    bool has_groups; /* the claim was there, be it empty */
};
void oidc_claims_finish(struct oidc_claims *claims);

/* `code` as the callback got it, `request` as kept. ERR_UNAUTHENTICATED "oidc_refused" when the provider does
 * not take the code or its token does not hold (OpenID Connect Core section 3.1.3.7); ERR_UNAVAILABLE
 * "oidc_unavailable". *ret is to be finished in any case. */
int oidc_finish(struct oidc *oidc, const struct oidc_request *request, const char *code,
                struct oidc_claims *ret, struct err *err);

#endif
