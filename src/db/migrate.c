#include "base/cleanup.h"
#include "base/log.h"
#include "base/str.h"
#include "db/engine.h"

#include <stdlib.h>

#define SCRIPT_MAX (1024 * 1024)
#define SERIAL "{{serial}}"

/* The one thing that SQLite and PostgreSQL cannot be told in the same words: a key that numbers itself. */
static int fill_in(const char *sql, const char *serial, struct strbuf *out, struct err *err) {
    for (const char *at; (at = strstr(sql, SERIAL)); sql = at + strlen(SERIAL)) {
        strbuf_append(out, sql, (size_t)(at - sql));
        strbuf_puts(out, serial);
    }
    strbuf_puts(out, sql);
    return out->overflow ? err_set(err, ERR_INTERNAL, NULL, "the script is too long") : 0;
}

static int present_version(struct db_conn *conn, int64_t *ret, struct err *err) {
    _cleanup_rows_ struct db_rows *rows = NULL;
    if (db_query(conn, &rows, err, "SELECT MAX(version) FROM schema_migrations", "") < 0)
        return -1;
    if (db_next(rows, err) < 0)
        return -1;
    *ret = db_int(rows, 0);
    return 0;
}

static int apply(struct db_conn *conn, const struct db_migration *migration, struct err *err) {
    _cleanup_strbuf_ struct strbuf script = STRBUF_MAX(SCRIPT_MAX);
    char now[TIME_TEXT_SIZE];
    if (fill_in(migration->sql, conn->db->ops->serial, &script, err) < 0 ||
        conn->db->ops->script(conn, strbuf_str(&script), err) < 0 || db_now(conn, now, err) < 0)
        return -1;
    return db_exec(conn, NULL, err,
                   "INSERT INTO schema_migrations (version, name, applied_at) VALUES ($1, $2, $3)", "iss",
                   (int64_t)migration->version, migration->name, now);
}

/* Under the lock "migrate": of several replicas that start at once one does it, the others find it done. */
static int step(struct db_conn *conn, const struct db_migration *list, unsigned count, bool *ret_done,
                struct err *err) {
    int64_t version = 0;
    if (db_lock(conn, "migrate", err) < 0 || present_version(conn, &version, err) < 0)
        return -1;
    if (count > 0 && version > list[count - 1].version)
        return err_set(err, ERR_CONFLICT, "schema_newer",
                       "the database is at schema %lld, this program knows %d: it is older than the database",
                       (long long)version, list[count - 1].version);
    unsigned next = 0;
    while (next < count && list[next].version <= version)
        next++;
    *ret_done = next == count;
    if (*ret_done)
        return 0;
    if (apply(conn, &list[next], err) < 0)
        return err_wrap(err, "migration %04d_%s", list[next].version, list[next].name);
    log_info("schema migrated", "migration", list[next].name);
    return 0;
}

/* Inside a transaction: PostgreSQL's IF NOT EXISTS is no match for another server that does the same. */
static int make_table(struct db_conn *conn, struct err *err) {
    if (db_lock(conn, "migrate", err) < 0)
        return -1;
    return conn->db->ops->script(
        conn,
        "CREATE TABLE IF NOT EXISTS schema_migrations (version INTEGER NOT NULL PRIMARY "
        "KEY, name TEXT NOT NULL, applied_at TEXT NOT NULL)",
        err);
}

static int migrate_all(struct db_conn *conn, const struct db_migration *list, unsigned count,
                       struct err *err) {
    if (db_begin(conn, err) < 0 || db_end(conn, make_table(conn, err), err) < 0)
        return -1;
    for (bool done = false; !done;) {
        if (db_begin(conn, err) < 0)
            return -1;
        if (db_end(conn, step(conn, list, count, &done, err), err) < 0)
            return -1;
    }
    return 0;
}

int db_migrate_list(struct db_conn *conn, const struct db_migration *list, unsigned count, struct err *err) {
    const struct db *db = conn->db;
    if (db->ops->patience && db->ops->patience(conn, DB_MIGRATE_LIMIT_MS, err) < 0)
        return -1;
    int status = migrate_all(conn, list, count, err);
    if (db->ops->patience && db->ops->patience(conn, db->statement_limit_ms, status < 0 ? NULL : err) < 0)
        status = -1;
    return status;
}

int db_migrate(struct db_conn *conn, struct err *err) {
    return db_migrate_list(conn, db_migrations, db_migration_count, err);
}
