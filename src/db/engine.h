/* Inside the database room: what an engine (sqlite.c, later postgres.c) provides, and what db.c gives to all
 * of them.
 *
 * An engine embeds struct db, struct db_conn and struct db_rows as the first member of its own structs. db.c
 * keeps the pool, reads the parameters, measures, and delivers notifications.
 */
#ifndef SS_DB_ENGINE_H
#define SS_DB_ENGINE_H

#include "db/db.h"

#include <pthread.h>
#include <stdatomic.h>

#define DB_PARAMETERS_MAX 48
#define DB_POOL_MAX_DEFAULT 16
#define DB_STATEMENT_LIMIT_MS 5000
#define DB_ACQUIRE_LIMIT_MS 5000

struct db_value {
    char type; /* 's', 'i', 'd', 'n' */
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
    void (*close)(struct db *db); /* frees the engine's part and `db`; the pool is empty */
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
    _Atomic uint64_t statements, microseconds;
};

struct db_conn {
    struct db *db;
    struct db_conn *next; /* in the idle list */
    bool in_transaction;
    bool broken; /* not to be used again: closed on release */
};

struct db_rows {
    struct db_conn *conn;
    int64_t started_us;
};

/* An engine's db_open: allocates, fills ops. Pool and notifier are db.c's. */
int db_sqlite_open(struct db **ret, const struct db_options *options, struct err *err);

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

/* Notifications: queued by an engine, handed to listeners on the notifier's thread. */
struct notifier *notifier_create(void);
void notifier_destroy(struct notifier *notifier); /* delivers what is queued first */
/* payload NULL: something may have been lost. Never blocks on listeners. */
void notifier_post(struct notifier *notifier, const char *channel, const char *payload);
int notifier_listen(struct notifier *notifier, const char *channel, db_listen_fn fn, void *arg,
                    struct err *err);
void notifier_unlisten(struct notifier *notifier, db_listen_fn fn, void *arg);

#endif
