/* The embedded engine. One file, WAL, synchronous=FULL; a lock file beside it keeps a second server out, so
 * that the database itself can be read by other tools meanwhile.
 *
 * Writers of this process queue at a lock before they ask SQLite for its write lock: SQLite's own busy
 * handler polls with pauses of up to 100 ms, which the threads of one server need not suffer. Its time limit
 * only serves against foreign tools.
 */
#include "base/cleanup.h"
#include "base/log.h"
#include "base/str.h"
#include "db/engine.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#define FOREIGN_BUSY_MS 2000
#define CACHE_SLOTS 512 /* prepared statements of one connection; a power of two */
#define CACHE_PLACES 4  /* of one statement */
#define NOTES_MAX 64    /* different notifications of one transaction; more are told as "look for yourself" */

struct sqlite_db {
    struct db db;
    char *path;
    int lock_fd;
    pthread_mutex_t writer_lock; /* guards writing */
    pthread_cond_t writer_free;
    bool writing;
};

struct sqlite_rows {
    struct db_rows rows;
    sqlite3_stmt *statement;
    char *sql; /* owned: key of the cache; NULL: not cached, finalised with the rows */
    uint64_t hash;
    bool in_use;
    bool holds_writer; /* writes outside a transaction: the writers' lock is ours until it is finished */
    bool done;
};

struct note {
    char channel[32];
    char *payload;
};

struct sqlite_conn {
    struct db_conn conn;
    sqlite3 *handle;
    struct sqlite_rows *cache[CACHE_SLOTS];
    struct note notes[NOTES_MAX];
    unsigned note_count;
    bool notes_lost;
};

static int failed(sqlite3 *handle, int code, struct err *err, const char *what) {
    const char *text = sqlite3_errmsg(handle);
    switch (code & 0xff) {
    case SQLITE_CONSTRAINT: {
        int extended = sqlite3_extended_errcode(handle);
        if (extended == SQLITE_CONSTRAINT_UNIQUE || extended == SQLITE_CONSTRAINT_PRIMARYKEY)
            return err_set(err, ERR_CONFLICT, "unique", "%s", text);
        return err_set(err, ERR_INTERNAL, "constraint", "%s: %s", what, text);
    }
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return err_set(err, ERR_UNAVAILABLE, "database_busy", "%s: %s", what, text);
    case SQLITE_FULL:
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
        return err_set(err, ERR_UNAVAILABLE, "database_unavailable", "%s: %s", what, text);
    case SQLITE_INTERRUPT:
        return err_set(err, ERR_UNAVAILABLE, "database_busy", "%s: over its time limit", what);
    default:
        return err_set(err, ERR_INTERNAL, NULL, "%s: %s", what, text);
    }
}

/* --- the writers' lock --- */

/* A flag with a condition rather than a mutex: it has a time limit by the monotonic clock. */
static int writer_lock(struct db_conn *conn, struct err *err) {
    struct sqlite_db *db = (struct sqlite_db *)conn->db;
    int limit_ms = conn->db->statement_limit_ms, code = 0;
    struct timespec limit;
    clock_gettime(CLOCK_MONOTONIC, &limit);
    limit.tv_sec += limit_ms / 1000;
    limit.tv_nsec += (limit_ms % 1000) * 1000000L;
    if (limit.tv_nsec >= 1000000000L) {
        limit.tv_sec++;
        limit.tv_nsec -= 1000000000L;
    }
    pthread_mutex_lock(&db->writer_lock);
    while (db->writing && code == 0)
        code = pthread_cond_timedwait(&db->writer_free, &db->writer_lock, &limit);
    bool got = !db->writing;
    db->writing = true;
    pthread_mutex_unlock(&db->writer_lock);
    return got ? 0 : err_set(err, ERR_UNAVAILABLE, "database_busy", "another writer holds the database");
}

static void writer_unlock(struct db_conn *conn) {
    struct sqlite_db *db = (struct sqlite_db *)conn->db;
    pthread_mutex_lock(&db->writer_lock);
    db->writing = false;
    pthread_cond_signal(&db->writer_free);
    pthread_mutex_unlock(&db->writer_lock);
}

/* --- notifications: kept until the commit --- */

static void notes_forget(struct sqlite_conn *c) {
    for (unsigned i = 0; i < c->note_count; i++)
        free(c->notes[i].payload);
    c->note_count = 0;
    c->notes_lost = false;
}

static void notes_deliver(struct sqlite_conn *c) {
    for (unsigned i = 0; i < c->note_count; i++)
        notifier_post(c->conn.db->notifier, c->notes[i].channel, c->notes[i].payload);
    if (c->notes_lost)
        notifier_post(c->conn.db->notifier, "", NULL);
    notes_forget(c);
}

