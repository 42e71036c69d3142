/* Figures of the requests: by route and class of status, with a histogram of the time that they took. */
#ifndef SS_API_TRAFFIC_H
#define SS_API_TRAFFIC_H

#include "api/route.h"
#include "base/str.h"

struct traffic;

/* `extra`: names for rows that are no routes (the page, unknown paths), NULL-terminated. */
struct traffic *traffic_create(const struct route *table, size_t count, const char *const *extra);
void traffic_destroy(struct traffic *traffic); /* accepts NULL */
/* `row`: index in the table, or its count plus the index of an extra name. */
void traffic_count(struct traffic *traffic, size_t row, int status, int64_t microseconds);
void traffic_print(const struct traffic *traffic, struct strbuf *text);

#endif
