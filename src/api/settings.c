/* GET and PATCH /settings: the table of settings with what is in force, and changes of what is stored. */
#include "control/settings/settings.h"
#include "api/call.h"
#include "api/resources.h"
#include "base/cleanup.h"
#include "base/units.h"

/* --- showing --- */

static void put_value(struct json_writer *w, const char *key, const struct setting_row *row,
                      const char *text) {
    int64_t number = 0;
    bool typed = row->type == SETTING_INTEGER || row->type == SETTING_BOOLEAN;
    enum setting setting = (enum setting)(row - setting_table);
    if (str_empty(text) || (typed && setting_check(setting, text, &number, NULL) < 0)) {
        jsonw_put_null(w, key);
    } else if (row->type == SETTING_INTEGER) {
        jsonw_put_int(w, key, number);
    } else if (row->type == SETTING_BOOLEAN) {
        jsonw_put_bool(w, key, number != 0);
    } else {
        _cleanup_free_ char *shown = setting_shown(text);
        jsonw_put_string(w, key, shown);
    }
}

static void put_bounds(struct json_writer *w, const struct setting_row *row) {
    char least[UNITS_TEXT_SIZE], most[UNITS_TEXT_SIZE];
    switch (row->type) {
    case SETTING_INTEGER:
        jsonw_put_int(w, "min", row->min);
        jsonw_put_int(w, "max", row->max);
        break;
    case SETTING_DURATION:
        jsonw_put_string(w, "min", duration_format(row->min, least));
        jsonw_put_string(w, "max", duration_format(row->max, most));
        break;
    case SETTING_QUANTITY:
        jsonw_put_string(w, "min", bytes_format(row->min, least));
        jsonw_put_string(w, "max", bytes_format(row->max, most));
        break;
    default:
        jsonw_put_null(w, "min");
        jsonw_put_null(w, "max");
    }
}

static void put_setting(struct json_writer *w, enum setting setting, const char *text,
                        enum setting_source source) {
    const struct setting_row *row = &setting_table[setting];
    bool secret = row->flags & SETTING_SECRET, stored = row->flags & SETTING_STORED;
    _cleanup_strv_ struct strv choices = {0};
    strv_split(&choices, row->choices ? row->choices : "", '|');
    jsonw_object_begin(w);
    jsonw_put_string(w, "name", row->name);
    put_value(w, "value", row, secret ? NULL : text);
    put_value(w, "default", row, row->preset);
    if (secret)
        jsonw_put_bool(w, "set", *text != '\0');
    jsonw_put_string(w, "source", setting_source_name(source));
    jsonw_put_string(w, "type", setting_type_name(row->type));
    jsonw_key(w, "choices");
    if (choices.count)
        jsonw_strings(w, &choices);
    else
        jsonw_null(w);
    put_bounds(w, row);
    jsonw_put_string(w, "description", row->help);
    jsonw_put_string(w, "group", row->group);
    jsonw_put_bool(w, "editable", stored && source <= SETTING_FROM_DATABASE);
    jsonw_put_bool(w, "restart", !stored || row->flags & SETTING_RESTART);
    jsonw_object_end(w);
}

static int write_settings(struct call *call, struct json_writer *w, struct err *err) {
    jsonw_object_begin(w);
    jsonw_put_array(w, "settings");
    for (int i = 0; i < SETTINGS; i++) {
        char text[SETTING_TEXT_MAX];
        enum setting_source source;
        if (setting_get_text(call->conn, (enum setting)i, text, &source, err) < 0)
            return -1;
        put_setting(w, (enum setting)i, text, source);
        explicit_bzero(text, sizeof text);
    }
    jsonw_array_end(w);
    jsonw_object_end(w);
    return 0;
}

void settings_get(struct call *call) {
    struct strbuf text = STRBUF_MAX(ANSWER_MAX);
    struct json_writer w = JSON_WRITER(&text);
    struct err err = {0};
    if (write_settings(call, &w, &err) < 0) {
        strbuf_finish(&text);
        call_problem(call, &err);
        return;
    }
    call_json(call, 200, &w);
}

/* --- changing --- */

struct changes {
    struct setting_change items[SETTINGS];
    char texts[SETTINGS][SETTING_TEXT_MAX];
    size_t count;
};

/* A JSON value as the table's text. */
static int value_text(const char *name, const json_t *value, char *text, struct err *err) {
    if (json_is_string(value)) {
        size_t length = json_string_length(value);
        if (length >= SETTING_TEXT_MAX || strlen(json_string_value(value)) != length)
            return err_set_field(err, ERR_INVALID, "invalid_field", name,
                                 "must be a text of at most %d bytes", SETTING_TEXT_MAX - 1);
        str_copy(text, SETTING_TEXT_MAX, json_string_value(value));
    } else if (json_is_integer(value)) {
        snprintf(text, SETTING_TEXT_MAX, "%lld", (long long)json_integer_value(value));
    } else if (json_is_boolean(value)) {
        str_copy(text, SETTING_TEXT_MAX, json_is_true(value) ? "true" : "false");
    } else {
        return err_set_field(err, ERR_INVALID, "invalid_field", name,
                             "must be a text, a whole number, true, false or null");
    }
    return 0;
}

static int read_changes(json_t *object, struct changes *changes, struct err *err) {
    const char *name;
    json_t *value;
    json_object_foreach (object, name, value) {
        struct setting_change *change = &changes->items[changes->count];
        char *text = changes->texts[changes->count];
        if (!setting_find(name, strlen(name), &change->setting)) {
            char field[ERR_FIELD_MAX];
            snprintf(field, sizeof field, "%.40s", name);
            for (size_t length = strlen(field); length && !str_is_utf8(field, length); length--)
                field[length - 1] = '\0';
            return err_set_field(err, ERR_INVALID, "unknown_field", field, "there is no such setting");
        }
        if (!json_is_null(value) && value_text(name, value, text, err) < 0)
            return -1;
        change->text = json_is_null(value) ? NULL : text;
        changes->count++;
    }
    return changes->count
               ? 0
               : err_set(err, ERR_INVALID, "missing_field", "name the settings that are to change");
}

void settings_patch(struct call *call) {
    const struct settings_body *body = call->body;
    struct err err = {0};
    _cleanup_free_ struct changes *changes = mem_zalloc(sizeof *changes);
    if (read_changes(body->values, changes, &err) < 0 ||
        settings_change(call->conn, &call->actor, changes->items, changes->count, &err) < 0)
        call_problem(call, &err);
    else
        settings_get(call);
}
