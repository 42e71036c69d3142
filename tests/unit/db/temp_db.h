/* A database file in a directory of its own, for one test. */
#ifndef SS_TESTS_TEMP_DB_H
#define SS_TESTS_TEMP_DB_H

#include "base/file.h"
#include "base/str.h"
#include "db/db.h"

#include <stdio.h>
#include <stdlib.h>

struct temp_db {
    char directory[64];
    char path[96];
    struct db *db;
};

static inline void temp_db_open(struct temp_db *t, unsigned pool_max) {
    struct err err = {0};
    str_copy(t->directory, sizeof t->directory, "/tmp/ss-db-XXXXXX");
    assert_non_null(mkdtemp(t->directory));
    snprintf(t->path, sizeof t->path, "%s/test.db", t->directory);
    if (db_open(&t->db, &(struct db_options){.url = t->path, .pool_max = pool_max}, &err) < 0)
        fail_msg("%s", err.message);
}

static inline void temp_db_close(struct temp_db *t) {
    struct err err = {0};
    db_close(t->db);
    t->db = NULL;
    assert_int_equal(dir_remove(t->directory, &err), 0);
}

/* One number from a query without parameters. */
static inline int64_t query_number(struct db_conn *conn, const char *sql) {
    struct err err = {0};
    struct db_rows *rows = NULL;
    if (db_query(conn, &rows, &err, sql, "") < 0 || db_next(rows, &err) != 1)
        fail_msg("%s: %s", sql, err.message);
    int64_t number = db_int(rows, 0);
    db_finish(rows);
    return number;
}

#endif
