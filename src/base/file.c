#include "base/file.h"

#include "base/cleanup.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

int file_read(const char *path, size_t max, char **ret, size_t *ret_length, struct err *err) {
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return err_errno(err, "cannot open %s", path);
    _cleanup_strbuf_ struct strbuf text = STRBUF_MAX(max);
    char chunk[16384];
    for (;;) {
        ssize_t got = read(fd, chunk, sizeof chunk);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return err_errno(err, "cannot read %s", path);
        if (got == 0)
            break;
        if (!strbuf_append(&text, chunk, (size_t)got))
            return err_set(err, ERR_TOO_LARGE, NULL, "%s is larger than %zu bytes", path, max);
    }
    if (ret_length)
        *ret_length = text.length;
    *ret = strbuf_steal(&text);
    return 0;
}

int fd_write_all(int fd, const void *data, size_t length, struct err *err) {
    const char *p = data;
    while (length) {
        ssize_t done = write(fd, p, length);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return err_errno(err, "cannot write");
        p += done;
        length -= (size_t)done;
    }
    return 0;
}

/* Makes a rename in the directory of `path` durable. */
static int sync_directory(const char *path, struct err *err) {
    _cleanup_free_ char *dir = str_dup(path);
    char *slash = strrchr(dir, '/');
    if (slash && slash != dir)
        *slash = '\0';
    else
        str_copy(dir, 2, slash ? "/" : ".");
    _cleanup_close_ int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) < 0)
        return err_errno(err, "cannot sync %s", dir);
    return 0;
}

int file_write_atomic(const char *path, const void *data, size_t length, mode_t mode, struct err *err) {
    _cleanup_free_ char *beside = str_format("%s.%d.new", path, (int)getpid());
    _cleanup_close_ int fd = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode);
    if (fd < 0)
        return err_errno(err, "cannot create %s", beside);
    if (fd_write_all(fd, data, length, err) < 0 || (fsync(fd) < 0 && err_errno(err, "cannot sync") < 0)) {
        unlink(beside);
        return err_wrap(err, "%s", beside);
    }
    if (rename(beside, path) < 0) {
        err_errno(err, "cannot rename %s to %s", beside, path);
        unlink(beside);
        return -1;
    }
    return sync_directory(path, err);
}

int file_write_text(const char *path, const char *text, struct err *err) {
    _cleanup_close_ int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return err_errno(err, "cannot open %s", path);
    if (write(fd, text, strlen(text)) < 0)
        return err_errno(err, "cannot write '%s' to %s", text, path);
    return 0;
}

int dir_make(const char *path, mode_t mode, struct err *err) {
    _cleanup_free_ char *partial = str_dup(path);
    for (char *p = partial + 1; *p; p++) {
        if (*p != '/')
            continue;
        *p = '\0';
        if (mkdir(partial, mode) < 0 && errno != EEXIST)
            return err_errno(err, "cannot create directory %s", partial);
        *p = '/';
    }
    if (mkdir(partial, mode) < 0 && errno != EEXIST)
        return err_errno(err, "cannot create directory %s", partial);
    struct stat status;
    if (stat(partial, &status) < 0 || !S_ISDIR(status.st_mode))
        return err_set(err, ERR_INTERNAL, NULL, "%s is not a directory", partial);
    return 0;
}

#define DIR_DEPTH_MAX 100 /* descriptors held at once */

/* What one removal carries along. */
struct removal {
    int top; /* the directory to be emptied */
    dev_t device;
    unsigned moved; /* directories that were too deep and now lie in `top` */
};

static int empty_directory(struct removal *removal, int fd, int depth);

/* Opens a directory that is to be emptied; one that its owner closed to himself is opened up first. */
static int open_to_empty(int parent, const char *name) {
    int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    int fd = openat(parent, name, flags);
    if (fd < 0 && errno == EACCES && fchmodat(parent, name, 0700, 0) == 0)
        fd = openat(parent, name, flags);
    struct stat status;
    if (fd >= 0 && fstat(fd, &status) == 0 && (status.st_mode & 0700) != 0700)
        fchmod(fd, 0700); /* not ours: then the removals fail and say so */
    return fd;
}

/* Removes one directory; one that lies too deep is moved up instead, and comes under the hand again from
 * there. */
static int remove_subdirectory(struct removal *removal, int parent, const char *name, int depth) {
    if (depth >= DIR_DEPTH_MAX) {
        char up[64];
        snprintf(up, sizeof up, ".removed-%d-%u", (int)getpid(), removal->moved++);
        if (renameat(parent, name, removal->top, up) == 0)
            return 0;
        /* Its entry ".." is written to, which its owner may have forbidden himself. */
        return fchmodat(parent, name, 0700, 0) < 0 ? -1 : renameat(parent, name, removal->top, up);
    }
    int child = open_to_empty(parent, name);
    if (child < 0)
        return -1;
    if (empty_directory(removal, child, depth + 1) < 0)
        return -1;
    return unlinkat(parent, name, AT_REMOVEDIR);
}

/* Empties the directory `fd` (taken over). */
static int empty_directory(struct removal *removal, int fd, int depth) {
    _cleanup_closedir_ DIR *dir = fdopendir(fd);
    if (!dir) {
        close_fd(fd);
        return -1;
    }
    int result = 0;
    struct dirent *entry;
    while ((entry = readdir(dir))) {
        if (str_eq(entry->d_name, ".") || str_eq(entry->d_name, ".."))
            continue;
        struct stat status;
        if (fstatat(fd, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) < 0)
            continue;
        if (!S_ISDIR(status.st_mode)) {
            if (unlinkat(fd, entry->d_name, 0) < 0 && errno != ENOENT)
                result = -1;
        } else if (status.st_dev != removal->device) {
            errno = EXDEV;
            result = -1;
        } else if (remove_subdirectory(removal, fd, entry->d_name, depth) < 0) {
            result = -1;
        }
    }
    return result;
}

int dir_remove(const char *path, struct err *err) {
    _cleanup_close_ int top = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (top < 0)
        return errno == ENOENT ? 0 : err_errno(err, "cannot open %s", path);
    struct stat status;
    if (fstat(top, &status) < 0)
        return err_errno(err, "cannot stat %s", path);
    struct removal removal = {.top = top, .device = status.st_dev};
    unsigned moved;
    do { /* each round takes DIR_DEPTH_MAX levels off what is too deep */
        moved = removal.moved;
        int fd = openat(top, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0 || empty_directory(&removal, fd, 0) < 0)
            return err_errno(err, "cannot empty %s", path);
    } while (removal.moved != moved);
    if (rmdir(path) < 0 && errno != ENOENT)
        return err_errno(err, "cannot remove %s", path);
    return 0;
}

bool path_exists(const char *path) {
    return access(path, F_OK) == 0;
}

bool program_find(const char *name, char **ret) {
    const char *path = getenv("PATH");
    _cleanup_free_ char *all = str_format("%s:/usr/sbin:/sbin:/usr/bin:/bin", path ? path : "");
    _cleanup_strv_ struct strv dirs = {0};
    strv_split(&dirs, all, ':');
    for (size_t i = 0; i < dirs.count; i++) {
        _cleanup_free_ char *full = str_format("%s/%s", dirs.items[i], name);
        struct stat status;
        if (stat(full, &status) == 0 && S_ISREG(status.st_mode) && access(full, X_OK) == 0) {
            *ret = steal_pointer(&full);
            return true;
        }
    }
    return false;
}

int fd_set_nonblocking(int fd, bool on, struct err *err) {
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK) < 0)
        return err_errno(err, "cannot set descriptor flags");
    return 0;
}
