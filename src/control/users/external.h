/* People whom an identity provider vouches for: who of our users is it, and what does its word change.
 */
#ifndef SS_CONTROL_EXTERNAL_H
#define SS_CONTROL_EXTERNAL_H

#include "base/str.h"
#include "control/users/user.h"

#define EXTERNAL_SUBJECT_MAX 255
#define EXTERNAL_NAME_TRIES 99 /* "alice", "alice-2" … "alice-99" */

/* As the provider says it; all borrowed. */
struct external_identity {
    const char *issuer, *subject;
    const char *username, *email, *name; /* or NULL */
    const struct strv *groups;           /* NULL: nothing is said of groups */
};

struct external_policy {
    bool create;                              /* unknown people become users */
    bool link_by_name;                        /* … or the user who has their name already */
    const char *admin_group, *operator_group; /* whose members are what; NULL or "": roles are set by hand */
};

/* One transaction: finds the user, or makes or links one; sets name and e-mail address as the provider has
 * them, the role where the policy maps groups to roles (but the last active administrator stays one), and
 * membership in groups of ours that bear the names of the provider's. ERR_DENIED "user_disabled",
 * "user_unknown". */
int external_sign_in(struct db_conn *conn, const struct actor *actor,
                     const struct external_identity *identity, const struct external_policy *policy,
                     struct user *ret, struct err *err);

/* A name of ours made from the provider's: lower case, what stands before an '@', '-' for what ours may not
 * have. `name` has USERNAME_MAX + 1 bytes. False when nothing is left. */
bool external_make_username(const char *text, char *name);

#endif
