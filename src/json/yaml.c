#include "json/yaml.h"

#include <stdio.h>
#include <stdlib.h>
#include <yaml.h>

/* --- places --- */

static void place_finish(struct yaml_place *place) {
    for (size_t i = 0; i < place->count; i++)
        place_finish(&place->items[i]);
    free(place->items);
    free(place->key);
    *place = (struct yaml_place){0};
}

static struct yaml_place *place_add(struct yaml_place *place) {
    /* Room doubles: 8, 16, 32 … whenever the count reaches a power of two. */
    if (place->count == 0 || (place->count >= 8 && (place->count & (place->count - 1)) == 0))
        place->items =
            mem_realloc(place->items, (place->count ? place->count * 2 : 8) * sizeof *place->items);
    struct yaml_place *item = &place->items[place->count++];
    *item = (struct yaml_place){0};
    return item;
}

const struct yaml_place *yaml_place_member(const struct yaml_place *place, const char *key) {
    for (size_t i = 0; place && i < place->count; i++)
        if (str_eq(place->items[i].key, key))
            return &place->items[i];
    return NULL;
}

const struct yaml_place *yaml_place_item(const struct yaml_place *place, size_t index) {
    return place && index < place->count ? &place->items[index] : NULL;
}

void yaml_documents_finish(struct yaml_documents *documents) {
    for (size_t i = 0; i < documents->count; i++) {
        json_decref(documents->items[i].value);
        place_finish(&documents->items[i].place);
    }
    free(documents->items);
    *documents = (struct yaml_documents){0};
}

/* --- reading --- */

struct reader {
    yaml_parser_t parser;
    yaml_event_t event; /* the present one */
    bool has_event;
    const char *text;
    size_t length, nodes;
    struct yaml_fault *fault;
};

__attribute__((format(printf, 4, 5))) static int fail(struct reader *r, size_t line, size_t column,
                                                      const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(r->fault->message, sizeof r->fault->message, format, args);
    va_end(args);
    r->fault->line = (unsigned)line;
    r->fault->column = (unsigned)column;
    return -1;
}

static int fail_here(struct reader *r, const char *message) {
    return fail(r, r->event.start_mark.line + 1, r->event.start_mark.column + 1, "%s", message);
}

/* The reader's own errors (encoding, control characters) know the byte only. */
static int fail_at_byte(struct reader *r, size_t offset) {
    size_t line = 1, column = 1;
    for (size_t i = 0; i < offset && i < r->length; i++) {
        if (r->text[i] == '\n') {
            line++;
            column = 1;
        } else if (((unsigned char)r->text[i] & 0xc0) != 0x80)
            column++;
    }
    return fail(r, line, column, "%s", r->parser.problem ? r->parser.problem : "not readable as UTF-8 text");
}

static int next(struct reader *r) {
    if (r->has_event)
        yaml_event_delete(&r->event);
    r->has_event = yaml_parser_parse(&r->parser, &r->event);
    if (r->has_event)
        return 0;
    const yaml_parser_t *p = &r->parser;
    if (p->error == YAML_READER_ERROR)
        return fail_at_byte(r, p->problem_offset);
    return fail(r, p->problem_mark.line + 1, p->problem_mark.column + 1, "%s%s%s",
                p->problem ? p->problem : "not valid YAML", p->context ? " " : "",
                p->context ? p->context : "");
}

static bool is_word(const char *text, const char *a, const char *b, const char *c) {
    return str_eq(text, a) || str_eq(text, b) || str_eq(text, c);
}

/* A decimal integer without a leading zero; those may mean octal ones. */
static bool is_integer(const char *text) {
    text += *text == '-' || *text == '+';
    size_t digits = strspn(text, "0123456789");
    return digits && !text[digits] && (digits == 1 || *text != '0');
}

static bool is_fraction(const char *text) {
    text += *text == '-' || *text == '+';
    size_t whole = strspn(text, "0123456789"), part = 0;
    if (whole > 1 && *text == '0')
        return false;
    text += whole;
    if (*text == '.') {
        part = strspn(++text, "0123456789");
        text += part;
    }
    if (whole + part == 0)
        return false;
    if (*text == 'e' || *text == 'E') {
        text++;
        text += *text == '-' || *text == '+';
        size_t digits = strspn(text, "0123456789");
        return digits && !text[digits];
    }
    return !*text;
}

static json_t *plain_value(const char *text) {
    int64_t integer;
    double number;
    if (!*text || str_eq(text, "~") || is_word(text, "null", "Null", "NULL"))
        return json_null();
    if (is_word(text, "true", "True", "TRUE"))
        return json_true();
    if (is_word(text, "false", "False", "FALSE"))
        return json_false();
    const char *digits = text + (*text == '+');
    if (is_integer(text) && str_to_i64(digits, INT64_MIN, INT64_MAX, &integer))
        return json_integer(integer);
    if (!is_integer(text) && is_fraction(text) && str_to_double(digits, &number))
        return json_real(number);
    return NULL;
}

static int check_properties(struct reader *r, const yaml_char_t *anchor, const yaml_char_t *tag) {
    if (anchor)
        return fail_here(r, "anchors are not supported: write the value out");
    if (tag)
        return fail_here(r, "tags are not supported");
    return 0;
}

static int scalar_text(struct reader *r, const char **ret, size_t *ret_length) {
    *ret = (const char *)r->event.data.scalar.value;
    *ret_length = r->event.data.scalar.length;
    if (check_properties(r, r->event.data.scalar.anchor, r->event.data.scalar.tag) < 0)
        return -1;
    if (memchr(*ret, '\0', *ret_length))
        return fail_here(r, "a text must not contain NUL");
    return 0;
}

