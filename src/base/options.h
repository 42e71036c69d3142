/* Command-line options from one table: parsing, environment variables, defaults and help texts.
 *
 * Precedence: flag, then environment variable, then default. A flag is written "--name value" or
 * "--name=value"; a boolean one "--name" alone. Values are checked when they are read; a bad one names its
 * source.
 */
#ifndef SS_BASE_OPTIONS_H
#define SS_BASE_OPTIONS_H

#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum option_type {
    OPTION_TEXT,    /* const char *: borrowed from argv, the environment or the table */
    OPTION_INTEGER, /* int64_t within [min, max] */
    OPTION_NUMBER,  /* double, > 0 */
    OPTION_FLAG,    /* bool; the variable takes 1/0, true/false, yes/no */
    OPTION_CHOICE,  /* const char * that is one of `choices` */
    OPTION_LIST,    /* struct strv: may be repeated */
    OPTION_SWITCH,  /* const char *, as OPTION_TEXT; "true" when given without "=value" */
};

struct option_spec {
    const char *name; /* without dashes */
    const char *env;  /* variable, or NULL */
    enum option_type type;
    size_t offset;       /* of the field in the target struct */
    const char *metavar; /* "ADDRESS", for help */
    const char *preset;  /* default as text, NULL: none */
    const char *choices; /* "keep|stop" */
    int64_t min, max;
    bool secret;      /* taken from the environment only: `name` is NULL-free but no flag exists */
    const char *help; /* one sentence */
};

#define OPTION_FIELD(type, field) offsetof(type, field)

/* Fills `target` (zeroed by the caller). Words that are no options are added to `words` (borrowed from argv)
 * when it is not NULL, else refused. `argv[0]` is skipped. "--" ends options. *ret_help is set when --help or
 * -h was seen. */
int options_parse(const struct option_spec *table, size_t count, int argc, char **argv, void *target,
                  struct strv *words, bool *ret_help, struct err *err);
/* The same with a source between variables and defaults: `lookup` returns the value of the option of this
 * name, or NULL, and says in `source` (OPTION_SOURCE_SIZE bytes) where it stands. */
#define OPTION_SOURCE_SIZE 256
struct option_file {
    const char *(*lookup)(void *arg, const char *name, char *source);
    void *arg;
};
int options_parse_file(const struct option_spec *table, size_t count, int argc, char **argv, void *target,
                       struct strv *words, const struct option_file *file, bool *ret_help, struct err *err);
/* Frees what OPTION_LIST fields hold. */
void options_finish(const struct option_spec *table, size_t count, void *target);
/* The options part of a help page. */
void options_help(const struct option_spec *table, size_t count, FILE *out);
/* All option words, one a line, for shell completion. */
void options_words(const struct option_spec *table, size_t count, FILE *out);

#endif
