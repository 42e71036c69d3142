/* Which templates can run: what the online agents say that they lack. */
#ifndef SS_CONTROL_AVAILABILITY_H
#define SS_CONTROL_AVAILABILITY_H

#include "control/templates/template.h"

/* The programs that a template needs, appended: `programs`, or its command's first word. */
void template_spec_programs(const json_t *spec, struct strv *ret);

/* What one agent lacks of a template: NULL nothing, else why (in `reason`, TEMPLATE_REASON_MAX bytes).
 * `missing`: an object program → reason, or NULL. */
const char *template_lacks(const struct template *template, const json_t *missing, char *reason);

/* True when the template names the runtimes that it is for and this is none of them, or says nothing of what
 * this one would run: a command (local) or an image (containers). */
bool template_is_foreign(const struct template *template, const char *platform);

#define AVAILABILITY_AGENTS_MAX 256 /* more are not asked: one that can is enough */
struct availability {
    struct {
        json_t *missing; /* or NULL */
        char agent_id[AGENT_ID_MAX + 1], platform[16];
    } agents[AVAILABILITY_AGENTS_MAX]; /* that are online */
    size_t count;
};
int availability_load(struct db_conn *conn, struct availability *ret, struct err *err);
/* Why agent number `index` cannot run it: NULL, or a text (in `reason`, TEMPLATE_REASON_MAX bytes). */
const char *availability_of(const struct availability *availability, size_t index,
                            const struct template *template, char *reason);
/* Fills available and unavailable_reason. */
void availability_judge(const struct availability *availability, struct template *template);
void availability_finish(struct availability *availability);

#endif
