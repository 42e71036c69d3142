/* Small secrets in the database, readable with a key that is not in it.
 *
 * The key comes from the setting secret-key (SECRET_KEY), the same on all replicas. Without one, texts are
 * stored as they are: the database file is for the server alone in any case. What was stored before there was
 * a key stays readable; what was sealed is lost without it.
 */
#ifndef SS_CONTROL_SEAL_H
#define SS_CONTROL_SEAL_H

#include "base/err.h"

#include <stddef.h>

#define SEAL_TEXT_MAX 256 /* bytes of what is sealed */
#define SEAL_SIZE 640     /* of a sealed text, with terminator */

/* Before threads begin. NULL or "": no key. ERR_INVALID when it has less than 32 bytes. */
int seal_setup(const char *secret, struct err *err);
/* `purpose` ("totp") goes into the seal: a text that was moved to another place does not open. `ret` has
 * SEAL_SIZE bytes. */
int seal(const char *purpose, const char *text, char *ret, struct err *err);
/* `text` has SEAL_TEXT_MAX + 1 bytes. ERR_INTERNAL when it does not open. */
int seal_open(const char *purpose, const char *sealed, char *text, struct err *err);

#endif
