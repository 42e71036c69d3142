/* The shared engine: several servers on one PostgreSQL.
 *
 * Transactions that write are one after another here too, as SQLite has them by nature: db_begin takes one
 * advisory lock for all servers of the database. So "read, then write" is safe in the same words on both
 * engines, and ids that a transaction draws (events!) become visible in their order: the lock is let go after
 * the commit is visible. docs/decisions has the reasons and the price.
 *
 * A statement's result is read as a whole, so that rows survive other statements on their connection. Reading
 * takes no transaction and one round trip.
 */
#include "db/postgres.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "base/str.h"

#include <endian.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* Types of parameters (pg_type.dat); 0: PostgreSQL finds out. */
#define OID_TEXT 25
#define OID_INT8 20
#define OID_FLOAT8 701

/* A random number that is ours among the advisory locks of a database. */
#define WRITERS_LOCK "7310579438151226419"

struct pg_rows {
    struct db_rows rows;
    PGresult *result;
    int row, count;
};

/* --- errors --- */

/* Like pg_failed; a server that hangs or cannot be reached is away from now on. */
static int failed(struct pg_conn *c, const PGresult *result, struct err *err) {
    struct err why = {0};
    bool broken = false;
    pg_failed(c->handle, result, &broken, &why);
    c->conn.broken |= broken;
    if (!result && PQstatus(c->handle) == CONNECTION_OK)
        pg_set_away((struct pg_db *)c->conn.db, why.message);
    err_copy(err, &why);
    return -1;
}

static bool is_good(const PGresult *result) {
    ExecStatusType status = PQresultStatus(result);
    return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
}

/* What was sent is waited for. *ret is the caller's; -1 and none when it failed. */
static int collect(struct pg_conn *c, PGresult **ret, struct err *err) {
    PGresult *result = NULL;
    bool ok = pg_collect(c->handle, c->limit_ms + PG_ANSWER_MARGIN_MS, &result);
    if (ok && is_good(result)) {
        *ret = result;
        return 0;
    }
    failed(c, result, err);
    PQclear(result);
    return -1;
}

/* One or several statements without parameters. `ret` may be NULL. */
static int run(struct pg_conn *c, const char *sql, PGresult **ret, struct err *err) {
    PGresult *result = NULL;
    if (PQsendQuery(c->handle, sql) != 1)
        return failed(c, NULL, err);
    if (collect(c, &result, err) < 0)
        return -1;
    if (ret)
        *ret = result;
    else
        PQclear(result);
    return 0;
}

/* --- connections --- */

static void forget_statements(struct pg_conn *c) {
    for (unsigned i = 0; c->statement_count > 0 && i < PG_SLOTS; i++) {
        struct pg_statement *statement = steal_pointer(&c->statements[i]);
        if (!statement)
            continue;
        free(statement->sql);
        free(statement->types);
        free(statement);
    }
    c->statement_count = 0;
}

static void forget_notes(struct pg_conn *c) {
    for (unsigned i = 0; i < c->note_count; i++)
        free(c->notes[i]);
    c->note_count = 0;
    c->notes_lost = false;
}

static void postgres_conn_close(struct db_conn *conn) {
    struct pg_conn *c = (struct pg_conn *)conn;
    forget_statements(c);
    forget_notes(c);
    PQfinish(c->handle);
    free(c);
}

static int available(struct db *base, struct err *err) {
    struct pg_db *db = (struct pg_db *)base;
    if (!atomic_load_explicit(&db->away, memory_order_relaxed))
        return 0;
    return err_set(err, ERR_UNAVAILABLE, "database_unavailable", "the database is away: %s", db->reason);
}

static int dial(struct pg_db *db, PGconn **ret, int limit_ms, struct err *err) {
    struct err why = {0};
    if (pg_connect(db, ret, limit_ms, &why) == 0)
        return 0;
    if (db->listening)
        pg_set_away(db, why.message);
    err_copy(err, &why);
    return -1;
}

