/* The fields of a template: one table, from which bodies and files are checked, answers and files are
 * written.
 *
 * The same fields have two forms. The API's is one flat object. The file's is a document of
 *     apiVersion: stream.space/v1alpha1
 *     kind: Template
 *     metadata: {name: …}
 *     spec: {…}
 * whose spec calls two of them otherwise (`file_name`).
 */
#ifndef SS_CONTROL_TEMPLATE_SCHEMA_H
#define SS_CONTROL_TEMPLATE_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TEMPLATE_API_VERSION "stream.space/v1alpha1"
#define TEMPLATE_KIND "Template"

enum template_field_kind {
    TEMPLATE_TEXT = 1, /* one line */
    TEMPLATE_LINES,    /* a text with line ends */
    TEMPLATE_BOOL,
    TEMPLATE_INT,
    TEMPLATE_CPU, /* quantities, kept as the shortest text */
    TEMPLATE_MEMORY,
    TEMPLATE_DURATION,
    TEMPLATE_TEXTS,   /* list of texts, no one twice where `unique` */
    TEMPLATE_ENV,     /* {NAME: value}, in files also a list of {name, value} */
    TEMPLATE_MAP,     /* {name: text} */
    TEMPLATE_OBJECT,  /* of `fields` */
    TEMPLATE_OBJECTS, /* list of such */
};

struct template_field {
    const char *name;
    const char *file_name; /* NULL: as name */
    enum template_field_kind kind;
    bool required;
    bool unique;
    bool operators;            /* shown to operators only: may hold what is secret */
    int64_t min, max;          /* bytes of a text, a number's value, items of a list */
    int64_t item_max;          /* bytes of one text in a list or map */
    const char *const *values; /* the only texts allowed, ends with NULL; or NULL */
    bool (*valid)(const char *text);
    const char *expect; /* what `valid` wants, for people */
    const struct template_field *fields;
    size_t field_count;
};
extern const struct template_field template_schema[];
extern const size_t template_schema_count;

/* Members of the API's answers that a body may bear and that are not taken from it. Ends with NULL. */
extern const char *const template_read_only[];

#endif
