#include "json/fields.h"

#include "../test.h"

#include "base/cleanup.h"
#include "base/id.h"

#include <stdio.h>

struct resources {
    char *memory;
    char *cpu;
};

struct thing {
    char *name;
    int64_t size;
    bool has_size;
    bool on;
    double ratio;
    struct strv tags;
    struct json_pairs env;
    struct resources resources;
    json_t *any;
    char *state;
};

static const char *const states[] = {"running", "terminated", NULL};

static const struct json_field resource_fields[] = {
    {.name = "memory", JSON_STRING_AT(struct resources, memory), .max = 8},
    {.name = "cpu", JSON_STRING_AT(struct resources, cpu), .flags = JSON_REQUIRED},
};

static int check_ratio(const void *member, struct err *err) {
    if (*(const double *)member == 0.5)
        return err_set(err, ERR_INVALID, NULL, "must not be a half");
    return 0;
}

static const struct json_field fields[] = {
    {.name = "name",
     JSON_STRING_AT(struct thing, name),
     .flags = JSON_REQUIRED,
     .min = 1,
     .max = 10,
     .valid = id_is_dns_label,
     .expect = "a DNS label"},
    {.name = "size",
     JSON_INT_AT(struct thing, size),
     .min = -5,
     .max = 100,
     .flags = JSON_NULLABLE,
     .present = JSON_PRESENT(struct thing, has_size)},
    {.name = "on", JSON_BOOL_AT(struct thing, on)},
    {.name = "ratio", JSON_DOUBLE_AT(struct thing, ratio), .max = 1, .check = check_ratio},
    {.name = "tags", JSON_STRINGS_AT(struct thing, tags), .max = 3, .item_max = 4},
    {.name = "env", JSON_MAP_AT(struct thing, env), .max = 2, .item_max = 4},
    {.name = "resources", JSON_OBJECT_AT(struct thing, resources, resource_fields)},
    {.name = "any", JSON_JSON_AT(struct thing, any)},
    {.name = "state", JSON_STRING_AT(struct thing, state), .values = states},
};

static int parse(const char *text, struct thing *thing, struct err *err) {
    *thing = (struct thing){.size = 7};
    err_clear(err);
    return json_fields_parse(text, strlen(text), fields, ARRAY_SIZE(fields), 0, thing, NULL, err);
}

static void finish(struct thing *thing) {
    json_fields_finish(fields, ARRAY_SIZE(fields), thing);
}

static void whole_object_is_taken(void **state) {
    struct thing thing;
    struct err err = {0};
    const char *text = "{\"name\":\"a-b\",\"size\":-5,\"on\":true,\"ratio\":1,\"tags\":[\"x\",\"\xc3\xa4\"],"
                       "\"env\":{\"K\":\"v\",\"L\":\"\"},\"resources\":{\"memory\":\"1Gi\",\"cpu\":\"2\"},"
                       "\"any\":[1,{\"z\":null}],\"state\":\"running\"}";
    assert_int_equal(parse(text, &thing, &err), 0);
    assert_string_equal(thing.name, "a-b");
    assert_int_equal(thing.size, -5);
    assert_true(thing.has_size && thing.on);
    assert_true(thing.ratio == 1.0);
    assert_int_equal(thing.tags.count, 2);
    assert_string_equal(thing.tags.items[1], "\xc3\xa4");
    assert_int_equal(thing.env.count, 2);
    assert_string_equal(json_pairs_get(&thing.env, "K"), "v");
    assert_null(json_pairs_get(&thing.env, "M"));
    assert_string_equal(thing.resources.memory, "1Gi");
    assert_int_equal(json_array_size(thing.any), 2);
    assert_string_equal(thing.state, "running");
    finish(&thing);
    assert_null(thing.name);
    assert_null(thing.any);
}

static void defaults_stay_and_null_is_presence(void **state) {
    struct thing thing;
    struct err err = {0};
    assert_int_equal(parse("{\"name\":\"a\"}", &thing, &err), 0);
    assert_int_equal(thing.size, 7);
    assert_false(thing.has_size);
    assert_null(thing.state);
    finish(&thing);
    assert_int_equal(parse("{\"name\":\"a\",\"size\":null}", &thing, &err), 0);
    assert_int_equal(thing.size, 7);
    assert_true(thing.has_size);
    finish(&thing);
}

