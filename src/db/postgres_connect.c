/* Reaching a PostgreSQL server: the URL, the settings of a connection, waiting for answers, errors. */
#include "base/cleanup.h"
#include "base/log.h"
#include "base/str.h"
#include "db/postgres.h"

#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>

int64_t pg_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* --- the URL --- */

/* What a URL that says nothing gets. Keepalives and tcp_user_timeout end connections to a machine that is
 * gone. */
static const char *const presets[][2] = {
    {"connect_timeout", NULL}, /* PG_CONNECT_LIMIT_S */
    {"keepalives", "1"},
    {"keepalives_idle", "10"},
    {"keepalives_interval", "5"},
    {"keepalives_count", "3"},
    {"tcp_user_timeout", NULL}, /* twice the statement limit */
    {"gssencmode", "disable"},  /* asking for Kerberos tickets can take seconds */
    {"fallback_application_name", "streamspace"},
    {"client_encoding", "UTF8"},
};

static const char *option_value(const PQconninfoOption *options, const char *keyword) {
    for (const PQconninfoOption *option = options; option->keyword; option++)
        if (str_eq(option->keyword, keyword))
            return option->val;
    return NULL;
}

static char *preset_value(size_t index, int statement_limit_ms) {
    if (presets[index][1])
        return str_dup(presets[index][1]);
    return str_format("%d", str_eq(presets[index][0], "connect_timeout") ? PG_CONNECT_LIMIT_S
                                                                         : statement_limit_ms * 2);
}

static void show(struct pg_db *db, const PQconninfoOption *options) {
    const char *user = option_value(options, "user"), *host = option_value(options, "host");
    const char *port = option_value(options, "port"), *name = option_value(options, "dbname");
    db->shown = str_format("postgres://%s%s%s%s%s/%s", user ? user : "", user ? "@" : "", host ? host : "",
                           port ? ":" : "", port ? port : "", name ? name : "");
}

/* libpq only finds out when it connects, and would then look like a server that is away. */
static int check_ports(const char *ports, struct err *err) {
    struct strv list = {0};
    int64_t number;
    bool good = true;
    strv_split(&list, ports ? ports : "", ',');
    for (size_t i = 0; i < list.count; i++)
        good &= !*list.items[i] || str_to_i64(list.items[i], 1, 65535, &number);
    strv_finish(&list);
    return good ? 0
                : err_set(err, ERR_INVALID, "invalid_database", "the database URL's port is not a number");
}

int pg_read_url(struct pg_db *db, const char *url, int statement_limit_ms, struct err *err) {
    char *problem = NULL;
    PQconninfoOption *options = PQconninfoParse(url, &problem);
    if (!options) {
        /* libpq repeats the URL, and with it the password, in some of its messages. */
        bool plain = problem && !strstr(problem, "//");
        err_set(err, ERR_INVALID, "invalid_database", "the database URL cannot be read%s%.*s",
                plain ? ": " : "", plain ? (int)strcspn(problem, "\n") : 0, plain ? problem : "");
        PQfreemem(problem);
        return -1;
    }
    if (check_ports(option_value(options, "port"), err) < 0) {
        PQconninfoFree(options);
        return -1;
    }
    size_t count = 0, at = 0;
    for (const PQconninfoOption *option = options; option->keyword; option++)
        count++;
    db->keywords = mem_zalloc((count + ARRAY_SIZE(presets) + 1) * sizeof *db->keywords);
    db->values = mem_zalloc((count + ARRAY_SIZE(presets) + 1) * sizeof *db->values);
    for (const PQconninfoOption *option = options; option->keyword; option++) {
        if (!option->val)
            continue;
        db->keywords[at] = str_dup(option->keyword);
        db->values[at++] = str_dup(option->val);
    }
    for (size_t i = 0; i < ARRAY_SIZE(presets); i++) {
        if (option_value(options, presets[i][0]))
            continue;
        db->keywords[at] = str_dup(presets[i][0]);
        db->values[at++] = preset_value(i, statement_limit_ms);
    }
    show(db, options);
    PQconninfoFree(options);
    return 0;
}

/* --- waiting for answers --- */

/* Waits until libpq can go on. False: time over, or lost. */
static bool wait_input(PGconn *handle, int64_t deadline) {
    for (;;) {
        int pending = PQflush(handle);
        int64_t left = deadline - pg_ms();
        if (pending < 0 || left <= 0)
            return false;
        struct pollfd fd = {.fd = PQsocket(handle), .events = (short)(POLLIN | (pending ? POLLOUT : 0))};
        if (fd.fd < 0 || (poll(&fd, 1, (int)left) < 0 && errno != EINTR))
            return false;
        if (fd.revents & (POLLIN | POLLERR | POLLHUP))
            return PQconsumeInput(handle) == 1;
    }
}

