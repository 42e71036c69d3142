/* The audit log: who did what, to what, from where, and how it ended. Rows are written in the transaction of
 * the change that they tell of, and never changed. Secrets are never passed here.
 */
#ifndef SS_CONTROL_AUDIT_H
#define SS_CONTROL_AUDIT_H

#include "base/clock.h"
#include "base/err.h"
#include "base/id.h"
#include "db/db.h"

#include <stdbool.h>
#include <stdint.h>

/* Who acts. A person (user_id > 0), an agent ("agent:ID"), or the system itself (ACTOR_SYSTEM). All strings
 * are borrowed for the call. */
struct actor {
    int64_t user_id;
    const char *username;
    const char *role;       /* "user", "operator", "admin"; NULL: none */
    const char *address;    /* where from, or NULL */
    const char *request_id; /* or NULL */
};
#define ACTOR_SYSTEM ((struct actor){.username = "system"})

/* True for operators and admins. */
bool actor_is_operator(const struct actor *actor);
bool actor_is_admin(const struct actor *actor);

#define AUDIT_ACTION_MAX 64
#define AUDIT_TARGET_MAX 128
#define AUDIT_DETAIL_MAX 1024

/* How it ended, as it is kept and shown. "success", "denied" and "failure" are taken for them. */
#define AUDIT_ALLOWED "allowed"
#define AUDIT_REFUSED "refused"
#define AUDIT_FAILED "failed"
/* The kept word for any of the six; NULL when it is none. */
const char *audit_outcome(const char *word);

/* Inside the caller's transaction (or alone). `action` is "noun.verb" ("session.create"), `target` the name
 * of what was acted on (NULL: none), `detail` a short text or NULL. Longer texts than the maxima above are
 * cut. */
int audit_write(struct db_conn *conn, const struct actor *actor, const char *action, const char *target,
                const char *outcome, const char *detail, struct err *err);

struct audit_row {
    int64_t id;
    char at[TIME_TEXT_SIZE];
    char username[USERNAME_MAX + 8]; /* "agent:ID" fits */
    char action[AUDIT_ACTION_MAX];
    char target[AUDIT_TARGET_MAX];
    char address[64];
    char outcome[16];
    char request_id[40];
    char detail[AUDIT_DETAIL_MAX];
};

struct audit_filter {
    const char *username;
    const char *action; /* "session.create", or a noun alone: all of its verbs */
    const char *target, *outcome;
    const char *search;        /* in user, action, target, address and detail, whatever the case */
    const char *since, *until; /* RFC 3339 as time_format() makes them: since <= time < until */
    int64_t before_id;         /* 0: from the newest */
    unsigned limit;            /* 0: 50; at most AUDIT_PAGE_MAX */
};
#define AUDIT_PAGE_MAX 500

/* Newest first; NULL members of the filter match everything. *ret is owned (free). */
int audit_list(struct db_conn *conn, const struct audit_filter *filter, struct audit_row **ret,
               size_t *ret_count, struct err *err);
/* How many match, whatever before_id and limit say. */
int audit_count(struct db_conn *conn, const struct audit_filter *filter, int64_t *ret, struct err *err);
/* Removes some of the rows from before this time (RFC 3339): called again and again by the reconciler. */
int audit_prune(struct db_conn *conn, const char *before, struct err *err);

#endif
