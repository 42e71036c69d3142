/* The database: one SQL text for SQLite (embedded default) and PostgreSQL.
 *
 * Parameters are $1, $2 … (bound by name on SQLite), types by a format string beside the SQL:
 *     's' const char * (NULL is SQL NULL)    'i' int64_t    'd' double    'n' SQL NULL (no argument)
 *     'I' int64_t, where 0 is SQL NULL
 * so `db_exec(c, &changed, err, "UPDATE t SET a = $1 WHERE id = $2", "si", text, (int64_t)7)`.
 *
 * Times are RFC 3339 texts with milliseconds (base/clock.h), booleans are 0/1 integers, on both engines.
 * What differs between engines are functions here: the present time, locks, notifications.
 *
 * Errors: ERR_UNAVAILABLE when the database is away or busy beyond its short time limit, ERR_CONFLICT with
 * code "unique" for a violated unique constraint, ERR_INTERNAL otherwise.
 */
#ifndef SS_DB_DB_H
#define SS_DB_DB_H

#include "base/clock.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct db;
struct db_conn;
struct db_rows;

struct db_options {
    const char *url;        /* "sqlite:///path/to/file", a plain path, or "postgres://…" */
    unsigned pool_max;      /* connections; 0: a sensible number */
    int statement_limit_ms; /* 0: 5000 */
    int start_limit_ms;     /* PostgreSQL: how long db_open waits for a server that does not run yet */
};

/* Opens, takes the lock file (SQLite: a second server on the same file is refused with ERR_CONFLICT), runs
 * the migrations. */
int db_open(struct db **ret, const struct db_options *options, struct err *err);
void db_close(struct db *db);               /* accepts NULL; all connections must be back */
const char *db_engine(const struct db *db); /* "sqlite" or "postgres" */
/* A cheap round trip: is it there? For /readyz. */
int db_ping(struct db *db, struct err *err);

/* A connection for the calling thread; waits a bounded time when all are out. */
int db_acquire(struct db *db, struct db_conn **ret, struct err *err);
/* Gives it back; rolls back an open transaction. Accepts NULL. */
void db_release(struct db_conn *conn);
static inline void db_release_p(struct db_conn **conn) {
    db_release(*conn);
}
#define _cleanup_db_ __attribute__((cleanup(db_release_p)))

/* Transactions are one after another, on both engines and over all servers: what one reads nobody changes
 * before its end (but single statements outside transactions), and ids that it draws are visible in their
 * order. So: short, nothing slow inside, and none for what only reads. SQLite: BEGIN IMMEDIATE; PostgreSQL:
 * an advisory lock.
 *
 * After a statement has failed the transaction can only be rolled back: look first, or use ON CONFLICT. */
int db_begin(struct db_conn *conn, struct err *err);
int db_commit(struct db_conn *conn, struct err *err);
void db_rollback(struct db_conn *conn); /* nothing open: nothing happens */
bool db_in_transaction(const struct db_conn *conn);

/* Runs a statement without rows. `ret_changes` (may be NULL): rows touched. */
int db_exec(struct db_conn *conn, int64_t *ret_changes, struct err *err, const char *sql, const char *types,
            ...);
/* Runs a statement with rows (SELECT, … RETURNING). */
int db_query(struct db_conn *conn, struct db_rows **ret, struct err *err, const char *sql, const char *types,
             ...);
/* 1: a row is there; 0: no more; -1: error. */
int db_next(struct db_rows *rows, struct err *err);
/* Columns of the present row, from 0; texts are borrowed until the next db_next. NULL columns give NULL / 0.
 */
const char *db_text(struct db_rows *rows, int column);
int64_t db_int(struct db_rows *rows, int column);
double db_double(struct db_rows *rows, int column);
bool db_is_null(struct db_rows *rows, int column);
/* Copies a text into `target` (cut at its size); NULL becomes "". */
void db_copy(struct db_rows *rows, int column, char *target, size_t size);
void db_finish(struct db_rows *rows); /* accepts NULL */
static inline void db_finish_p(struct db_rows **rows) {
    db_finish(*rows);
}
#define _cleanup_rows_ __attribute__((cleanup(db_finish_p)))

/* db_query and the first db_next. 1: *ret is at a row; 0: there is none and *ret is NULL; -1: error. */
int db_row(struct db_conn *conn, struct db_rows **ret, struct err *err, const char *sql, const char *types,
           ...);
/* Commits when `status` is 0 or more, and returns it; rolls back otherwise, and returns -1. */
int db_end(struct db_conn *conn, int status, struct err *err);

/* Present time by the database's clock (TIME_TEXT_SIZE bytes). No round trip. */
int db_now(struct db_conn *conn, char *text, struct err *err);
/* Says that until the end of the transaction nobody else may be at `name` ("placement"). Transactions being
 * one after another, it only makes sure that there is one. */
int db_lock(struct db_conn *conn, const char *name, struct err *err);

/* Tells listeners on all replicas after the commit (at once outside a transaction). Payload: short text, ≤
 * 4000 bytes. */
int db_notify(struct db_conn *conn, const char *channel, const char *payload, struct err *err);
/* Calls fn on an internal thread for each notification. Lost ones are possible while the database is away: fn
 * is then called with payload NULL ("look for yourself"). Register before threads start; a handful of
 * listeners. */
typedef void (*db_listen_fn)(void *arg, const char *channel, const char *payload);
int db_listen(struct db *db, const char *channel, db_listen_fn fn, void *arg, struct err *err);
/* After it returns fn is not called any more. */
void db_unlisten(struct db *db, db_listen_fn fn, void *arg);

/* Marks: counters in memory that a write moves once it is committed (at once outside a transaction), so that
 * what was read before can be kept and is known to be old by its mark: read the mark first, then the rows,
 * and use them while the mark has not moved. They know of this process's writes only: what other replicas
 * change is to be limited by time or learned by notification. */
enum db_mark {
    DB_MARK_LOGINS, /* logins ended, users changed or removed */
    DB_MARKS
};
void db_mark_move(struct db_conn *conn, enum db_mark mark);
uint64_t db_mark_read(const struct db_conn *conn, enum db_mark mark);

/* Microseconds spent in statements and their number, since the start. For /metrics. */
void db_stats(const struct db *db, uint64_t *ret_statements, uint64_t *ret_microseconds);
/* The same as a histogram, in Prometheus text. */
struct strbuf;
void db_metrics(const struct db *db, struct strbuf *text);

#endif
