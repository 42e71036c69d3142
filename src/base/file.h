/* Files: whole reads and durable writes, directories made and removed, and small conveniences.
 * Paths are borrowed. Descriptors are close-on-exec.
 */
#ifndef SS_BASE_FILE_H
#define SS_BASE_FILE_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Reads a whole file of at most `max` bytes; *ret is NUL-terminated and owned by the caller.
 * ERR_TOO_LARGE over the limit, ERR_NOT_FOUND when it is not there. `ret_length` may be NULL. */
int file_read(const char *path, size_t max, char **ret, size_t *ret_length, struct err *err);

/* Replaces a file in one step: written beside it, fsynced, renamed, directory fsynced. */
int file_write_atomic(const char *path, const void *data, size_t length, mode_t mode, struct err *err);

/* One write(2) to an existing file, as cgroup and proc files want it. */
int file_write_text(const char *path, const char *text, struct err *err);

/* mkdir -p; existing directories are left as they are. */
int dir_make(const char *path, mode_t mode, struct err *err);
/* rm -rf that never follows links and never leaves the filesystem of `path`. Gone already is success. */
int dir_remove(const char *path, struct err *err);

bool path_exists(const char *path);
/* Searches $PATH (and /usr/sbin, /sbin) for an executable; *ret is owned. False when there is none. */
bool program_find(const char *name, char **ret);

/* Sets O_NONBLOCK / clears it. */
int fd_set_nonblocking(int fd, bool on, struct err *err);
/* Writes everything to a blocking descriptor. */
int fd_write_all(int fd, const void *data, size_t length, struct err *err);

#endif
