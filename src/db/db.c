#include "db/db.h"

#include "base/str.h"
#include "db/engine.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

const char *db_engine(const struct db *db) {
    return db->ops->name;
}

/* --- the pool --- */

/* A place in the pool: an idle connection, or NULL in *ret and the right to open one. Held: db->lock. */
static int take(struct db *db, struct db_conn **ret, struct err *err) {
    struct timespec limit;
    clock_gettime(CLOCK_MONOTONIC, &limit);
    limit.tv_sec += DB_ACQUIRE_LIMIT_MS / 1000;
    for (;;) {
        if (db->ops->available && db->ops->available(db, err) < 0)
            return -1;
        if (db->idle || db->open < db->pool_max)
            break;
        if (pthread_cond_timedwait(&db->freed, &db->lock, &limit) == ETIMEDOUT)
            return err_set(err, ERR_UNAVAILABLE, "database_busy", "all %u database connections are in use",
                           db->pool_max);
    }
    *ret = db->idle;
    if (db->idle)
        db->idle = db->idle->next;
    else
        db->open++;
    return 0;
}

static void give_place_back(struct db *db) {
    pthread_mutex_lock(&db->lock);
    db->open--;
    pthread_cond_signal(&db->freed);
    pthread_mutex_unlock(&db->lock);
}

int db_acquire(struct db *db, struct db_conn **ret, struct err *err) {
    struct db_conn *conn = NULL;
    pthread_mutex_lock(&db->lock);
    int status = take(db, &conn, err);
    pthread_mutex_unlock(&db->lock);
    if (status < 0)
        return -1;
    if (conn && db->ops->usable && !db->ops->usable(conn)) {
        db->ops->conn_close(conn); /* its place is kept for another */
        conn = NULL;
    }
    if (!conn && db->ops->conn_open(db, &conn, err) < 0) {
        give_place_back(db);
        return -1;
    }
    conn->db = db;
    conn->next = NULL;
    *ret = conn;
    return 0;
}

void db_release(struct db_conn *conn) {
    if (!conn)
        return;
    struct db *db = conn->db;
    if (conn->in_transaction)
        db_rollback(conn);
    bool broken = conn->broken;
    if (broken) {
        db->ops->conn_close(conn);
        give_place_back(db);
        return;
    }
    pthread_mutex_lock(&db->lock);
    conn->next = db->idle;
    db->idle = conn;
    pthread_cond_signal(&db->freed);
    pthread_mutex_unlock(&db->lock);
}

static void pool_init(struct db *db, unsigned max) {
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&db->lock, NULL);
    pthread_cond_init(&db->freed, &attributes);
    pthread_condattr_destroy(&attributes);
    db->pool_max = max ? max : DB_POOL_MAX_DEFAULT;
}

/* The engine that the URL names. */
static int open_engine(struct db **ret, const struct db_options *options, struct err *err) {
    struct db_options plain = *options;
    if (str_empty(options->url))
        return err_set(err, ERR_INVALID, NULL, "no database is named");
    if (str_starts(options->url, "postgres://") || str_starts(options->url, "postgresql://"))
        return db_postgres_open(ret, options, err);
    if (str_starts(options->url, "sqlite://"))
        plain.url = options->url + strlen("sqlite://");
    else if (strstr(options->url, "://"))
        return err_set(err, ERR_INVALID, "unsupported_database", "unknown kind of database: %.*s",
                       (int)(strstr(options->url, "://") - options->url), options->url);
    return db_sqlite_open(ret, &plain, err);
}

static int prepare_schema(struct db *db, const struct db_migration *list, unsigned count, struct err *err) {
    _cleanup_db_ struct db_conn *conn = NULL;
    return db_acquire(db, &conn, err) < 0 ? -1 : db_migrate_list(conn, list, count, err);
}

int db_open_at(struct db **ret, const struct db_options *options, const struct db_migration *list,
               unsigned count, struct err *err) {
    struct db *db = NULL;
    if (open_engine(&db, options, err) < 0)
        return err_wrap(err, "database");
    db->statement_limit_ms =
        options->statement_limit_ms ? options->statement_limit_ms : DB_STATEMENT_LIMIT_MS;
    pool_init(db, options->pool_max);
    db->notifier = notifier_create();
    if (prepare_schema(db, list, count, err) < 0 || (db->ops->started && db->ops->started(db, err) < 0)) {
        err_wrap(err, "database %s", db->ops->shown(db));
        db_close(db);
        return -1;
    }
    *ret = db;
    return 0;
}

static int read_version(struct db_conn *conn, int64_t *ret, struct err *err) {
    _cleanup_rows_ struct db_rows *tables = NULL, *rows = NULL;
    int found =
        db_row(conn, &tables, err,
               "SELECT table_name FROM information_schema.tables WHERE table_name = 'schema_migrations' "
               "AND table_schema = CURRENT_SCHEMA()",
               "");
    *ret = 0;
    if (found > 0)
        found = db_row(conn, &rows, err, "SELECT MAX(version) FROM schema_migrations", "");
    if (found > 0)
        *ret = db_int(rows, 0);
    return found < 0 ? -1 : 0;
}

