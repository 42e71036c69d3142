/* What only PostgreSQL can get wrong: lost connections, several servers on one database, URLs, limits. Runs
 * under tests/lib/postgres.py. */
#include "../test.h"
#include "base/cleanup.h"
#include "base/log.h"
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
    OK(db_exec(c, NULL, &err, "CREATE TABLE things (id TEXT PRIMARY KEY, n BIGINT)", ""));
    return 0;
}

static int teardown(void **state) {
    db_release(c);
    temp_db_close(&t);
    return 0;
}

static void short_pause(void) {
    nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
}

/* Ends all connections of the test's database but those that match. */
static void kill_connections(const char *but) {
    _cleanup_free_ char *sql =
        str_format("SELECT COUNT(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity WHERE datname = '%s' "
                   "AND query NOT LIKE '%s'",
                   t.name, but);
    char killed[32];
    temp_db_admin(temp_db_server(), sql, killed, sizeof killed);
    assert_string_not_equal(killed, "0");
}

/* --- connections that are lost --- */

static void test_idle_connections_that_were_ended_are_replaced(void **state) {
    struct err err = {0};
    db_release(c);
    for (int i = 0; i < 3; i++) {
        kill_connections("LISTEN%");
        OK(db_acquire(t.db, &c, &err));
        OK(db_exec(c, NULL, &err, "INSERT INTO things (n) SELECT 1 WHERE 1 = 0", ""));
        assert_int_equal(query_number(c, "SELECT COUNT(*) FROM things"), 0);
        db_release(c);
    }
    OK(db_acquire(t.db, &c, &err));
}

static void test_a_connection_ended_in_use(void **state) {
    struct err err = {0};
    /* What only reads is asked again on another connection, and so is a transaction that begins. */
    kill_connections("LISTEN%");
    assert_int_equal(query_number(c, "SELECT COUNT(*) FROM things"), 0);
    kill_connections("LISTEN%");
    OK(db_begin(c, &err));
    OK(db_exec(c, NULL, &err, "INSERT INTO things (id) VALUES ('half')", ""));
    kill_connections("LISTEN%");
    assert_int_equal(db_exec(c, NULL, &err, "INSERT INTO things (id) VALUES ('other half')", ""), -1);
    assert_int_equal(err.kind, ERR_UNAVAILABLE);
    assert_string_equal(err.code, "database_unavailable");
    assert_int_equal(db_commit(c, &err), -1);
    db_release(c);
    OK(db_acquire(t.db, &c, &err));
    assert_int_equal(query_number(c, "SELECT COUNT(*) FROM things"), 0);
    /* What writes is not: nobody knows whether it was done. */
    kill_connections("LISTEN%");
    assert_int_equal(db_exec(c, NULL, &err, "INSERT INTO things (id) VALUES ('maybe')", ""), -1);
    assert_int_equal(err.kind, ERR_UNAVAILABLE);
    db_release(c);
    OK(db_acquire(t.db, &c, &err));
    OK(db_exec(c, NULL, &err, "INSERT INTO things (id) VALUES ('surely')", ""));
    OK(db_ping(t.db, &err));
}

struct heard {
    _Atomic int calls, lost;
    char last[64];
};

static void hear(void *arg, const char *channel, const char *payload) {
    struct heard *heard = arg;
    if (payload)
        str_copy(heard->last, sizeof heard->last, payload);
    else
        atomic_fetch_add(&heard->lost, 1);
    atomic_fetch_add(&heard->calls, 1);
}

static void wait_count(_Atomic int *count, int wanted) {
    for (int64_t end = clock_ms() + 10000; atomic_load(count) < wanted; short_pause())
        assert_true(clock_ms() < end);
}

static void test_the_listener_looks_again(void **state) {
    struct err err = {0};
    struct heard heard = {0};
    OK(db_listen(t.db, "commands", hear, &heard, &err));
    kill_connections("SET %");
    wait_count(&heard.lost, 1);
    int calls = atomic_load(&heard.calls);
    OK(db_notify(c, "commands", "after with 'quotes' and \\", &err));
    wait_count(&heard.calls, calls + 1);
    assert_string_equal(heard.last, "after with 'quotes' and \\");
    OK(db_begin(c, &err));
    OK(db_notify(c, "commands", "in 'quotes' and \\", &err));
    OK(db_commit(c, &err));
    wait_count(&heard.calls, calls + 2);
    assert_string_equal(heard.last, "in 'quotes' and \\");
    db_unlisten(t.db, hear, &heard);
}

/* --- several servers --- */

