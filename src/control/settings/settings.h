/* Settings that the domain reads: one table with defaults, overridden by rows in `settings`.
 */
#ifndef SS_CONTROL_SETTINGS_H
#define SS_CONTROL_SETTINGS_H

#include "base/err.h"
#include "db/db.h"

#include <stddef.h>
#include <stdint.h>

enum setting {
    SETTING_START_EXPIRES,        /* seconds: an undelivered start fails after this; 300 */
    SETTING_START_DEADLINE,       /* seconds that an agent has for a start, from its first delivery; 60 */
    SETTING_STOP_DEADLINE,        /* seconds for a stop; 60 */
    SETTING_ACK_DEADLINE,         /* seconds that an agent has to acknowledge; 10 */
    SETTING_RETRY_MAX,            /* seconds: the longest back-off; 60 */
    SETTING_START_ATTEMPTS,       /* a start that fails "retryable" is tried this often; 3 */
    SETTING_ORPHAN_GRACE,         /* seconds between first sight and stop; 30 */
    SETTING_HISTORY_DAYS,         /* ended sessions and commands stay readable; 30 */
    SETTING_SESSION_MAX_PER_USER, /* 0: no limit until there are quotas; 0 */
    SETTINGS
};

struct setting_row {
    const char *name; /* "session.startExpires" */
    int64_t value, min, max;
    const char *help;
};
extern const struct setting_row setting_table[SETTINGS];

/* The value in force: the row in the database, else the default. */
int setting_get(struct db_conn *conn, enum setting setting, int64_t *ret, struct err *err);
/* Inside the caller's transaction (or alone). ERR_INVALID outside its bounds. */
int setting_set(struct db_conn *conn, enum setting setting, int64_t value, struct err *err);

/* Steady time: milliseconds that rise by what has truly passed on this machine (CLOCK_BOOTTIME), kept in the
 * database, so that deadlines in rows survive restarts and jumps of the wall clock. Time during which no
 * server ran counts when the machine was not rebooted in between. */
int steady_now(struct db_conn *conn, int64_t *ret, struct err *err);
/* What the last tick wrote. */
int steady_last(struct db_conn *conn, int64_t *ret, struct err *err);
/* Writes the present steady time back. Once a second by the reconciler; alone or inside a transaction. */
int steady_tick(struct db_conn *conn, struct err *err);

#endif
