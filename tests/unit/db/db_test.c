/* What both engines promise (db.h). Runs on SQLite, and on PostgreSQL under tests/lib/postgres.py. */
#include "../test.h"
#include "base/cleanup.h"
#include "db/engine.h"
#include "temp_db.h"

#include <pthread.h>
#include <time.h>

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
    OK(db_exec(c, NULL, &err,
               "CREATE TABLE things (id TEXT PRIMARY KEY, n BIGINT, x DOUBLE PRECISION, note TEXT)", ""));
    return 0;
}

static int teardown(void **state) {
    db_release(c);
    temp_db_close(&t);
    return 0;
}

static void test_parameters_go_by_their_number(void **state) {
    struct err err = {0};
    /* $2 appears before $1: numbering by first appearance would swap them. */
    OK(db_exec(c, NULL, &err, "INSERT INTO things (n, id, x) VALUES ($2, $1, $3)", "sid", "a", (int64_t)7,
               1.5));
    struct db_rows *rows = NULL;
    OK(db_query(c, &rows, &err, "SELECT id, n, x FROM things WHERE n = $2 AND id = $1", "si", "a",
                (int64_t)7));
    assert_int_equal(db_next(rows, &err), 1);
    assert_string_equal(db_text(rows, 0), "a");
    assert_int_equal(db_int(rows, 1), 7);
    assert_true(db_double(rows, 2) > 1.49 && db_double(rows, 2) < 1.51);
    assert_int_equal(db_next(rows, &err), 0);
    assert_int_equal(db_next(rows, &err), 0);
    db_finish(rows);
    /* The same one twice, and one left over. */
    OK(db_query(c, &rows, &err, "SELECT COUNT(*) FROM things WHERE n = $2 OR n + 0 = $2", "si", "unused",
                (int64_t)7));
    assert_int_equal(db_next(rows, &err), 1);
    assert_int_equal(db_int(rows, 0), 1);
    db_finish(rows);
    assert_int_equal(db_exec(c, NULL, &err, "DELETE FROM things WHERE id = $2", "s", "a"), -1);
    assert_int_equal(err.kind, ERR_INTERNAL);
}

static void test_nulls(void **state) {
    struct err err = {0};
    OK(db_exec(c, NULL, &err, "INSERT INTO things (id, n, x, note) VALUES ($1, $2, $3, $4)", "sIns", "a",
               (int64_t)0, (char *)NULL));
    struct db_rows *rows = NULL;
    OK(db_query(c, &rows, &err, "SELECT n, x, id, note FROM things WHERE $1 IS NULL AND $2 IS NULL", "sI",
                (char *)NULL, (int64_t)0));
    assert_int_equal(db_next(rows, &err), 1);
    assert_true(db_is_null(rows, 0));
    assert_null(db_text(rows, 0));
    assert_int_equal(db_int(rows, 0), 0);
    assert_false(db_is_null(rows, 2));
    assert_true(db_is_null(rows, 3));
    db_finish(rows);
}

static void test_unique_is_a_conflict(void **state) {
    struct err err = {0};
    OK(db_exec(c, NULL, &err, "INSERT INTO things (id) VALUES ($1)", "s", "a"));
    assert_int_equal(db_exec(c, NULL, &err, "INSERT INTO things (id) VALUES ($1)", "s", "a"), -1);
    assert_int_equal(err.kind, ERR_CONFLICT);
    assert_string_equal(err.code, "unique");
    int64_t changes = -1;
    OK(db_exec(c, &changes, &err, "INSERT INTO things (id) VALUES ($1) ON CONFLICT DO NOTHING", "s", "a"));
    assert_int_equal(changes, 0);
    OK(db_exec(c, &changes, &err, "UPDATE things SET n = 1", ""));
    assert_int_equal(changes, 1);
}

static void test_rollback_and_release(void **state) {
    struct err err = {0};
    OK(db_begin(c, &err));
    assert_int_equal(db_begin(c, &err), -1);
    OK(db_exec(c, NULL, &err, "INSERT INTO things (id) VALUES ('a')", ""));
    db_rollback(c);
    db_rollback(c);
    assert_int_equal(query_number(c, "SELECT COUNT(*) FROM things"), 0);
    /* A connection given back in the middle. */
    struct db_conn *other = NULL;
    OK(db_acquire(t.db, &other, &err));
    OK(db_begin(other, &err));
    OK(db_exec(other, NULL, &err, "INSERT INTO things (id) VALUES ('a')", ""));
    db_release(other);
    assert_int_equal(query_number(c, "SELECT COUNT(*) FROM things"), 0);
    OK(db_begin(c, &err));
    OK(db_exec(c, NULL, &err, "INSERT INTO things (id) VALUES ('a')", ""));
    OK(db_commit(c, &err));
    assert_int_equal(db_commit(c, &err), -1);
    assert_int_equal(query_number(c, "SELECT COUNT(*) FROM things"), 1);
}

