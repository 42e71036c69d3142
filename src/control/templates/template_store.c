#include "control/templates/template.h"

#include "base/str.h"
#include "base/units.h"
#include "control/events/event.h"
#include "control/json_text.h"
#include "control/templates/availability.h"
#include "control/templates/builtin.h"

#include <stdlib.h>

#define PAGE_DEFAULT 50
#define PAGE_MAX 200
#define COLUMNS "name, display_name, description, category, protocol, spec, builtin, created_at, updated_at"

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
    copy_member(ret->spec, "icon", ret->icon, sizeof ret->icon, "");
    copy_member(ret->spec, "network", ret->network, sizeof ret->network, "none");
    ret->cpu_millis = 500;
    ret->memory_bytes = 512 << 20;
    copy_resources(ret->spec, "resources", &ret->cpu_millis, &ret->memory_bytes);
    ret->cpu_millis_max = ret->cpu_millis;
    ret->memory_bytes_max = ret->memory_bytes;
    copy_resources(ret->spec, "maxResources", &ret->cpu_millis_max, &ret->memory_bytes_max);
    ret->idle_timeout = read_duration(ret->spec, "idleTimeout");
    ret->max_duration = read_duration(ret->spec, "maxSessionDuration");
    copy_list(ret->spec, "tags", &ret->tags);
    copy_list(ret->spec, "runtimes", &ret->runtimes);
    copy_list(ret->spec, "packages", &ret->packages);
    copy_list(ret->spec, "command", &ret->command);
    return 0;
}

int template_get(struct db_conn *conn, const char *name, struct template *ret, struct err *err) {
    _cleanup_rows_ struct db_rows *rows = NULL;
    struct template template = {0};
    int status = id_is_template(name) ? db_row(conn, &rows, err,
                                               "SELECT " COLUMNS " FROM templates WHERE name = $1", "s", name)
                                      : 0;
    if (status == 0)
        return err_set(err, ERR_NOT_FOUND, "template_not_found", "there is no template %s",
                       id_is_template(name) ? name : "of such a name");
    struct availability availability = {0};
    if (status < 0 || read_template(rows, &template, err) < 0 ||
        availability_load(conn, &availability, err) < 0) {
        template_finish(&template);
        return -1;
    }
    availability_judge(&availability, &template);
    availability_finish(&availability);
    *ret = template;
    return 0;
}

/* "%text%" in lower case, with LIKE's own characters escaped; NULL for NULL. Owned by the caller. */
static char *pattern(const char *text) {
    if (!text)
        return NULL;
    struct strbuf out = STRBUF_MAX(1024);
    strbuf_putc(&out, '%');
    for (; *text; text++) {
        if (strchr("%_\\", *text))
            strbuf_putc(&out, '\\');
        strbuf_putc(&out, *text >= 'A' && *text <= 'Z' ? (char)(*text + 32) : *text);
    }
    strbuf_putc(&out, '%');
    return strbuf_steal(&out);
}

#define MATCHING                                                                                             \
    "($1 IS NULL OR LOWER(category) = LOWER($1)) AND ($2 IS NULL OR LOWER(name) LIKE $2 ESCAPE '\\' OR "     \
    "LOWER(display_name) LIKE $2 ESCAPE '\\' OR LOWER(description) LIKE $2 ESCAPE '\\' OR LOWER(tags) LIKE " \
    "$2 ESCAPE "                                                                                             \
    "'\\')"

static int read_list(struct db_rows *rows, unsigned limit, struct template_list *ret, struct err *err) {
    int status;
    while ((status = db_next(rows, err)) > 0) {
        if (ret->count == limit) {
            ret->more = true;
            return 0;
        }
        /* Counted first: a half-read one is freed with the list. */
        if (read_template(rows, &ret->items[ret->count++], err) < 0)
            return -1;
    }
    return status;
}

