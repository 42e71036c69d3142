/* A database of its own for one test: a SQLite file in a directory, or, when $STREAMSPACE_TEST_POSTGRES names
 * a server (tests/lib/postgres.py), a database there. */
#ifndef SS_TESTS_TEMP_DB_H
#define SS_TESTS_TEMP_DB_H

#include "base/file.h"
#include "base/str.h"
#include "db/db.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define TEMP_DB_URL_SIZE 512

struct temp_db {
    char directory[64]; /* SQLite's */
    char name[64];      /* PostgreSQL's */
    char path[TEMP_DB_URL_SIZE];
    struct db *db;
};

/* NULL: SQLite. */
static inline const char *temp_db_server(void) {
    return getenv("STREAMSPACE_TEST_POSTGRES");
}

/* A statement on the server itself, past our own code; *ret the first column of the first row, or "". */
static inline void temp_db_admin(const char *url, const char *sql, char *ret, size_t size) {
    PGconn *handle = PQconnectdb(url);
    PGresult *result = PQexec(handle, sql);
    ExecStatusType status = PQresultStatus(result);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
        fail_msg("%s: %s", sql, PQerrorMessage(handle));
    if (ret)
        str_copy(ret, size, PQntuples(result) ? PQgetvalue(result, 0, 0) : "");
    PQclear(result);
    PQfinish(handle);
}

/* Makes it, without a schema; its URL is in `path`. */
static inline void temp_db_make(struct temp_db *t) {
    static unsigned number;
    *t = (struct temp_db){0};
    const char *server = temp_db_server();
    if (!server) {
        str_copy(t->directory, sizeof t->directory, "/tmp/ss-db-XXXXXX");
        assert_non_null(mkdtemp(t->directory));
        snprintf(t->path, sizeof t->path, "%s/test.db", t->directory);
        return;
    }
    char sql[128];
    snprintf(t->name, sizeof t->name, "unit_%d_%u", (int)getpid(), ++number);
    snprintf(sql, sizeof sql, "CREATE DATABASE %s", t->name);
    temp_db_admin(server, sql, NULL, 0);
    const char *at = strstr(server, "/postgres?");
    assert_non_null(at);
    snprintf(t->path, sizeof t->path, "%.*s/%s%s", (int)(at - server), server, t->name,
             at + strlen("/postgres"));
}

static inline void temp_db_remove(struct temp_db *t) {
    struct err err = {0};
    if (!*t->name) {
        assert_int_equal(dir_remove(t->directory, &err), 0);
        return;
    }
    char sql[128];
    snprintf(sql, sizeof sql, "DROP DATABASE %s WITH (FORCE)", t->name);
    temp_db_admin(temp_db_server(), sql, NULL, 0);
}

static inline void temp_db_open(struct temp_db *t, unsigned pool_max) {
    struct err err = {0};
    temp_db_make(t);
    if (db_open(&t->db, &(struct db_options){.url = t->path, .pool_max = pool_max}, &err) < 0)
        fail_msg("%s", err.message);
}

static inline void temp_db_close(struct temp_db *t) {
    db_close(t->db);
    t->db = NULL;
    temp_db_remove(t);
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
