/* Rows of templates, as they are changed. Inside the caller's transaction. */
#ifndef SS_CONTROL_TEMPLATE_EDIT_STORE_H
#define SS_CONTROL_TEMPLATE_EDIT_STORE_H

#include "base/err.h"
#include "base/str.h"
#include "db/db.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct template_row {
    bool exists, builtin, enabled;
    int64_t version;
    struct strv groups; /* by name */
    json_t *spec;       /* owned */
};
void template_row_finish(struct template_row *row);
#define _cleanup_template_row_ __attribute__((cleanup(template_row_finish)))

/* A row that is not there is none: exists is false. */
int template_store_find(struct db_conn *conn, const char *name, struct template_row *ret, struct err *err);
/* Inserts or replaces; the version rises by one. `who` NULL: the program itself. */
int template_store_write(struct db_conn *conn, const char *name, const struct template_row *row,
                         const char *who, struct err *err);
/* Replaces the groups. */
int template_store_set_groups(struct db_conn *conn, const char *name, const struct strv *groups,
                              struct err *err);
int template_store_delete(struct db_conn *conn, const char *name, struct err *err);
int template_store_count(struct db_conn *conn, int64_t *ret, struct err *err);
/* Sessions of it that have not ended. */
int template_store_live_sessions(struct db_conn *conn, const char *name, int64_t *ret, struct err *err);

/* The number that rises with whatever changes what the catalogue shows. */
int catalogue_store_version(struct db_conn *conn, int64_t *ret, struct err *err);
int catalogue_store_bump(struct db_conn *conn, struct err *err);

#endif
