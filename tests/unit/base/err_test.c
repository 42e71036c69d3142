#include "../test.h"

#include "base/err.h"

#include <errno.h>
#include <string.h>

static void set_fills_kind_code_and_message(void **state) {
    struct err err = {0};
    assert_int_equal(err_set(&err, ERR_CONFLICT, NULL, "state is %s", "failed"), -1);
    assert_int_equal(err.kind, ERR_CONFLICT);
    assert_string_equal(err.code, "conflict");
    assert_string_equal(err.message, "state is failed");
    assert_int_equal(err_http_status(err.kind), 409);
    err_set_field(&err, ERR_INVALID, "bad_thing", "name", "no");
    assert_true(err_is(&err, "bad_thing"));
    assert_string_equal(err.field, "name");
}

static void null_objects_are_accepted(void **state) {
    assert_int_equal(err_set(NULL, ERR_INTERNAL, NULL, "x"), -1);
    assert_int_equal(err_wrap(NULL, "x"), -1);
    err_clear(NULL);
}

static void errno_gives_kind_and_text(void **state) {
    struct err err = {0};
    errno = ENOENT;
    err_errno(&err, "cannot open %s", "/x");
    assert_int_equal(err.kind, ERR_NOT_FOUND);
    assert_int_equal(err.sys, ENOENT);
    assert_non_null(strstr(err.message, "cannot open /x: "));
    errno = ECONNREFUSED;
    err_errno(&err, "dial");
    assert_int_equal(err.kind, ERR_UNAVAILABLE);
}

static void wrap_puts_context_in_front_and_never_overruns(void **state) {
    struct err err = {0};
    err_set(&err, ERR_INVALID, NULL, "inner");
    err_wrap(&err, "outer %d", 1);
    assert_string_equal(err.message, "outer 1: inner");
    for (int i = 0; i < 200; i++)
        err_wrap(&err, "a rather long piece of context number %d", i);
    assert_int_equal(strlen(err.message), ERR_MESSAGE_MAX - 1);
    assert_int_equal(err.kind, ERR_INVALID);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(set_fills_kind_code_and_message),
        cmocka_unit_test(null_objects_are_accepted),
        cmocka_unit_test(errno_gives_kind_and_text),
        cmocka_unit_test(wrap_puts_context_in_front_and_never_overruns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
