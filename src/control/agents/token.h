/* Enrolment tokens to look at and to take back. Making and using them is in agent.h.
 *
 * A token is known by the first 16 hex digits of its SHA-256, which is all that is kept of it.
 */
#ifndef SS_CONTROL_AGENT_TOKEN_H
#define SS_CONTROL_AGENT_TOKEN_H

#include "base/clock.h"
#include "base/err.h"
#include "base/id.h"
#include "control/audit/audit.h"
#include "db/db.h"
#include "json/writer.h"

#include <stdbool.h>
#include <stdint.h>

#define AGENT_TOKEN_ID_SIZE 17
#define AGENT_TOKEN_KEEP_SECONDS ((int64_t)7 * 86400) /* after it has expired */

/* Plain data. */
struct agent_token_info {
    char id[AGENT_TOKEN_ID_SIZE];
    char agent_id[AGENT_ID_MAX + 1]; /* for this agent only; "" for any */
    char created_by[USERNAME_MAX + 1];
    char created_at[TIME_TEXT_SIZE], expires_at[TIME_TEXT_SIZE];
    char used_by[AGENT_ID_MAX + 1], used_at[TIME_TEXT_SIZE]; /* "" when not used */
};
void agent_token_write_json(const struct agent_token_info *token, struct json_writer *w);
/* The id of the token with this hash. */
void agent_token_id(const char *hash, char id[AGENT_TOKEN_ID_SIZE]);

struct agent_token_list {
    struct agent_token_info *items; /* owned */
    size_t count;
    int64_t total;
    bool more; /* the next page's cursor is the last item's id */
};
void agent_token_list_finish(struct agent_token_list *list);
/* Newest first, used and expired ones as well; limit 0: 50, at most 200. ERR_INVALID field "cursor". */
int agent_token_list(struct db_conn *conn, const char *cursor, unsigned limit, struct agent_token_list *ret,
                     struct err *err);
/* It enrols nobody any more; who has used it stays enrolled. Audited. ERR_NOT_FOUND "token_not_found". */
int agent_token_delete(struct db_conn *conn, const struct actor *actor, const char *id, struct err *err);
/* Removes those that expired a week ago. */
int agent_token_prune(struct db_conn *conn, struct err *err);

#endif