static void test_returning_and_nested_use_of_one_statement(void **state) {
    struct err err = {0};
    for (int i = 0; i < 3; i++)
        OK(db_exec(c, NULL, &err, "INSERT INTO things (id, n) VALUES ($1, $2)", "si",
                   (char[]){(char)('a' + i), 0}, (int64_t)i));
    struct db_rows *outer = NULL, *inner = NULL;
    const char *sql = "SELECT id FROM things ORDER BY id";
    OK(db_query(c, &outer, &err, sql, ""));
    assert_int_equal(db_next(outer, &err), 1);
    OK(db_query(c, &inner, &err, sql, ""));
    assert_int_equal(db_next(inner, &err), 1);
    assert_int_equal(db_next(inner, &err), 1);
    assert_string_equal(db_text(inner, 0), "b");
    assert_string_equal(db_text(outer, 0), "a");
    db_finish(inner);
    assert_int_equal(db_next(outer, &err), 1);
    assert_string_equal(db_text(outer, 0), "b");
    db_finish(outer);
    OK(db_query(c, &outer, &err, "DELETE FROM things WHERE id = $1 RETURNING n", "s", "c"));
    assert_int_equal(db_next(outer, &err), 1);
    assert_int_equal(db_int(outer, 0), 2);
    assert_int_equal(db_next(outer, &err), 0);
    db_finish(outer);
    OK(db_query(c, &outer, &err, "DELETE FROM things WHERE id = $1 RETURNING n", "s", "c"));
    assert_int_equal(db_next(outer, &err), 0);
    db_finish(outer);
}

static void test_unknown_urls(void **state) {
    struct err err = {0};
    struct db *db = NULL;
    assert_int_equal(db_open(&db, &(struct db_options){.url = "mysql://x"}, &err), -1);
    assert_int_equal(err.kind, ERR_INVALID);
    assert_int_equal(db_open(&db, &(struct db_options){.url = "/nowhere/at/all.db"}, &err), -1);
    assert_int_not_equal(err.kind, ERR_NONE);
}

static void test_a_failed_statement_fails_its_transaction(void **state) {
    struct err err = {0};
    OK(db_exec(c, NULL, &err, "INSERT INTO things (id) VALUES ('a')", ""));
    OK(db_begin(c, &err));
    OK(db_exec(c, NULL, &err, "INSERT INTO things (id) VALUES ('b')", ""));
    assert_int_equal(db_exec(c, NULL, &err, "INSERT INTO things (id) VALUES ('a')", ""), -1);
    assert_string_equal(err.code, "unique");
    assert_int_equal(db_exec(c, NULL, &err, "INSERT INTO things (id) VALUES ('c')", ""), -1);
    assert_int_equal(err.kind, ERR_INTERNAL);
    assert_int_equal(db_commit(c, &err), -1);
    assert_false(db_in_transaction(c));
    assert_int_equal(query_number(c, "SELECT COUNT(*) FROM things"), 1);
    OK(db_begin(c, &err));
    OK(db_exec(c, NULL, &err, "INSERT INTO things (id) VALUES ('b')", ""));
    OK(db_commit(c, &err));
}

static void test_the_present_time_and_locks(void **state) {
    struct err err = {0};
    char text[TIME_TEXT_SIZE];
    int64_t now = 0;
    OK(db_now(c, text, &err));
    assert_true(time_parse(text, &now));
    assert_in_range(now - clock_wall_ms() + 5000, 0, 10000);
    assert_int_equal(db_lock(c, "placement", &err), -1);
    OK(db_begin(c, &err));
    OK(db_lock(c, "placement", &err));
    OK(db_lock(c, "placement", &err));
    db_rollback(c);
}

/* --- the pool and threads --- */

static void *add_hundred(void *arg) {
    for (int i = 0; i < 100; i++) {
        struct err err = {0};
        _cleanup_db_ struct db_conn *conn = NULL;
        if (db_acquire(t.db, &conn, &err) < 0 || db_begin(conn, &err) < 0)
            return err.message[0] ? str_dup(err.message) : arg;
        struct db_rows *rows = NULL;
        int64_t n = 0;
        /* Read, then write: only safe when writers are one after another. */
        if (db_query(conn, &rows, &err, "SELECT n FROM things WHERE id = 'sum'", "") < 0 ||
            db_next(rows, &err) != 1)
            return str_dup(err.message);
        n = db_int(rows, 0);
        db_finish(rows);
        if (db_exec(conn, NULL, &err, "UPDATE things SET n = $1 WHERE id = 'sum'", "i", n + 1) < 0 ||
            db_commit(conn, &err) < 0)
            return str_dup(err.message);
    }
    return NULL;
}

