#include "json/fields.h"

#include "base/cleanup.h"

#include <stdio.h>

/* Where we are in the input, for messages: "resources.memory". */
struct place {
    const struct place *outer;
    const char *name;
};

static void place_text(const struct place *place, char *text, size_t size) {
    struct strbuf out = {.data = text, .capacity = size, .max = size - 1, .fixed = true};
    if (place->outer) {
        char outer[ERR_FIELD_MAX];
        place_text(place->outer, outer, sizeof outer);
        strbuf_puts(&out, outer);
        strbuf_putc(&out, '.');
    }
    strbuf_puts(&out, place->name);
}

__attribute__((format(printf, 4, 5))) static int refuse(struct err *err, const struct place *place,
                                                        const char *code, const char *format, ...) {
    char field[ERR_FIELD_MAX] = "", message[256];
    place_text(place, field, sizeof field);
    /* A name that was cut in the middle of a character must not spoil the error answer. */
    for (size_t length = strlen(field); length && !str_is_utf8(field, length); length--)
        field[length - 1] = '\0';
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    return err_set_field(err, ERR_INVALID, code, field, "%s: %s", field, message);
}

static int wrong_type(struct err *err, const struct place *place, const char *wanted) {
    return refuse(err, place, "invalid_field", "must be %s", wanted);
}

void json_pairs_add(struct json_pairs *pairs, const char *name, const char *value) {
    pairs->items = mem_realloc(pairs->items, (pairs->count + 1) * sizeof *pairs->items);
    pairs->items[pairs->count++] = (struct json_pair){.name = str_dup(name), .value = str_dup(value)};
}

const char *json_pairs_get(const struct json_pairs *pairs, const char *name) {
    for (size_t i = 0; i < pairs->count; i++)
        if (strcmp(pairs->items[i].name, name) == 0)
            return pairs->items[i].value;
    return NULL;
}

void json_pairs_finish(struct json_pairs *pairs) {
    for (size_t i = 0; i < pairs->count; i++) {
        free(pairs->items[i].name);
        free(pairs->items[i].value);
    }
    free(pairs->items);
    *pairs = (struct json_pairs){0};
}

/* jansson's own depth limit is fixed at 2048, each level a stack frame and a hash table: count first. */
static bool too_deep(const char *text, size_t length) {
    unsigned depth = 0;
    bool in_string = false;
    for (size_t i = 0; i < length; i++) {
        char c = text[i];
        if (in_string) {
            if (c == '\\')
                i++;
            else if (c == '"')
                in_string = false;
        } else if (c == '"') {
            in_string = true;
        } else if (c == '{' || c == '[') {
            if (++depth > JSON_DEPTH_MAX)
                return true;
        } else if ((c == '}' || c == ']') && depth) {
            depth--;
        }
    }
    return false;
}

int json_decode(const char *text, size_t length, json_t **ret, struct err *err) {
    if (too_deep(text, length))
        return err_set(err, ERR_INVALID, "malformed_json", "JSON is nested deeper than %d levels",
                       JSON_DEPTH_MAX);
    json_error_t problem;
    json_t *value = json_loadb(text, length, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &problem);
    if (!value) {
        /* jansson quotes the input near the fault: cut at a byte, maybe inside a character. */
        bool clean = str_is_utf8(problem.text, strlen(problem.text));
        return err_set(err, ERR_INVALID, "malformed_json", "not valid JSON: line %d, column %d: %s",
                       problem.line, problem.column, clean ? problem.text : "not understood");
    }
    *ret = value;
    return 0;
}

static bool is_allowed(const char *text, const char *const *values) {
    for (; *values; values++)
        if (strcmp(text, *values) == 0)
            return true;
    return false;
}

static int refuse_value(const struct json_field *field, const struct place *place, struct err *err) {
    char list[200];
    struct strbuf text = STRBUF_FIXED(list);
    for (const char *const *value = field->values; *value; value++)
        strbuf_printf(&text, "%s%s", value == field->values ? "" : ", ", *value);
    return refuse(err, place, "invalid_field", "must be one of %s", list);
}

static int check_text(const struct json_field *field, const char *text, const struct place *place,
                      struct err *err) {
    if (field->values && !is_allowed(text, field->values))
        return refuse_value(field, place, err);
    if (field->valid && !field->valid(text))
        return refuse(err, place, "invalid_field", "must be %s",
                      field->expect ? field->expect : "well-formed");
    return 0;
}

/* Length in bytes of a JSON string against [min, max]. */
static int check_bytes(const json_t *value, int64_t min, int64_t max, const struct place *place,
                       struct err *err) {
    int64_t length = (int64_t)json_string_length(value);
    if (length < min)
        return min == 1
                   ? refuse(err, place, "invalid_field", "must not be empty")
                   : refuse(err, place, "invalid_field", "must have at least %lld bytes", (long long)min);
    if (length > max)
        return refuse(err, place, "invalid_field", "must have at most %lld bytes", (long long)max);
    return 0;
}

