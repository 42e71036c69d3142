#include "control/templates/template.h"

#include "base/str.h"
#include "base/units.h"
#include "control/events/event.h"
#include "control/json_text.h"
#include "control/templates/availability.h"
#include "control/templates/builtin.h"
#include "control/templates/template_edit_store.h"
#include "json/fields.h"

#include <stdlib.h>

#define COLUMNS                                                                                              \
    "name, display_name, description, category, protocol, spec, builtin, created_at, updated_at, enabled, "  \
    "version, updated_by"

static void copy_member(const json_t *spec, const char *name, char *target, size_t size,
                        const char *otherwise) {
    const char *text = json_string_value(json_object_get(spec, name));
    str_copy(target, size, text ? text : otherwise);
}

static void copy_list(const json_t *spec, const char *name, struct strv *list) {
    size_t index;
    json_t *item;
    json_array_foreach (json_object_get(spec, name), index, item) {
        if (json_is_string(item))
            strv_add(list, json_string_value(item));
    }
}

static void copy_resources(const json_t *spec, const char *name, int64_t *cpu, int64_t *memory) {
    const json_t *resources = json_object_get(spec, name);
    const char *text = json_string_value(json_object_get(resources, "cpu"));
    if (text)
        cpu_parse(text, cpu);
    if ((text = json_string_value(json_object_get(resources, "memory"))))
        bytes_parse(text, memory);
}

static int64_t read_duration(const json_t *spec, const char *name) {
    int64_t seconds = 0;
    const char *text = json_string_value(json_object_get(spec, name));
    return text && duration_parse(text, &seconds) ? seconds : 0;
}

static int compare_templates(const void *a, const void *b) {
    return strcmp(((const struct template *)a)->name, ((const struct template *)b)->name);
}

static int compare_name(const void *name, const void *item) {
    return strcmp(name, ((const struct template *)item)->name);
}

static int read_template(struct db_rows *rows, struct template *ret, struct err *err) {
    db_copy(rows, 0, ret->name, sizeof ret->name);
    ret->spec = json_object_of(db_text(rows, 5));
    if (!ret->spec)
        return err_set(err, ERR_INTERNAL, NULL, "the template %s cannot be read", ret->name);
    db_copy(rows, 1, ret->display_name, sizeof ret->display_name);
    db_copy(rows, 2, ret->description, sizeof ret->description);
    db_copy(rows, 3, ret->category, sizeof ret->category);
    db_copy(rows, 4, ret->protocol, sizeof ret->protocol);
    ret->builtin = db_int(rows, 6) != 0;
    db_copy(rows, 7, ret->created_at, sizeof ret->created_at);
    db_copy(rows, 8, ret->updated_at, sizeof ret->updated_at);
    ret->enabled = db_int(rows, 9) != 0;
    ret->version = db_int(rows, 10);
    db_copy(rows, 11, ret->updated_by, sizeof ret->updated_by);
    ret->overridden = !ret->builtin && builtin_find(ret->name);
    ret->has_image = json_object_get(ret->spec, "image") != NULL;
    copy_member(ret->spec, "icon", ret->icon, sizeof ret->icon, "");
    copy_member(ret->spec, "network", ret->network, sizeof ret->network, "none");
    ret->cpu_millis = 500;
    ret->memory_bytes = 512 << 20;
    copy_resources(ret->spec, "resources", &ret->cpu_millis, &ret->memory_bytes);
    ret->cpu_millis_max = ret->cpu_millis;
    ret->memory_bytes_max = ret->memory_bytes;
    copy_resources(ret->spec, "maxResources", &ret->cpu_millis_max, &ret->memory_bytes_max);
    copy_resources(ret->spec, "minResources", &ret->cpu_millis_min, &ret->memory_bytes_min);
    ret->idle_timeout = read_duration(ret->spec, "idleTimeout");
    ret->max_duration = read_duration(ret->spec, "maxSessionDuration");
    copy_list(ret->spec, "tags", &ret->tags);
    copy_list(ret->spec, "runtimes", &ret->runtimes);
    copy_list(ret->spec, "packages", &ret->packages);
    copy_list(ret->spec, "command", &ret->command);
    return 0;
}

/* The groups of one template (NULL: of all), each given to its template in the list, which is by name. */
static int read_groups(struct db_conn *conn, const char *name, struct template *items, size_t count,
                       struct err *err) {
    _cleanup_rows_ struct db_rows *rows = NULL;
    int status =
        db_query(conn, &rows, err,
                 "SELECT template_name, group_name FROM template_groups WHERE CAST($1 AS TEXT) IS NULL OR "
                 "template_name = $1 ORDER BY group_name",
                 "s", name);
    while (status >= 0 && (status = db_next(rows, err)) > 0) {
        const char *owner = db_text(rows, 0);
        struct template *found = bsearch(owner, items, count, sizeof *items, compare_name);
        if (found)
            strv_add(&found->groups, db_text(rows, 1));
    }
    return status;
}

static int load_one(struct db_conn *conn, const char *name, struct template *ret, struct err *err) {
    _cleanup_rows_ struct db_rows *rows = NULL;
    int status = db_row(conn, &rows, err, "SELECT " COLUMNS " FROM templates WHERE name = $1", "s", name);
    if (status == 0)
        return err_set(err, ERR_NOT_FOUND, "template_not_found", "there is no template %s", name);
    if (status < 0 || read_template(rows, ret, err) < 0)
        return -1;
    return read_groups(conn, name, ret, 1, err);
}