static int sqlite_notify(struct db_conn *conn, const char *channel, const char *payload, struct err *err) {
    struct sqlite_conn *c = (struct sqlite_conn *)conn;
    if (!conn->in_transaction) {
        notifier_post(conn->db->notifier, channel, payload ? payload : "");
        return 0;
    }
    for (unsigned i = 0; i < c->note_count; i++) {
        if (str_eq(c->notes[i].channel, channel) && str_eq(c->notes[i].payload, payload ? payload : ""))
            return 0;
    }
    if (c->note_count == NOTES_MAX) {
        c->notes_lost = true;
        return 0;
    }
    struct note *note = &c->notes[c->note_count++];
    str_copy(note->channel, sizeof note->channel, channel);
    note->payload = str_dup(payload ? payload : "");
    return 0;
}

/* --- statements --- */

static uint64_t hash_text(const char *text) {
    uint64_t hash = 14695981039346656037u; /* FNV-1a */
    for (; *text; text++)
        hash = (hash ^ (uint8_t)*text) * 1099511628211u;
    return hash ? hash : 1;
}

static void statement_free(struct sqlite_rows *rows) {
    if (!rows)
        return;
    sqlite3_finalize(rows->statement);
    free(rows->sql);
    free(rows);
}

/* Where the statement is in the cache, or where it may go: the first free one of its places, else one that
 * nobody is using. Several places each, so that two statements of every request do not drive each other out.
 */
static struct sqlite_rows **statement_slot(struct sqlite_conn *c, const char *sql, uint64_t hash) {
    struct sqlite_rows **place = NULL;
    for (unsigned i = 0; i < CACHE_PLACES; i++) {
        struct sqlite_rows **slot = &c->cache[(hash + i) & (CACHE_SLOTS - 1)];
        struct sqlite_rows *found = *slot;
        if (found && !found->in_use && found->hash == hash && str_eq(found->sql, sql))
            return slot;
        bool better = !place || (*place && (!found || ((*place)->in_use && !found->in_use)));
        if (better)
            place = slot;
    }
    return place;
}

/* A prepared statement that nobody is using, from the cache where possible. */
static int statement_get(struct sqlite_conn *c, const char *sql, struct sqlite_rows **ret, struct err *err) {
    uint64_t hash = hash_text(sql);
    struct sqlite_rows **slot = statement_slot(c, sql, hash);
    struct sqlite_rows *found = *slot;
    if (found && !found->in_use && found->hash == hash && str_eq(found->sql, sql)) {
        *ret = found;
        return 0;
    }
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v3(c->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, NULL);
    if (code != SQLITE_OK)
        return failed(c->handle, code, err, "cannot prepare a statement");
    if (!statement)
        return err_set(err, ERR_INTERNAL, NULL, "an empty statement");
    struct sqlite_rows *rows = mem_zalloc(sizeof *rows);
    rows->statement = statement;
    if (!found || !found->in_use) {
        statement_free(found);
        rows->sql = str_dup(sql);
        rows->hash = hash;
        *slot = rows;
    }
    *ret = rows;
    return 0;
}

/* SQLite takes "$1" as a name and numbers names by their first appearance: hence by name. */
static int bind(struct sqlite_conn *c, sqlite3_stmt *statement, const struct db_value *values, unsigned count,
                struct err *err) {
    int named = sqlite3_bind_parameter_count(statement);
    if (named > (int)count)
        return err_set(err, ERR_INTERNAL, NULL, "a statement with %d parameters was given %u", named, count);
    for (int index = 1; index <= named; index++) {
        const char *name = sqlite3_bind_parameter_name(statement, index);
        int64_t number = 0;
        if (!name || *name != '$' || !str_to_i64(name + 1, 1, count, &number))
            return err_set(err, ERR_INTERNAL, NULL, "parameter %s has no value", name ? name : "?");
        const struct db_value *value = &values[number - 1];
        int code = SQLITE_OK;
        if (value->type == 's')
            code = sqlite3_bind_text(statement, index, value->s, -1, SQLITE_TRANSIENT);
        else if (value->type == 'i')
            code = sqlite3_bind_int64(statement, index, value->i);
        else if (value->type == 'd')
            code = sqlite3_bind_double(statement, index, value->d);
        if (code != SQLITE_OK)
            return failed(c->handle, code, err, "cannot bind a parameter");
    }
    return 0;
}

static void sqlite_finish(struct db_rows *base) {
    struct sqlite_rows *rows = (struct sqlite_rows *)base;
    struct sqlite_conn *c = (struct sqlite_conn *)base->conn;
    sqlite3_reset(rows->statement);
    sqlite3_clear_bindings(rows->statement);
    if (rows->holds_writer)
        writer_unlock(&c->conn);
    rows->holds_writer = false;
    rows->in_use = false;
    if (!rows->sql)
        statement_free(rows);
}

