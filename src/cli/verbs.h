/* Nouns with verbs: one table each, from which parsing, help and completion are made. */
#ifndef SS_CLI_VERBS_H
#define SS_CLI_VERBS_H

#include "base/options.h"
#include "cli/client.h"
#include "cli/output.h"

/* `words[0]` is the verb itself. */
typedef int (*verb_fn)(struct client *client, const struct strv *words, void *options, struct err *err);

struct verb {
    const char *name;
    const char *usage; /* "NAME" */
    size_t words;      /* how many words it wants */
    const char *help;
    verb_fn run;
    size_t words_max; /* 0: not more than it wants */
};

struct verb_table {
    const char *noun;
    const char *about;
    const struct verb *verbs;
    size_t verb_count;
    const struct option_spec *options;
    size_t option_count;
    void *target; /* filled from `options`, handed to the verb */
};

/* Parses, signs in from the stored credentials, runs the verb. Returns the exit status. */
int verbs_run(const struct verb_table *table, int argc, char **argv);

/* GETs a list and prints it as a table or, whole, as JSON. `path` holds "limit=200"; further pages are
 * fetched. */
int verbs_list(struct client *client, const char *path, const char *plural, const struct column *columns,
               size_t column_count, const char *empty, const char *output, struct err *err);

/* Appends "&name=value", percent-encoded (RFC 3986). */
void verbs_query(struct strbuf *path, const char *name, const char *value);

#endif