int template_get(struct db_conn *conn, const char *name, struct template *ret, struct err *err) {
    struct template template = {0};
    struct availability availability = {0};
    if (!id_is_template(name))
        return err_set(err, ERR_NOT_FOUND, "template_not_found", "there is no template of such a name");
    if (load_one(conn, name, &template, err) < 0 || availability_load(conn, &availability, err) < 0) {
        template_finish(&template);
        return -1;
    }
    availability_judge(&availability, &template);
    availability_finish(&availability);
    *ret = template;
    return 0;
}

static int read_all(struct db_conn *conn, struct template_list *list, struct err *err) {
    _cleanup_rows_ struct db_rows *rows = NULL;
    int status = db_query(conn, &rows, err, "SELECT " COLUMNS " FROM templates", "");
    size_t room = 0;
    while (status >= 0 && (status = db_next(rows, err)) > 0) {
        if (list->count == room)
            list->items = mem_realloc(list->items, (room = room ? room * 2 : 64) * sizeof *list->items);
        /* Counted first: a half-read one is freed with the list. */
        struct template *item = &list->items[list->count++];
        *item = (struct template){0};
        status = read_template(rows, item, err);
    }
    return status;
}

int template_load_all(struct db_conn *conn, struct template_list *ret, struct err *err) {
    struct template_list list = {0};
    struct availability availability = {0};
    int status = read_all(conn, &list, err);
    if (status == 0 && list.count) {
        /* Not by the database: engines and locales sort differently, and pages go by this order. */
        qsort(list.items, list.count, sizeof *list.items, compare_templates);
        status = read_groups(conn, NULL, list.items, list.count, err);
    }
    if (status < 0 || availability_load(conn, &availability, err) < 0) {
        template_list_finish(&list);
        return -1;
    }
    for (size_t i = 0; i < list.count; i++)
        availability_judge(&availability, &list.items[i]);
    availability_finish(&availability);
    *ret = list;
    return 0;
}

int template_programs(struct db_conn *conn, struct strv *ret, struct err *err) {
    _cleanup_rows_ struct db_rows *rows = NULL;
    if (db_query(conn, &rows, err, "SELECT spec FROM templates WHERE enabled = 1 ORDER BY name", "") < 0)
        return -1;
    int status;
    while ((status = db_next(rows, err)) > 0) {
        json_t *spec = json_object_of(db_text(rows, 0));
        struct strv programs = {0};
        template_spec_programs(spec, &programs);
        for (size_t i = 0; i < programs.count; i++) {
            if (!strv_contains(ret, programs.items[i]))
                strv_add(ret, programs.items[i]);
        }
        strv_finish(&programs);
        json_decref(spec);
    }
    return status;
}

/* --- the built-in ones --- */

static int put_builtin(struct db_conn *conn, const char *name, bool *ret_changed, struct err *err) {
    _cleanup_template_row_ struct template_row row = {0};
    _cleanup_json_ json_t *spec = builtin_spec_of(name);
    if (template_store_find(conn, name, &row, err) < 0)
        return -1;
    /* An operator's template of the same name wins. */
    if (row.exists && (!row.builtin || json_equal(row.spec, spec)))
        return 0;
    *ret_changed = true;
    struct template_row delivered = {
        .exists = true, .builtin = true, .enabled = !row.exists || row.enabled, .spec = spec};
    return template_store_write(conn, name, &delivered, NULL, err);
}

/* What an earlier version brought and this one does not. */
static int drop_former(struct db_conn *conn, bool *ret_changed, struct err *err) {
    struct strv former = {0};
    _cleanup_rows_ struct db_rows *rows = NULL;
    int status = db_query(conn, &rows, err, "SELECT name FROM templates WHERE builtin = 1", "");
    while (status >= 0 && (status = db_next(rows, err)) > 0) {
        if (!builtin_find(db_text(rows, 0)))
            strv_add(&former, db_text(rows, 0));
    }
    for (size_t i = 0; i < former.count && status >= 0; i++) {
        status = db_exec(conn, NULL, err, "DELETE FROM templates WHERE name = $1 AND builtin = 1", "s",
                         former.items[i]);
        *ret_changed = true;
    }
    strv_finish(&former);
    return status;
}

static int install(struct db_conn *conn, struct err *err) {
    bool changed = false;
    const char *name;
    for (size_t i = 0; (name = builtin_name(i)); i++) {
        if (put_builtin(conn, name, &changed, err) < 0)
            return -1;
    }
    if (drop_former(conn, &changed, err) < 0)
        return -1;
    /* The program may show or judge the same rows otherwise than its last version did. */
    if (catalogue_store_bump(conn, err) < 0)
        return -1;
    return changed ? event_write(conn, "template", EVENT_EVERYBODY, "{\"action\":\"changed\"}", err) : 0;
}

int template_install_builtin(struct db_conn *conn, struct err *err) {
    if (db_begin(conn, err) < 0)
        return -1;
    return db_end(conn, install(conn, err), err);
}
