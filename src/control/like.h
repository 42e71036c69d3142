/* Patterns for LIKE in searches that people type.
 */
#ifndef SS_CONTROL_LIKE_H
#define SS_CONTROL_LIKE_H

/* "%text%" in lower case (ASCII) with LIKE's own characters escaped by '\', for
 * `LOWER(column) LIKE $1 ESCAPE '\'`. Owned by the caller; NULL for NULL. Texts longer than LIKE_TEXT_MAX
 * bytes are cut. */
#define LIKE_TEXT_MAX 256
char *like_pattern(const char *text);

#endif