static int load_list(struct db_conn *conn, const struct template_filter *filter, const char *like,
                     unsigned limit, struct template_list *ret, struct err *err) {
    _cleanup_rows_ struct db_rows *total = NULL, *rows = NULL;
    if (db_row(conn, &total, err, "SELECT COUNT(*) FROM templates WHERE " MATCHING, "ss", filter->category,
               like) <= 0)
        return -1;
    ret->total = db_int(total, 0);
    if (db_query(conn, &rows, err,
                 "SELECT " COLUMNS " FROM templates WHERE " MATCHING " AND name > $3 ORDER BY name LIMIT $4",
                 "sssi", filter->category, like, filter->after ? filter->after : "", (int64_t)limit + 1) < 0)
        return -1;
    return read_list(rows, limit, ret, err);
}

int template_list(struct db_conn *conn, const struct template_filter *filter, struct template_list *ret,
                  struct err *err) {
    unsigned limit = filter->limit ? filter->limit : PAGE_DEFAULT;
    if (limit > PAGE_MAX)
        limit = PAGE_MAX;
    struct template_list list = {.items = mem_zalloc(limit * sizeof *list.items)};
    struct availability availability = {0};
    char *like = pattern(filter->search);
    int status = load_list(conn, filter, like, limit, &list, err);
    free(like);
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
    if (db_query(conn, &rows, err, "SELECT spec FROM templates ORDER BY name", "") < 0)
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

/* Lower-case words between blanks, for the search. */
static char *tag_words(const json_t *spec) {
    struct strbuf out = STRBUF_MAX(4096);
    size_t index;
    json_t *tag;
    json_array_foreach (json_object_get(spec, "tags"), index, tag)
        strbuf_printf(&out, "%s%s", index ? " " : "", json_string_value(tag));
    return strbuf_steal(&out);
}

static int put_builtin(struct db_conn *conn, const struct builtin *builtin, bool *ret_changed,
                       struct err *err) {
    char now[TIME_TEXT_SIZE];
    if (db_now(conn, now, err) < 0)
        return -1;
    json_t *spec = builtin_spec(builtin);
    char *text = json_dumps(spec, JSON_COMPACT | JSON_SORT_KEYS), *tags = tag_words(spec);
    json_decref(spec);
    int64_t changes = 0;
    /* An operator's template of the same name wins. */
    int status = db_exec(
        conn, &changes, err,
        "INSERT INTO templates (name, display_name, description, category, protocol, tags, spec, builtin, "
        "created_at, updated_at) VALUES ($1, $2, $3, $4, 'vnc', $5, $6, 1, $7, $7) "
        "ON CONFLICT (name) DO UPDATE SET display_name = excluded.display_name, "
        "description = excluded.description, category = excluded.category, protocol = excluded.protocol, "
        "tags = excluded.tags, spec = excluded.spec, updated_at = excluded.updated_at "
        "WHERE templates.builtin = 1 AND templates.spec <> excluded.spec",
        "sssssss", builtin->name, builtin->display_name, builtin->description, builtin->category, tags, text,
        now);
    free(text);
    free(tags);
    *ret_changed |= changes > 0;
    return status;
}

static bool is_builtin(const char *name) {
    for (size_t i = 0; i < builtin_count; i++) {
        if (str_eq(builtin_table[i].name, name))
            return true;
    }
    return false;
}

/* What an earlier version brought and this one does not. */
static int drop_former(struct db_conn *conn, bool *ret_changed, struct err *err) {
    struct strv former = {0};
    _cleanup_rows_ struct db_rows *rows = NULL;
    int status = db_query(conn, &rows, err, "SELECT name FROM templates WHERE builtin = 1", "");
    while (status >= 0 && (status = db_next(rows, err)) > 0) {
        if (!is_builtin(db_text(rows, 0)))
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
    for (size_t i = 0; i < builtin_count; i++) {
        if (put_builtin(conn, &builtin_table[i], &changed, err) < 0)
            return -1;
    }
    if (drop_former(conn, &changed, err) < 0)
        return -1;
    return changed ? event_write(conn, "template", EVENT_EVERYBODY, "{\"action\":\"changed\"}", err) : 0;
}

int template_install_builtin(struct db_conn *conn, struct err *err) {
    if (db_begin(conn, err) < 0)
        return -1;
    return db_end(conn, install(conn, err), err);
}
