/* Marks move with the commit. */
#include "../test.h"
#include "temp_db.h"

static struct temp_db t;
static struct db_conn *c;

static int setup(void **state) {
    struct err err = {0};
    temp_db_open(&t, 2);
    return db_acquire(t.db, &c, &err);
}

static int teardown(void **state) {
    db_release(c);
    temp_db_close(&t);
    return 0;
}

static void test_marks_move_with_the_commit(void **state) {
    struct err err = {0};
    struct db_conn *other = NULL;
    assert_int_equal(db_acquire(t.db, &other, &err), 0);
    uint64_t before = db_mark_read(c, DB_MARK_LOGINS);
    assert_int_equal(db_begin(c, &err), 0);
    db_mark_move(c, DB_MARK_LOGINS);
    db_mark_move(c, DB_MARK_LOGINS);
    assert_int_equal(db_mark_read(other, DB_MARK_LOGINS), before);
    assert_int_equal(db_commit(c, &err), 0);
    assert_int_equal(db_mark_read(other, DB_MARK_LOGINS), before + 1);
    db_mark_move(other, DB_MARK_LOGINS); /* no transaction: at once */
    assert_int_equal(db_mark_read(c, DB_MARK_LOGINS), before + 2);
    db_release(other);
}

static void test_a_rollback_moves_nothing(void **state) {
    struct err err = {0};
    uint64_t before = db_mark_read(c, DB_MARK_LOGINS);
    assert_int_equal(db_begin(c, &err), 0);
    db_mark_move(c, DB_MARK_LOGINS);
    db_rollback(c);
    assert_int_equal(db_begin(c, &err), 0);
    assert_int_equal(db_commit(c, &err), 0);
    assert_int_equal(db_mark_read(c, DB_MARK_LOGINS), before);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_marks_move_with_the_commit, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_rollback_moves_nothing, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
