#include "proto/proto.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/units.h"

#include <limits.h>
#include <math.h>

#define CODE_NOT_JSON "not_json"

struct decoder {
    unsigned ignored;
    struct err *err;
};

static int read_fields(struct decoder *decoder, json_t *object, const struct proto_field *fields, char *base);

static int refuse(struct decoder *decoder, const struct proto_field *field, const char *why) {
    return err_set_field(decoder->err, ERR_INVALID, NULL, field->name, "%s: %s", field->name, why);
}

/* Copies as much as fits, never half a character. */
static void copy_cut(char *target, size_t size, const char *text) {
    size_t length = strlen(text);
    if (length >= size) {
        length = size - 1;
        while (length && ((unsigned char)text[length] & 0xc0) == 0x80)
            length--;
    }
    memcpy(target, text, length);
    target[length] = '\0';
}

static int read_text(struct decoder *decoder, json_t *value, const struct proto_field *field, char *target) {
    const char *text = json_string_value(value);
    if (!text)
        return refuse(decoder, field, "must be a text");
    if (strlen(text) >= field->size && !(field->flags & PROTO_CUT))
        return refuse(decoder, field, "is too long");
    bool absent = !*text && !(field->flags & PROTO_REQUIRED);
    if (field->check && !absent && !field->check(text))
        return refuse(decoder, field, "is malformed");
    copy_cut(target, field->size, text);
    return 0;
}

static int read_int(struct decoder *decoder, json_t *value, const struct proto_field *field,
                    int64_t *target) {
    if (!json_is_integer(value))
        return refuse(decoder, field, "must be a whole number");
    int64_t number = json_integer_value(value);
    if (number < field->min || number > field->max)
        return refuse(decoder, field, "is out of bounds");
    *target = number;
    return 0;
}

/* "8000m", "16Gi", or a plain number: cores, bytes. */
static int read_quantity(struct decoder *decoder, json_t *value, const struct proto_field *field,
                         int64_t *target) {
    char number[64];
    const char *text = json_string_value(value);
    if (json_is_number(value)) {
        struct strbuf buffer = STRBUF_FIXED(number);
        strbuf_printf(&buffer, json_is_integer(value) ? "%.0f" : "%.6f", json_number_value(value));
        if (!buffer.overflow)
            text = number;
    }
    bool fine = text && (field->kind == PROTO_CPU ? cpu_parse(text, target) : bytes_parse(text, target));
    return fine ? 0 : refuse(decoder, field, "is no quantity");
}

static int read_texts(struct decoder *decoder, json_t *value, const struct proto_field *field,
                      struct strv *target) {
    if (!json_is_array(value))
        return refuse(decoder, field, "must be a list");
    size_t index;
    json_t *item;
    json_array_foreach (value, index, item) {
        const char *text = json_string_value(item);
        if (text && target->count < PROTO_TEXTS_MAX && strlen(text) <= PROTO_TEXTS_BYTES)
            strv_add(target, text);
        else
            decoder->ignored++;
    }
    return 0;
}

/* Malformed elements are left out and counted: the others are still good. */
static int read_list(struct decoder *decoder, json_t *value, const struct proto_field *field, char *base) {
    if (!json_is_array(value))
        return refuse(decoder, field, "must be a list");
    char *items = NULL;
    memcpy(&items, base + field->offset, sizeof items);
    if (items) { /* the field came under its other name already */
        decoder->ignored++;
        return 0;
    }
    size_t size = json_array_size(value), count = 0;
    if (size > PROTO_LIST_MAX) {
        decoder->ignored += (unsigned)(size - PROTO_LIST_MAX);
        size = PROTO_LIST_MAX;
    }
    if (!size)
        return 0;
    items = mem_zalloc(size * field->size);
    for (size_t i = 0; i < size; i++) {
        struct decoder quiet = {0};
        json_t *item = json_array_get(value, i);
        char *element = items + count * field->size;
        if (json_is_object(item) && read_fields(&quiet, item, field->fields, element) == 0) {
            count++;
            decoder->ignored += quiet.ignored;
        } else {
            memset(element, 0, field->size);
            decoder->ignored++;
        }
    }
    memcpy(base + field->offset, &items, sizeof items);
    memcpy(base + field->count_offset, &count, sizeof count);
    return 0;
}

