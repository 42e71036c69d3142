/* Quotas: what a user, or the members of a group in sum, may hold at once.
 *
 * There is none until one is set. What is used is added up from the rows each time, never stored: sessions
 * count while they are live, their CPU and memory while they are active (a hibernated one holds neither), and
 * storage is the size of the persistent homes, which outlive their sessions. Checking and taking happen in
 * one transaction under the lock "placement", so that requests side by side cannot overshoot. A quota below
 * what is used ends nothing; it refuses what comes.
 */
#ifndef SS_CONTROL_QUOTA_H
#define SS_CONTROL_QUOTA_H

#include "base/err.h"
#include "control/audit/audit.h"
#include "control/groups/group.h"
#include "db/db.h"
#include "json/writer.h"

#include <stdbool.h>
#include <stdint.h>

#define QUOTA_NO_LIMIT ((int64_t)-1)
#define QUOTA_SESSIONS_MAX 1000000

enum quota_resource { QUOTA_SESSIONS, QUOTA_CPU, QUOTA_MEMORY, QUOTA_STORAGE, QUOTA_RESOURCES };
const char *quota_resource_name(enum quota_resource resource); /* "sessions", "cpu", "memory", "storage" */

/* Numbers of sessions, thousandths of a core, bytes, bytes; by resource. */
struct quota {
    int64_t max[QUOTA_RESOURCES]; /* QUOTA_NO_LIMIT where there is none */
};
#define QUOTA_UNLIMITED ((struct quota){{QUOTA_NO_LIMIT, QUOTA_NO_LIMIT, QUOTA_NO_LIMIT, QUOTA_NO_LIMIT}})
struct quota_use {
    int64_t amount[QUOTA_RESOURCES];
};

/* Whose. */
struct quota_of {
    bool group;
    const char *name; /* username or group name, borrowed */
};

/* ERR_NOT_FOUND "user_not_found", "group_not_found" in all three. Without a quota: unlimited, and what is
 * used. */
int quota_get(struct db_conn *conn, const struct quota_of *of, struct quota *ret, struct quota_use *ret_used,
              struct err *err);
/* Replaces the whole of it. ERR_INVALID naming the field. One transaction with audit. */
int quota_set(struct db_conn *conn, const struct actor *actor, const struct quota_of *of,
              const struct quota *quota, struct err *err);
/* No quota any more; nothing happens when there was none. */
int quota_clear(struct db_conn *conn, const struct actor *actor, const struct quota_of *of, struct err *err);
/* {maxSessions, maxCpu, maxMemory, maxStorage, used{…}} */
void quota_write_json(const struct quota *quota, const struct quota_use *used, struct json_writer *w);

/* Which limit stood in the way. Plain data. */
struct quota_refusal {
    bool group;
    char name[USERNAME_MAX + 1];
    enum quota_resource resource;
    int64_t limit, used; /* in the resource's unit */
};
/* scope, name, resource, limit and used, as members of an object that is open. */
void quota_refusal_write(const struct quota_refusal *refusal, struct json_writer *w);

/* May the user hold this much more? His own quota and those of all his groups are asked; amounts of 0 and
 * less are not looked at. Inside the caller's transaction, after db_lock("placement"), before what is asked
 * for is written. ERR_DENIED "quota_exceeded" with *refusal filled (may be NULL). */
int quota_check(struct db_conn *conn, int64_t user_id, const struct quota_use *more,
                struct quota_refusal *refusal, struct err *err);

/* --- homes --- */

/* A persistent home of the user on the agent, of this size, is in use from now on: quota_check for what is
 * new of it, then the row. Inside the caller's transaction, as above. */
int home_take(struct db_conn *conn, int64_t user_id, const char *agent_id, int64_t size_bytes,
              struct quota_refusal *refusal, struct err *err);
/* The home was removed. */
int home_forget(struct db_conn *conn, int64_t user_id, const char *agent_id, struct err *err);
/* The agent was removed, its homes are out of reach. */
int home_forget_of_agent(struct db_conn *conn, const char *agent_id, struct err *err);

#endif
