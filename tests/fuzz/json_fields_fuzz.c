/* Field tables: whatever the text, parsing ends, errors name what is wrong in UTF-8, and nothing leaks. A
 * text that is taken is written again by the writer, and that must be taken, too. */
#include "fuzz.h"

#include "base/cleanup.h"
#include "base/id.h"
#include "json/fields.h"
#include "json/writer.h"

struct inner {
    char *memory;
    int64_t count;
};

struct input {
    char *name;
    int64_t size;
    double ratio;
    bool on;
    struct strv tags;
    struct json_pairs env;
    struct inner inner;
    json_t *any;
};

static const struct json_field inner_fields[] = {
    {.name = "memory", JSON_STRING_AT(struct inner, memory), .max = 16},
    {.name = "count", JSON_INT_AT(struct inner, count), .min = 1, .max = 9},
};

static const struct json_field fields[] = {
    {.name = "name", JSON_STRING_AT(struct input, name), .flags = JSON_REQUIRED, .valid = id_is_session},
    {.name = "size", JSON_INT_AT(struct input, size), .flags = JSON_NULLABLE},
    {.name = "ratio", JSON_DOUBLE_AT(struct input, ratio)},
    {.name = "on", JSON_BOOL_AT(struct input, on)},
    {.name = "tags", JSON_STRINGS_AT(struct input, tags), .max = 4, .item_max = 8},
    {.name = "env", JSON_MAP_AT(struct input, env), .max = 4},
    {.name = "inner", JSON_OBJECT_AT(struct input, inner, inner_fields)},
    {.name = "any", JSON_JSON_AT(struct input, any)},
};

static void write_again(const struct input *input) {
    _cleanup_strbuf_ struct strbuf text = STRBUF_MAX(64 * 1024 * 1024);
    struct json_writer w = JSON_WRITER(&text);
    jsonw_object_begin(&w);
    jsonw_put_string(&w, "name", input->name);
    jsonw_put_int(&w, "size", input->size);
    jsonw_put_double(&w, "ratio", input->ratio);
    jsonw_put_bool(&w, "on", input->on);
    jsonw_key(&w, "tags");
    jsonw_strings(&w, &input->tags);
    jsonw_put_object(&w, "env");
    for (size_t i = 0; i < input->env.count; i++)
        jsonw_put_string(&w, input->env.items[i].name, input->env.items[i].value);
    jsonw_object_end(&w);
    jsonw_put_json(&w, "any", input->any);
    jsonw_object_end(&w);
    struct input again = {0};
    struct err err = {0};
    if (!jsonw_ok(&w) ||
        json_fields_parse(text.data, text.length, fields, ARRAY_SIZE(fields), 0, &again, NULL, &err) < 0)
        abort();
    json_fields_finish(fields, ARRAY_SIZE(fields), &again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length) {
    for (unsigned flags = 0; flags <= JSON_IGNORE_UNKNOWN; flags++) {
        struct input input = {0};
        struct err err = {0};
        size_t unknown;
        if (json_fields_parse((const char *)data, length, fields, ARRAY_SIZE(fields), flags, &input, &unknown,
                              &err) == 0)
            write_again(&input);
        else if (err.kind != ERR_INVALID || !str_is_utf8(err.message, strlen(err.message)) ||
                 !str_is_utf8(err.field, strlen(err.field)))
            abort();
        json_fields_finish(fields, ARRAY_SIZE(fields), &input);
    }
    return 0;
}
