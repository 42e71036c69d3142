/* The first administrator of a server that was given none: whoever can read its log has the token that makes
 * one. Tokens are 256 random bits, stored as SHA-256, good for SETUP_HOURS and one account. */
#ifndef SS_CONTROL_SETUP_H
#define SS_CONTROL_SETUP_H

#include "base/id.h"
#include "control/users/user.h"

#define SETUP_HOURS 24

/* There is no active administrator. */
int setup_needed(struct db_conn *conn, bool *ret, struct err *err);
/* At start: a new token for the log (KEY_HEX_SIZE bytes), "" when none is needed. */
int setup_offer(struct db_conn *conn, char *token, struct err *err);
/* Makes the account, with role admin whatever `fields` says; all tokens end. Slow, as user_create().
 * ERR_CONFLICT "setup_done" when none is needed; ERR_UNAUTHENTICATED "bad_setup_token"; else as
 * user_create(). Audit "setup.finish". */
int setup_finish(struct db_conn *conn, const struct actor *actor, const char *token,
                 const struct user_new *fields, struct user *ret, struct err *err);

#endif
