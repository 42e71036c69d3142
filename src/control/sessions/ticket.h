/* Stream tickets: single use, 30 s, stored as SHA-256. A ticket opens one stream of one session for one user.
 */
#ifndef SS_CONTROL_TICKET_H
#define SS_CONTROL_TICKET_H

#include "control/audit/audit.h"
#include "control/sessions/session.h"
#include "control/shares/share.h"
#include "control/users/login.h"

#define TICKET_SECONDS 30
#define TICKET_SIZE KEY_HEX_SIZE

/* TICKET_BEST: as much as one may. */
enum ticket_mode { TICKET_CONTROL, TICKET_VIEW, TICKET_BEST };
const char *ticket_mode_name(enum ticket_mode mode); /* "control", "view" */

struct ticket {
    char text[TICKET_SIZE];
    char expires_at[TIME_TEXT_SIZE];
    enum ticket_mode mode; /* never TICKET_BEST */
};

/* ERR_NOT_FOUND when the actor may not see the session; ERR_DENIED "view_only" when he may only look and
 * wants more; ERR_CONFLICT "hibernated" (only wake wakes), "not_running" otherwise. `login_id` (0: none) ties
 * the stream to a login: it dies with it. */
int ticket_create(struct db_conn *conn, const struct actor *actor, const char *session, enum ticket_mode mode,
                  int64_t login_id, struct ticket *ret, struct err *err);
/* The same by a link, with audit; the actor is who came by it (user_id 0: not signed in). */
int ticket_create_link(struct db_conn *conn, const struct actor *actor, const struct share *share,
                       enum ticket_mode mode, int64_t login_id, struct ticket *ret, struct err *err);

struct ticket_use {
    struct user user; /* id 0, username "share:NUMBER": somebody who came by a link */
    enum ticket_mode mode;
    int64_t login_id;
    int64_t share_id;             /* what the right goes back to; 0: being owner or operator */
    char expires[TIME_TEXT_SIZE]; /* of the share; "": never */
    struct session session;       /* finish it */
};
/* Uses it up, whatever follows, then checks rights and state again. `session` is the name in the path.
 * ERR_UNAUTHENTICATED "bad_ticket" (unknown, used, expired, of another session, user disabled or rights
 * gone); ERR_CONFLICT as above. */
int ticket_use(struct db_conn *conn, const char *session, const char *ticket, struct ticket_use *ret,
               struct err *err);
void ticket_use_finish(struct ticket_use *use);

int ticket_prune(struct db_conn *conn, struct err *err);

#endif