static int take_string(const struct json_field *field, const json_t *value, char **member,
                       const struct place *place, struct err *err) {
    if (!json_is_string(value))
        return wrong_type(err, place, "a string");
    if (check_bytes(value, field->min, field->max ? field->max : JSON_STRING_DEFAULT_MAX, place, err) < 0 ||
        check_text(field, json_string_value(value), place, err) < 0)
        return -1;
    free(*member);
    *member = str_dup(json_string_value(value));
    return 0;
}

static int take_int(const struct json_field *field, const json_t *value, int64_t *member,
                    const struct place *place, struct err *err) {
    if (!json_is_integer(value))
        return wrong_type(err, place, "an integer");
    int64_t number = json_integer_value(value);
    if ((field->min || field->max) && (number < field->min || number > field->max))
        return refuse(err, place, "invalid_field", "must be between %lld and %lld", (long long)field->min,
                      (long long)field->max);
    *member = number;
    return 0;
}

static int take_double(const struct json_field *field, const json_t *value, double *member,
                       const struct place *place, struct err *err) {
    if (!json_is_number(value))
        return wrong_type(err, place, "a number");
    double number = json_number_value(value);
    if ((field->min || field->max) && (number < (double)field->min || number > (double)field->max))
        return refuse(err, place, "invalid_field", "must be between %lld and %lld", (long long)field->min,
                      (long long)field->max);
    *member = number;
    return 0;
}

static int check_count(const struct json_field *field, size_t count, const struct place *place,
                       struct err *err) {
    int64_t max = field->max ? field->max : JSON_LIST_DEFAULT_MAX;
    if ((int64_t)count < field->min)
        return refuse(err, place, "invalid_field", "must have at least %lld entries", (long long)field->min);
    if ((int64_t)count > max)
        return refuse(err, place, "invalid_field", "must have at most %lld entries", (long long)max);
    return 0;
}

static int take_strings(const struct json_field *field, const json_t *value, struct strv *member,
                        const struct place *place, struct err *err) {
    if (!json_is_array(value))
        return wrong_type(err, place, "a list of strings");
    if (check_count(field, json_array_size(value), place, err) < 0)
        return -1;
    strv_finish(member);
    for (size_t i = 0; i < json_array_size(value); i++) {
        char number[24];
        snprintf(number, sizeof number, "%zu", i);
        struct place item_place = {.outer = place, .name = number};
        const json_t *item = json_array_get(value, i);
        if (!json_is_string(item))
            return wrong_type(err, &item_place, "a string");
        if (check_bytes(item, 0, field->item_max ? field->item_max : JSON_STRING_DEFAULT_MAX, &item_place,
                        err) < 0 ||
            check_text(field, json_string_value(item), &item_place, err) < 0)
            return -1;
        strv_add(member, json_string_value(item));
    }
    return 0;
}

static int take_map(const struct json_field *field, const json_t *value, struct json_pairs *member,
                    const struct place *place, struct err *err) {
    if (!json_is_object(value))
        return wrong_type(err, place, "an object of strings");
    if (check_count(field, json_object_size(value), place, err) < 0)
        return -1;
    json_pairs_finish(member);
    json_t *items = (json_t *)(uintptr_t)value; /* jansson's iterators want it mutable, but only look */
    for (void *at = json_object_iter(items); at; at = json_object_iter_next(items, at)) {
        const char *name = json_object_iter_key(at);
        const json_t *item = json_object_iter_value(at);
        struct place item_place = {.outer = place, .name = name};
        if (strlen(name) > JSON_NAME_MAX)
            return refuse(err, &item_place, "invalid_field", "its name is longer than %d bytes",
                          JSON_NAME_MAX);
        if (field->valid && !field->valid(name))
            return refuse(err, &item_place, "invalid_field", "its name must be %s",
                          field->expect ? field->expect : "well-formed");
        if (!json_is_string(item))
            return wrong_type(err, &item_place, "a string");
        if (check_bytes(item, 0, field->item_max ? field->item_max : JSON_STRING_DEFAULT_MAX, &item_place,
                        err) < 0)
            return -1;
        if (field->values && !is_allowed(json_string_value(item), field->values))
            return refuse_value(field, &item_place, err);
        json_pairs_add(member, name, json_string_value(item));
    }
    return 0;
}

static int take_object(const json_t *object, const struct json_field *table, size_t count, unsigned flags,
                       void *target, size_t *unknown, const struct place *place, struct err *err);

