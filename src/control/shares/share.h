/* Shares: another user, or whoever has a link, may see or use a session, until he may not any more.
 *
 * A share is a row. It holds as long as it is there, has not expired, and the session's owner is active:
 * looked at whenever it is used. Its end (revoked, expired) is an event "share", "removed", by which every
 * replica ends the streams that go back to it. A link is a random token of 256 bits, shown once and kept as
 * its SHA-256.
 */
#ifndef SS_CONTROL_SHARE_H
#define SS_CONTROL_SHARE_H

#include "base/clock.h"
#include "base/err.h"
#include "base/id.h"
#include "control/audit/audit.h"
#include "control/sessions/session.h"
#include "db/db.h"
#include "json/writer.h"

#include <stdbool.h>
#include <stdint.h>

#define SHARES_MAX 64 /* of one session */
#define SHARE_TOKEN_SIZE KEY_HEX_SIZE

/* Plain data. */
struct share {
    int64_t id;
    char session[SESSION_NAME_MAX + 1];
    int64_t user_id;                 /* 0: a link */
    char username[USERNAME_MAX + 1]; /* "" for a link */
    enum session_access mode;        /* SESSION_ACCESS_VIEW or SESSION_ACCESS_CONTROL */
    char created_by[USERNAME_MAX + 1];
    char created_at[TIME_TEXT_SIZE], expires_at[TIME_TEXT_SIZE]; /* expires_at "": never */
};

struct share_new {
    const char *username;     /* with whom, or NULL … */
    bool link;                /* … for a link */
    enum session_access mode; /* SESSION_ACCESS_VIEW or SESSION_ACCESS_CONTROL */
    const char *expires_at;   /* RFC 3339, or NULL: never */
};

/* One transaction with audit and events. `token` (SHARE_TOKEN_SIZE bytes) is filled for a link, else "".
 * ERR_INVALID naming the field (unknown user, the owner himself, both or neither of user and link, a time
 * that has passed); ERR_CONFLICT "already_shared", "session_ended"; ERR_DENIED "links_off" when the setting
 * share-links is "off"; ERR_LIMIT "too_many_shares". */
int share_create(struct db_conn *conn, const struct actor *actor, const struct session *session,
                 const struct share_new *fields, struct share *ret, char *token, struct err *err);

/* Those that hold, oldest first: at most SHARES_MAX. *ret is owned (free). */
int share_list(struct db_conn *conn, const char *session, struct share **ret, size_t *ret_count,
               struct err *err);

/* One transaction with audit and events. ERR_NOT_FOUND "share_not_found" (of another session too). */
int share_remove(struct db_conn *conn, const struct actor *actor, const char *session, int64_t id,
                 struct err *err);

/* By a link's token. `guest` says that a user is signed in. ERR_NOT_FOUND "share_not_found": no such link, or
 * it does not hold, or links are off; ERR_UNAUTHENTICATED "sign_in_first" when the setting share-links asks
 * for a user and there is none. */
int share_find_link(struct db_conn *conn, const char *token, bool guest, struct share *ret, struct err *err);
/* By number; the same conditions. */
int share_find(struct db_conn *conn, int64_t id, bool guest, struct share *ret, struct err *err);

/* Removes those whose time has come, with audit and events; at most 100 at once. *ret is their number. */
int share_expire(struct db_conn *conn, unsigned *ret, struct err *err);

/* As the API shows it (an object); `token` and `url` only where they are given. */
void share_write_json(const struct share *share, const char *token, const char *url, struct json_writer *w);

#endif