static void test_two_servers(void **state) {
    struct err err = {0};
    struct heard heard = {0};
    struct db *other = NULL;
    struct db_conn *theirs = NULL;
    OK(db_open(&other, &(struct db_options){.url = t.path, .statement_limit_ms = 300}, &err));
    OK(db_listen(other, "commands", hear, &heard, &err));
    OK(db_acquire(other, &theirs, &err));
    OK(db_begin(c, &err));
    OK(db_exec(c, NULL, &err, "INSERT INTO things (id) VALUES ('a')", ""));
    OK(db_notify(c, "commands", "new", &err));
    /* Transactions exclude each other; who only reads is not held up. */
    int64_t begun = clock_ms();
    assert_int_equal(db_begin(theirs, &err), -1);
    assert_int_equal(err.kind, ERR_UNAVAILABLE);
    assert_string_equal(err.code, "database_busy");
    assert_in_range(clock_ms() - begun, 200, 3000);
    assert_int_equal(query_number(theirs, "SELECT COUNT(*) FROM things"), 0);
    assert_int_equal(atomic_load(&heard.calls), 0);
    OK(db_commit(c, &err));
    wait_count(&heard.calls, 1);
    assert_string_equal(heard.last, "new");
    OK(db_begin(theirs, &err));
    assert_int_equal(query_number(theirs, "SELECT COUNT(*) FROM things"), 1);
    OK(db_commit(theirs, &err));
    db_unlisten(other, hear, &heard);
    db_release(theirs);
    db_close(other);
}

static void *open_one(void *arg) {
    struct err err = {0};
    struct db *db = NULL;
    if (db_open(&db, &(struct db_options){.url = arg}, &err) < 0)
        return str_dup(err.message);
    db_close(db);
    return NULL;
}

static void test_servers_that_start_together(void **state) {
    struct temp_db fresh;
    pthread_t threads[6];
    temp_db_make(&fresh);
    for (unsigned i = 0; i < ARRAY_SIZE(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, open_one, fresh.path), 0);
    for (unsigned i = 0; i < ARRAY_SIZE(threads); i++) {
        void *message = NULL;
        pthread_join(threads[i], &message);
        if (message)
            fail_msg("%s", (char *)message);
    }
    struct err err = {0};
    struct db_conn *conn = NULL;
    OK(db_open(&fresh.db, &(struct db_options){.url = fresh.path}, &err));
    OK(db_acquire(fresh.db, &conn, &err));
    assert_int_equal(query_number(conn, "SELECT COUNT(*) FROM schema_migrations"), db_migration_count);
    db_release(conn);
    temp_db_close(&fresh);
}

/* --- limits --- */

static void test_slow_statements_end(void **state) {
    struct err err = {0};
    struct db *other = NULL;
    struct db_conn *conn = NULL;
    OK(db_open(&other, &(struct db_options){.url = t.path, .statement_limit_ms = 200}, &err));
    OK(db_acquire(other, &conn, &err));
    int64_t begun = clock_ms();
    struct db_rows *rows = NULL;
    assert_int_equal(db_row(conn, &rows, &err, "SELECT pg_sleep(20)", ""), -1);
    assert_int_equal(err.kind, ERR_UNAVAILABLE);
    assert_string_equal(err.code, "database_busy");
    assert_in_range(clock_ms() - begun, 100, 3000);
    assert_int_equal(query_number(conn, "SELECT 7"), 7); /* the connection goes on */
    db_release(conn);
    db_close(other);
}

static void test_more_statements_than_are_kept(void **state) {
    char sql[64];
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 1100; i++) {
            snprintf(sql, sizeof sql, "SELECT %d", i);
            assert_int_equal(query_number(c, sql), i);
        }
    }
}

/* Rows "a" and "b" are locked the other way round by somebody else: PostgreSQL ends one of the two. */
static void *add_to_all(void *arg) {
    struct err err = {0};
    return db_exec(c, NULL, &err,
                   "UPDATE things SET n = n + 1 WHERE id IN (SELECT id FROM things ORDER BY id FOR "
                   "UPDATE)",
                   "") < 0
               ? str_dup(err.message)
               : NULL;
}

