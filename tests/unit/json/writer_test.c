#include "json/writer.h"

#include "../test.h"

#include "json/fields.h"

#include <math.h>

static void nested_values_have_their_commas(void **state) {
    _cleanup_strbuf_ struct strbuf text = STRBUF_MAX(1024);
    struct json_writer w = JSON_WRITER(&text);
    jsonw_object_begin(&w);
    jsonw_put_string(&w, "a", "x");
    jsonw_put_string(&w, "none", NULL);
    jsonw_put_int(&w, "n", INT64_MIN);
    jsonw_put_array(&w, "list");
    jsonw_int(&w, 1);
    jsonw_bool(&w, false);
    jsonw_object_begin(&w);
    jsonw_object_end(&w);
    jsonw_array_begin(&w);
    jsonw_array_end(&w);
    jsonw_null(&w);
    jsonw_array_end(&w);
    jsonw_put_object(&w, "o");
    jsonw_put_bool(&w, "t", true);
    jsonw_object_end(&w);
    jsonw_put_raw(&w, "raw", "[1,2]");
    jsonw_put_raw(&w, "empty", NULL);
    jsonw_put_double(&w, "d", 0.1);
    jsonw_put_double(&w, "third", 1.0 / 3);
    jsonw_put_double(&w, "nan", NAN);
    jsonw_object_end(&w);
    assert_true(jsonw_ok(&w));
    assert_string_equal(
        strbuf_str(&text),
        "{\"a\":\"x\",\"none\":null,\"n\":-9223372036854775808,\"list\":[1,false,{},[],null],"
        "\"o\":{\"t\":true},\"raw\":[1,2],\"empty\":null,\"d\":0.1,\"third\":0.33333333333333331,"
        "\"nan\":null}");
}

static void strings_are_escaped_and_read_back(void **state) {
    static const char hostile[] = "q\" b\\ n\n r\r t\t \x01\x1f\x7f </script> \xe2\x82\xac \xf0\x9f\x98\x80";
    _cleanup_strbuf_ struct strbuf text = STRBUF_MAX(1024);
    struct json_writer w = JSON_WRITER(&text);
    jsonw_array_begin(&w);
    jsonw_string(&w, hostile);
    jsonw_array_end(&w);
    assert_true(jsonw_ok(&w));
    struct err err = {0};
    json_t *value = NULL;
    assert_int_equal(json_decode(text.data, text.length, &value, &err), 0);
    assert_string_equal(json_string_value(json_array_get(value, 0)), hostile);
    json_decref(value);
}

static void bytes_that_are_no_text_become_replacements(void **state) {
    _cleanup_strbuf_ struct strbuf text = STRBUF_MAX(1024);
    struct json_writer w = JSON_WRITER(&text);
    jsonw_string_n(&w, "a\xff\xc3(\xed\xa0\x80\0\xe2\x82", 10);
    assert_true(jsonw_ok(&w));
#define R "\xef\xbf\xbd"
    assert_string_equal(strbuf_str(&text), "\"a" R R "(" R R R R R R "\"");
}

static void values_of_jansson_and_lists(void **state) {
    _cleanup_strbuf_ struct strbuf text = STRBUF_MAX(1024);
    _cleanup_strv_ struct strv list = {0};
    strv_add(&list, "a");
    strv_add(&list, "b");
    json_t *value = json_pack("{s:[i,s]}", "k", 1, "v");
    struct json_writer w = JSON_WRITER(&text);
    jsonw_array_begin(&w);
    jsonw_json(&w, value);
    jsonw_json(&w, NULL);
    jsonw_strings(&w, &list);
    jsonw_array_end(&w);
    assert_true(jsonw_ok(&w));
    assert_string_equal(strbuf_str(&text), "[{\"k\":[1,\"v\"]},null,[\"a\",\"b\"]]");
    json_decref(value);
}

static void misuse_is_noticed(void **state) {
    for (int i = 0; i < 7; i++) {
        _cleanup_strbuf_ struct strbuf text = STRBUF_MAX(i == 6 ? 8 : 1024);
        struct json_writer w = JSON_WRITER(&text);
        jsonw_object_begin(&w);
        switch (i) {
        case 0: /* not ended */
            break;
        case 1: /* no key */
            jsonw_int(&w, 1);
            break;
        case 2: /* key without value */
            jsonw_key(&w, "k");
            break;
        case 3:
            jsonw_array_end(&w);
            break;
        case 4: /* two roots */
            jsonw_object_end(&w);
            jsonw_int(&w, 1);
            break;
        case 5:
            for (int depth = 0; depth < JSON_WRITER_DEPTH_MAX; depth++)
                jsonw_put_object(&w, "k");
            for (int depth = 0; depth < JSON_WRITER_DEPTH_MAX; depth++)
                jsonw_object_end(&w);
            break;
        default:
            jsonw_put_string(&w, "longer", "than the buffer");
        }
        if (i)
            jsonw_object_end(&w);
        assert_false(jsonw_ok(&w));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nested_values_have_their_commas),
        cmocka_unit_test(strings_are_escaped_and_read_back),
        cmocka_unit_test(bytes_that_are_no_text_become_replacements),
        cmocka_unit_test(values_of_jansson_and_lists),
        cmocka_unit_test(misuse_is_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
