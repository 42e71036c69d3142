#include "main/logfile.h"

#include "base/cleanup.h"
#include "base/file.h"
#include "base/str.h"

#include <fcntl.h>
#include <sys/stat.h>

int logfile_open(const char *data_dir, const char *role, int *ret_fd, struct err *err) {
    _cleanup_free_ char *directory = str_format("%s/logs", data_dir);
    _cleanup_free_ char *path = str_format("%s/%s.log", directory, role);
    _cleanup_free_ char *older = str_format("%s.1", path);
    if (dir_make(directory, 0700, err) < 0)
        return -1;
    struct stat status;
    if (stat(path, &status) == 0 && status.st_size > LOGFILE_ROTATE_BYTES && rename(path, older) < 0)
        return err_errno(err, "cannot rotate %s", path);
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return err_errno(err, "cannot open %s", path);
    *ret_fd = fd;
    return 0;
}
