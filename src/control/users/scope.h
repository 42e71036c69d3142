/* Scopes of API keys: "AREA:read" and "AREA:write", where write includes read. Every route names its area
 * (api/routes.c). A key without scopes may do whatever its user may.
 */
#ifndef SS_CONTROL_SCOPE_H
#define SS_CONTROL_SCOPE_H

#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

enum scope_area {
    SCOPE_NONE, /* no key reaches it, whatever its scopes */
    SCOPE_SESSIONS,
    SCOPE_TEMPLATES,
    SCOPE_AGENTS,
    SCOPE_USERS,
    SCOPE_GROUPS,
    SCOPE_AUDIT,
    SCOPE_SETTINGS,
    SCOPE_ANY, /* every key reaches it */
};

#define SCOPES_MAX 14        /* names there are */
#define SCOPES_TEXT_SIZE 256 /* all of them, separated by blanks, and a terminator */

/* A set of scopes: two bits an area. 0: no scopes, that is everything. */
typedef uint32_t scope_set;

/* "sessions:read" …; ERR_INVALID for field "scopes" when one is unknown. */
int scopes_parse(const struct strv *names, scope_set *ret, struct err *err);
/* As it stands in the database: "sessions:write users:read". Unknown words are left out. */
scope_set scopes_read(const char *text);
/* In the order of the areas; `text` has SCOPES_TEXT_SIZE bytes. Returns it. */
const char *scopes_format(scope_set scopes, char *text);
/* May a key with these scopes reach a route of this area? */
bool scopes_allow(scope_set scopes, enum scope_area area, bool write);
/* "sessions"; "" for SCOPE_NONE and SCOPE_ANY. */
const char *scope_area_name(enum scope_area area);

#endif
