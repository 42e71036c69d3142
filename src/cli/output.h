/* What verbs print: tables for people, JSON for programs, one line for an error, progress on a terminal. */
#ifndef SS_CLI_OUTPUT_H
#define SS_CLI_OUTPUT_H

#include "base/err.h"

#include <jansson.h>
#include <stdbool.h>

/* A column: heading and the dotted path of its value ("resources.memory"). Paths ending in "@age" print how
 * long ago that time is. */
struct column {
    const char *heading;
    const char *path;
};

/* Prints rows (a JSON array of objects) as an aligned table, or `empty` when there are none. */
void output_table(const json_t *rows, const struct column *columns, size_t count, const char *empty);
/* One object, a line per column. */
void output_record(const json_t *object, const struct column *columns, size_t count);
/* Pretty JSON. */
void output_json(const json_t *value);
/* "streamspace: message" on standard error; returns 1 for `return`. */
int output_error(const struct err *err);
/* Wrong usage: message and a hint at --help; returns 2. */
int output_usage(const char *noun, const char *message);

/* A line on standard error that is rewritten while something goes on; nothing when it is no terminal. */
void progress_show(const char *text, int64_t elapsed_ms);
void progress_clear(void);

#endif
