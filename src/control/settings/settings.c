#include "control/settings/settings.h"

#include "base/cleanup.h"
#include "base/str.h"
#include "base/units.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* What this process was told; written before threads begin. */
static struct {
    char *text;
    enum setting_source source;
} pins[SETTINGS];

const char *setting_type_name(enum setting_type type) {
    static const char *const names[] = {"text", "integer", "boolean", "choice", "duration", "quantity"};
    return names[type];
}

const char *setting_source_name(enum setting_source source) {
    static const char *const names[] = {"default", "database", "file", "variable", "flag"};
    return names[source];
}

bool setting_find(const char *name, size_t length, enum setting *ret) {
    for (int i = 0; i < SETTINGS; i++)
        if (strlen(setting_table[i].name) == length && memcmp(setting_table[i].name, name, length) == 0) {
            *ret = (enum setting)i;
            return true;
        }
    return false;
}

const char *setting_variable(enum setting setting, char *text) {
    const struct setting_row *row = &setting_table[setting];
    if (row->variable)
        return row->variable;
    struct strbuf name = {
        .data = text, .capacity = SETTING_VARIABLE_SIZE, .max = SETTING_VARIABLE_SIZE - 1, .fixed = true};
    strbuf_puts(&name, "STREAMSPACE_");
    for (const char *c = row->name; *c; c++)
        strbuf_putc(&name, *c == '-' ? '_' : (char)toupper((unsigned char)*c));
    return text;
}

/* --- values --- */

static bool parse_boolean(const char *text, int64_t *ret) {
    static const char *const words[] = {"false", "true", "no", "yes", "off", "on", "0", "1"};
    for (size_t i = 0; i < ARRAY_SIZE(words); i++)
        if (str_eq(text, words[i])) {
            *ret = (int64_t)(i & 1);
            return true;
        }
    return false;
}

static bool parse_choice(const struct setting_row *row, const char *text, int64_t *ret) {
    _cleanup_strv_ struct strv list = {0};
    strv_split(&list, row->choices, '|');
    for (size_t i = 0; i < list.count; i++)
        if (str_eq(list.items[i], text)) {
            *ret = (int64_t)i;
            return true;
        }
    return false;
}

static bool parse_text(const struct setting_row *row, const char *text) {
    for (const char *c = text; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            return false;
    return str_is_utf8(text, strlen(text)) && (!*text || !row->valid || row->valid(text));
}

static bool in_bounds(const struct setting_row *row, int64_t number) {
    return number >= row->min && number <= row->max;
}

static const char *format_number(const struct setting_row *row, int64_t number, char *text) {
    if (row->type == SETTING_DURATION)
        return duration_format(number, text);
    if (row->type == SETTING_QUANTITY)
        return bytes_format(number, text);
    snprintf(text, UNITS_TEXT_SIZE, "%lld", (long long)number);
    return text;
}

static int refuse(const struct setting_row *row, struct err *err) {
    char least[UNITS_TEXT_SIZE], most[UNITS_TEXT_SIZE];
    const char *what = row->expect ? row->expect : "a text without control characters";
    switch (row->type) {
    case SETTING_INTEGER:
        what = "a whole number";
        break;
    case SETTING_BOOLEAN:
        what = "true or false";
        break;
    case SETTING_CHOICE:
        return err_set_field(err, ERR_INVALID, "invalid_field", row->name, "must be one of %s", row->choices);
    case SETTING_DURATION:
        what = "a duration such as 90s, 30m or 8h";
        break;
    case SETTING_QUANTITY:
        what = "a size such as 512Ki or 64Mi";
        break;
    case SETTING_TEXT:
        break;
    }
    if (row->type == SETTING_TEXT || row->type == SETTING_BOOLEAN)
        return err_set_field(err, ERR_INVALID, "invalid_field", row->name, "must be %s", what);
    return err_set_field(err, ERR_INVALID, "invalid_field", row->name, "must be %s from %s to %s", what,
                         format_number(row, row->min, least), format_number(row, row->max, most));
}

int setting_check(enum setting setting, const char *text, int64_t *ret, struct err *err) {
    const struct setting_row *row = &setting_table[setting];
    int64_t number = 0;
    bool good = false;
    if (strlen(text) >= SETTING_TEXT_MAX)
        return err_set_field(err, ERR_INVALID, "invalid_field", row->name, "is longer than %d bytes",
                             SETTING_TEXT_MAX - 1);
    switch (row->type) {
    case SETTING_TEXT:
        good = parse_text(row, text);
        break;
    case SETTING_INTEGER:
        good = str_to_i64(text, row->min, row->max, &number);
        break;
    case SETTING_BOOLEAN:
        good = parse_boolean(text, &number);
        break;
    case SETTING_CHOICE:
        good = parse_choice(row, text, &number);
        break;
    case SETTING_DURATION:
        good = duration_parse(text, &number) && in_bounds(row, number);
        break;
    case SETTING_QUANTITY:
        good = bytes_parse(text, &number) && in_bounds(row, number);
        break;
    }
    if (!good)
        return refuse(row, err);
    if (ret)
        *ret = number;
    return 0;
}

/* "postgres://user:secret@host" and "…?password=secret&…" (or " password=secret"): the secret becomes "***".
 */
char *setting_shown(const char *text) {
    struct strbuf shown = STRBUF_MAX(2 * SETTING_TEXT_MAX);
    const char *scheme = strstr(text, "://");
    const char *authority = scheme ? scheme + 3 : NULL;
    const char *at = authority ? memchr(authority, '@', strcspn(authority, "/?#")) : NULL;
    const char *colon = at ? memchr(authority, ':', (size_t)(at - authority)) : NULL;
    if (colon) {
        strbuf_append(&shown, text, (size_t)(colon + 1 - text));
        strbuf_puts(&shown, "***");
        text = at;
    }
    for (const char *key; (key = strstr(text, "password=")); text += strcspn(text, "& ")) {
        strbuf_append(&shown, text, (size_t)(key - text) + strlen("password="));
        strbuf_puts(&shown, "***");
        text = key + strlen("password=");
    }
    strbuf_puts(&shown, text);
    return strbuf_steal(&shown);
}

/* --- told at start --- */

int setting_pin(enum setting setting, const char *text, enum setting_source source, struct err *err) {
    if (text && setting_check(setting, text, NULL, err) < 0)
        return -1;
    free(pins[setting].text);
    pins[setting].text = str_dup(text);
    pins[setting].source = text ? source : SETTING_FROM_DEFAULT;
    return 0;
}

enum setting_source setting_pinned(enum setting setting) {
    return pins[setting].source;
}

const char *setting_start_text(enum setting setting) {
    const char *text = pins[setting].text ? pins[setting].text : setting_table[setting].preset;
    return str_empty(text) ? NULL : text;
}

int64_t setting_start_number(enum setting setting) {
    int64_t number = 0;
    const char *text = setting_start_text(setting);
    if (text)
        setting_check(setting, text, &number, NULL);
    return number;
}

int setting_set(struct db_conn *conn, enum setting setting, int64_t value, struct err *err) {
    const struct setting_row *row = &setting_table[setting];
    char text[UNITS_TEXT_SIZE];
    if (row->type == SETTING_TEXT || row->type == SETTING_CHOICE)
        return err_set(err, ERR_INTERNAL, NULL, "%s is no number", row->name);
    if (row->type != SETTING_BOOLEAN && !in_bounds(row, value))
        return refuse(row, err);
    return setting_put(conn, setting, format_number(row, value, text), err);
}
