/* Asking people: without echo where there is a terminal, else one line of standard input each time. */
#ifndef SS_CLI_PROMPT_H
#define SS_CLI_PROMPT_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

#define PROMPT_MAX 1025 /* bytes of an answer, with terminator */

/* True when somebody sits there. */
bool prompt_is_terminal(void);
/* `text` has PROMPT_MAX bytes; wipe it after use. `label` ("Password") is shown on a terminal alone.
 * ERR_INVALID when there is no line, or it is too long. */
int prompt_secret(const char *label, char *text, struct err *err);
/* A new password: asked for twice on a terminal. */
int prompt_new_password(const char *label, char *text, struct err *err);

#endif
