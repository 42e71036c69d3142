#include "db/maintenance.h"

#include "base/cleanup.h"
#include "base/file.h"
#include "base/str.h"
#include "db/engine.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <sqlite3.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>

#define BUSY_MS 5000
#define PAGES_AT_ONCE 512 /* of a copy: between them a running server may write */
#define COPY_LIMIT_MS (10 * 60 * 1000)
#define COPY_PAUSE_MS 20

const char *db_sqlite_path(const char *url) {
    if (str_starts(url, "sqlite://"))
        return url + strlen("sqlite://");
    return strstr(url, "://") ? NULL : url;
}

/* --- a handle of our own --- */

static void handle_close(sqlite3 **handle) {
    sqlite3_close_v2(*handle);
}
#define _cleanup_handle_ __attribute__((cleanup(handle_close)))

static int failed(sqlite3 *handle, const char *path, struct err *err) {
    int code = sqlite3_errcode(handle) & 0xff;
    enum err_kind kind = code == SQLITE_NOTADB || code == SQLITE_CORRUPT ? ERR_INVALID : ERR_UNAVAILABLE;
    return err_set(err, kind, "database_unavailable", "%s: %s", path, sqlite3_errmsg(handle));
}

static int open_handle(const char *path, int flags, sqlite3 **ret, struct err *err) {
    sqlite3 *handle = NULL;
    if (sqlite3_open_v2(path, &handle, flags | SQLITE_OPEN_PRIVATECACHE, NULL) != SQLITE_OK) {
        failed(handle, path, err);
        sqlite3_close_v2(handle);
        return -1;
    }
    sqlite3_busy_timeout(handle, BUSY_MS);
    *ret = handle;
    return 0;
}

/* The first column of the first row: 1, 0 for none, -1 for an error. `text` is cut. */
static int ask(sqlite3 *handle, const char *sql, char *text, size_t size) {
    sqlite3_stmt *statement = NULL;
    if (sqlite3_prepare_v2(handle, sql, -1, &statement, NULL) != SQLITE_OK)
        return -1;
    int code = sqlite3_step(statement);
    if (code == SQLITE_ROW) {
        const char *value = (const char *)sqlite3_column_text(statement, 0);
        str_copy(text, size, value ? value : "");
    }
    sqlite3_finalize(statement);
    return code == SQLITE_ROW ? 1 : code == SQLITE_DONE ? 0 : -1;
}

/* 0 for a database without tables. */
static int read_version(sqlite3 *handle, const char *path, int64_t *ret, struct err *err) {
    char text[32] = "";
    int found =
        ask(handle, "SELECT name FROM sqlite_master WHERE name = 'schema_migrations'", text, sizeof text);
    *ret = 0;
    if (found > 0)
        found = ask(handle, "SELECT MAX(version) FROM schema_migrations", text, sizeof text);
    else if (found == 0)
        return 0;
    if (found < 0)
        return failed(handle, path, err);
    str_to_i64(text, 0, INT32_MAX, ret);
    return 0;
}

static int check_integrity(sqlite3 *handle, const char *path, struct err *err) {
    char text[256] = "";
    int found = ask(handle, "PRAGMA integrity_check(1)", text, sizeof text);
    if (found < 0)
        return failed(handle, path, err);
    if (!str_eq(text, "ok"))
        return err_set(err, ERR_INVALID, "database_damaged", "%s is damaged: %s", path, text);
    return 0;
}

/* --- looking --- */

static int64_t newest(void) {
    return db_migration_count ? db_migrations[db_migration_count - 1].version : 0;
}

static int judge(struct db_check *check, struct err *err) {
    check->known = newest();
    check->pending = 0;
    for (unsigned i = 0; i < db_migration_count; i++)
        check->pending += db_migrations[i].version > check->version;
    if (check->version > check->known)
        return err_set(
            err, ERR_CONFLICT, "schema_newer",
            "the database is at schema %lld, this program knows %lld: it is older than the database",
            (long long)check->version, (long long)check->known);
    return 0;
}

