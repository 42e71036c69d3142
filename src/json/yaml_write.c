#include "json/yaml.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <yaml.h>

static int append(void *arg, unsigned char *data, size_t length) {
    return strbuf_append(arg, data, length);
}

/* Texts that some reader of YAML 1.1 or 1.2 would take for something else. */
static bool is_ambiguous(const char *text) {
    static const char *const words[] = {"null", "true", "false", "yes", "no", "on", "off",
                                        "y",    "n",    "nan",   "inf", "=",  "<<", "~"};
    if (!*text)
        return true;
    /* Numbers of any base and times; "500m" and "1Gi" are none. */
    if ((isdigit((unsigned char)*text) || strchr("+-.", *text)) &&
        !text[strspn(text, "0123456789abcdefABCDEFxXoOTZtz_.:+- ")])
        return true;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strcasecmp(text, words[i]) == 0)
            return true;
    return false;
}

/* Block texts only where nothing about their ends can be mistaken. */
static yaml_scalar_style_t style_of(const char *text) {
    size_t length = strlen(text);
    bool several = strchr(text, '\n') != NULL;
    for (size_t i = 0; i < length; i++)
        if (((unsigned char)text[i] < 0x20 && text[i] != '\n') || text[i] == 0x7f)
            return YAML_DOUBLE_QUOTED_SCALAR_STYLE;
    if (!several)
        return is_ambiguous(text) ? YAML_SINGLE_QUOTED_SCALAR_STYLE : YAML_ANY_SCALAR_STYLE;
    bool plain_ends =
        !isspace((unsigned char)*text) && length >= 2 && !isspace((unsigned char)text[length - 2]);
    return plain_ends && !strstr(text, " \n") ? YAML_LITERAL_SCALAR_STYLE : YAML_DOUBLE_QUOTED_SCALAR_STYLE;
}

static bool put_scalar(yaml_emitter_t *e, const char *text, yaml_scalar_style_t style) {
    yaml_event_t event;
    /* The flags say that no tag is needed, whether plain or quoted. */
    return yaml_scalar_event_initialize(&event, NULL, NULL, (const yaml_char_t *)text, (int)strlen(text), 1,
                                        1, style) &&
           yaml_emitter_emit(e, &event);
}

static bool put_value(yaml_emitter_t *e, const json_t *value);

static bool put_object(yaml_emitter_t *e, const json_t *object) {
    yaml_event_t event;
    const char *key;
    json_t *value;
    bool empty = json_object_size(object) == 0;
    if (!yaml_mapping_start_event_initialize(&event, NULL, NULL, 1,
                                             empty ? YAML_FLOW_MAPPING_STYLE : YAML_BLOCK_MAPPING_STYLE) ||
        !yaml_emitter_emit(e, &event))
        return false;
    json_object_foreach ((json_t *)(uintptr_t)object, key, value) {
        if (!put_scalar(e, key, strchr(key, '\n') ? YAML_DOUBLE_QUOTED_SCALAR_STYLE : style_of(key)) ||
            !put_value(e, value))
            return false;
    }
    return yaml_mapping_end_event_initialize(&event) && yaml_emitter_emit(e, &event);
}

static bool put_array(yaml_emitter_t *e, const json_t *array) {
    yaml_event_t event;
    size_t index;
    json_t *value;
    bool empty = json_array_size(array) == 0;
    if (!yaml_sequence_start_event_initialize(&event, NULL, NULL, 1,
                                              empty ? YAML_FLOW_SEQUENCE_STYLE : YAML_BLOCK_SEQUENCE_STYLE) ||
        !yaml_emitter_emit(e, &event))
        return false;
    json_array_foreach ((json_t *)(uintptr_t)array, index, value) {
        if (!put_value(e, value))
            return false;
    }
    return yaml_sequence_end_event_initialize(&event) && yaml_emitter_emit(e, &event);
}

static bool put_value(yaml_emitter_t *e, const json_t *value) {
    char number[48];
    switch (value ? json_typeof(value) : JSON_NULL) {
    case JSON_OBJECT:
        return put_object(e, value);
    case JSON_ARRAY:
        return put_array(e, value);
    case JSON_STRING:
        return put_scalar(e, json_string_value(value), style_of(json_string_value(value)));
    case JSON_INTEGER:
        snprintf(number, sizeof number, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        return put_scalar(e, number, YAML_PLAIN_SCALAR_STYLE);
    case JSON_REAL:
        snprintf(number, sizeof number, "%.17g", json_real_value(value));
        if (!strpbrk(number, ".e"))
            snprintf(number, sizeof number, "%.1f", json_real_value(value));
        return put_scalar(e, number, YAML_PLAIN_SCALAR_STYLE);
    case JSON_TRUE:
        return put_scalar(e, "true", YAML_PLAIN_SCALAR_STYLE);
    case JSON_FALSE:
        return put_scalar(e, "false", YAML_PLAIN_SCALAR_STYLE);
    case JSON_NULL:
        break;
    }
    return put_scalar(e, "null", YAML_PLAIN_SCALAR_STYLE);
}

static bool put_document(yaml_emitter_t *e, const json_t *value, bool first) {
    yaml_event_t event;
    return yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING) && yaml_emitter_emit(e, &event) &&
           yaml_document_start_event_initialize(&event, NULL, NULL, NULL, first) &&
           yaml_emitter_emit(e, &event) && put_value(e, value) &&
           yaml_document_end_event_initialize(&event, 1) && yaml_emitter_emit(e, &event) &&
           yaml_stream_end_event_initialize(&event) && yaml_emitter_emit(e, &event);
}

bool yaml_write(const json_t *value, struct strbuf *out) {
    yaml_emitter_t emitter;
    if (!yaml_emitter_initialize(&emitter))
        return false;
    yaml_emitter_set_output(&emitter, append, out);
    yaml_emitter_set_encoding(&emitter, YAML_UTF8_ENCODING);
    yaml_emitter_set_unicode(&emitter, 1);
    yaml_emitter_set_width(&emitter, -1);
    yaml_emitter_set_indent(&emitter, 2);
    bool done = put_document(&emitter, value, out->length == 0) && yaml_emitter_flush(&emitter);
    yaml_emitter_delete(&emitter);
    return done && !out->overflow;
}
