/* Is a login still good? For what goes on for longer than the request that it began with.
 */
#ifndef SS_CONTROL_LOGIN_ALIVE_H
#define SS_CONTROL_LOGIN_ALIVE_H

#include "control/users/user.h"

/* Fills *ret with the login's user as he is now. ERR_UNAUTHENTICATED "signed_out" when the login has ended or
 * its user is not active. */
int login_alive(struct db_conn *conn, int64_t login_id, struct user *ret, struct err *err);

#endif