static int postgres_conn_open(struct db *base, struct db_conn **ret, struct err *err) {
    struct pg_db *db = (struct pg_db *)base;
    struct pg_conn *c = mem_zalloc(sizeof *c);
    c->generation = atomic_load(&db->generation);
    c->limit_ms = base->statement_limit_ms;
    if (dial(db, &c->handle, c->limit_ms, err) < 0) {
        free(c);
        return -1;
    }
    *ret = &c->conn;
    return 0;
}

/* Has the server ended it while nobody used it? Something to read need not mean that. */
static bool postgres_usable(struct db_conn *conn) {
    struct pg_conn *c = (struct pg_conn *)conn;
    if (c->generation != atomic_load_explicit(&((struct pg_db *)conn->db)->generation, memory_order_relaxed))
        return false;
    struct pollfd fd = {.fd = PQsocket(c->handle), .events = POLLIN};
    for (int i = 0; i < 3 && poll(&fd, 1, 0) > 0; i++)
        if (PQconsumeInput(c->handle) != 1)
            return false;
    return !PQisBusy(c->handle) && PQstatus(c->handle) == CONNECTION_OK;
}

/* A lost connection, outside a transaction: another one in its place. */
static int reopen(struct pg_conn *c, struct err *err) {
    struct pg_db *db = (struct pg_db *)c->conn.db;
    PGconn *handle = NULL;
    unsigned generation = atomic_load(&db->generation);
    if (atomic_load(&db->away))
        return err_set(err, ERR_UNAVAILABLE, "database_unavailable", "the database is away");
    if (dial(db, &handle, c->limit_ms, err) < 0)
        return -1;
    atomic_fetch_add(&db->reconnects, 1);
    forget_statements(c);
    PQfinish(c->handle);
    c->handle = handle;
    c->generation = generation;
    c->conn.broken = false;
    return 0;
}

static int postgres_patience(struct db_conn *conn, int limit_ms, struct err *err) {
    struct pg_conn *c = (struct pg_conn *)conn;
    _cleanup_free_ char *sql = str_format(
        "SET statement_timeout = %d; SET lock_timeout = %d; SET idle_in_transaction_session_timeout = %d",
        limit_ms, limit_ms, pg_idle_limit_ms(limit_ms));
    if (run(c, sql, NULL, err) < 0)
        return -1;
    c->limit_ms = limit_ms;
    return 0;
}

/* --- prepared statements --- */

static Oid oid_of(char type) {
    return type == 's' ? OID_TEXT : type == 'i' ? OID_INT8 : type == 'd' ? OID_FLOAT8 : 0;
}

static uint64_t hash_text(uint64_t hash, const char *text) {
    for (; *text; text++) /* FNV-1a */
        hash = (hash ^ (uint8_t)*text) * 1099511628211u;
    return hash;
}

struct call {
    const char *sql;
    unsigned count;
    char types[DB_PARAMETERS_MAX + 1];
    Oid oids[DB_PARAMETERS_MAX];
    const char *values[DB_PARAMETERS_MAX];
    int lengths[DB_PARAMETERS_MAX], formats[DB_PARAMETERS_MAX];
    uint64_t numbers[DB_PARAMETERS_MAX]; /* in network order */
};

/* Types are said, never guessed: "$1 IS NULL" has none of its own. Numbers go in binary. */
static void fill(struct call *call, const char *sql, const struct db_value *values, unsigned count) {
    call->sql = sql;
    call->count = count;
    for (unsigned i = 0; i < count; i++) {
        const struct db_value *value = &values[i];
        call->types[i] = value->declared;
        call->oids[i] = oid_of(value->declared);
        call->formats[i] = 0;
        call->values[i] = NULL;
        if (value->type == 's') {
            call->values[i] = value->s;
        } else if (value->type == 'i' || value->type == 'd') {
            uint64_t bits;
            memcpy(&bits, value->type == 'i' ? (const void *)&value->i : (const void *)&value->d,
                   sizeof bits);
            call->numbers[i] = htobe64(bits);
            call->values[i] = (const char *)&call->numbers[i];
            call->lengths[i] = sizeof bits;
            call->formats[i] = 1;
        }
    }
    call->types[count] = '\0';
}

