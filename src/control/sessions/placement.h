/* Placement: which agent runs a new session.
 *
 * An agent is taken when it is online, holds a live connection, fits the template (runtime, labels) and has
 * room: active sessions < maxSessions, and CPU and memory minus what its active sessions asked for. Of those
 * the least loaded (active ÷ maxSessions), then the first agentId.
 */
#ifndef SS_CONTROL_PLACEMENT_H
#define SS_CONTROL_PLACEMENT_H

#include "base/err.h"
#include "base/id.h"
#include "control/quotas/quota.h"
#include "db/db.h"

#include <stddef.h>
#include <stdint.h>

struct template;

#define REFUSALS_MAX 200
#define REFUSAL_REASON_MAX 128

/* Why there is no room: each agent's reason for the 503 `no_agent`. Zero-initialise. */
struct refusal {
    char agent_id[AGENT_ID_MAX + 1];
    char reason[REFUSAL_REASON_MAX];
};
struct refusals {
    struct refusal *items; /* owned */
    size_t count;
    struct quota_refusal quota; /* for the 403 `quota_exceeded`: which limit it was */
};
void refusals_finish(struct refusals *refusals);
#define _cleanup_refusals_ __attribute__((cleanup(refusals_finish)))

struct placement_wish {
    const struct template *template;
    int64_t cpu_millis, memory_bytes;
    const char *only_agent; /* a wake takes room on its own agent; NULL: any */
};

/* Inside the caller's transaction; takes the lock "placement". `agent_id` has AGENT_ID_MAX + 1 bytes,
 * `platform` 16. ERR_UNAVAILABLE "no_agent" when none fits; `refusals` (may be NULL) says why. */
int placement_choose(struct db_conn *conn, const struct placement_wish *wish, char *agent_id, char *platform,
                     struct refusals *refusals, struct err *err);

/* Has the agent this much more room, for a session that it runs already? Inside the caller's transaction;
 * takes the lock. Amounts of 0 and less are not looked at. ERR_UNAVAILABLE "no_agent" with `refusals`. */
int placement_grow(struct db_conn *conn, const char *agent_id, int64_t cpu_millis, int64_t memory_bytes,
                   struct refusals *refusals, struct err *err);

#endif
