/* Which agent does a key belong to? For requests that do not name their agent (streams).
 */
#ifndef SS_CONTROL_AGENT_KEY_H
#define SS_CONTROL_AGENT_KEY_H

#include "base/err.h"
#include "db/db.h"

/* `agent_id` has AGENT_ID_MAX + 1 bytes. ERR_UNAUTHENTICATED "bad_key" when the key is nobody's. The lookup
 * is by the key's SHA-256: how long it takes tells nothing about a key. */
int agent_find_key(struct db_conn *conn, const char *key, char *agent_id, struct err *err);

#endif
