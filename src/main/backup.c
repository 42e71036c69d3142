/* `streamspace backup FILE` and `streamspace restore FILE`: of a SQLite database. */
#include "base/cleanup.h"
#include "base/str.h"
#include "db/maintenance.h"
#include "main/flags.h"
#include "main/main.h"
#include "main/start.h"

#include <stdio.h>

/* The database's path and the one word that names the other file. False: *ret_status is the exit status. */
static bool begin(enum role role, int argc, char **argv, struct role_flags *flags, char **ret_url,
                  const char **ret_path, int *ret_status) {
    if (!flags_parse(role, argc, argv, flags, ret_status))
        return false;
    *ret_status = 2;
    if (flags->words.count != 1) {
        fprintf(stderr, "streamspace %s: name one file. Try `streamspace %s --help`.\n", role_name(role),
                role_name(role));
        return false;
    }
    *ret_url = start_database_url();
    *ret_path = db_sqlite_path(*ret_url);
    if (!*ret_path)
        fprintf(stderr, "streamspace %s: this is for SQLite; PostgreSQL has pg_dump and pg_restore\n",
                role_name(role));
    return *ret_path;
}

int backup_main(int argc, char **argv) {
    _cleanup_(flags_finish) struct role_flags flags = {0};
    _cleanup_free_ char *url = NULL;
    const char *path;
    struct err err = {0};
    int status;
    if (!begin(ROLE_BACKUP, argc, argv, &flags, &url, &path, &status))
        return status;
    if (db_sqlite_backup(path, flags.words.items[0], &err) < 0)
        return role_failed("backup", &err, 1);
    printf("%s is a whole copy of %s\n", flags.words.items[0], path);
    return 0;
}

int restore_main(int argc, char **argv) {
    _cleanup_(flags_finish) struct role_flags flags = {0};
    _cleanup_free_ char *url = NULL;
    const char *path;
    char kept[4096];
    struct err err = {0};
    int status;
    if (!begin(ROLE_RESTORE, argc, argv, &flags, &url, &path, &status))
        return status;
    if (db_sqlite_restore(path, flags.words.items[0], kept, sizeof kept, &err) < 0)
        return role_failed("restore", &err, 1);
    printf("%s is now what %s holds\n", path, flags.words.items[0]);
    if (*kept)
        printf("What was there before is kept as %s\n", kept);
    return 0;
}
