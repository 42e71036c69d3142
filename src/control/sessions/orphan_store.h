/* SQL of orphans: what agents run and nobody wants. */
#ifndef SS_CONTROL_ORPHAN_STORE_H
#define SS_CONTROL_ORPHAN_STORE_H

#include "base/err.h"
#include "base/id.h"
#include "db/db.h"

#include <stdbool.h>
#include <stdint.h>

struct orphan {
    char agent_id[AGENT_ID_MAX + 1];
    char session_id[SESSION_NAME_MAX + 1];
};
/* Noted, to be stopped when steady time reaches `stop_due`; one that is known keeps its time. */
int orphan_note(struct db_conn *conn, const char *agent_id, const char *session_id, int64_t stop_due,
                struct err *err);
/* Stopped, wanted after all, or not there any more. */
int orphan_forget(struct db_conn *conn, const char *agent_id, const char *session_id, struct err *err);
/* All of an agent's: its inventory is read anew. */
int orphan_list(struct db_conn *conn, const char *agent_id, struct orphan **ret, size_t *ret_count,
                struct err *err);
/* Those that are due and have no stop under way. *ret is owned (free). */
int orphan_due(struct db_conn *conn, int64_t now, unsigned limit, struct orphan **ret, size_t *ret_count,
               struct err *err);
int orphan_stopping(struct db_conn *conn, const struct orphan *orphan, const char *command_id,
                    struct err *err);
/* Due since before `before`, on agents that are online. */
int orphan_count_late(struct db_conn *conn, int64_t before, int64_t *ret, struct err *err);

#endif