static bool is_locked(const char *path) {
    _cleanup_free_ char *lock = str_format("%s.lock", path);
    _cleanup_close_ int fd = open(lock, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    return fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK;
}

static int check_sqlite(const char *path, struct db_check *ret, struct err *err) {
    _cleanup_handle_ sqlite3 *handle = NULL;
    *ret = (struct db_check){.engine = "sqlite", .exists = path_exists(path)};
    if (!ret->exists)
        return judge(ret, err);
    ret->in_use = is_locked(path);
    /* Read-write, so that a write-ahead log that was left behind can be read; nothing is written. */
    if (open_handle(path, SQLITE_OPEN_READWRITE, &handle, err) < 0 ||
        read_version(handle, path, &ret->version, err) < 0)
        return -1;
    return judge(ret, err);
}

int db_check(const struct db_options *options, struct db_check *ret, struct err *err) {
    const char *path = db_sqlite_path(options->url);
    if (path)
        return check_sqlite(path, ret, err);
    *ret = (struct db_check){.engine = "postgres", .exists = true};
    if (db_look(options, &ret->version, err) < 0)
        return -1;
    return judge(ret, err);
}

/* --- copies --- */

static int copy(sqlite3 *from, sqlite3 *to, const char *target, struct err *err) {
    sqlite3_backup *backup = sqlite3_backup_init(to, "main", from, "main");
    if (!backup)
        return failed(to, target, err);
    int code;
    int64_t until = clock_ms() + COPY_LIMIT_MS;
    do {
        code = sqlite3_backup_step(backup, PAGES_AT_ONCE);
        if (code == SQLITE_BUSY || code == SQLITE_LOCKED)
            sqlite3_sleep(COPY_PAUSE_MS);
    } while ((code == SQLITE_OK || code == SQLITE_BUSY || code == SQLITE_LOCKED) && clock_ms() < until);
    sqlite3_backup_finish(backup);
    if (code == SQLITE_DONE)
        return 0;
    return err_set(err, ERR_UNAVAILABLE, "database_unavailable", "%s: %s", target, sqlite3_errstr(code));
}

static int sync_file(const char *path, struct err *err) {
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
    return fd < 0 || fsync(fd) < 0 ? err_errno(err, "cannot write %s", path) : 0;
}

static int sync_directory(const char *path, struct err *err) {
    _cleanup_free_ char *copy_of = str_dup(path);
    _cleanup_close_ int fd = open(dirname(copy_of), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 || fsync(fd) < 0 ? err_errno(err, "cannot write beside %s", path) : 0;
}

/* A whole copy under a name that did not exist; as one file, without a log beside it. */
static int copy_checked(const char *source, const char *target, struct err *err) {
    _cleanup_handle_ sqlite3 *from = NULL, *to = NULL;
    _cleanup_close_ int made = open(target, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (made < 0 && errno == EEXIST)
        return err_set(err, ERR_CONFLICT, "file_exists", "%s exists already", target);
    if (made < 0)
        return err_errno(err, "cannot make %s", target);
    if (open_handle(source, SQLITE_OPEN_READWRITE, &from, err) < 0 ||
        open_handle(target, SQLITE_OPEN_READWRITE, &to, err) < 0 || copy(from, to, target, err) < 0)
        return -1;
    if (sqlite3_exec(to, "PRAGMA journal_mode=DELETE", NULL, NULL, NULL) != SQLITE_OK)
        return failed(to, target, err);
    if (check_integrity(to, target, err) < 0)
        return -1;
    return sync_file(target, err);
}

int db_sqlite_backup(const char *path, const char *target, struct err *err) {
    if (!path_exists(path))
        return err_set(err, ERR_NOT_FOUND, NULL, "there is no database %s", path);
    if (copy_checked(path, target, err) < 0) {
        if (!err_is(err, "file_exists"))
            unlink(target);
        return -1;
    }
    return sync_directory(target, err);
}

/* Is it a backup that this program can serve from? */
static int check_source(const char *source, struct err *err) {
    _cleanup_handle_ sqlite3 *handle = NULL;
    struct db_check check = {0};
    if (!path_exists(source))
        return err_set(err, ERR_NOT_FOUND, NULL, "there is no file %s", source);
    if (open_handle(source, SQLITE_OPEN_READWRITE, &handle, err) < 0 ||
        check_integrity(handle, source, err) < 0 || read_version(handle, source, &check.version, err) < 0)
        return -1;
    if (!check.version)
        return err_set(err, ERR_INVALID, "not_a_backup", "%s is no database of StreamSpace", source);
    return judge(&check, err);
}

/* Empties the write-ahead log into the file, so that the file alone is the database. */
static int fold_log(const char *path, struct err *err) {
    _cleanup_handle_ sqlite3 *handle = NULL;
    if (open_handle(path, SQLITE_OPEN_READWRITE, &handle, err) < 0)
        return -1;
    /* What is damaged may be why it is to be replaced: then it is kept as it is, log and all. */
    sqlite3_wal_checkpoint_v2(handle, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    return 0;
}

static int move_beside(const char *path, const char *suffix, const char *kept, struct err *err) {
    _cleanup_free_ char *from = str_format("%s%s", path, suffix);
    _cleanup_free_ char *to = str_format("%s%s", kept, suffix);
    if (rename(from, to) < 0 && errno != ENOENT)
        return err_errno(err, "cannot rename %s", from);
    return 0;
}

static int keep_old(const char *path, char *kept, size_t kept_size, struct err *err) {
    char now[TIME_TEXT_SIZE];
    kept[0] = '\0';
    if (!path_exists(path))
        return 0;
    time_now(now);
    for (char *c = now; *c; c++)
        if (*c == ':' || *c == '.')
            *c = '-';
    if ((size_t)snprintf(kept, kept_size, "%s.before-restore-%s", path, now) >= kept_size)
        return err_set(err, ERR_INVALID, NULL, "the path %s is too long", path);
    if (fold_log(path, err) < 0)
        return -1;
    if (move_beside(path, "-wal", kept, err) < 0 || move_beside(path, "-shm", kept, err) < 0)
        return -1;
    return move_beside(path, "", kept, err);
}

int db_sqlite_restore(const char *path, const char *source, char *kept, size_t kept_size, struct err *err) {
    _cleanup_close_ int lock = -1;
    _cleanup_free_ char *fresh = str_format("%s.restoring", path);
    kept[0] = '\0';
    if (db_sqlite_lock(path, &lock, err) < 0 || check_source(source, err) < 0)
        return -1;
    unlink(fresh); /* of an attempt that was cut off: under the lock it is nobody's */
    if (copy_checked(source, fresh, err) < 0 || keep_old(path, kept, kept_size, err) < 0) {
        unlink(fresh);
        return -1;
    }
    if (rename(fresh, path) < 0)
        return err_errno(err, "cannot rename %s", fresh);
    return sync_directory(path, err);
}
