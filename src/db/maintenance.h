/* What is done to a database beside serving from it: looking before a start, copies of a SQLite file.
 */
#ifndef SS_DB_MAINTENANCE_H
#define SS_DB_MAINTENANCE_H

#include "db/db.h"

struct db_check {
    const char *engine; /* "sqlite" or "postgres", static */
    bool exists;        /* SQLite: the file is there. PostgreSQL: always */
    bool in_use;        /* SQLite: a server runs on it */
    int64_t version;    /* of the schema; 0: empty */
    int64_t known;      /* the newest that this program knows */
    unsigned pending;   /* migrations that a start would run */
};

/* Looks, and changes nothing: no file is made, no migration run. ERR_CONFLICT "schema_newer" when the
 * database knows more than this program. */
int db_check(const struct db_options *options, struct db_check *ret, struct err *err);

/* The path inside "sqlite:///path" or a plain path; NULL for another engine. Borrowed from `url`. */
const char *db_sqlite_path(const char *url);

/* Copies the database into a new file (0600) that is whole and consistent, whether or not a server is running
 * on it (sqlite3_backup). The copy's integrity is checked. ERR_CONFLICT when `target` exists. */
int db_sqlite_backup(const char *path, const char *target, struct err *err);

/* Puts a backup in the place of the database, which is kept beside it under another name (`kept`, "" when
 * there was none). ERR_CONFLICT "database_in_use" under a running server; ERR_INVALID when `source` is no
 * whole database of ours, or of a newer program. */
int db_sqlite_restore(const char *path, const char *source, char *kept, size_t kept_size, struct err *err);

#endif
