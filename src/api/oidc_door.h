/* The door to the identity provider: an `auth/` client made from the settings, and made again when they
 * change.
 */
#ifndef SS_API_OIDC_DOOR_H
#define SS_API_OIDC_DOOR_H

#include "auth/oidc.h"
#include "control/users/external.h"
#include "db/db.h"

struct oidc_door;
struct oidc_door *oidc_door_create(void);
void oidc_door_destroy(struct oidc_door *door); /* accepts NULL */

/* What is set up, for as long as it is held. Texts are copies. */
struct oidc_visit {
    struct oidc_door *door;
    struct oidc *oidc;
    char *issuer, *admin_group, *operator_group;
    bool create, link_by_name;
};
/* ERR_NOT_FOUND "oidc_not_configured" where no provider is set up; ERR_INVALID when the settings are wrong.
 */
int oidc_door_enter(struct oidc_door *door, struct db_conn *conn, struct oidc_visit *ret, struct err *err);
void oidc_door_leave(struct oidc_visit *visit); /* accepts the zero object */

/* Is there one? Its name for the sign-in page (SETTING_TEXT_MAX bytes). 1, 0, -1. */
int oidc_door_name(struct db_conn *conn, char *name, struct err *err);

#endif