static void test_writers_queue(void **state) {
    struct err err = {0};
    OK(db_exec(c, NULL, &err, "INSERT INTO things (id, n) VALUES ('sum', 0)", ""));
    pthread_t threads[12]; /* more than connections */
    for (unsigned i = 0; i < ARRAY_SIZE(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, add_hundred, NULL), 0);
    for (unsigned i = 0; i < ARRAY_SIZE(threads); i++) {
        void *message = NULL;
        pthread_join(threads[i], &message);
        if (message)
            fail_msg("%s", (char *)message);
    }
    assert_int_equal(query_number(c, "SELECT n FROM things WHERE id = 'sum'"), 1200);
    uint64_t statements = 0, microseconds = 0;
    db_stats(t.db, &statements, &microseconds);
    assert_true(statements >= 2400);
    assert_true(microseconds > 0);
}

/* --- notifications --- */

struct heard {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    char text[256];
    int calls, lost;
};

static void hear(void *arg, const char *channel, const char *payload) {
    struct heard *heard = arg;
    pthread_mutex_lock(&heard->lock);
    heard->calls++;
    if (!payload)
        heard->lost++;
    else if (strlen(heard->text) + strlen(payload) + 2 < sizeof heard->text) {
        size_t at = strlen(heard->text);
        snprintf(heard->text + at, sizeof heard->text - at, "%s ", payload);
    }
    pthread_cond_broadcast(&heard->changed);
    pthread_mutex_unlock(&heard->lock);
}

static void wait_calls(struct heard *heard, int calls) {
    struct timespec limit;
    clock_gettime(CLOCK_REALTIME, &limit);
    limit.tv_sec += 10;
    pthread_mutex_lock(&heard->lock);
    while (heard->calls < calls)
        assert_int_equal(pthread_cond_timedwait(&heard->changed, &heard->lock, &limit), 0);
    pthread_mutex_unlock(&heard->lock);
}