static int sqlite_start(struct db_conn *conn, const char *sql, const struct db_value *values, unsigned count,
                        struct db_rows **ret, struct err *err) {
    struct sqlite_conn *c = (struct sqlite_conn *)conn;
    struct sqlite_rows *rows = NULL;
    if (statement_get(c, sql, &rows, err) < 0)
        return -1;
    rows->rows.conn = conn;
    rows->in_use = true;
    rows->done = false;
    if (bind(c, rows->statement, values, count, err) < 0) {
        sqlite_finish(&rows->rows);
        return -1;
    }
    if (!conn->in_transaction && !sqlite3_stmt_readonly(rows->statement)) {
        if (writer_lock(conn, err) < 0) {
            sqlite_finish(&rows->rows);
            return -1;
        }
        rows->holds_writer = true;
    }
    *ret = &rows->rows;
    return 0;
}

static int sqlite_step(struct db_rows *base, struct err *err) {
    struct sqlite_rows *rows = (struct sqlite_rows *)base;
    if (rows->done)
        return 0;
    int code = sqlite3_step(rows->statement);
    if (code == SQLITE_ROW)
        return 1;
    rows->done = true;
    if (code == SQLITE_DONE)
        return 0;
    return failed(((struct sqlite_conn *)base->conn)->handle, code, err, "statement failed");
}

static const char *sqlite_text(struct db_rows *base, int column) {
    return (const char *)sqlite3_column_text(((struct sqlite_rows *)base)->statement, column);
}

static int64_t sqlite_integer(struct db_rows *base, int column) {
    return sqlite3_column_int64(((struct sqlite_rows *)base)->statement, column);
}

static double sqlite_real(struct db_rows *base, int column) {
    return sqlite3_column_double(((struct sqlite_rows *)base)->statement, column);
}

static bool sqlite_is_null(struct db_rows *base, int column) {
    return sqlite3_column_type(((struct sqlite_rows *)base)->statement, column) == SQLITE_NULL;
}

static int64_t sqlite_changes(struct db_rows *base) {
    struct sqlite_rows *rows = (struct sqlite_rows *)base;
    if (sqlite3_stmt_readonly(rows->statement))
        return 0;
    return sqlite3_changes64(((struct sqlite_conn *)base->conn)->handle);
}

static int sqlite_script(struct db_conn *conn, const char *sql, struct err *err) {
    struct sqlite_conn *c = (struct sqlite_conn *)conn;
    int code = sqlite3_exec(c->handle, sql, NULL, NULL, NULL);
    return code == SQLITE_OK ? 0 : failed(c->handle, code, err, "script failed");
}

/* Runs one of the transaction words through the cache of prepared statements. */
static int run_word(struct db_conn *conn, const char *sql, struct err *err) {
    struct sqlite_conn *c = (struct sqlite_conn *)conn;
    struct sqlite_rows *rows = NULL;
    if (statement_get(c, sql, &rows, err) < 0)
        return -1;
    int code = sqlite3_step(rows->statement);
    int status = code == SQLITE_DONE ? 0 : failed(c->handle, code, err, sql);
    sqlite3_reset(rows->statement);
    return status;
}

/* --- transactions --- */

static int sqlite_begin(struct db_conn *conn, struct err *err) {
    if (writer_lock(conn, err) < 0)
        return -1;
    if (run_word(conn, "BEGIN IMMEDIATE", err) < 0) {
        writer_unlock(conn);
        return -1;
    }
    return 0;
}

static int sqlite_commit(struct db_conn *conn, struct err *err) {
    if (run_word(conn, "COMMIT", err) < 0)
        return -1; /* db.c rolls back */
    writer_unlock(conn);
    notes_deliver((struct sqlite_conn *)conn);
    return 0;
}

static void sqlite_rollback(struct db_conn *conn) {
    struct sqlite_conn *c = (struct sqlite_conn *)conn;
    struct err err = {0};
    /* Some errors have rolled back already (SQLITE_FULL …). */
    if (!sqlite3_get_autocommit(c->handle) && run_word(conn, "ROLLBACK", &err) < 0) {
        log_error("rollback failed", "error", err.message);
        conn->broken = true;
    }
    notes_forget(c);
    writer_unlock(conn);
}

static int sqlite_now(struct db_conn *conn, char *text, struct err *err) {
    time_now(text);
    return 0;
}

static int sqlite_lock(struct db_conn *conn, const char *name, struct err *err) {
    return 0; /* BEGIN IMMEDIATE is one for the whole database */
}

