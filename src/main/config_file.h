/* The file of --config: names and values.
 *
 * Two forms: a YAML mapping of scalars (a list of scalars stands for its items joined by commas), or lines of
 * `name = value` with '#' comments; the first line that says something decides. Nesting, anchors, a name
 * twice and everything else are refused with "FILE:LINE: …".
 */
#ifndef SS_MAIN_CONFIG_FILE_H
#define SS_MAIN_CONFIG_FILE_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

#define CONFIG_FILE_MAX (256 * 1024)
#define CONFIG_ENTRIES_MAX 512
#define CONFIG_VALUE_MAX 8192

struct config_file;

int config_file_load(struct config_file **ret, const char *path, struct err *err);
/* For tests and fuzzing; `name` is for messages. */
int config_file_parse(struct config_file **ret, const char *name, const char *text, size_t length,
                      struct err *err);
void config_file_free(struct config_file *file); /* accepts NULL */
static inline void config_file_free_p(struct config_file **file) {
    config_file_free(*file);
}
#define _cleanup_config_file_ __attribute__((cleanup(config_file_free_p)))

/* Borrowed, or NULL. `source` (OPTION_SOURCE_SIZE bytes, or NULL) becomes "FILE:LINE: name". `file` NULL has
 * nothing. */
const char *config_file_get(const struct config_file *file, const char *name, char *source);
/* ERR_INVALID for the first name that `known` does not know, with its line. */
int config_file_check(const struct config_file *file, bool (*known)(const char *name), struct err *err);

#endif
