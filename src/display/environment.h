/* The environments of the display's children. Nothing is inherited but an allow-list, so that no secret of
 * whoever started us (keys, tokens, passwords in variables) reaches an application.
 */
#ifndef SS_DISPLAY_ENVIRONMENT_H
#define SS_DISPLAY_ENVIRONMENT_H

#include "base/str.h"

#define ENVIRONMENT_PATH_DEFAULT "/usr/local/bin:/usr/bin:/bin:/usr/local/games:/usr/games"

/* PATH, locale and time zone of our own environment (with defaults), and HOME=`home`. */
void environment_base(struct strv *env, const char *home);
/* Sets "NAME=value", replacing what is there. */
void environment_set(struct strv *env, const char *assignment);
/* The value, borrowed, or NULL. */
const char *environment_get(const struct strv *env, const char *name);

#endif