/* --- connections --- */

static void sqlite_conn_close(struct db_conn *conn) {
    struct sqlite_conn *c = (struct sqlite_conn *)conn;
    notes_forget(c);
    for (unsigned i = 0; i < CACHE_SLOTS; i++)
        statement_free(c->cache[i]);
    sqlite3_close_v2(c->handle);
    free(c);
}

static int sqlite_conn_open(struct db *base, struct db_conn **ret, struct err *err) {
    struct sqlite_db *db = (struct sqlite_db *)base;
    struct sqlite_conn *c = mem_zalloc(sizeof *c);
    int code = sqlite3_open_v2(
        db->path, &c->handle,
        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE, NULL);
    if (code == SQLITE_OK) {
        sqlite3_extended_result_codes(c->handle, 1);
        sqlite3_busy_timeout(c->handle, FOREIGN_BUSY_MS);
        code = sqlite3_exec(c->handle,
                            "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;"
                            "PRAGMA temp_store=MEMORY; PRAGMA cache_size=-4096; PRAGMA trusted_schema=OFF;",
                            NULL, NULL, NULL);
    }
    if (code != SQLITE_OK) {
        failed(c->handle, code, err, "cannot open the database");
        sqlite_conn_close(&c->conn);
        return -1;
    }
    *ret = &c->conn;
    return 0;
}

static void sqlite_close(struct db *base) {
    struct sqlite_db *db = (struct sqlite_db *)base;
    close_fd(db->lock_fd);
    pthread_cond_destroy(&db->writer_free);
    pthread_mutex_destroy(&db->writer_lock);
    free(db->path);
    free(db);
}

static const char *sqlite_shown(const struct db *base) {
    return ((const struct sqlite_db *)base)->path;
}

static const struct db_ops sqlite_ops = {
    .name = "sqlite",
    .serial = "INTEGER PRIMARY KEY AUTOINCREMENT",
    .conn_open = sqlite_conn_open,
    .conn_close = sqlite_conn_close,
    .begin = sqlite_begin,
    .commit = sqlite_commit,
    .rollback = sqlite_rollback,
    .start = sqlite_start,
    .step = sqlite_step,
    .text = sqlite_text,
    .integer = sqlite_integer,
    .real = sqlite_real,
    .is_null = sqlite_is_null,
    .changes = sqlite_changes,
    .finish = sqlite_finish,
    .script = sqlite_script,
    .now = sqlite_now,
    .lock = sqlite_lock,
    .notify = sqlite_notify,
    .shown = sqlite_shown,
    .close = sqlite_close,
};

/* The lock belongs to the open descriptor: it goes with the process, however that ends, so the file may stay.
 */
int db_sqlite_lock(const char *path, int *ret_fd, struct err *err) {
    _cleanup_free_ char *lock = str_format("%s.lock", path);
    _cleanup_close_ int fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return err_errno(err, "cannot open %s", lock);
    if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        if (errno != EWOULDBLOCK)
            return err_errno(err, "cannot lock %s", lock);
        char holder[32] = "";
        ssize_t got = pread(fd, holder, sizeof holder - 1, 0);
        holder[got > 0 ? strcspn(holder, "\n") : 0] = '\0';
        return err_set(err, ERR_CONFLICT, "database_in_use",
                       "another server (process %s) is using %s; a SQLite database has one server, "
                       "several replicas need PostgreSQL",
                       *holder ? holder : "?", path);
    }
    char text[32];
    int length = snprintf(text, sizeof text, "%ld\n", (long)getpid());
    if (ftruncate(fd, 0) < 0 || pwrite(fd, text, (size_t)length, 0) < 0)
        return err_errno(err, "cannot write %s", lock);
    *ret_fd = steal_fd(&fd);
    return 0;
}

int db_sqlite_open(struct db **ret, const struct db_options *options, struct err *err) {
    int fd = -1;
    if (sqlite3_threadsafe() == 0)
        return err_set(err, ERR_INTERNAL, NULL, "this SQLite was built without threads");
    if (db_sqlite_lock(options->url, &fd, err) < 0)
        return -1;
    /* Passwords and keys live in it: made by us so that nobody else can read it, whatever the umask says. */
    int file = open(options->url, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (file < 0) {
        err_errno(err, "cannot open %s", options->url);
        close_fd(fd);
        return -1;
    }
    close_fd(file);
    struct sqlite_db *db = mem_zalloc(sizeof *db);
    db->db.ops = &sqlite_ops;
    db->path = str_dup(options->url);
    db->lock_fd = fd;
    pthread_mutex_init(&db->writer_lock, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&db->writer_free, &attributes);
    pthread_condattr_destroy(&attributes);
    *ret = &db->db;
    return 0;
}