/* The statement's slot, or a free one; NULL when there are too many. */
static struct pg_statement **slot_of(struct pg_conn *c, const struct call *call, uint64_t hash) {
    for (unsigned i = 0; i < PG_SLOTS; i++) {
        struct pg_statement **slot = &c->statements[(hash + i) & (PG_SLOTS - 1)];
        if (!*slot)
            return c->statement_count < PG_STATEMENTS_MAX ? slot : NULL;
        if ((*slot)->hash == hash && str_eq((*slot)->sql, call->sql) && str_eq((*slot)->types, call->types))
            return slot;
    }
    return NULL;
}

/* The name of the prepared statement, prepared when it is new; *ret NULL: one too many, it goes without. */
static int prepare(struct pg_conn *c, const struct call *call, const char **ret, struct err *err) {
    uint64_t hash = hash_text(hash_text(14695981039346656037u, call->sql), call->types);
    struct pg_statement **slot = slot_of(c, call, hash);
    *ret = slot && *slot ? (*slot)->name : NULL;
    if (!slot || *slot)
        return 0;
    struct pg_statement made = {.hash = hash};
    PGresult *result = NULL;
    snprintf(made.name, sizeof made.name, "s%u", c->statement_count);
    if (PQsendPrepare(c->handle, made.name, call->sql, (int)call->count, call->oids) != 1)
        return failed(c, NULL, err);
    if (collect(c, &result, err) < 0)
        return -1;
    PQclear(result);
    made.sql = str_dup(call->sql);
    made.types = str_dup(call->types);
    *slot = mem_dup(&made, sizeof made);
    c->statement_count++;
    *ret = (*slot)->name;
    return 0;
}

static int execute(struct pg_conn *c, const struct call *call, PGresult **ret, struct err *err) {
    const char *name;
    if (prepare(c, call, &name, err) < 0)
        return -1;
    int sent = name ? PQsendQueryPrepared(c->handle, name, (int)call->count, call->values, call->lengths,
                                          call->formats, 0)
                    : PQsendQueryParams(c->handle, call->sql, (int)call->count, call->oids, call->values,
                                        call->lengths, call->formats, 0);
    return sent == 1 ? collect(c, ret, err) : failed(c, NULL, err);
}

static bool only_reads(const char *sql) {
    return str_starts(sql, "SELECT ");
}

/* A single statement may be repeated where it surely did nothing: what reads and lost its connection, and
 * what the server rolled back for a deadlock's sake. */
static bool repeat(struct pg_conn *c, const char *sql, int turn, const struct err *why) {
    if (c->conn.in_transaction)
        return false;
    if (c->conn.broken)
        return turn == 0 && only_reads(sql) && reopen(c, NULL) == 0;
    return turn < PG_REPEATS_MAX && (strstr(why->message, "(40P01)") || strstr(why->message, "(40001)"));
}

static int postgres_start(struct db_conn *conn, const char *sql, const struct db_value *values,
                          unsigned count, struct db_rows **ret, struct err *err) {
    struct pg_conn *c = (struct pg_conn *)conn;
    struct call call;
    PGresult *result = NULL;
    fill(&call, sql, values, count);
    for (int turn = 0;; turn++) {
        struct err why = {0};
        if (!conn->broken && execute(c, &call, &result, &why) == 0)
            break;
        if (conn->broken && !why.kind)
            err_set(&why, ERR_UNAVAILABLE, "database_unavailable", "the database's connection is lost");
        if (!repeat(c, sql, turn, &why)) {
            err_copy(err, &why);
            return -1;
        }
    }
    struct pg_rows *rows = mem_zalloc(sizeof *rows);
    rows->result = result;
    rows->row = -1;
    rows->count = PQntuples(result);
    *ret = &rows->rows;
    return 0;
}

/* --- rows --- */

static int postgres_step(struct db_rows *base, struct err *err) {
    struct pg_rows *rows = (struct pg_rows *)base;
    if (rows->row < rows->count)
        rows->row++;
    return rows->row < rows->count;
}