static void faults_are_named(void **state) {
    static const struct {
        const char *text, *code, *field;
    } cases[] = {
        {"", "malformed_json", ""},
        {"[]", "malformed_json", ""},
        {"17", "malformed_json", ""},
        {"{\"name\":\"a\"", "malformed_json", ""},
        {"{\"name\":\"a\"} x", "malformed_json", ""},
        {"{\"name\":\"a\",\"name\":\"b\"}", "malformed_json", ""},
        {"{\"name\":\"\xc3(\"}", "malformed_json", ""},
        {"{\"name\":\"\xed\xa0\x80\"}", "malformed_json", ""},
        {"{\"name\":\"a\\u0000b\"}", "malformed_json", ""},
        {"{\"name\":\"\\ud800\"}", "malformed_json", ""},
        {"{\"name\":\"a\",\"size\":99999999999999999999}", "malformed_json", ""},
        {"{}", "missing_field", "name"},
        {"{\"name\":null}", "missing_field", "name"},
        {"{\"name\":\"a\",\"colour\":1}", "unknown_field", "colour"},
        {"{\"name\":\"a\",\"Name\":1}", "unknown_field", "Name"},
        {"{\"name\":1}", "invalid_field", "name"},
        {"{\"name\":\"\"}", "invalid_field", "name"},
        {"{\"name\":\"A\"}", "invalid_field", "name"},
        {"{\"name\":\"abcdefghijk\"}", "invalid_field", "name"},
        {"{\"name\":\"a\",\"size\":101}", "invalid_field", "size"},
        {"{\"name\":\"a\",\"size\":3.0}", "invalid_field", "size"},
        {"{\"name\":\"a\",\"size\":\"3\"}", "invalid_field", "size"},
        {"{\"name\":\"a\",\"on\":1}", "invalid_field", "on"},
        {"{\"name\":\"a\",\"on\":null}", "invalid_field", "on"},
        {"{\"name\":\"a\",\"ratio\":1.01}", "invalid_field", "ratio"},
        {"{\"name\":\"a\",\"ratio\":0.5}", "invalid_field", "ratio"},
        {"{\"name\":\"a\",\"tags\":\"x\"}", "invalid_field", "tags"},
        {"{\"name\":\"a\",\"tags\":[\"a\",\"b\",\"c\",\"d\"]}", "invalid_field", "tags"},
        {"{\"name\":\"a\",\"tags\":[\"a\",\"bcdef\"]}", "invalid_field", "tags.1"},
        {"{\"name\":\"a\",\"tags\":[\"a\",2]}", "invalid_field", "tags.1"},
        {"{\"name\":\"a\",\"env\":{\"K\":1}}", "invalid_field", "env.K"},
        {"{\"name\":\"a\",\"env\":{\"K\":\"12345\"}}", "invalid_field", "env.K"},
        {"{\"name\":\"a\",\"env\":{\"a\":\"\",\"b\":\"\",\"c\":\"\"}}", "invalid_field", "env"},
        {"{\"name\":\"a\",\"resources\":[]}", "invalid_field", "resources"},
        {"{\"name\":\"a\",\"resources\":{}}", "missing_field", "resources.cpu"},
        {"{\"name\":\"a\",\"resources\":{\"cpu\":\"1\",\"gpu\":1}}", "unknown_field", "resources.gpu"},
        {"{\"name\":\"a\",\"state\":\"flying\"}", "invalid_field", "state"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct thing thing;
        struct err err = {0};
        if (parse(cases[i].text, &thing, &err) == 0)
            fail_msg("taken: %s", cases[i].text);
        assert_int_equal(err.kind, ERR_INVALID);
        if (strcmp(err.code, cases[i].code) != 0 || strcmp(err.field, cases[i].field) != 0)
            fail_msg("%s: %s %s (%s)", cases[i].text, err.code, err.field, err.message);
        assert_true(str_is_utf8(err.message, strlen(err.message)));
        finish(&thing);
    }
}

static void messages_read_well(void **state) {
    struct thing thing;
    struct err err = {0};
    assert_int_equal(parse("{\"name\":\"A\"}", &thing, &err), -1);
    assert_string_equal(err.message, "name: must be a DNS label");
    assert_int_equal(parse("{\"name\":\"a\",\"state\":\"x\"}", &thing, &err), -1);
    assert_string_equal(err.message, "state: must be one of running, terminated");
    finish(&thing);
    assert_int_equal(parse("{\"name\":\"a\",\"ratio\":0.5}", &thing, &err), -1);
    assert_string_equal(err.message, "ratio: must not be a half");
    finish(&thing);
}

static void depth_is_limited(void **state) {
    char text[2 * (JSON_DEPTH_MAX + 1) + 32];
    for (int depth = JSON_DEPTH_MAX - 1; depth <= JSON_DEPTH_MAX; depth++) {
        struct strbuf out = STRBUF_FIXED(text);
        strbuf_puts(&out, "{\"name\":\"[[\\\"[\",\"any\":");
        for (int i = 0; i < depth; i++)
            strbuf_putc(&out, '[');
        for (int i = 0; i < depth; i++)
            strbuf_putc(&out, ']');
        strbuf_putc(&out, '}');
        struct thing thing = {0};
        struct err err = {0};
        /* the name is no label, so that a text of allowed depth fails later, for another reason */
        assert_int_equal(
            json_fields_parse(out.data, out.length, fields, ARRAY_SIZE(fields), 0, &thing, NULL, &err), -1);
        assert_string_equal(err.code, depth == JSON_DEPTH_MAX ? "malformed_json" : "invalid_field");
        finish(&thing);
    }
}

static void long_foreign_names_are_cut_at_a_character(void **state) {
    char text[512];
    struct strbuf out = STRBUF_FIXED(text);
    strbuf_puts(&out, "{\"");
    for (int i = 0; i < 100; i++)
        strbuf_puts(&out, "\xe2\x82\xac");
    strbuf_puts(&out, "\":1}");
    struct thing thing = {0};
    struct err err = {0};
    assert_int_equal(
        json_fields_parse(out.data, out.length, fields, ARRAY_SIZE(fields), 0, &thing, NULL, &err), -1);
    assert_string_equal(err.code, "unknown_field");
    assert_true(strlen(err.field) > 50 && str_is_utf8(err.field, strlen(err.field)));
    assert_true(str_is_utf8(err.message, strlen(err.message)));
}

static void unknown_fields_can_be_counted(void **state) {
    struct thing thing = {0};
    struct err err = {0};
    size_t unknown = 99;
    const char *text = "{\"name\":\"a\",\"new\":1,\"newer\":{},\"resources\":{\"cpu\":\"1\",\"tpu\":2}}";
    assert_int_equal(json_fields_parse(text, strlen(text), fields, ARRAY_SIZE(fields), JSON_IGNORE_UNKNOWN,
                                       &thing, &unknown, &err),
                     0);
    assert_int_equal(unknown, 3);
    finish(&thing);
}

static void decoded_values_are_borrowed(void **state) {
    struct err err = {0};
    json_t *root = NULL;
    const char *text = "{\"name\":\"a\",\"any\":{\"k\":1}}";
    assert_int_equal(json_decode(text, strlen(text), &root, &err), 0);
    struct thing thing = {0};
    assert_int_equal(json_fields_take(root, fields, ARRAY_SIZE(fields), 0, &thing, NULL, &err), 0);
    json_decref(root);
    assert_int_equal(json_integer_value(json_object_get(thing.any, "k")), 1);
    finish(&thing);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_object_is_taken),
        cmocka_unit_test(defaults_stay_and_null_is_presence),
        cmocka_unit_test(faults_are_named),
        cmocka_unit_test(messages_read_well),
        cmocka_unit_test(depth_is_limited),
        cmocka_unit_test(long_foreign_names_are_cut_at_a_character),
        cmocka_unit_test(unknown_fields_can_be_counted),
        cmocka_unit_test(decoded_values_are_borrowed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
