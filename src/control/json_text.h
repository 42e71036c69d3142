/* JSON objects in columns: out as compact text, in as far as they can be read.
 */
#ifndef SS_CONTROL_JSON_TEXT_H
#define SS_CONTROL_JSON_TEXT_H

#include <jansson.h>

/* Compact text, owned by the caller; "{}" for NULL. */
char *json_text(const json_t *value);
/* The object in a column; NULL when it is no object. Owned by the caller. */
json_t *json_object_of(const char *text);

/* Copies at most size - 1 bytes, never cutting a UTF-8 character in two. */
void text_cut(char *target, size_t size, const char *text);

#endif
