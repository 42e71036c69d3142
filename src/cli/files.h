/* Files of templates on their way to the server, and what it finds wrong with them. */
#ifndef SS_CLI_FILES_H
#define SS_CLI_FILES_H

#include "cli/client.h"

#define YAML_TYPE "application/yaml"
#define CLI_FILE_MAX (1024 * 1024) /* bytes: what the server takes */

/* Reads a file, or standard input for "-"; *ret is owned. */
int file_or_input(const char *path, char **ret, size_t *ret_length, struct err *err);

/* "FILE:LINE:COLUMN: field: message" on standard error for everything that a problem's `fields` tell. False
 * when they tell nothing: then the error's own text is what there is. */
bool print_faults(const char *file, const json_t *problem);

#endif
