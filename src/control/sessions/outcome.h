/* What an agent's answers to commands do to the command's row and to the session, in one transaction each.
 *
 * All are fenced: the command must belong to this agent, be at this attempt and not be decided yet, and
 * `generation` must be the agent's present one. Anything else changes nothing and leaves *ret_applied (may be
 * NULL) false: late, repeated and foreign messages are no errors; the hub counts them.
 */
#ifndef SS_CONTROL_OUTCOME_H
#define SS_CONTROL_OUTCOME_H

#include "base/err.h"
#include "db/db.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct answer {
    const char *agent_id;
    int64_t generation; /* of the connection that it came on */
    const char *command_id;
    int64_t attempt;
};

/* sent → acknowledged. A start's session: pending → starting. */
int outcome_acknowledged(struct db_conn *conn, const struct answer *answer, bool *ret_applied,
                         struct err *err);
/* → completed. start: running (unless terminating); stop: terminated; hibernate: hibernated (result "mode");
 * wake: running. `result` is borrowed and may be NULL. */
int outcome_completed(struct db_conn *conn, const struct answer *answer, const json_t *result,
                      bool *ret_applied, struct err *err);
/* retryable: back to pending with back-off, as a higher attempt (a start only SETTING_START_ATTEMPTS times,
 * and not when its session is ending). Else → failed; start: session failed with the reason and a stop queued
 * behind it; stop: tried again for ever with back-off (a stop is never given up); hibernate and wake: the
 * session goes back or fails, as the table says. */
int outcome_failed(struct db_conn *conn, const struct answer *answer, const char *error, bool retryable,
                   bool *ret_applied, struct err *err);

#endif