static int read_scalar(struct reader *r, json_t **ret) {
    const char *text;
    size_t length;
    if (scalar_text(r, &text, &length) < 0)
        return -1;
    if (r->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE)
        *ret = plain_value(text);
    if (!*ret)
        *ret = json_stringn(text, length);
    return *ret ? 0 : fail_here(r, "the text is not UTF-8");
}

static int read_value(struct reader *r, unsigned depth, json_t **ret, struct yaml_place *place);

static int read_list(struct reader *r, unsigned depth, json_t *list, struct yaml_place *place) {
    for (;;) {
        if (next(r) < 0)
            return -1;
        if (r->event.type == YAML_SEQUENCE_END_EVENT)
            return 0;
        json_t *item = NULL;
        if (read_value(r, depth + 1, &item, place_add(place)) < 0)
            return -1;
        json_array_append_new(list, item);
    }
}

static int read_key(struct reader *r, const json_t *object, struct yaml_place *place) {
    const char *text;
    size_t length;
    if (r->event.type != YAML_SCALAR_EVENT)
        return fail_here(r, "a key must be a plain text");
    if (scalar_text(r, &text, &length) < 0)
        return -1;
    if (length == 0 || length > YAML_KEY_MAX)
        return fail_here(r, length ? "the key is too long" : "a key must not be empty");
    if (json_object_get(object, text))
        return fail(r, r->event.start_mark.line + 1, r->event.start_mark.column + 1,
                    "the key %s stands here a second time", text);
    place->key = str_ndup(text, length);
    place->key_line = (unsigned)r->event.start_mark.line + 1;
    place->key_column = (unsigned)r->event.start_mark.column + 1;
    return 0;
}

static int read_mapping(struct reader *r, unsigned depth, json_t *object, struct yaml_place *place) {
    for (;;) {
        if (next(r) < 0)
            return -1;
        if (r->event.type == YAML_MAPPING_END_EVENT)
            return 0;
        struct yaml_place *member = place_add(place);
        json_t *value = NULL;
        if (read_key(r, object, member) < 0 || next(r) < 0 || read_value(r, depth + 1, &value, member) < 0)
            return -1;
        if (json_object_set_new(object, member->key, value) < 0)
            return fail(r, member->key_line, member->key_column, "the key is not UTF-8");
    }
}

/* The value that the present event begins. On failure *ret is NULL. */
static int read_value(struct reader *r, unsigned depth, json_t **ret, struct yaml_place *place) {
    place->line = (unsigned)r->event.start_mark.line + 1;
    place->column = (unsigned)r->event.start_mark.column + 1;
    if (depth > YAML_DEPTH_MAX)
        return fail_here(r, "nested too deep");
    if (++r->nodes > YAML_NODES_MAX)
        return fail_here(r, "too many values");
    int status = 0;
    switch (r->event.type) {
    case YAML_SCALAR_EVENT:
        return read_scalar(r, ret);
    case YAML_SEQUENCE_START_EVENT:
        *ret = json_array();
        status = check_properties(r, r->event.data.sequence_start.anchor, r->event.data.sequence_start.tag);
        status = status < 0 ? -1 : read_list(r, depth, *ret, place);
        break;
    case YAML_MAPPING_START_EVENT:
        *ret = json_object();
        status = check_properties(r, r->event.data.mapping_start.anchor, r->event.data.mapping_start.tag);
        status = status < 0 ? -1 : read_mapping(r, depth, *ret, place);
        break;
    default:
        return fail_here(r, "aliases are not supported: write the value out");
    }
    if (status < 0) {
        json_decref(*ret);
        *ret = NULL;
    }
    return status;
}

static int read_document(struct reader *r, size_t documents_max, struct yaml_documents *ret) {
    struct yaml_document document = {0};
    if (next(r) < 0 || read_value(r, 1, &document.value, &document.place) < 0 || next(r) < 0) {
        json_decref(document.value);
        place_finish(&document.place);
        return -1;
    }
    if (json_is_null(document.value)) {
        json_decref(document.value);
        place_finish(&document.place);
        return 0;
    }
    ret->items = mem_realloc(ret->items, (ret->count + 1) * sizeof *ret->items);
    ret->items[ret->count++] = document;
    if (ret->count > documents_max)
        return fail(r, document.place.line, document.place.column, "more than %zu documents", documents_max);
    return 0;
}

static int read_stream(struct reader *r, size_t documents_max, struct yaml_documents *ret) {
    if (r->length > YAML_TEXT_MAX)
        return fail(r, 0, 0, "the text is longer than %d bytes", YAML_TEXT_MAX);
    for (;;) {
        if (next(r) < 0)
            return -1;
        if (r->event.type == YAML_STREAM_END_EVENT)
            return 0;
        if (r->event.type == YAML_DOCUMENT_START_EVENT && read_document(r, documents_max, ret) < 0)
            return -1;
    }
}

int yaml_read(const char *text, size_t length, size_t documents_max, struct yaml_documents *ret,
              struct yaml_fault *fault) {
    struct reader r = {.text = text, .length = length, .fault = fault};
    *ret = (struct yaml_documents){0};
    *fault = (struct yaml_fault){0};
    if (!yaml_parser_initialize(&r.parser))
        return fail(&r, 0, 0, "no memory for the parser");
    yaml_parser_set_input_string(&r.parser, (const unsigned char *)text, length);
    yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
    int status = read_stream(&r, documents_max, ret);
    if (r.has_event)
        yaml_event_delete(&r.event);
    yaml_parser_delete(&r.parser);
    if (status < 0)
        yaml_documents_finish(ret);
    return status;
}