/* SQLite answers questions for a row or column that is not there with NULL; so do we. */
static const char *value_at(struct db_rows *base, int column) {
    struct pg_rows *rows = (struct pg_rows *)base;
    if (rows->row < 0 || rows->row >= rows->count || column < 0 || column >= PQnfields(rows->result) ||
        PQgetisnull(rows->result, rows->row, column))
        return NULL;
    return PQgetvalue(rows->result, rows->row, column);
}

static const char *postgres_text(struct db_rows *base, int column) {
    return value_at(base, column);
}

static int64_t postgres_integer(struct db_rows *base, int column) {
    const char *text = value_at(base, column);
    if (!text)
        return 0;
    if (*text == 't') /* a comparison as a column: boolean here, a number on SQLite */
        return 1;
    return strtoll(text, NULL, 10);
}

static double postgres_real(struct db_rows *base, int column) {
    const char *text = value_at(base, column);
    return text ? strtod(text, NULL) : 0;
}

static bool postgres_is_null(struct db_rows *base, int column) {
    return !value_at(base, column);
}

static int64_t postgres_changes(struct db_rows *base) {
    PGresult *result = ((struct pg_rows *)base)->result;
    int64_t changes = 0;
    if (!str_starts(PQcmdStatus(result), "SELECT"))
        str_to_i64(PQcmdTuples(result), 0, INT64_MAX, &changes);
    return changes;
}

static void postgres_finish(struct db_rows *base) {
    struct pg_rows *rows = (struct pg_rows *)base;
    PQclear(rows->result);
    free(rows);
}

static int postgres_script(struct db_conn *conn, const char *sql, struct err *err) {
    return run((struct pg_conn *)conn, sql, NULL, err);
}

/* --- transactions --- */

static int postgres_begin(struct db_conn *conn, struct err *err) {
    struct pg_conn *c = (struct pg_conn *)conn;
    struct pg_db *db = (struct pg_db *)conn->db;
    PGresult *result = NULL;
    forget_notes(c);
    if (run(c, db->begin, &result, err) < 0) {
        /* It has begun when only the lock could not be had; a lost connection has done nothing yet. */
        if (!conn->broken) {
            run(c, "ROLLBACK", NULL, NULL);
            return -1;
        }
        if (reopen(c, err) < 0 || run(c, db->begin, &result, err) < 0) {
            conn->broken = true;
            return -1;
        }
    }
    pg_note_clock(db, result, 1);
    PQclear(result);
    return 0;
}

static void put_note(struct pg_conn *c, struct strbuf *sql, const char *note) {
    char *literal = PQescapeLiteral(c->handle, note, strlen(note));
    if (literal)
        strbuf_printf(sql, "SELECT pg_notify('" PG_CHANNEL "', %s); ", literal);
    PQfreemem(literal);
}

/* Notifications travel with the commit, in one round trip. */
static int postgres_commit(struct db_conn *conn, struct err *err) {
    struct pg_conn *c = (struct pg_conn *)conn;
    _cleanup_strbuf_ struct strbuf sql = STRBUF_MAX(1024 * 1024);
    for (unsigned i = 0; i < c->note_count; i++)
        put_note(c, &sql, c->notes[i]);
    if (c->notes_lost)
        put_note(c, &sql, PG_LOST);
    strbuf_puts(&sql, "COMMIT");
    forget_notes(c);
    PGresult *result = NULL;
    if (sql.overflow)
        return err_set(err, ERR_INTERNAL, NULL, "a transaction's notifications are too long");
    if (run(c, strbuf_str(&sql), &result, err) < 0)
        return -1; /* db.c rolls back */
    /* PostgreSQL answers the COMMIT of a failed transaction with a silent ROLLBACK. */
    bool done = str_eq(PQcmdStatus(result), "COMMIT");
    PQclear(result);
    return done ? 0 : err_set(err, ERR_INTERNAL, NULL, "the transaction had failed and was rolled back");
}

static void postgres_rollback(struct db_conn *conn) {
    struct pg_conn *c = (struct pg_conn *)conn;
    struct err err = {0};
    forget_notes(c);
    if (!conn->broken && run(c, "ROLLBACK", NULL, &err) < 0) {
        log_warn("rollback failed", "error", err.message);
        conn->broken = true;
    }
}