static bool is_error(const PGresult *result) {
    ExecStatusType status = PQresultStatus(result);
    return status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK && status != PGRES_EMPTY_QUERY;
}

bool pg_collect(PGconn *handle, int limit_ms, PGresult **ret) {
    int64_t deadline = pg_ms() + limit_ms;
    PGresult *last = NULL;
    for (;;) {
        while (PQisBusy(handle)) {
            if (!wait_input(handle, deadline)) {
                PQclear(last);
                *ret = NULL;
                return false;
            }
        }
        PGresult *result = PQgetResult(handle);
        if (!result)
            break;
        if (last && is_error(last)) {
            PQclear(result);
            continue;
        }
        PQclear(last);
        last = result;
    }
    *ret = last;
    return last && PQstatus(handle) == CONNECTION_OK;
}

/* --- errors --- */

/* What the states of SQL mean to us: a whole state, or a class of two characters. */
static const struct {
    const char *state;
    enum err_kind kind;
    const char *code;
    bool broken;
} states[] = {
    {"23505", ERR_CONFLICT, "unique", false},
    {"23", ERR_INTERNAL, "constraint", false},
    {"40001", ERR_UNAVAILABLE, "database_busy", false},       /* serialization_failure */
    {"40P01", ERR_UNAVAILABLE, "database_busy", false},       /* deadlock_detected */
    {"55P03", ERR_UNAVAILABLE, "database_busy", false},       /* lock_not_available: over its time limit */
    {"57014", ERR_UNAVAILABLE, "database_busy", false},       /* query_canceled: over its time limit */
    {"08P01", ERR_INTERNAL, NULL, false},                     /* protocol_violation: too few parameters */
    {"25006", ERR_UNAVAILABLE, "database_unavailable", true}, /* read only: a standby now */
    {"25P03", ERR_UNAVAILABLE, "database_unavailable", true}, /* idle_in_transaction_session_timeout */
    {"26000", ERR_UNAVAILABLE, "database_unavailable", true}, /* somebody dropped a prepared statement */
    {"08", ERR_UNAVAILABLE, "database_unavailable", true},    /* the connection */
    {"53", ERR_UNAVAILABLE, "database_unavailable", false},   /* disk, memory, connections */
    {"57P", ERR_UNAVAILABLE, "database_unavailable", true},   /* shut down, crashed, starting */
    {"58", ERR_UNAVAILABLE, "database_unavailable", false},   /* errors of its system */
};

/* The first line of a message of libpq's. */
static int lost(PGconn *handle, bool *ret_broken, struct err *err) {
    const char *text = PQerrorMessage(handle);
    *ret_broken = true;
    if (PQstatus(handle) == CONNECTION_OK)
        return err_set(err, ERR_UNAVAILABLE, "database_unavailable", "the database does not answer");
    return err_set(err, ERR_UNAVAILABLE, "database_unavailable", "the database's connection is lost: %.*s",
                   (int)strcspn(text, "\n"), text);
}

int pg_failed(PGconn *handle, const PGresult *result, bool *ret_broken, struct err *err) {
    const char *state = result ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : NULL;
    if (!state)
        return lost(handle, ret_broken, err);
    const char *text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    *ret_broken = PQstatus(handle) != CONNECTION_OK;
    if (text && str_starts(text, "cached plan must not change")) { /* another schema since it was prepared */
        *ret_broken = true;
        return err_set(err, ERR_UNAVAILABLE, "database_unavailable", "%s", text);
    }
    for (size_t i = 0; i < ARRAY_SIZE(states); i++) {
        if (!str_starts(state, states[i].state))
            continue;
        *ret_broken |= states[i].broken;
        return err_set(err, states[i].kind, states[i].code, "%s (%s)", text ? text : "", state);
    }
    return err_set(err, ERR_INTERNAL, NULL, "%s (%s)", text ? text : "the database refused", state);
}

void pg_note_clock(struct pg_db *db, const PGresult *result, int column) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    int64_t ours = (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
    double theirs = PQntuples(result) == 1 && PQnfields(result) > column
                        ? strtod(PQgetvalue(result, 0, column), NULL) * 1e6
                        : 0;
    if (theirs > 0)
        atomic_store_explicit(&db->ahead_us, (int64_t)theirs - ours, memory_order_relaxed);
}

/* --- connecting --- */

static void on_notice(void *arg, const char *message) {
    _cleanup_free_ char *line = str_ndup(message, strcspn(message, "\n"));
    log_debug("database", "notice", line);
}

static int check_server(PGconn *handle, struct err *err) {
    const char *encoding = PQparameterStatus(handle, "server_encoding");
    if (PQserverVersion(handle) < PG_VERSION_MIN)
        return err_set(err, ERR_INVALID, "unsupported_database",
                       "PostgreSQL %d is too old: %d or newer is needed", PQserverVersion(handle) / 10000,
                       PG_VERSION_MIN / 10000);
    if (!str_eq(encoding, "UTF8"))
        return err_set(err, ERR_INVALID, "unsupported_database", "the database's encoding is %s, not UTF8",
                       encoding ? encoding : "unknown");
    return 0;
}

