#include "auth/claims.h"

#include <string.h>

#define CLAIM_TEXT_MAX 1024
#define CLAIM_PATH_PART_MAX 128

static int refuse(struct err *err, const char *why) {
    return err_set(err, ERR_UNAUTHENTICATED, "oidc_refused", "the identity provider's token %s", why);
}

static bool is_text(const json_t *value, const char *wanted) {
    return json_is_string(value) && strlen(json_string_value(value)) == json_string_length(value) &&
           str_eq(json_string_value(value), wanted);
}

/* "aud" is a text or a list of them; with several, or where it is given, "azp" must be us. */
static bool is_for(const json_t *token, const char *client_id) {
    const json_t *audience = json_object_get(token, "aud"), *party = json_object_get(token, "azp"), *one;
    bool found = is_text(audience, client_id);
    size_t i;
    json_array_foreach (audience, i, one)
        found = found || is_text(one, client_id);
    if (!found || (party && !is_text(party, client_id)))
        return false;
    return party || json_array_size(audience) <= 1;
}

int claims_check(const json_t *token, const struct claims_expected *expected, struct err *err) {
    const json_t *subject = json_object_get(token, "sub");
    const json_t *expires = json_object_get(token, "exp"), *issued = json_object_get(token, "iat");
    if (!is_text(json_object_get(token, "iss"), expected->issuer))
        return refuse(err, "was issued by somebody else");
    if (!is_for(token, expected->client_id))
        return refuse(err, "is for somebody else");
    if (!is_text(json_object_get(token, "nonce"), expected->nonce))
        return refuse(err, "belongs to another sign-in");
    if (!json_is_number(expires) || json_number_value(expires) + OIDC_CLOCK_LEEWAY <= (double)expected->now)
        return refuse(err, "has expired");
    if (!json_is_number(issued) || json_number_value(issued) - OIDC_CLOCK_LEEWAY > (double)expected->now)
        return refuse(err, "is from the future: one of the two clocks is wrong");
    if (!json_is_string(subject) || !json_string_length(subject) || json_string_length(subject) > 255)
        return refuse(err, "names no subject");
    return 0;
}

/* By "a.b.c", or by a member of that whole name (some providers use URLs as names). */
static const json_t *find(const json_t *object, const char *path) {
    const json_t *whole = json_object_get(object, path);
    if (whole)
        return whole;
    while (object) {
        char part[CLAIM_PATH_PART_MAX];
        size_t length = strcspn(path, ".");
        if (length >= sizeof part)
            return NULL;
        memcpy(part, path, length);
        part[length] = '\0';
        object = json_object_get(object, part);
        if (!path[length])
            return object;
        path += length + 1;
    }
    return NULL;
}

static void take_text(const json_t *value, char **ret) {
    size_t length = json_string_length(value);
    if (!*ret && length > 0 && length <= CLAIM_TEXT_MAX && strlen(json_string_value(value)) == length)
        *ret = str_dup(json_string_value(value));
}

static void take_groups(const json_t *value, struct oidc_claims *ret) {
    const json_t *one;
    size_t i;
    if (ret->has_groups || (!json_is_array(value) && !json_is_string(value)))
        return;
    ret->has_groups = true;
    if (json_is_string(value))
        strv_add(&ret->groups, json_string_value(value));
    json_array_foreach (value, i, one) {
        if (json_is_string(one) && ret->groups.count < OIDC_GROUPS_MAX)
            strv_add(&ret->groups, json_string_value(one));
    }
}

void claims_read(const json_t *source, const char *username_claim, const char *groups_claim,
                 struct oidc_claims *ret) {
    take_text(json_object_get(source, "sub"), &ret->subject);
    take_text(find(source, username_claim), &ret->username);
    take_text(json_object_get(source, "name"), &ret->name);
    if (!json_is_false(json_object_get(source, "email_verified")))
        take_text(json_object_get(source, "email"), &ret->email);
    take_groups(find(source, groups_claim), ret);
}

void oidc_claims_finish(struct oidc_claims *claims) {
    free(claims->subject);
    free(claims->username);
    free(claims->email);
    free(claims->name);
    strv_finish(&claims->groups);
    *claims = (struct oidc_claims){0};
}