int db_look(const struct db_options *options, int64_t *ret_version, struct err *err) {
    struct db *db = NULL;
    if (open_engine(&db, options, err) < 0)
        return err_wrap(err, "database");
    db->statement_limit_ms = DB_STATEMENT_LIMIT_MS;
    pool_init(db, 1);
    db->notifier = notifier_create();
    struct db_conn *conn = NULL;
    int status = db_acquire(db, &conn, err);
    if (status == 0)
        status = read_version(conn, ret_version, err);
    db_release(conn);
    db_close(db);
    return status < 0 ? err_wrap(err, "database") : 0;
}

int db_open(struct db **ret, const struct db_options *options, struct err *err) {
    return db_open_at(ret, options, db_migrations, db_migration_count, err);
}

void db_close(struct db *db) {
    if (!db)
        return;
    if (db->ops->stop)
        db->ops->stop(db);
    notifier_destroy(db->notifier);
    while (db->idle) {
        struct db_conn *conn = db->idle;
        db->idle = conn->next;
        db->ops->conn_close(conn);
    }
    pthread_cond_destroy(&db->freed);
    pthread_mutex_destroy(&db->lock);
    db->ops->close(db);
}

int db_ping(struct db *db, struct err *err) {
    _cleanup_db_ struct db_conn *conn = NULL;
    if (db_acquire(db, &conn, err) < 0)
        return -1;
    _cleanup_rows_ struct db_rows *rows = NULL;
    if (db_query(conn, &rows, err, "SELECT version FROM schema_migrations ORDER BY version DESC LIMIT 1",
                 "") < 0)
        return -1;
    return db_next(rows, err) < 0 ? -1 : 0;
}

/* --- marks --- */

static void move_marks(struct db_conn *conn) {
    for (unsigned mark = 0; conn->marks; mark++, conn->marks >>= 1)
        if (conn->marks & 1)
            atomic_fetch_add(&conn->db->marks[mark], 1);
}

void db_mark_move(struct db_conn *conn, enum db_mark mark) {
    conn->marks |= 1u << mark;
    if (!conn->in_transaction)
        move_marks(conn);
}

uint64_t db_mark_read(const struct db_conn *conn, enum db_mark mark) {
    return atomic_load(&conn->db->marks[mark]);
}

/* --- transactions --- */

int db_begin(struct db_conn *conn, struct err *err) {
    if (conn->in_transaction)
        return err_set(err, ERR_INTERNAL, NULL, "a transaction is open already");
    if (conn->db->ops->begin(conn, err) < 0)
        return -1;
    conn->in_transaction = true;
    conn->failed = false;
    return 0;
}

/* PostgreSQL refuses what follows an error in a transaction; on SQLite it would work, and nobody would find
 * out before the other engine does. */
static int check_transaction(const struct db_conn *conn, struct err *err) {
    if (conn->in_transaction && conn->failed)
        return err_set(err, ERR_INTERNAL, NULL, "an earlier statement of this transaction has failed");
    return 0;
}

int db_commit(struct db_conn *conn, struct err *err) {
    if (!conn->in_transaction)
        return err_set(err, ERR_INTERNAL, NULL, "no transaction is open");
    if (check_transaction(conn, err) < 0 || conn->db->ops->commit(conn, err) < 0) {
        db_rollback(conn);
        return -1;
    }
    conn->in_transaction = false;
    move_marks(conn);
    return 0;
}

void db_rollback(struct db_conn *conn) {
    if (!conn->in_transaction)
        return;
    conn->marks = 0;
    conn->in_transaction = false;
    conn->db->ops->rollback(conn);
}

int db_end(struct db_conn *conn, int status, struct err *err) {
    if (status < 0) {
        db_rollback(conn);
        return -1;
    }
    return db_commit(conn, err) < 0 ? -1 : status;
}

bool db_in_transaction(const struct db_conn *conn) {
    return conn->in_transaction;
}

/* --- statements --- */

static int read_values(struct db_value *values, unsigned *ret_count, const char *types, va_list args,
                       struct err *err) {
    unsigned count = 0;
    for (const char *type = types; *type; type++) {
        if (count == DB_PARAMETERS_MAX)
            return err_set(err, ERR_INTERNAL, NULL, "more than %d parameters", DB_PARAMETERS_MAX);
        struct db_value *value = &values[count++];
        value->type = value->declared = *type == 'I' ? 'i' : *type;
        switch (*type) {
        case 's':
            value->s = va_arg(args, const char *);
            if (!value->s)
                value->type = 'n';
            break;
        case 'i':
            value->i = va_arg(args, int64_t);
            break;
        case 'I':
            value->i = va_arg(args, int64_t);
            value->type = value->i ? 'i' : 'n';
            break;
        case 'd':
            value->d = va_arg(args, double);
            break;
        case 'n':
            break;
        default:
            return err_set(err, ERR_INTERNAL, NULL, "unknown parameter type '%c'", *type);
        }
    }
    *ret_count = count;
    return 0;
}

