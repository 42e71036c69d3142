/* A template as somebody wants it: read from a body of the API or from a file, checked field by field.
 *
 * Checking goes on after the first fault, so that people are told of all of them at once.
 */
#ifndef SS_CONTROL_TEMPLATE_DRAFT_H
#define SS_CONTROL_TEMPLATE_DRAFT_H

#include "base/err.h"
#include "base/id.h"
#include "base/str.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TEMPLATE_PROBLEMS_MAX 50   /* more are not told */
#define TEMPLATE_DOCUMENTS_MAX 200 /* templates of one file */

struct template_problem {
    char field[128];       /* "spec.ports[1].containerPort"; "" when it is none's */
    char message[192];     /* without the field's name */
    char code[24];         /* "invalid_field", "unknown_field", "missing_field", "malformed_yaml" */
    unsigned line, column; /* from 1; 0: not known */
    unsigned document;     /* from 1; 0: not a file */
};
/* Zero-initialise. */
struct template_problems {
    struct template_problem *items;
    size_t count;
};
void template_problems_finish(struct template_problems *problems);
__attribute__((format(printf, 4, 5))) void template_problem_add(struct template_problems *problems,
                                                                const char *code, const char *field,
                                                                const char *format, ...);
/* ERR_INVALID with the first one's code and text, and how many more there are. Returns -1. */
int template_problems_err(const struct template_problems *problems, struct err *err);

struct template_draft {
    char name[TEMPLATE_NAME_MAX + 1]; /* "": not given */
    json_t *spec;                     /* as it is stored and sent to agents; owned */
    bool enabled;
    struct strv groups;
    int64_t version; /* that it was made from; 0: any */
};
void template_draft_finish(struct template_draft *draft);
#define _cleanup_draft_ __attribute__((cleanup(template_draft_finish)))

/* From the API's flat object. -1 when there are problems (appended). */
int template_draft_json(const json_t *body, struct template_draft *ret, struct template_problems *problems);

/* Gives a draft without a name this one (that of the path; NULL: it must have one). -1 with a problem when it
 * has another, or none, or it is no name. */
int template_draft_rename(struct template_draft *draft, const char *name, struct template_problems *problems);

struct template_drafts {
    struct template_draft *items;
    size_t count;
};
void template_drafts_finish(struct template_drafts *drafts);

/* From a file's text: one document or several, each with a name of its own. -1 when there are problems. */
int template_drafts_yaml(const char *text, size_t length, struct template_drafts *ret,
                         struct template_problems *problems);

/* The file of a template: appended as one document of YAML. */
bool template_write_yaml(const char *name, const json_t *spec, bool enabled, const struct strv *groups,
                         struct strbuf *out);

/* The spec with every default written out and quantities in their shortest form, as a draft's is. For specs
 * that were made in the program. A new reference. */
json_t *template_spec_complete(const json_t *spec);

#endif
