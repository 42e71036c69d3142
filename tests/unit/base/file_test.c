#include "../test.h"

#include "base/cleanup.h"
#include "base/file.h"
#include "base/str.h"

#include <fcntl.h>
#include <sys/stat.h>

static char directory[] = "/tmp/ss-file-test-XXXXXX";

static int setup(void **state) {
    return mkdtemp(directory) ? 0 : -1;
}

static int teardown(void **state) {
    return dir_remove(directory, NULL);
}

static void write_and_read_back(void **state) {
    _cleanup_free_ char *path = str_format("%s/a", directory);
    assert_int_equal(file_write_atomic(path, "hello", 5, 0600, NULL), 0);
    assert_int_equal(file_write_atomic(path, "again", 5, 0600, NULL), 0);
    _cleanup_free_ char *text = NULL;
    size_t length = 0;
    assert_int_equal(file_read(path, 100, &text, &length, NULL), 0);
    assert_string_equal(text, "again");
    struct err err = {0};
    char *none = NULL;
    assert_int_equal(file_read(path, 4, &none, NULL, &err), -1);
    assert_int_equal(err.kind, ERR_TOO_LARGE);
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
}

static void remove_does_not_follow_links(void **state) {
    _cleanup_free_ char *outside = str_format("%s/outside", directory);
    _cleanup_free_ char *tree = str_format("%s/tree/deep/er", directory);
    _cleanup_free_ char *top = str_format("%s/tree", directory);
    _cleanup_free_ char *link = str_format("%s/tree/link", directory);
    _cleanup_free_ char *kept = str_format("%s/outside/kept", directory);
    assert_int_equal(dir_make(outside, 0700, NULL), 0);
    assert_int_equal(dir_make(tree, 0700, NULL), 0);
    assert_int_equal(file_write_atomic(kept, "x", 1, 0600, NULL), 0);
    assert_int_equal(symlink(outside, link), 0);
    assert_int_equal(dir_remove(top, NULL), 0);
    assert_false(path_exists(top));
    assert_true(path_exists(kept));
    assert_int_equal(dir_remove(top, NULL), 0);
}

static void remove_takes_what_is_hard_to_remove(void **state) {
    _cleanup_free_ char *top = str_format("%s/hard", directory);
    assert_int_equal(mkdir(top, 0700), 0);
    _cleanup_close_ int at = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (int depth = 0; depth < 1000; depth++) { /* deeper than descriptors and paths go */
        assert_int_equal(mkdirat(at, "d", 0700), 0);
        assert_int_equal(mkdirat(at, "closed", depth % 2 ? 0 : 0500), 0);
        int next = openat(at, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        assert_true(next >= 0);
        close(at);
        at = next;
    }
    struct err err = {0};
    if (dir_remove(top, &err) < 0)
        fail_msg("%s", err.message);
    assert_false(path_exists(top));
}

static void programs_are_found_on_the_path(void **state) {
    _cleanup_free_ char *path = NULL;
    assert_true(program_find("sh", &path));
    assert_true(str_ends(path, "/sh"));
    char *none = NULL;
    assert_false(program_find("no-such-program-at-all", &none));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(write_and_read_back),
        cmocka_unit_test(remove_does_not_follow_links),
        cmocka_unit_test(remove_takes_what_is_hard_to_remove),
        cmocka_unit_test(programs_are_found_on_the_path),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
