/* Refused attempts on their way into the audit log.
 *
 * Whoever answers a request only puts a note into a queue; a thread writes what has come in one transaction.
 * So a flood of refused requests costs them no database time, and a flood cannot fill the log either: each
 * address may have REFUSALS_PER_ADDRESS notes at once and gains one a second, all together have the setting
 * audit-refused-rate a minute. What is over that is counted, and the number is written.
 */
#ifndef SS_API_REFUSALS_H
#define SS_API_REFUSALS_H

#include "control/audit/audit.h"
#include "db/db.h"

#define REFUSALS_QUEUE_MAX 1024
#define REFUSALS_PER_ADDRESS 60

struct refusal_log;

int refusals_create(struct refusal_log **ret, struct db *db, struct err *err);
/* Writes what waits and ends the thread; later notes are dropped. Accepts NULL, may be repeated. */
void refusals_stop(struct refusal_log *refusals);
void refusals_destroy(struct refusal_log *refusals); /* stops; accepts NULL */

/* Never waits. The texts are copied; `target` and `detail` may be NULL. `outcome` is one of audit.h's. */
void refusals_note(struct refusal_log *refusals, const struct actor *actor, const char *action,
                   const char *target, const char *outcome, const char *detail);
/* Notes that were not written for want of room. */
uint64_t refusals_suppressed(const struct refusal_log *refusals);

#endif
