/* Walks the route table: every row is whole and can be reached, and the OpenAPI document tells the same. */
#include "../test.h"

#include "api/route.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/str.h"

#include <stdio.h>
#include <strings.h>

static json_t *document;

static int load_document(void **state) {
    _cleanup_free_ char *text = NULL;
    size_t length;
    if (file_read(OPENAPI_JSON, 4 * 1024 * 1024, &text, &length, NULL) < 0)
        return -1;
    return json_decode(text, length, &document, NULL);
}

static int unload_document(void **state) {
    json_decref(document);
    return 0;
}

/* The path with "x" for its parameters. */
static char *example(const char *pattern) {
    struct strbuf text = STRBUF_MAX(1024);
    for (const char *at = pattern; *at; at++) {
        if (*at == '{') {
            strbuf_puts(&text, "x");
            at = strchr(at, '}');
        } else {
            strbuf_putc(&text, *at);
        }
    }
    return strbuf_steal(&text);
}

static void rows_are_whole(void **state) {
    for (size_t i = 0; i < route_count; i++) {
        const struct route *row = &route_table[i];
        print_message("%s %s\n", row->method, row->pattern);
        assert_non_null(row->id);
        assert_non_null(row->handler);
        assert_in_range(row->access, ROUTE_ANYONE, ROUTE_LINK);
        bool of_session = row->ownership == ROUTE_SESSION || row->ownership == ROUTE_SESSION_GUEST;
        if (of_session) {
            assert_non_null(strstr(row->pattern, "/sessions/{name}"));
            assert_int_equal(row->access, ROUTE_USER);
        }
        /* Whatever names a session is its owner's business, or needs a ticket. */
        if (strstr(row->pattern, "/sessions/{name}"))
            assert_true(of_session || row->access == ROUTE_TICKET);
        /* A share's token is looked at by those routes alone that say so. */
        assert_int_equal(strstr(row->pattern, "{token}") != NULL, row->access == ROUTE_LINK);
        if (str_eq(row->method, "GET"))
            assert_null(row->body);
        if (row->body) {
            assert_true(row->body_count > 0 && row->body_size > 0);
            assert_true(row->body_max <= ROUTE_BODY_MAX);
        }
        /* A key reaches what a scope can name, and makes neither keys nor sign-ins. */
        bool signed_in = row->access >= ROUTE_USER && row->access <= ROUTE_ADMIN;
        bool forbidden =
            str_starts(row->pattern, "/api/v1/auth/") || str_starts(row->pattern, "/api/v1/api-keys");
        if (str_eq(row->id, "getMe"))
            assert_int_equal(row->area, SCOPE_ANY);
        else
            assert_int_equal(row->area != SCOPE_NONE, signed_in && !forbidden);
        for (size_t k = 0; k < i; k++)
            assert_false(str_eq(route_table[k].id, row->id));
    }
}

static void rows_can_be_reached(void **state) {
    for (size_t i = 0; i < route_count; i++) {
        _cleanup_free_ char *path = example(route_table[i].pattern);
        struct route_match match;
        assert_int_equal(route_find(route_table, route_count, route_table[i].method, path, &match, NULL), 0);
        assert_ptr_equal(match.route, &route_table[i]);
    }
}

static json_t *operation(const struct route *row) {
    char method[16];
    size_t length = strlen(row->method);
    for (size_t i = 0; i <= length; i++)
        method[i] =
            (char)(row->method[i] >= 'A' && row->method[i] <= 'Z' ? row->method[i] + 32 : row->method[i]);
    return json_object_get(json_object_get(json_object_get(document, "paths"), row->pattern), method);
}

/* A parameter, looked up where it is only referred to. */
static json_t *resolve(json_t *value) {
    const char *reference = json_string_value(json_object_get(value, "$ref"));
    if (!reference)
        return value;
    _cleanup_strv_ struct strv parts = {0};
    strv_split(&parts, reference + 1, '/');
    json_t *at = document;
    for (size_t i = 0; i < parts.count; i++)
        at = json_object_get(at, parts.items[i]);
    return at;
}