static int read_value(struct decoder *decoder, json_t *value, const struct proto_field *field, char *base) {
    void *target = base + field->offset;
    switch (field->kind) {
    case PROTO_TEXT:
        return read_text(decoder, value, field, target);
    case PROTO_INT:
        return read_int(decoder, value, field, target);
    case PROTO_NUMBER:
        if (!json_is_number(value) || !isfinite(json_number_value(value)))
            return refuse(decoder, field, "must be a number");
        *(double *)target = json_number_value(value);
        return 0;
    case PROTO_BOOL:
        if (!json_is_boolean(value))
            return refuse(decoder, field, "must be true or false");
        *(bool *)target = json_is_true(value);
        return 0;
    case PROTO_CPU:
    case PROTO_BYTES:
        return read_quantity(decoder, value, field, target);
    case PROTO_JSON:
        if (!json_is_object(value))
            return refuse(decoder, field, "must be an object");
        *(json_t **)target = json_incref(value);
        return 0;
    case PROTO_TEXTS:
        return read_texts(decoder, value, field, target);
    case PROTO_OBJECT:
        if (!json_is_object(value))
            return refuse(decoder, field, "must be an object");
        return read_fields(decoder, value, field->fields, target);
    case PROTO_LIST:
        return read_list(decoder, value, field, base);
    }
    return 0;
}

/* null counts as absent: programs in other languages write it for what they do not have. */
static int read_fields(struct decoder *decoder, json_t *object, const struct proto_field *fields,
                       char *base) {
    size_t known = 0;
    for (const struct proto_field *field = fields; field->name; field++) {
        json_t *value = json_object_get(object, field->name);
        known += value != NULL;
        if (!value || json_is_null(value)) {
            if (field->flags & PROTO_REQUIRED)
                return refuse(decoder, field, "is missing");
            continue;
        }
        if (read_value(decoder, value, field, base) < 0)
            return -1;
    }
    decoder->ignored += (unsigned)(json_object_size(object) - known);
    return 0;
}

static enum proto_type type_of(const char *name, enum proto_sender sender) {
    for (size_t i = 0; i + 1 < PROTO_TYPES; i++)
        if (str_eq(proto_table[i].name, name))
            return proto_table[i].senders & sender ? proto_table[i].type : PROTO_UNKNOWN;
    return PROTO_UNKNOWN;
}

/* The envelope: {"type", "timestamp", "payload"}. */
static int read_envelope(json_t *root, enum proto_sender sender, struct proto_message *message,
                         json_t **ret_payload, struct err *err) {
    if (!json_is_object(root))
        return err_set(err, ERR_INVALID, "no_message", "a message is a JSON object");
    const char *type = json_string_value(json_object_get(root, "type"));
    if (str_empty(type))
        return err_set(err, ERR_INVALID, "no_message", "a message has a \"type\"");
    json_t *payload = json_object_get(root, "payload");
    if (payload && !json_is_object(payload) && !json_is_null(payload))
        return err_set(err, ERR_INVALID, "no_message", "\"payload\" must be an object");
    copy_cut(message->type_text, sizeof message->type_text, type);
    message->type = type_of(type, sender);
    const char *timestamp = json_string_value(json_object_get(root, "timestamp"));
    if (timestamp)
        time_parse(timestamp, &message->timestamp);
    size_t known = 1 + (payload != NULL) + (json_object_get(root, "timestamp") != NULL);
    message->ignored = (unsigned)(json_object_size(root) - known);
    *ret_payload = payload;
    return 0;
}

static void decref_p(json_t **value) {
    json_decref(*value);
}

int proto_decode(const char *text, size_t length, enum proto_sender sender, struct proto_message *ret,
                 struct err *err) {
    if (length > PROTO_MESSAGE_MAX)
        return err_set(err, ERR_INVALID, "no_message", "a message has at most %d bytes", PROTO_MESSAGE_MAX);
    json_error_t problem;
    _cleanup_(decref_p) json_t *root = json_loadb(text, length, JSON_REJECT_DUPLICATES, &problem);
    if (!root)
        return err_set(err, ERR_INVALID, CODE_NOT_JSON, "not JSON: %s", problem.text);
    _cleanup_proto_ struct proto_message message = {0};
    json_t *payload = NULL;
    if (read_envelope(root, sender, &message, &payload, err) < 0)
        return -1;
    if (message.type != PROTO_UNKNOWN) {
        _cleanup_(decref_p) json_t *empty = json_is_object(payload) ? NULL : json_object();
        struct decoder decoder = {.err = err};
        /* Every member of the union starts at the same address. */
        if (read_fields(&decoder, empty ? empty : payload, proto_table[message.type - 1].fields,
                        (char *)&message.hello) < 0)
            return err_wrap(err, "%s", message.type_text);
        message.ignored += decoder.ignored;
    }
    *ret = message;
    message = (struct proto_message){0};
    return 0;
}

int proto_close_code(const struct err *err) {
    return err_is(err, CODE_NOT_JSON) ? PROTO_CLOSE_NOT_JSON : PROTO_CLOSE_POLICY;
}
