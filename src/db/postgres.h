/* Inside the PostgreSQL engine: connecting (postgres_connect.c), statements (postgres.c), the thread that
 * listens and finds out when a database that was away is back (postgres_listen.c).
 *
 * Away: set by whoever cannot reach the server. From then on nobody tries to connect but the listening
 * thread, and db_acquire fails at once; so no request waits for a database that is not there. */
#ifndef SS_DB_POSTGRES_H
#define SS_DB_POSTGRES_H

#include "db/engine.h"

#include <libpq-fe.h>

#define PG_VERSION_MIN 130000
#define PG_CONNECT_LIMIT_S 3      /* for one host; "connect_timeout" of the URL goes before it */
#define PG_ANSWER_MARGIN_MS 1000  /* beyond the statement limit, which the server itself keeps */
#define PG_STATEMENTS_MAX 1024    /* prepared ones of a connection; more are parsed each time */
#define PG_SLOTS 4096             /* of their table, a power of two */
#define PG_NOTES_MAX 64           /* different notifications of one transaction; more: "look for yourself" */
#define PG_RECONNECT_FIRST_MS 100 /* doubled with each failure */
#define PG_RECONNECT_MAX_MS 2000
#define PG_LISTEN_IDLE_MS 15000 /* silence after which the listening connection is tried */
#define PG_TRY_LIMIT_MS 2000    /* for that try */
#define PG_IDLE_LIMIT_MS                                                                                     \
    10000                /* at least: a transaction that does nothing for so long is ended by the server */
#define PG_REPEATS_MAX 3 /* of a single statement that lost a deadlock */

#define PG_CHANNEL "streamspace" /* all notifications: "channel payload" */
#define PG_LOST "*"              /* as payload: there were more than could be told */

struct pg_db {
    struct db db;
    const char **keywords, **values; /* for PQconnectdbParams; end with NULL */
    char *shown;                     /* the URL without its password */
    char *begin;                     /* the words that open a transaction */
    _Atomic int64_t ahead_us;        /* server's clock minus ours */
    _Atomic bool away;
    _Atomic unsigned generation; /* connections of an earlier one are not used again */
    _Atomic uint64_t reconnects;
    char reason[ERR_MESSAGE_MAX]; /* (db.lock) why it is away */
    pthread_t thread;
    bool listening; /* the thread runs */
    _Atomic bool stop;
    int wake; /* eventfd */
    PGconn *listener;
};

struct pg_statement {
    uint64_t hash;
    char *sql, *types;
    char name[16];
};

struct pg_conn {
    struct db_conn conn;
    PGconn *handle;
    unsigned generation;
    int limit_ms; /* of a statement */
    struct pg_statement *statements[PG_SLOTS];
    unsigned statement_count;
    char *notes[PG_NOTES_MAX]; /* "channel payload", told with the commit */
    unsigned note_count;
    bool notes_lost;
};

/* How long a transaction may do nothing: a server that hangs holds up the others no longer. */
static inline int pg_idle_limit_ms(int statement_limit_ms) {
    return statement_limit_ms * 2 > PG_IDLE_LIMIT_MS ? statement_limit_ms * 2 : PG_IDLE_LIMIT_MS;
}
/* Milliseconds that no test shifts. */
int64_t pg_ms(void);

/* Reads the URL; ERR_INVALID when libpq cannot. Passwords are in none of the messages. */
int pg_read_url(struct pg_db *db, const char *url, int statement_limit_ms, struct err *err);
/* A connection with our settings. ERR_UNAVAILABLE, or ERR_INVALID for a server that is none of ours (too old,
 * another encoding). `limit_ms`: of a statement. */
int pg_connect(struct pg_db *db, PGconn **ret, int limit_ms, struct err *err);
/* The first connection of the process: waits up to `start_limit_ms` for a server that does not run yet. */
int pg_wait_for_server(struct pg_db *db, int start_limit_ms, struct err *err);

/* From now on it is away, and only the listening thread tries to reach it. */
void pg_set_away(struct pg_db *db, const char *reason);

/* Waits for what was sent, at most `limit_ms`. *ret is the last result, or the first that is an error (NULL
 * when there was none), to be cleared by the caller. False: the time is over or the connection is lost. */
bool pg_collect(PGconn *handle, int limit_ms, PGresult **ret);
/* Fills err from a failed result (may be NULL: the connection is lost or hangs). Sets *ret_broken when the
 * connection cannot be used again. */
int pg_failed(PGconn *handle, const PGresult *result, bool *ret_broken, struct err *err);
/* Notes the server's clock, as read from a column with seconds since 1970. */
void pg_note_clock(struct pg_db *db, const PGresult *result, int column);

/* Connects, listens, starts the thread. */
int pg_listen_start(struct pg_db *db, struct err *err);
void pg_listen_stop(struct pg_db *db);

#endif