static void test_a_deadlock_is_tried_again(void **state) {
    struct err err = {0};
    OK(db_exec(c, NULL, &err, "INSERT INTO things (id, n) VALUES ('a', 0), ('b', 0)", ""));
    /* Looked for once, so long after the wait has begun. */
    OK(db_exec(c, NULL, &err, "SET deadlock_timeout = '3s'", ""));
    PGconn *handle = PQconnectdb(t.path);
    PQclear(PQexec(handle, "SET deadlock_timeout = '60s'")); /* so that it is ours that finds out */
    PQclear(PQexec(handle, "BEGIN"));
    PQclear(PQexec(handle, "UPDATE things SET n = 10 WHERE id = 'b'"));
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, add_to_all, NULL), 0);
    const char *waits =
        "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'UPDATE things%'";
    char found[8] = "";
    for (int64_t end = clock_ms() + 10000; !*found; short_pause()) {
        assert_true(clock_ms() < end);
        temp_db_admin(t.path, waits, found, sizeof found);
    }
    PGresult *result = PQexec(handle, "UPDATE things SET n = 10 WHERE id = 'a'");
    assert_int_equal(PQresultStatus(result), PGRES_COMMAND_OK);
    PQclear(result);
    PQclear(PQexec(handle, "COMMIT"));
    PQfinish(handle);
    void *message = NULL;
    pthread_join(thread, &message);
    if (message)
        fail_msg("%s", (char *)message);
    assert_int_equal(query_number(c, "SELECT MIN(n) FROM things"), 11);
    assert_int_equal(query_number(c, "SELECT MAX(n) FROM things"), 11);
}

/* --- URLs --- */

static void test_urls(void **state) {
    struct err err = {0};
    struct db *db = NULL;
    static const char *const bad[] = {
        "postgres://u:hunter2@localhost:not-a-port/x", "postgres://u:hunter2@[::1/x",
        "postgres://u:hunter2@localhost/x?nonsense=1", "postgresql://u:hunter2@localhost/x?sslmode=perhaps",
        "postgres://u:hunter2@127.0.0.1:1/x?connect_timeout=2"};
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        err_clear(&err);
        int64_t begun = clock_ms();
        assert_int_equal(db_open(&db, &(struct db_options){.url = bad[i]}, &err), -1);
        assert_int_equal(err.kind, i < 4 ? ERR_INVALID : ERR_UNAVAILABLE);
        assert_null(strstr(err.message, "hunter2"));
        assert_true(clock_ms() - begun < 3000);
    }
    /* A server that may still come is waited for, within the limit. */
    int64_t begun = clock_ms();
    assert_int_equal(db_open(&db, &(struct db_options){.url = bad[4], .start_limit_ms = 600}, &err), -1);
    assert_in_range(clock_ms() - begun, 200, 5000);
    /* One that is there and refuses us is not. */
    _cleanup_free_ char *missing = str_format("%s_missing", t.name);
    const char *at = strstr(temp_db_server(), "/postgres?");
    _cleanup_free_ char *nowhere = str_format("%.*s/%s%s", (int)(at - temp_db_server()), temp_db_server(),
                                              missing, at + strlen("/postgres"));
    begun = clock_ms();
    assert_int_equal(db_open(&db, &(struct db_options){.url = nowhere, .start_limit_ms = 20000}, &err), -1);
    assert_true(clock_ms() - begun < 5000);
    assert_non_null(strstr(err.message, "does not exist"));
}

static void test_options_of_the_url_reach_the_server(void **state) {
    struct err err = {0};
    struct db *db = NULL;
    struct db_conn *conn = NULL;
    temp_db_admin(t.path, "CREATE SCHEMA desktops", NULL, 0);
    _cleanup_free_ char *url = str_format(
        "postgresql%s&options=-csearch_path%%3Ddesktops&application_name=lab", strstr(t.path, "://"));
    OK(db_open(&db, &(struct db_options){.url = url}, &err));
    assert_string_equal(db_engine(db), "postgres");
    OK(db_acquire(db, &conn, &err));
    assert_int_equal(
        query_number(conn, "SELECT COUNT(*) FROM pg_tables WHERE schemaname = 'desktops' AND tablename "
                           "= 'agent_commands'"),
        1);
    assert_int_equal(query_number(conn,
                                  "SELECT COUNT(*) FROM pg_stat_activity WHERE pid = pg_backend_pid() AND "
                                  "application_name = 'lab'"),
                     1);
    db_release(conn);
    db_close(db);
}

int main(void) {
    if (!temp_db_server()) {
        print_message("run me by tests/lib/postgres.py\n");
        return 1;
    }
    log_setup(LOG_WARN, false, "test");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_idle_connections_that_were_ended_are_replaced, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_connection_ended_in_use, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_listener_looks_again, setup, teardown),
        cmocka_unit_test_setup_teardown(test_two_servers, setup, teardown),
        cmocka_unit_test_setup_teardown(test_servers_that_start_together, setup, teardown),
        cmocka_unit_test_setup_teardown(test_slow_statements_end, setup, teardown),
        cmocka_unit_test_setup_teardown(test_more_statements_than_are_kept, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_deadlock_is_tried_again, setup, teardown),
        cmocka_unit_test_setup_teardown(test_urls, setup, teardown),
        cmocka_unit_test_setup_teardown(test_options_of_the_url_reach_the_server, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