/* One round trip. Our statements are short: compiling them (JIT) costs more than it gives. */
static int apply_settings(struct pg_db *db, PGconn *handle, int limit_ms, struct err *err) {
    _cleanup_free_ char *sql = str_format(
        "SET statement_timeout = %d; SET lock_timeout = %d; SET idle_in_transaction_session_timeout = %d; "
        "SET TIME ZONE 'UTC'; SET client_min_messages = 'warning'; SET jit = off; "
        "SELECT EXTRACT(EPOCH FROM clock_timestamp()), pg_is_in_recovery()",
        limit_ms, limit_ms, pg_idle_limit_ms(limit_ms));
    PGresult *result = NULL;
    bool broken, ok = PQsendQuery(handle, sql) == 1 &&
                      pg_collect(handle, limit_ms + PG_ANSWER_MARGIN_MS, &result) &&
                      PQresultStatus(result) == PGRES_TUPLES_OK;
    int status = ok ? 0 : pg_failed(handle, result, &broken, err);
    if (ok)
        pg_note_clock(db, result, 0);
    if (ok && *PQgetvalue(result, 0, 1) == 't')
        status =
            err_set(err, ERR_UNAVAILABLE, "database_unavailable",
                    "the database is a standby that only reads (target_session_attrs=read-write in the URL "
                    "picks another)");
    PQclear(result);
    return status;
}

int pg_connect(struct pg_db *db, PGconn **ret, int limit_ms, struct err *err) {
    /* Blocking, with connect_timeout for each host: only libpq itself can go on to the next one then. */
    PGconn *handle = PQconnectdbParams(db->keywords, db->values, 0);
    int status = -1;
    if (PQstatus(handle) != CONNECTION_OK) {
        const char *text = PQerrorMessage(handle);
        err_set(err, ERR_UNAVAILABLE, "database_unavailable", "cannot reach the database: %.*s",
                (int)strcspn(text, "\n"), text);
    } else if (check_server(handle, err) == 0) {
        PQsetNoticeProcessor(handle, on_notice, NULL);
        PQsetnonblocking(handle, 1);
        status = apply_settings(db, handle, limit_ms, err);
    }
    if (status < 0)
        PQfinish(handle);
    else
        *ret = handle;
    return status;
}

/* Is a server there at all? Also asked without TLS: a refused certificate would look like no answer. */
static PGPing look_for(const struct pg_db *db) {
    size_t count = 0;
    while (db->keywords[count])
        count++;
    const char **values = mem_dup(db->values, (count + 1) * sizeof *values);
    for (size_t i = 0; i < count; i++)
        if (str_eq(db->keywords[i], "sslmode"))
            values[i] = "disable";
    PGPing ping = PQpingParams(db->keywords, db->values, 0);
    if (ping == PQPING_NO_RESPONSE)
        ping = PQpingParams(db->keywords, values, 0);
    free(values);
    return ping;
}

int pg_wait_for_server(struct pg_db *db, int start_limit_ms, struct err *err) {
    int64_t deadline = pg_ms() + start_limit_ms;
    for (int pause = PG_RECONNECT_FIRST_MS;;
         pause = pause * 2 < PG_RECONNECT_MAX_MS ? pause * 2 : PG_RECONNECT_MAX_MS) {
        PGconn *handle = NULL;
        if (pg_connect(db, &handle, db->db.statement_limit_ms, err) == 0) {
            PQfinish(handle);
            return 0;
        }
        /* Of a server that runs and refuses us there is nothing to hope. */
        PGPing ping = look_for(db);
        if (ping == PQPING_NO_ATTEMPT && err) /* libpq can make nothing of the URL */
            err->kind = ERR_INVALID;
        if ((ping != PQPING_REJECT && ping != PQPING_NO_RESPONSE) || pg_ms() + pause > deadline)
            return -1;
        log_info("waiting for the database", "database", db->shown, "error", err ? err->message : NULL);
        err_clear(err);
        poll(NULL, 0, pause);
    }
}

void pg_set_away(struct pg_db *db, const char *reason) {
    pthread_mutex_lock(&db->db.lock);
    bool was = atomic_exchange(&db->away, true);
    if (!was) {
        str_copy(db->reason, sizeof db->reason, reason);
        atomic_fetch_add(&db->generation, 1);
        pthread_cond_broadcast(&db->db.freed); /* those who wait for a connection need not any more */
    }
    pthread_mutex_unlock(&db->db.lock);
    if (was)
        return;
    log_error("database is away", "database", db->shown, "error", reason);
    eventfd_write(db->wake, 1);
}
