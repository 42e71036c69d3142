/* What only the embedded engine does: the lock file, the file's settings, writers that wait at our lock. */
#include "../test.h"
#include "base/cleanup.h"
#include "db/engine.h"
#include "temp_db.h"

#include <sys/stat.h>

#define OK(call) assert_ok((call), &err)

static void assert_ok(int status, const struct err *err) {
    if (status < 0)
        fail_msg("%s: %s", err->code, err->message);
}

static struct temp_db t;
static struct db_conn *c;

static int setup(void **state) {
    struct err err = {0};
    temp_db_open(&t, 8);
    OK(db_acquire(t.db, &c, &err));
    OK(db_exec(c, NULL, &err, "CREATE TABLE things (id TEXT PRIMARY KEY, n BIGINT, x DOUBLE PRECISION)", ""));
    return 0;
}

static int teardown(void **state) {
    db_release(c);
    temp_db_close(&t);
    return 0;
}

static void test_a_second_server_is_refused(void **state) {
    struct err err = {0};
    struct db *second = NULL;
    assert_int_equal(db_open(&second, &(struct db_options){.url = t.path}, &err), -1);
    assert_int_equal(err.kind, ERR_CONFLICT);
    assert_string_equal(err.code, "database_in_use");
    assert_non_null(strstr(err.message, "another server"));
    struct stat info;
    assert_int_equal(stat(t.path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    /* Closed, it can be opened again, also as a URL, and what was written is there. */
    OK(db_exec(c, NULL, &err, "INSERT INTO things (id) VALUES ('kept')", ""));
    db_release(c);
    db_close(t.db);
    _cleanup_free_ char *url = str_format("sqlite://%s", t.path);
    OK(db_open(&t.db, &(struct db_options){.url = url}, &err));
    OK(db_acquire(t.db, &c, &err));
    assert_int_equal(query_number(c, "SELECT COUNT(*) FROM things"), 1);
    OK(db_ping(t.db, &err));
}

static void test_a_busy_database_is_said_within_its_limit(void **state) {
    struct err err = {0};
    struct temp_db own;
    temp_db_open(&own, 2);
    db_close(own.db);
    OK(db_open(&own.db, &(struct db_options){.url = own.path, .statement_limit_ms = 100}, &err));
    struct db_conn *a = NULL, *b = NULL;
    OK(db_acquire(own.db, &a, &err));
    OK(db_acquire(own.db, &b, &err));
    OK(db_begin(a, &err));
    int64_t begun = clock_ms();
    assert_int_equal(db_begin(b, &err), -1);
    assert_int_equal(err.kind, ERR_UNAVAILABLE);
    assert_in_range(clock_ms() - begun, 50, 2000);
    /* Readers are not held up. */
    assert_int_equal(query_number(b, "SELECT COUNT(*) FROM users"), 0);
    db_release(a);
    db_release(b);
    temp_db_close(&own);
}

static void test_settings_of_the_file(void **state) {
    assert_int_equal(query_number(c, "PRAGMA foreign_keys"), 1);
    assert_int_equal(query_number(c, "PRAGMA synchronous"), 2);
    assert_int_equal(query_number(c, "SELECT COUNT(*) FROM pragma_journal_mode WHERE journal_mode = 'wal'"),
                     1);
    struct err err = {0};
    assert_int_equal(
        db_exec(c, NULL, &err,
                "INSERT INTO logins (user_id, cookie_hash, created_at, used_at) VALUES (99, 'x', '', '')",
                ""),
        -1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_second_server_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_busy_database_is_said_within_its_limit, setup, teardown),
        cmocka_unit_test_setup_teardown(test_settings_of_the_file, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
