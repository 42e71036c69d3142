/* Waiting for a session's state, with its stages as progress on a terminal. */
#ifndef SS_CLI_WATCH_H
#define SS_CLI_WATCH_H

#include "cli/client.h"

#include <stdint.h>

/* Follows the server's events until the session is in `wanted` (*ret, may be NULL, is it then, owned), has
 * ended otherwise (ERR_CONFLICT with its reason), or the time is up (ERR_UNAVAILABLE). */
int watch_session(struct client *client, const char *name, const char *wanted, int64_t timeout_ms,
                  json_t **ret, struct err *err);

#endif