static const char *access_name(const struct route *row) {
    static const char *const names[] = {
        [ROUTE_ANYONE] = "anyone", [ROUTE_USER] = "user",   [ROUTE_OPERATOR] = "operator",
        [ROUTE_ADMIN] = "admin",   [ROUTE_AGENT] = "agent", [ROUTE_TICKET] = "ticket",
        [ROUTE_LINK] = "link",
    };
    return names[row->access];
}

static void check_query(const struct route *row, json_t *described) {
    size_t index, count = 0, wanted = 0;
    json_t *item;
    while (row->query && row->query[wanted])
        wanted++;
    json_array_foreach (json_object_get(described, "parameters"), index, item) {
        json_t *parameter = resolve(item);
        if (!str_eq(json_string_value(json_object_get(parameter, "in")), "query"))
            continue;
        bool known = false;
        for (size_t i = 0; i < wanted && !known; i++)
            known = str_eq(row->query[i], json_string_value(json_object_get(parameter, "name")));
        assert_true(known);
        count++;
    }
    assert_int_equal(count, wanted);
}

static void check_fields(const struct json_field *rows, size_t count, json_t *schema) {
    if (count == 1 && rows[0].type == JSON_FIELD_REST) { /* its members are not known here */
        assert_true(json_is_object(json_object_get(schema, "additionalProperties")));
        assert_null(json_object_get(schema, "properties"));
        return;
    }
    json_t *properties = json_object_get(schema, "properties");
    assert_int_equal(json_object_size(properties), count);
    assert_true(json_is_false(json_object_get(schema, "additionalProperties")));
    size_t required = 0;
    for (size_t i = 0; i < count; i++) {
        json_t *property = json_object_get(properties, rows[i].name);
        assert_non_null(property);
        required += (rows[i].flags & JSON_REQUIRED) != 0;
        if (rows[i].type == JSON_FIELD_OBJECT)
            check_fields(rows[i].table, rows[i].table_count, property);
    }
    assert_int_equal(json_array_size(json_object_get(schema, "required")), required);
}

/* A body that the handler reads itself: each type is one of the row's, and the first of these is told. */
static void check_types(const struct route *row, json_t *body) {
    const char *type;
    json_t *value, *content = json_object_get(body, "content");
    assert_non_null(json_object_get(content, row->types[0]));
    json_object_foreach (content, type, value) {
        bool known = false;
        for (size_t i = 0; row->types[i] && !known; i++)
            known = str_eq(row->types[i], type);
        assert_true(known);
    }
}

static void check_body(const struct route *row, json_t *described) {
    json_t *body = resolve(json_object_get(described, "requestBody"));
    assert_int_equal(body != NULL, row->body != NULL || row->types != NULL);
    if (!body)
        return;
    if (row->types) {
        assert_null(row->body);
        check_types(row, body);
        return;
    }
    json_t *schema =
        json_object_get(json_object_get(json_object_get(body, "content"), "application/json"), "schema");
    assert_int_equal(json_is_true(json_object_get(body, "required")), !(row->flags & ROUTE_BODY_OPTIONAL));
    check_fields(row->body, row->body_count, schema);
}

static void the_document_tells_of_every_row(void **state) {
    for (size_t i = 0; i < route_count; i++) {
        const struct route *row = &route_table[i];
        print_message("%s %s\n", row->method, row->pattern);
        json_t *described = operation(row);
        assert_non_null(described);
        assert_string_equal(json_string_value(json_object_get(described, "operationId")), row->id);
        assert_string_equal(json_string_value(json_object_get(described, "x-access")), access_name(row));
        check_query(row, described);
        check_body(row, described);
    }
}

static void the_document_tells_of_nothing_else(void **state) {
    static const char *const methods[] = {"get", "put", "post", "delete", "patch", "head", "options"};
    const char *path;
    json_t *item;
    size_t count = 0;
    json_object_foreach (json_object_get(document, "paths"), path, item)
        for (size_t i = 0; i < ARRAY_SIZE(methods); i++)
            count += json_object_get(item, methods[i]) != NULL;
    assert_int_equal(count, route_count);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_whole),
        cmocka_unit_test(rows_can_be_reached),
        cmocka_unit_test(the_document_tells_of_every_row),
        cmocka_unit_test(the_document_tells_of_nothing_else),
    };
    return cmocka_run_group_tests(tests, load_document, unload_document);
}
