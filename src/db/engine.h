/* Inside the database room: what an engine (sqlite.c, postgres.c) provides, and what db.c gives to all
 * of them.
 *
 * An engine embeds struct db, struct db_conn and struct db_rows as the first member of its own structs. db.c
 * keeps the pool, reads the parameters, measures, and delivers notifications.
 */
#ifndef SS_DB_ENGINE_H
#define SS_DB_ENGINE_H

#include "base/metrics.h"
#include "db/db.h"

#include <pthread.h>
#include <stdatomic.h>

#define DB_PARAMETERS_MAX 48
#define DB_POOL_MAX_DEFAULT 16
#define DB_STATEMENT_LIMIT_MS 5000
#define DB_ACQUIRE_LIMIT_MS 5000
#define DB_MIGRATE_LIMIT_MS 600000 /* also for another server's migrations */

struct db_value {
    char type;     /* 's', 'i', 'd', 'n' */
    char declared; /* what the format string says, also of a NULL */
    union {
        const char *s;
        int64_t i;
        double d;
    };
};

struct db_ops {
    const char *name;
    /* What stands for a rising number as primary key in migrations: {{serial}}. */
    const char *serial;
    int (*conn_open)(struct db *db, struct db_conn **ret, struct err *err);
    void (*conn_close)(struct db_conn *conn);
    /* NULL, or: is the database there? Asked before a connection is handed out, so that nobody waits in vain.
     */
    int (*available)(struct db *db, struct err *err);
    /* NULL, or: is this idle connection still good? */
    bool (*usable)(struct db_conn *conn);
    /* NULL, or: another statement limit for this connection, for migrations. */
    int (*patience)(struct db_conn *conn, int limit_ms, struct err *err);
    int (*begin)(struct db_conn *conn, struct err *err);
    int (*commit)(struct db_conn *conn, struct err *err);
    void (*rollback)(struct db_conn *conn);
    /* Begins a statement; its rows come from step(). */
    int (*start)(struct db_conn *conn, const char *sql, const struct db_value *values, unsigned count,
                 struct db_rows **ret, struct err *err);
    int (*step)(struct db_rows *rows, struct err *err);
    const char *(*text)(struct db_rows *rows, int column);
    int64_t (*integer)(struct db_rows *rows, int column);
    double (*real)(struct db_rows *rows, int column);
    bool (*is_null)(struct db_rows *rows, int column);
    int64_t (*changes)(struct db_rows *rows); /* after the last step() */
    void (*finish)(struct db_rows *rows);
    /* Several statements without parameters. */
    int (*script)(struct db_conn *conn, const char *sql, struct err *err);
    int (*now)(struct db_conn *conn, char *text, struct err *err);
    int (*lock)(struct db_conn *conn, const char *name, struct err *err);
    int (*notify)(struct db_conn *conn, const char *channel, const char *payload, struct err *err);
    /* NULL, or: begins what runs beside (after the migrations), and ends it (before the notifier). */
    int (*started)(struct db *db, struct err *err);
    void (*stop)(struct db *db);
    const char *(*shown)(const struct db *db); /* the URL as it may be read */
    void (*close)(struct db *db);              /* frees the engine's part and `db`; the pool is empty */
};

struct notifier;

struct db {
    const struct db_ops *ops;
    int statement_limit_ms;
    unsigned pool_max;
    pthread_mutex_t lock; /* pool */
    pthread_cond_t freed;
    struct db_conn *idle; /* singly linked */
    unsigned open;        /* idle and handed out */
    struct notifier *notifier;
    struct metric seconds; /* of statements */
    _Atomic uint64_t marks[DB_MARKS];
};

struct db_conn {
    struct db *db;
    struct db_conn *next; /* in the idle list */
    bool in_transaction;
    unsigned marks; /* bits of those that move with the commit */
    bool failed;    /* a statement of the transaction has failed: it can only be rolled back */
    bool broken;    /* not to be used again: closed on release */
};

struct db_rows {
    struct db_conn *conn;
    int64_t started_us;
};

/* An engine's db_open: allocates, fills ops. Pool and notifier are db.c's. */
int db_sqlite_open(struct db **ret, const struct db_options *options, struct err *err);
int db_postgres_open(struct db **ret, const struct db_options *options, struct err *err);

/* The lock file beside a SQLite database: *ret_fd holds it until it is closed. ERR_CONFLICT
 * "database_in_use". */
int db_sqlite_lock(const char *path, int *ret_fd, struct err *err);
/* The schema's version (0: none), asked of a database that is opened for that alone; nothing is changed. Not
 * for SQLite, where opening takes the lock. */
int db_look(const struct db_options *options, int64_t *ret_version, struct err *err);

/* Runs what schema_migrations does not have yet. ERR_CONFLICT "schema_newer" when the database knows more
 * than this program. */
int db_migrate(struct db_conn *conn, struct err *err);
/* The same with another list, for tests. */
struct db_migration {
    int version;
    const char *name;
    const char *sql;
};
extern const struct db_migration db_migrations[];
extern const unsigned db_migration_count;
int db_migrate_list(struct db_conn *conn, const struct db_migration *list, unsigned count, struct err *err);
/* db_open with another list, for tests of what an earlier version left. */
int db_open_at(struct db **ret, const struct db_options *options, const struct db_migration *list,
               unsigned count, struct err *err);

/* Notifications: queued by an engine, handed to listeners on the notifier's thread. */
struct notifier *notifier_create(void);
void notifier_destroy(struct notifier *notifier); /* delivers what is queued first */
/* payload NULL: something may have been lost. Never blocks on listeners. */
void notifier_post(struct notifier *notifier, const char *channel, const char *payload);
int notifier_listen(struct notifier *notifier, const char *channel, db_listen_fn fn, void *arg,
                    struct err *err);
void notifier_unlisten(struct notifier *notifier, db_listen_fn fn, void *arg);

#endif
