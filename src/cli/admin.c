/* What administrators set and look back at: settings, the audit log. */
#include "cli/cli.h"

#include "base/cleanup.h"
#include "cli/verbs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

struct admin_options {
    const char *output, *user, *action, *target, *outcome, *from, *to, *search, *format, *file;
};

#define FIELD(name) OPTION_FIELD(struct admin_options, name)
#define OUTPUT_OPTION                                                                                        \
    { "output", NULL, OPTION_CHOICE, FIELD(output), NULL, "table", "table|json", 0, 0, false, "how to print" }
#define TEXT_OPTION(name, metavar, help)                                                                     \
    { #name, NULL, OPTION_TEXT, FIELD(name), metavar, NULL, NULL, 0, 0, false, help }

/* --- settings --- */

static const struct option_spec settings_table[] = {OUTPUT_OPTION};

static const struct column settings_columns[] = {
    {"SETTING", "name"}, {"VALUE", "value"}, {"SOURCE", "source"}, {"DEFAULT", "default"}, {"GROUP", "group"},
};

static const struct column setting_record[] = {
    {"Setting", "name"},      {"Value", "value"},     {"Source", "source"},    {"Default", "default"},
    {"Type", "type"},         {"Choices", "choices"}, {"At least", "min"},     {"At most", "max"},
    {"Editable", "editable"}, {"Restart", "restart"}, {"What", "description"},
};

static int settings_fetch(struct client *client, json_t **ret, struct err *err) {
    _cleanup_json_ json_t *answer = NULL;
    if (client_call(client, "GET", "/settings", NULL, &answer, err) < 0)
        return -1;
    *ret = json_incref(json_object_get(answer, "settings"));
    return *ret ? 0 : err_set(err, ERR_INTERNAL, NULL, "the server's answer has no settings");
}

static json_t *settings_find(json_t *list, const char *name) {
    size_t index;
    json_t *row;
    json_array_foreach (list, index, row)
        if (str_eq(json_string_value(json_object_get(row, "name")), name))
            return row;
    return NULL;
}

static int settings_list(struct client *client, const struct strv *words, void *arg, struct err *err) {
    const struct admin_options *options = arg;
    _cleanup_json_ json_t *list = NULL;
    if (settings_fetch(client, &list, err) < 0)
        return -1;
    if (str_eq(options->output, "json"))
        output_json(list);
    else
        output_table(list, settings_columns, ARRAY_SIZE(settings_columns), "No settings.");
    return 0;
}

static int settings_get(struct client *client, const struct strv *words, void *arg, struct err *err) {
    const struct admin_options *options = arg;
    _cleanup_json_ json_t *list = NULL;
    if (settings_fetch(client, &list, err) < 0)
        return -1;
    const json_t *row = settings_find(list, words->items[1]);
    if (!row)
        return err_set(err, ERR_NOT_FOUND, NULL, "there is no setting '%s'", words->items[1]);
    if (str_eq(options->output, "json"))
        output_json(row);
    else
        output_record(row, setting_record, ARRAY_SIZE(setting_record));
    return 0;
}

/* The word as the setting's type wants it: the server checks the rest. */
static json_t *typed(const json_t *row, const char *word) {
    const char *type = json_string_value(json_object_get(row, "type"));
    int64_t number;
    if (str_eq(type, "integer") && str_to_i64(word, INT64_MIN, INT64_MAX, &number))
        return json_integer(number);
    if (str_eq(type, "boolean") && (str_eq(word, "true") || str_eq(word, "false")))
        return json_boolean(str_eq(word, "true"));
    return json_string(word);
}

/* `word` NULL: back to the default. */
static int settings_change(struct client *client, const char *name, const char *word,
                           const struct admin_options *options, struct err *err) {
    _cleanup_json_ json_t *list = NULL, *body = json_object(), *answer = NULL;
    if (settings_fetch(client, &list, err) < 0)
        return -1;
    json_object_set_new(body, name, word ? typed(settings_find(list, name), word) : json_null());
    if (json_object_size(body) != 1)
        return err_set(err, ERR_INVALID, NULL, "name and value must be UTF-8");
    if (client_call(client, "PATCH", "/settings", body, &answer, err) < 0)
        return -1;
    const json_t *row = settings_find(json_object_get(answer, "settings"), name);
    if (str_eq(options->output, "json"))
        output_json(row);
    else
        output_record(row, setting_record, ARRAY_SIZE(setting_record));
    return 0;
}

static int settings_set(struct client *client, const struct strv *words, void *arg, struct err *err) {
    return settings_change(client, words->items[1], words->items[2], arg, err);
}

static int settings_reset(struct client *client, const struct strv *words, void *arg, struct err *err) {
    return settings_change(client, words->items[1], NULL, arg, err);
}

static const struct verb settings_verbs[] = {
    {"list", "", 0, "all settings with what is in force and where it comes from", settings_list},
    {"get", "NAME", 1, "one setting", settings_get},
    {"set", "NAME VALUE", 2, "store a value: every server follows at once", settings_set},
    {"reset", "NAME", 1, "back to the default", settings_reset},
};

int cli_settings(int argc, char **argv) {
    struct admin_options options = {0};
    return verbs_run(&(struct verb_table){"settings", "Settings of the server (administrators).",
                                          settings_verbs, ARRAY_SIZE(settings_verbs), settings_table,
                                          ARRAY_SIZE(settings_table), &options},
                     argc, argv);
}

/* --- audit --- */

static const struct option_spec audit_table[] = {
    OUTPUT_OPTION,
    TEXT_OPTION(user, "NAME", "only what this user (or system, anonymous, agent:ID) did"),
    TEXT_OPTION(action, "ACTION", "session.create, or session for all of its verbs"),
    TEXT_OPTION(target, "NAME", "only on this"),
    TEXT_OPTION(outcome, "OUTCOME", "allowed, refused or failed"),
    TEXT_OPTION(from, "TIME", "not before this time (RFC 3339)"),
    TEXT_OPTION(to, "TIME", "before this time"),
    TEXT_OPTION(search, "TEXT", "in user, action, target, address and detail"),
    {"format", NULL, OPTION_CHOICE, FIELD(format), NULL, "csv", "csv|json", 0, 0, false,
     "export: what to write"},
    {"file", NULL, OPTION_TEXT, FIELD(file), "FILE", NULL, NULL, 0, 0, false,
     "export: where to (standard output when not given); must not exist"},
};

static const struct column audit_columns[] = {
    {"TIME", "time"},       {"USER", "user"},       {"ACTION", "action"}, {"TARGET", "target"},
    {"OUTCOME", "outcome"}, {"ADDRESS", "address"}, {"DETAIL", "detail"},
};

static void add_filters(struct strbuf *path, const struct admin_options *options) {
    const struct {
        const char *name, *value;
    } filters[] = {{"user", options->user},       {"action", options->action}, {"target", options->target},
                   {"outcome", options->outcome}, {"from", options->from},     {"to", options->to},
                   {"search", options->search}};
    for (size_t i = 0; i < ARRAY_SIZE(filters); i++)
        if (filters[i].value)
            verbs_query(path, filters[i].name, filters[i].value);
}

static int audit_list(struct client *client, const struct strv *words, void *arg, struct err *err) {
    const struct admin_options *options = arg;
    _cleanup_strbuf_ struct strbuf path = STRBUF_MAX(4096);
    strbuf_puts(&path, "/audit?limit=200");
    add_filters(&path, options);
    return verbs_list(client, strbuf_str(&path), "entries", audit_columns, ARRAY_SIZE(audit_columns),
                      "Nothing of that kind happened.", options->output, err);
}

/* Where an export goes, and how it went. */
struct export {
    FILE *out;
    int status;
    bool full; /* the disk */
};

static bool write_chunk(void *arg, int status, const char *data, size_t length) {
    struct export *export = arg;
    export->status = status;
    if (status >= 400)
        return false;
    export->full = length && fwrite(data, 1, length, export->out) != length;
    return !export->full;
}

static int audit_export(struct client *client, const struct strv *words, void *arg, struct err *err) {
    const struct admin_options *options = arg;
    _cleanup_strbuf_ struct strbuf path = STRBUF_MAX(4096);
    strbuf_puts(&path, "?limit=1");
    add_filters(&path, options);
    /* Asked in little first: a bad filter is told in words, and an old token is exchanged. */
    _cleanup_free_ char *probe = str_format("/audit%s", strbuf_str(&path));
    if (client_call(client, "GET", probe, NULL, NULL, err) < 0)
        return -1;
    strbuf_clear(&path);
    strbuf_printf(&path, "/audit/export?format=%s", options->format);
    add_filters(&path, options);
    _cleanup_fclose_ FILE *file = NULL;
    if (options->file && !(file = fopen(options->file, "wxe")))
        return err_errno(err, "cannot make %s", options->file);
    struct export export = {.out = file ? file : stdout};
    if (client_stream(client, strbuf_str(&path), write_chunk, &export, err) < 0)
        return -1;
    if (export.status >= 400)
        return err_set(err, ERR_UNAVAILABLE, NULL, "the server answered %d", export.status);
    if (export.full || fflush(export.out) != 0)
        return err_errno(err, "cannot write all of it");
    return 0;
}

static const struct verb audit_verbs[] = {
    {"list", "", 0, "what was done and refused, newest first", audit_list},
    {"export", "", 0, "all of it as CSV or JSON", audit_export},
};

int cli_audit(int argc, char **argv) {
    struct admin_options options = {0};
    return verbs_run(&(struct verb_table){"audit", "The audit log (administrators).", audit_verbs,
                                          ARRAY_SIZE(audit_verbs), audit_table, ARRAY_SIZE(audit_table),
                                          &options},
                     argc, argv);
}
