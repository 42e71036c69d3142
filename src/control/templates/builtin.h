/* The built-in catalogue: a table of Debian's programs and one of container images. */
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

/* A container's image that serves its own page (builtin_containers.c). */
struct builtin_container {
    const char *name, *display_name, *description, *category, *icon;
    const char *image;
    const char *tags[6];
    int port;
    const char *path; /* NULL: "/" */
    const char *home; /* where the image keeps what lasts */
    const char *cpu, *memory, *cpu_max, *memory_max;
    bool plain_user; /* knows nothing of PUID and PGID */
};
extern const struct builtin_container builtin_containers[];
extern const size_t builtin_container_count;

/* Number `index` of all built-in ones, by name; NULL past the last. */
const char *builtin_name(size_t index);
bool builtin_find(const char *name);
/* The whole template as it is stored and sent to agents (templates/template.h): a new reference. NULL when
 * there is none of this name. */
json_t *builtin_spec_of(const char *name);

#endif
