/* The thread that listens for notifications. Its connection is also how we learn that the server is away, and
 * its attempts to reconnect how we learn that it is back. */
#include "base/log.h"
#include "base/str.h"
#include "db/postgres.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* A statement without parameters on the listening connection. */
static bool say(struct pg_db *db, const char *sql, struct err *err) {
    PGresult *result = NULL;
    bool broken,
        ok = PQsendQuery(db->listener, sql) == 1 && pg_collect(db->listener, PG_TRY_LIMIT_MS, &result) &&
             (PQresultStatus(result) == PGRES_COMMAND_OK || PQresultStatus(result) == PGRES_TUPLES_OK);
    if (!ok)
        pg_failed(db->listener, result, &broken, err);
    PQclear(result);
    return ok;
}

static void hang_up(struct pg_db *db) {
    if (db->listener)
        PQfinish(db->listener);
    db->listener = NULL;
}

static bool listen_now(struct pg_db *db, struct err *err) {
    if (pg_connect(db, &db->listener, db->db.statement_limit_ms, err) < 0)
        return false;
    if (say(db, "LISTEN " PG_CHANNEL, err))
        return true;
    hang_up(db);
    return false;
}

static void deliver(struct pg_db *db) {
    for (PGnotify *note; (note = PQnotifies(db->listener)); PQfreemem(note)) {
        char *space = strchr(note->extra, ' ');
        if (space)
            *space = '\0';
        notifier_post(db->db.notifier, note->extra, space ? space + 1 : NULL);
    }
}

/* Waits for the connection, a word from another thread, or the time. True: the connection has something. */
static bool wait_for(struct pg_db *db, int limit_ms) {
    struct pollfd fds[2] = {{.fd = db->wake, .events = POLLIN},
                            {.fd = db->listener ? PQsocket(db->listener) : -1, .events = POLLIN}};
    poll(fds, 2, limit_ms);
    if (fds[0].revents) {
        eventfd_t count;
        eventfd_read(db->wake, &count);
    }
    return fds[1].revents != 0;
}

static void is_back(struct pg_db *db) {
    bool was = atomic_exchange(&db->away, false);
    if (was)
        log_info("database is back", "database", db->shown);
}

/* Until it listens again, or the end. What was notified meanwhile is lost: listeners look for themselves. */
static void reconnect(struct pg_db *db) {
    int pause = PG_RECONNECT_FIRST_MS;
    unsigned seed = (unsigned)pg_ms();
    while (!atomic_load(&db->stop)) {
        struct err err = {0};
        if (listen_now(db, &err)) {
            atomic_fetch_add(&db->reconnects, 1);
            is_back(db);
            notifier_post(db->db.notifier, "", NULL);
            return;
        }
        pg_set_away(db, err.message);
        /* Half of it by chance, so that replicas do not come all at once. */
        int64_t until = pg_ms() + pause / 2 + rand_r(&seed) % (pause / 2 + 1);
        for (int64_t left; !atomic_load(&db->stop) && (left = until - pg_ms()) > 0;)
            wait_for(db, (int)left);
        pause = pause * 2 < PG_RECONNECT_MAX_MS ? pause * 2 : PG_RECONNECT_MAX_MS;
    }
}

static void *listen_main(void *arg) {
    struct pg_db *db = arg;
    while (!atomic_load(&db->stop)) {
        if (!db->listener) {
            reconnect(db);
            continue;
        }
        bool input = wait_for(db, PG_LISTEN_IDLE_MS), alive = true;
        struct err err = {0};
        if (input)
            alive = PQconsumeInput(db->listener) == 1;
        else if (!atomic_load(&db->stop)) /* silence, or somebody could not reach it: is it there? */
            alive = say(db, "SELECT 1", &err);
        deliver(db);
        if (!alive)
            hang_up(db);
        else if (!input)
            is_back(db);
    }
    return NULL;
}

int pg_listen_start(struct pg_db *db, struct err *err) {
    if (!listen_now(db, err))
        return -1;
    int code = pthread_create(&db->thread, NULL, listen_main, db);
    if (code != 0) {
        errno = code;
        return err_errno(err, "cannot start the listening thread");
    }
    db->listening = true;
    return 0;
}

void pg_listen_stop(struct pg_db *db) {
    atomic_store(&db->stop, true);
    if (db->listening) {
        eventfd_write(db->wake, 1);
        pthread_join(db->thread, NULL);
        db->listening = false;
    }
    hang_up(db);
}