static int start(struct db_conn *conn, struct db_rows **ret, struct err *err, const char *sql,
                 const char *types, va_list args) {
    struct db_value values[DB_PARAMETERS_MAX];
    unsigned count = 0;
    if (read_values(values, &count, types, args, err) < 0)
        return -1;
    if (check_transaction(conn, err) < 0)
        return -1;
    int64_t begun = clock_us();
    if (conn->db->ops->start(conn, sql, values, count, ret, err) < 0) {
        conn->failed = true;
        return -1;
    }
    (*ret)->conn = conn;
    (*ret)->started_us = begun;
    return 0;
}

int db_query(struct db_conn *conn, struct db_rows **ret, struct err *err, const char *sql, const char *types,
             ...) {
    va_list args;
    va_start(args, types);
    int status = start(conn, ret, err, sql, types, args);
    va_end(args);
    return status;
}

int db_exec(struct db_conn *conn, int64_t *ret_changes, struct err *err, const char *sql, const char *types,
            ...) {
    _cleanup_rows_ struct db_rows *rows = NULL;
    va_list args;
    va_start(args, types);
    int status = start(conn, &rows, err, sql, types, args);
    va_end(args);
    if (status < 0)
        return -1;
    do
        status = db_next(rows, err);
    while (status > 0);
    if (status == 0 && ret_changes)
        *ret_changes = conn->db->ops->changes(rows);
    return status;
}

int db_row(struct db_conn *conn, struct db_rows **ret, struct err *err, const char *sql, const char *types,
           ...) {
    struct db_rows *rows = NULL;
    va_list args;
    va_start(args, types);
    int status = start(conn, &rows, err, sql, types, args);
    va_end(args);
    if (status == 0)
        status = db_next(rows, err);
    if (status > 0)
        *ret = rows;
    else
        db_finish(rows);
    return status;
}

int db_next(struct db_rows *rows, struct err *err) {
    int status = rows->conn->db->ops->step(rows, err);
    if (status < 0)
        rows->conn->failed = true;
    return status;
}

void db_finish(struct db_rows *rows) {
    if (!rows)
        return;
    struct db *db = rows->conn->db;
    int64_t spent = clock_us() - rows->started_us;
    db->ops->finish(rows);
    metric_observe_us(&db->seconds, spent);
}

const char *db_text(struct db_rows *rows, int column) {
    return rows->conn->db->ops->text(rows, column);
}

int64_t db_int(struct db_rows *rows, int column) {
    return rows->conn->db->ops->integer(rows, column);
}

double db_double(struct db_rows *rows, int column) {
    return rows->conn->db->ops->real(rows, column);
}

bool db_is_null(struct db_rows *rows, int column) {
    return rows->conn->db->ops->is_null(rows, column);
}

void db_copy(struct db_rows *rows, int column, char *target, size_t size) {
    const char *text = db_text(rows, column);
    str_copy(target, size, text ? text : "");
}

/* --- what differs between engines --- */

int db_now(struct db_conn *conn, char *text, struct err *err) {
    return conn->db->ops->now(conn, text, err);
}

int db_lock(struct db_conn *conn, const char *name, struct err *err) {
    if (!conn->in_transaction)
        return err_set(err, ERR_INTERNAL, NULL, "a lock needs a transaction");
    return conn->db->ops->lock(conn, name, err);
}

int db_notify(struct db_conn *conn, const char *channel, const char *payload, struct err *err) {
    return conn->db->ops->notify(conn, channel, payload, err);
}

int db_listen(struct db *db, const char *channel, db_listen_fn fn, void *arg, struct err *err) {
    return notifier_listen(db->notifier, channel, fn, arg, err);
}

void db_unlisten(struct db *db, db_listen_fn fn, void *arg) {
    notifier_unlisten(db->notifier, fn, arg);
}

void db_stats(const struct db *db, uint64_t *ret_statements, uint64_t *ret_microseconds) {
    *ret_statements = 0;
    for (size_t i = 0; i <= METRIC_BUCKETS; i++)
        *ret_statements += atomic_load_explicit(&db->seconds.buckets[i], memory_order_relaxed);
    *ret_microseconds = atomic_load_explicit(&db->seconds.sum_us, memory_order_relaxed);
}

void db_metrics(const struct db *db, struct strbuf *text) {
    struct metric seconds = {.name = "streamspace_db_statement_seconds",
                             .help = "Time of database statements, their rows included.",
                             .type = METRIC_HISTOGRAM};
    for (size_t i = 0; i <= METRIC_BUCKETS; i++)
        seconds.buckets[i] = atomic_load_explicit(&db->seconds.buckets[i], memory_order_relaxed);
    seconds.sum_us = atomic_load_explicit(&db->seconds.sum_us, memory_order_relaxed);
    metrics_print(text, &seconds, 1);
}
