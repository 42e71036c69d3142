/* Templates are made, changed, imported and removed. Every change is one transaction with its audit row and
 * its event.
 *
 * A built-in template that is changed is overridden: it stays as it was made until it is reset, which is what
 * deleting it means. Switching one off, or giving it to groups alone, does not override it: it still follows
 * the program's next version.
 */
#ifndef SS_CONTROL_TEMPLATE_EDIT_H
#define SS_CONTROL_TEMPLATE_EDIT_H

#include "control/audit/audit.h"
#include "control/templates/template_draft.h"
#include "db/db.h"

#define TEMPLATES_MAX 1000

enum template_action { TEMPLATE_UNCHANGED, TEMPLATE_CREATED, TEMPLATE_UPDATED };
const char *template_action_name(enum template_action action); /* "created" … */

enum template_put_mode {
    TEMPLATE_PUT_ANY,
    TEMPLATE_PUT_NEW, /* ERR_CONFLICT "template_exists" when there is one */
};

/* The draft's name must be set. With `dry_run` nothing is changed: what would be done. ERR_CONFLICT
 * "template_changed" when its version is not the present one, "too_many_templates". ERR_INVALID
 * "unknown_group" naming the field groups. */
int template_put(struct db_conn *conn, const struct actor *actor, const struct template_draft *draft,
                 enum template_put_mode mode, bool dry_run, enum template_action *ret, struct err *err);

/* All or none. `ret` has room for drafts->count. With `dry_run` nothing is changed: what would be done. */
int template_import(struct db_conn *conn, const struct actor *actor, const struct template_drafts *drafts,
                    bool dry_run, enum template_action *ret, struct err *err);

/* Removes it, or resets a built-in one (*ret_reset). ERR_NOT_FOUND; ERR_CONFLICT "template_in_use" while
 * sessions of it live, "template_builtin" when it is built in and as it was delivered. */
int template_delete(struct db_conn *conn, const struct actor *actor, const char *name, bool *ret_reset,
                    struct err *err);

#endif
