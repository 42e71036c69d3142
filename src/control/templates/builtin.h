/* The built-in catalogue: one table. */
#ifndef SS_CONTROL_BUILTIN_H
#define SS_CONTROL_BUILTIN_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#define BUILTIN_WORDS_MAX 16

struct builtin {
    const char *name, *display_name, *description, *category, *icon;
    const char *command[BUILTIN_WORDS_MAX]; /* ends with NULL */
    const char *programs[4];                /* that must be there; none: the command's first word */
    const char *packages[5];                /* Debian packages that bring them */
    const char *tags[6];
    const char *cpu, *memory, *cpu_max, *memory_max;
    bool outbound;          /* network; else none */
    bool gl;                /* wants GLX */
    bool no_window_manager; /* brings its own */
    bool user_namespaces;   /* makes a sandbox of its own inside */
};
extern const struct builtin builtin_table[];
extern const size_t builtin_count;

/* The whole template as it is stored and sent to agents (templates/template.h). A new reference. */
json_t *builtin_spec(const struct builtin *builtin);

#endif