static void test_notifications_follow_the_commit(void **state) {
    struct err err = {0};
    struct heard heard = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    OK(db_listen(t.db, "commands", hear, &heard, &err));
    OK(db_begin(c, &err));
    OK(db_notify(c, "commands", "lost", &err));
    db_rollback(c);
    OK(db_begin(c, &err));
    OK(db_notify(c, "commands", "a", &err));
    OK(db_notify(c, "commands", "a", &err)); /* once is enough */
    OK(db_notify(c, "other", "x", &err));
    OK(db_notify(c, "commands", "b", &err));
    OK(db_commit(c, &err));
    OK(db_notify(c, "commands", "c", &err)); /* outside a transaction: at once */
    wait_calls(&heard, 3);
    assert_string_equal(heard.text, "a b c ");
    /* More than one transaction can keep: look for yourself. */
    OK(db_begin(c, &err));
    for (int i = 0; i < 1000; i++) {
        char payload[16];
        snprintf(payload, sizeof payload, "%d", i);
        OK(db_notify(c, "commands", payload, &err));
    }
    OK(db_commit(c, &err));
    for (int64_t end = clock_ms() + 10000; clock_ms() < end;) {
        pthread_mutex_lock(&heard.lock);
        int lost = heard.lost;
        pthread_mutex_unlock(&heard.lock);
        if (lost)
            break;
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    db_unlisten(t.db, hear, &heard);
    assert_int_equal(heard.lost, 1);
    int calls = heard.calls;
    OK(db_notify(c, "commands", "deaf", &err));
    assert_int_equal(heard.calls, calls);
}

/* --- migrations --- */

static void test_migrations_from_empty_and_onwards(void **state) {
    struct err err = {0};
    assert_int_equal(query_number(c, "SELECT COUNT(*) FROM schema_migrations"), db_migration_count);
    assert_int_equal(query_number(c, "SELECT COUNT(*) FROM agent_commands"), 0);
    /* Run again: nothing to do. */
    OK(db_migrate(c, &err));
    struct db_migration list[200];
    unsigned count = 0;
    for (; count < db_migration_count; count++)
        list[count] = db_migrations[count];
    int next = list[count - 1].version + 1;
    list[count++] = (struct db_migration){next, "more", "CREATE TABLE more (id {{serial}}, a TEXT);"};
    OK(db_migrate_list(c, list, count, &err));
    OK(db_exec(c, NULL, &err, "INSERT INTO more (a) VALUES ('x')", ""));
    assert_int_equal(query_number(c, "SELECT id FROM more"), 1);
    /* A faulty one changes nothing and names itself. */
    list[count++] = (struct db_migration){next + 1, "bad", "CREATE TABLE half (a TEXT); CREATE NONSENSE;"};
    assert_int_equal(db_migrate_list(c, list, count, &err), -1);
    assert_non_null(strstr(err.message, "bad"));
    assert_int_equal(db_exec(c, NULL, &err, "SELECT a FROM half", ""), -1);
    assert_int_equal(query_number(c, "SELECT MAX(version) FROM schema_migrations"), next);
    /* A program older than its database refuses. */
    assert_int_equal(db_migrate(c, &err), -1);
    assert_string_equal(err.code, "schema_newer");
}

/* Every column and index, as one text. */
static void describe(struct db_conn *conn, struct strbuf *out) {
    struct err err = {0};
    struct db_rows *rows = NULL;
    bool sqlite = str_eq(db_engine(conn->db), "sqlite");
    OK(db_query(
        conn, &rows, &err,
        sqlite ? "SELECT m.name || '.' || p.name || ' ' || p.type || p.\"notnull\" FROM sqlite_master m JOIN "
                 "pragma_table_info(m.name) p WHERE m.type = 'table' UNION ALL "
                 "SELECT sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL ORDER BY 1"
               : "SELECT table_name || '.' || column_name || ' ' || data_type || is_nullable FROM "
                 "information_schema.columns WHERE table_schema = 'public' UNION ALL "
                 "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1",
        ""));
    while (db_next(rows, &err) > 0)
        strbuf_printf(out, "%s\n", db_text(rows, 0));
    db_finish(rows);
}

static void test_migrations_from_every_version(void **state) {
    struct err err = {0};
    _cleanup_strbuf_ struct strbuf wanted = STRBUF_MAX(1024 * 1024);
    db_release(c);
    temp_db_close(&t);
    temp_db_open(&t, 8); /* without the tests' own table */
    OK(db_acquire(t.db, &c, &err));
    describe(c, &wanted);
    assert_non_null(strstr(strbuf_str(&wanted), "agent_commands.command_id"));
    for (unsigned from = 1; from < db_migration_count; from++) {
        struct temp_db old;
        struct db_conn *conn = NULL;
        _cleanup_strbuf_ struct strbuf got = STRBUF_MAX(1024 * 1024);
        temp_db_make(&old);
        struct db_options options = {.url = old.path};
        OK(db_open_at(&old.db, &options, db_migrations, from, &err));
        OK(db_acquire(old.db, &conn, &err));
        assert_int_equal(query_number(conn, "SELECT MAX(version) FROM schema_migrations"), from);
        OK(db_exec(conn, NULL, &err,
                   "INSERT INTO users (username, role, created_at, updated_at) VALUES ($1, 'admin', $2, $2)",
                   "ss", "old", "2026-01-01T00:00:00.000Z"));
        db_release(conn);
        db_close(old.db);
        OK(db_open(&old.db, &options, &err));
        OK(db_acquire(old.db, &conn, &err));
        assert_int_equal(
            query_number(conn, "SELECT COUNT(*) FROM users WHERE username = 'old' AND active = 1"), 1);
        describe(conn, &got);
        assert_string_equal(strbuf_str(&got), strbuf_str(&wanted));
        db_release(conn);
        temp_db_close(&old);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_parameters_go_by_their_number, setup, teardown),
        cmocka_unit_test_setup_teardown(test_nulls, setup, teardown),
        cmocka_unit_test_setup_teardown(test_unique_is_a_conflict, setup, teardown),
        cmocka_unit_test_setup_teardown(test_rollback_and_release, setup, teardown),
        cmocka_unit_test_setup_teardown(test_returning_and_nested_use_of_one_statement, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_failed_statement_fails_its_transaction, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_present_time_and_locks, setup, teardown),
        cmocka_unit_test_setup_teardown(test_unknown_urls, setup, teardown),
        cmocka_unit_test_setup_teardown(test_writers_queue, setup, teardown),
        cmocka_unit_test_setup_teardown(test_notifications_follow_the_commit, setup, teardown),
        cmocka_unit_test_setup_teardown(test_migrations_from_empty_and_onwards, setup, teardown),
        cmocka_unit_test_setup_teardown(test_migrations_from_every_version, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
