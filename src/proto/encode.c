#include "proto/proto.h"

#include "base/clock.h"
#include "base/units.h"
#include "json/writer.h"

static void write_object(struct json_writer *w, const struct proto_field *fields, const char *base);

static void write_list(struct json_writer *w, const struct proto_field *field, const char *base) {
    const char *items;
    size_t count;
    memcpy(&items, base + field->offset, sizeof items);
    memcpy(&count, base + field->count_offset, sizeof count);
    jsonw_array_begin(w);
    for (size_t i = 0; i < count; i++)
        write_object(w, field->fields, items + i * field->size);
    jsonw_array_end(w);
}

static void write_payload(struct json_writer *w, const json_t *object) {
    if (object) {
        jsonw_json(w, object);
        return;
    }
    jsonw_object_begin(w);
    jsonw_object_end(w);
}

static void write_value(struct json_writer *w, const struct proto_field *field, const char *base) {
    const void *source = base + field->offset;
    char text[UNITS_TEXT_SIZE];
    switch (field->kind) {
    case PROTO_TEXT:
        jsonw_string(w, source);
        break;
    case PROTO_INT:
        jsonw_int(w, *(const int64_t *)source);
        break;
    case PROTO_NUMBER:
        jsonw_double(w, *(const double *)source);
        break;
    case PROTO_BOOL:
        jsonw_bool(w, *(const bool *)source);
        break;
    case PROTO_CPU:
        jsonw_string(w, cpu_format(*(const int64_t *)source, text));
        break;
    case PROTO_BYTES:
        jsonw_string(w, bytes_format(*(const int64_t *)source, text));
        break;
    case PROTO_JSON:
        write_payload(w, *(json_t *const *)source);
        break;
    case PROTO_TEXTS:
        jsonw_strings(w, source);
        break;
    case PROTO_OBJECT:
        write_object(w, field->fields, source);
        break;
    case PROTO_LIST:
        write_list(w, field, base);
        break;
    }
}

static bool all_zero(const char *bytes, size_t size) {
    for (size_t i = 0; i < size; i++)
        if (bytes[i])
            return false;
    return true;
}

static bool is_empty(const struct proto_field *field, const char *base) {
    const char *source = base + field->offset;
    switch (field->kind) {
    case PROTO_TEXT:
        return !*source;
    case PROTO_INT:
        return all_zero(source, sizeof(int64_t));
    case PROTO_OBJECT:
        return all_zero(source, field->size);
    case PROTO_JSON:
        return all_zero(source, sizeof(json_t *));
    case PROTO_BOOL:
        return all_zero(source, sizeof(bool));
    default:
        return false;
    }
}

static void write_object(struct json_writer *w, const struct proto_field *fields, const char *base) {
    jsonw_object_begin(w);
    for (const struct proto_field *field = fields; field->name; field++) {
        if ((field->flags & PROTO_READ_ONLY) || ((field->flags & PROTO_OMIT_EMPTY) && is_empty(field, base)))
            continue;
        jsonw_key(w, field->name);
        write_value(w, field, base);
    }
    jsonw_object_end(w);
}

/* Back to what it held before a message that did not fit. */
static void cut_back(struct strbuf *buffer, size_t length) {
    buffer->length = length;
    buffer->overflow = false;
    if (buffer->data)
        buffer->data[length] = '\0';
}

int proto_encode(const struct proto_message *message, struct strbuf *buffer, struct err *err) {
    const char *name = proto_type_name(message->type);
    if (!proto_type_senders(message->type))
        return err_set(err, ERR_INVALID, NULL, "no message of a known type");
    char now[TIME_TEXT_SIZE];
    size_t before = buffer->length;
    struct json_writer w = JSON_WRITER(buffer);
    jsonw_object_begin(&w);
    jsonw_put_string(&w, "type", name);
    jsonw_put_string(&w, "timestamp", time_now(now));
    jsonw_key(&w, "payload");
    write_object(&w, proto_table[message->type - 1].fields, (const char *)&message->hello);
    jsonw_object_end(&w);
    if (!jsonw_ok(&w)) {
        cut_back(buffer, before);
        return err_set(err, ERR_TOO_LARGE, NULL, "%s: message over its limit", name);
    }
    return 0;
}

static void free_fields(const struct proto_field *fields, char *base) {
    for (const struct proto_field *field = fields; field->name; field++) {
        char *source = base + field->offset;
        if (field->flags & PROTO_READ_ONLY)
            continue;
        if (field->kind == PROTO_JSON)
            json_decref(*(json_t **)(void *)source);
        else if (field->kind == PROTO_TEXTS)
            strv_finish((void *)source);
        else if (field->kind == PROTO_LIST)
            free(*(void **)(void *)source);
    }
}

void proto_message_finish(struct proto_message *message) {
    if (message->type > PROTO_UNKNOWN && message->type < PROTO_TYPES)
        free_fields(proto_table[message->type - 1].fields, (char *)&message->hello);
    *message = (struct proto_message){0};
}

char *proto_make_stream_id(char *id) {
    return random_hex(id, PROTO_STREAM_ID_SIZE - 1);
}
