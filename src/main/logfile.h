/* Log files of processes that run under `up` on a terminal. */
#ifndef SS_MAIN_LOGFILE_H
#define SS_MAIN_LOGFILE_H

#include "base/err.h"

#define LOGFILE_ROTATE_BYTES (10 * 1024 * 1024)

/* Opens <data-dir>/logs/<role>.log for appending; one that has grown over LOGFILE_ROTATE_BYTES becomes
 * <role>.log.1. */
int logfile_open(const char *data_dir, const char *role, int *ret_fd, struct err *err);

#endif