static int take_value(const struct json_field *field, const json_t *value, unsigned flags, void *member,
                      size_t *unknown, const struct place *place, struct err *err) {
    switch (field->type) {
    case JSON_FIELD_STRING:
        return take_string(field, value, member, place, err);
    case JSON_FIELD_INT:
        return take_int(field, value, member, place, err);
    case JSON_FIELD_BOOL:
        if (!json_is_boolean(value))
            return wrong_type(err, place, "true or false");
        *(bool *)member = json_is_true(value);
        return 0;
    case JSON_FIELD_DOUBLE:
        return take_double(field, value, member, place, err);
    case JSON_FIELD_STRINGS:
        return take_strings(field, value, member, place, err);
    case JSON_FIELD_MAP:
        return take_map(field, value, member, place, err);
    case JSON_FIELD_OBJECT:
        return take_object(value, field->table, field->table_count, flags, member, unknown, place, err);
    case JSON_FIELD_JSON:
        json_decref(*(json_t **)member);
        *(json_t **)member = json_incref((json_t *)(uintptr_t)value);
        return 0;
    case JSON_FIELD_REST: /* take_rest() */
        return 0;
    }
    return err_set(err, ERR_INTERNAL, NULL, "field table: row \"%s\" has no type", field->name);
}

static int take_field(const struct json_field *field, const json_t *value, unsigned flags, void *target,
                      size_t *unknown, const struct place *outer, struct err *err) {
    struct place place = {.outer = outer, .name = field->name};
    bool is_null = !value || json_is_null(value);
    if (is_null && (field->flags & JSON_REQUIRED))
        return refuse(err, &place, "missing_field", "is required");
    if (!value)
        return 0;
    void *member = (char *)target + field->offset;
    if (!(is_null && (field->flags & JSON_NULLABLE))) {
        if (take_value(field, value, flags, member, unknown, &place, err) < 0)
            return -1;
        if (field->check) {
            struct err inner = {0};
            if (field->check(member, &inner) < 0)
                return refuse(err, &place, "invalid_field", "%s", inner.message);
        }
    }
    if (field->present)
        *((bool *)target + (field->present - 1)) = true;
    return 0;
}

static bool is_known(const char *name, const struct json_field *table, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (table[i].type != JSON_FIELD_REST && strcmp(table[i].name, name) == 0)
            return true;
    return false;
}

/* Puts a member that no row knows into the table's JSON_FIELD_REST; false when there is none. */
static bool take_rest(const struct json_field *table, size_t count, void *target, const char *name,
                      json_t *value) {
    for (size_t i = 0; i < count; i++) {
        if (table[i].type != JSON_FIELD_REST)
            continue;
        json_t **rest = (json_t **)(void *)((char *)target + table[i].offset);
        if (!*rest)
            *rest = json_object();
        return json_object_set(*rest, name, value) == 0;
    }
    return false;
}

static int take_object(const json_t *object, const struct json_field *table, size_t count, unsigned flags,
                       void *target, size_t *unknown, const struct place *place, struct err *err) {
    if (!json_is_object(object))
        return place ? wrong_type(err, place, "an object")
                     : err_set(err, ERR_INVALID, "malformed_json", "a JSON object is expected");
    json_t *items = (json_t *)(uintptr_t)object;
    for (void *at = json_object_iter(items); at; at = json_object_iter_next(items, at)) {
        const char *name = json_object_iter_key(at);
        if (is_known(name, table, count) || take_rest(table, count, target, name, json_object_iter_value(at)))
            continue;
        struct place unknown_place = {.outer = place, .name = name};
        if (!(flags & JSON_IGNORE_UNKNOWN))
            return refuse(err, &unknown_place, "unknown_field", "is not known here");
        ++*unknown;
    }
    for (size_t i = 0; i < count; i++)
        if (table[i].type != JSON_FIELD_REST && take_field(&table[i], json_object_get(object, table[i].name),
                                                           flags, target, unknown, place, err) < 0)
            return -1;
    return 0;
}

int json_fields_take(const json_t *object, const struct json_field *table, size_t count, unsigned flags,
                     void *target, size_t *ret_unknown, struct err *err) {
    size_t unknown = 0;
    if (take_object(object, table, count, flags, target, &unknown, NULL, err) < 0)
        return -1;
    if (ret_unknown)
        *ret_unknown = unknown;
    return 0;
}

int json_fields_parse(const char *text, size_t length, const struct json_field *table, size_t count,
                      unsigned flags, void *target, size_t *ret_unknown, struct err *err) {
    _cleanup_json_ json_t *root = NULL;
    if (json_decode(text, length, &root, err) < 0)
        return -1;
    return json_fields_take(root, table, count, flags, target, ret_unknown, err);
}

void json_fields_finish(const struct json_field *table, size_t count, void *target) {
    for (size_t i = 0; i < count; i++) {
        void *member = (char *)target + table[i].offset;
        switch (table[i].type) {
        case JSON_FIELD_STRING:
            free(*(char **)member);
            *(char **)member = NULL;
            break;
        case JSON_FIELD_STRINGS:
            strv_finish(member);
            break;
        case JSON_FIELD_MAP:
            json_pairs_finish(member);
            break;
        case JSON_FIELD_OBJECT:
            json_fields_finish(table[i].table, table[i].table_count, member);
            break;
        case JSON_FIELD_JSON:
        case JSON_FIELD_REST:
            json_decref(*(json_t **)member);
            *(json_t **)member = NULL;
            break;
        case JSON_FIELD_INT:
        case JSON_FIELD_BOOL:
        case JSON_FIELD_DOUBLE:
            break;
        }
    }
}
