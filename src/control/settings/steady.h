/* Steady time: milliseconds that rise by what has truly passed on this machine (CLOCK_BOOTTIME), kept in the
 * database, so that deadlines in rows survive restarts and jumps of the wall clock. Time during which no
 * server ran counts when the machine was not rebooted in between.
 */
#ifndef SS_CONTROL_STEADY_H
#define SS_CONTROL_STEADY_H

#include "base/err.h"
#include "db/db.h"

#include <stdint.h>

int steady_now(struct db_conn *conn, int64_t *ret, struct err *err);
/* What the last tick wrote. */
int steady_last(struct db_conn *conn, int64_t *ret, struct err *err);
/* Writes the present steady time back. Once a second by the reconciler; alone or inside a transaction. */
int steady_tick(struct db_conn *conn, struct err *err);

#endif
