/* Random secrets (64 hex digits), kept as SHA-256, compared in constant time.
 */
#ifndef SS_CONTROL_SECRET_H
#define SS_CONTROL_SECRET_H

#include "base/id.h"

#include <stdbool.h>

/* Prepares libsodium; called by everything here and safe to call again. Ends the process when that fails. */
void secret_init(void);
/* SHA-256 of the text in hex: what is stored. */
void secret_hash(const char *text, char hash[KEY_HEX_SIZE]);
/* Constant-time comparison of two texts of 64 hex digits; false when either is anything else. */
bool secret_equal(const char *a, const char *b);

#endif