/* The server's clock, from the last transaction's beginning: no round trip of its own. */
static int postgres_now(struct db_conn *conn, char *text, struct err *err) {
    struct pg_db *db = (struct pg_db *)conn->db;
    time_format(clock_wall_ms() + atomic_load_explicit(&db->ahead_us, memory_order_relaxed) / 1000, text);
    return 0;
}

static int postgres_lock(struct db_conn *conn, const char *name, struct err *err) {
    return 0; /* the writers' lock is one for the whole database */
}

static int postgres_notify(struct db_conn *conn, const char *channel, const char *payload, struct err *err) {
    struct pg_conn *c = (struct pg_conn *)conn;
    _cleanup_free_ char *note = str_format("%s %s", channel, payload ? payload : "");
    if (!conn->in_transaction) {
        struct db_value value = {.type = 's', .declared = 's', .s = note};
        struct db_rows *rows = NULL;
        if (postgres_start(conn, "SELECT pg_notify('" PG_CHANNEL "', $1)", &value, 1, &rows, err) < 0)
            return -1;
        postgres_finish(rows);
        return 0;
    }
    for (unsigned i = 0; i < c->note_count; i++)
        if (str_eq(c->notes[i], note))
            return 0;
    if (c->note_count == PG_NOTES_MAX)
        c->notes_lost = true;
    else
        c->notes[c->note_count++] = steal_pointer(&note);
    return 0;
}

/* --- the database --- */

static void free_words(const char **words) {
    for (size_t i = 0; words && words[i]; i++)
        free((char *)(uintptr_t)words[i]);
    free(words);
}

static void postgres_close(struct db *base) {
    struct pg_db *db = (struct pg_db *)base;
    free_words(db->values); /* holds the password: not longer than needed */
    free_words(db->keywords);
    free(db->shown);
    free(db->begin);
    close_fd(db->wake);
    free(db);
}

static int postgres_started(struct db *base, struct err *err) {
    return pg_listen_start((struct pg_db *)base, err);
}

static void postgres_stop(struct db *base) {
    pg_listen_stop((struct pg_db *)base);
}

static const char *postgres_shown(const struct db *base) {
    return ((const struct pg_db *)base)->shown;
}

static const struct db_ops postgres_ops = {
    .name = "postgres",
    .serial = "BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY",
    .conn_open = postgres_conn_open,
    .conn_close = postgres_conn_close,
    .available = available,
    .usable = postgres_usable,
    .patience = postgres_patience,
    .begin = postgres_begin,
    .commit = postgres_commit,
    .rollback = postgres_rollback,
    .start = postgres_start,
    .step = postgres_step,
    .text = postgres_text,
    .integer = postgres_integer,
    .real = postgres_real,
    .is_null = postgres_is_null,
    .changes = postgres_changes,
    .finish = postgres_finish,
    .script = postgres_script,
    .now = postgres_now,
    .lock = postgres_lock,
    .notify = postgres_notify,
    .started = postgres_started,
    .stop = postgres_stop,
    .shown = postgres_shown,
    .close = postgres_close,
};

int db_postgres_open(struct db **ret, const struct db_options *options, struct err *err) {
    struct pg_db *db = mem_zalloc(sizeof *db);
    db->db.ops = &postgres_ops;
    db->db.statement_limit_ms =
        options->statement_limit_ms ? options->statement_limit_ms : DB_STATEMENT_LIMIT_MS;
    db->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    db->begin = str_dup("BEGIN; SELECT pg_advisory_xact_lock(" WRITERS_LOCK
                        "), EXTRACT(EPOCH FROM clock_timestamp())");
    if (db->wake < 0)
        err_errno(err, "cannot make an eventfd");
    if (db->wake < 0 || pg_read_url(db, options->url, db->db.statement_limit_ms, err) < 0 ||
        pg_wait_for_server(db, options->start_limit_ms, err) < 0) {
        postgres_close(&db->db);
        return -1;
    }
    *ret = &db->db;
    return 0;
}
