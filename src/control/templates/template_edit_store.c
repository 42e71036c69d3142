#include "control/templates/template_edit_store.h"

#include "base/cleanup.h"
#include "control/json_text.h"

#include <stdlib.h>

void template_row_finish(struct template_row *row) {
    strv_finish(&row->groups);
    json_decref(row->spec);
    *row = (struct template_row){0};
}

static int read_groups(struct db_conn *conn, const char *name, struct strv *ret, struct err *err) {
    _cleanup_rows_ struct db_rows *rows = NULL;
    int status = db_query(
        conn, &rows, err,
        "SELECT group_name FROM template_groups WHERE template_name = $1 ORDER BY group_name", "s", name);
    while (status >= 0 && (status = db_next(rows, err)) > 0)
        strv_add(ret, db_text(rows, 0));
    return status;
}

int template_store_find(struct db_conn *conn, const char *name, struct template_row *ret, struct err *err) {
    _cleanup_rows_ struct db_rows *rows = NULL;
    *ret = (struct template_row){0};
    int status = db_row(conn, &rows, err,
                        "SELECT builtin, enabled, version, spec FROM templates WHERE name = $1", "s", name);
    if (status <= 0)
        return status;
    ret->exists = true;
    ret->builtin = db_int(rows, 0) != 0;
    ret->enabled = db_int(rows, 1) != 0;
    ret->version = db_int(rows, 2);
    ret->spec = json_object_of(db_text(rows, 3));
    if (read_groups(conn, name, &ret->groups, err) < 0) {
        template_row_finish(ret);
        return -1;
    }
    return 0;
}

/* Lower-case words between blanks, as the column has them. */
static char *tag_words(const json_t *spec) {
    struct strbuf out = STRBUF_MAX(4096);
    size_t index;
    json_t *tag;
    json_array_foreach (json_object_get(spec, "tags"), index, tag)
        strbuf_printf(&out, "%s%s", index ? " " : "", json_string_value(tag));
    return strbuf_steal(&out);
}

int template_store_write(struct db_conn *conn, const char *name, const struct template_row *row,
                         const char *who, struct err *err) {
    char now[TIME_TEXT_SIZE];
    if (db_now(conn, now, err) < 0)
        return -1;
    _cleanup_free_ char *text = json_dumps(row->spec, JSON_COMPACT), *tags = tag_words(row->spec);
    return db_exec(
        conn, NULL, err,
        "INSERT INTO templates (name, display_name, description, category, protocol, tags, spec, builtin, "
        "enabled, "
        "version, updated_by, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 1, $10, "
        "$11, $11) "
        "ON CONFLICT (name) DO UPDATE SET display_name = excluded.display_name, "
        "description = excluded.description, category = excluded.category, protocol = excluded.protocol, "
        "tags = excluded.tags, spec = excluded.spec, builtin = excluded.builtin, enabled = excluded.enabled, "
        "version = templates.version + 1, updated_by = excluded.updated_by, updated_at = excluded.updated_at",
        "sssssssiiss", name, json_string_value(json_object_get(row->spec, "displayName")),
        json_string_value(json_object_get(row->spec, "description")),
        json_string_value(json_object_get(row->spec, "category")),
        json_string_value(json_object_get(row->spec, "protocol")), tags, text, (int64_t)row->builtin,
        (int64_t)row->enabled, who, now);
}

int template_store_set_groups(struct db_conn *conn, const char *name, const struct strv *groups,
                              struct err *err) {
    if (db_exec(conn, NULL, err, "DELETE FROM template_groups WHERE template_name = $1", "s", name) < 0)
        return -1;
    for (size_t i = 0; i < groups->count; i++) {
        if (db_exec(conn, NULL, err,
                    "INSERT INTO template_groups (template_name, group_name) VALUES ($1, $2)", "ss", name,
                    groups->items[i]) < 0)
            return -1;
    }
    return 0;
}

int template_store_delete(struct db_conn *conn, const char *name, struct err *err) {
    return db_exec(conn, NULL, err, "DELETE FROM templates WHERE name = $1", "s", name);
}

static int number_of(struct db_rows *rows, int status, int64_t *ret) {
    if (status > 0)
        *ret = db_int(rows, 0);
    return status < 0 ? -1 : 0;
}

int template_store_count(struct db_conn *conn, int64_t *ret, struct err *err) {
    _cleanup_rows_ struct db_rows *rows = NULL;
    int status = db_row(conn, &rows, err, "SELECT COUNT(*) FROM templates", "");
    return number_of(rows, status, ret);
}

int template_store_live_sessions(struct db_conn *conn, const char *name, int64_t *ret, struct err *err) {
    _cleanup_rows_ struct db_rows *rows = NULL;
    int status = db_row(conn, &rows, err,
                        "SELECT COUNT(*) FROM sessions WHERE template_name = $1 AND state NOT IN "
                        "('terminated', 'failed')",
                        "s", name);
    return number_of(rows, status, ret);
}

int catalogue_store_version(struct db_conn *conn, int64_t *ret, struct err *err) {
    _cleanup_rows_ struct db_rows *rows = NULL;
    int status = db_row(conn, &rows, err, "SELECT version FROM catalogue WHERE id = 1", "");
    return number_of(rows, status, ret);
}

int catalogue_store_bump(struct db_conn *conn, struct err *err) {
    return db_exec(conn, NULL, err, "UPDATE catalogue SET version = version + 1 WHERE id = 1", "");
}
