#include "agent/local/process.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/str.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

#define STAT_MAX 4096
#define STAT_START_FIELD 22

bool process_parse_start(const char *stat, uint64_t *ret) {
    const char *rest = strrchr(stat, ')'); /* the name in parentheses may hold blanks and parentheses */
    if (!rest)
        return false;
    _cleanup_strv_ struct strv fields = {0};
    strv_split(&fields, rest + 1, ' ');
    size_t index = STAT_START_FIELD - 3; /* the first field after the name is number 3 */
    int64_t start;
    if (fields.count <= index || !str_to_i64(fields.items[index], 0, INT64_MAX, &start))
        return false;
    *ret = (uint64_t)start;
    return true;
}

bool process_identify(pid_t pid, struct process_id *ret) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    _cleanup_free_ char *stat = NULL;
    uint64_t start;
    if (file_read(path, STAT_MAX, &stat, NULL, NULL) < 0 || !process_parse_start(stat, &start))
        return false;
    *ret = (struct process_id){.pid = pid, .start = start};
    return true;
}

int process_open(const struct process_id *id) {
    if (id->pid <= 0)
        return -1;
    _cleanup_close_ int fd = (int)syscall(SYS_pidfd_open, id->pid, 0);
    struct process_id now;
    if (fd < 0 || !process_identify(id->pid, &now) || now.start != id->start)
        return -1;
    return steal_fd(&fd);
}

void process_signal(int pidfd, int signal) {
    if (pidfd >= 0)
        syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0);
}

bool process_reap(int pidfd, int *ret_status) {
    siginfo_t info = {0};
    if (pidfd < 0 || waitid((idtype_t)P_PIDFD, (id_t)pidfd, &info, WEXITED | WNOHANG) < 0 || info.si_pid == 0)
        return false;
    if (ret_status)
        *ret_status = info.si_code == CLD_EXITED ? info.si_status << 8 : info.si_status;
    return true;
}

bool process_wait(int pidfd, int64_t deadline_ms, int *ret_status) {
    if (pidfd < 0)
        return true;
    for (;;) {
        struct pollfd entry = {.fd = pidfd, .events = POLLIN};
        int ready = poll(&entry, 1, deadline_left(deadline_ms));
        if (ready < 0 && errno == EINTR)
            continue;
        if (ready <= 0)
            return false;
        process_reap(pidfd, ret_status);
        return true;
    }
}

void boot_id(char text[BOOT_ID_SIZE]) {
    _cleanup_free_ char *id = NULL;
    text[0] = '\0';
    if (file_read("/proc/sys/kernel/random/boot_id", 256, &id, NULL, NULL) < 0)
        return;
    id[strcspn(id, "\n")] = '\0';
    str_copy(text, BOOT_ID_SIZE, id);
}

int deadline_left(int64_t deadline_ms) {
    int64_t left = deadline_ms - clock_ms();
    return left < 0 ? 0 : left > INT_MAX ? INT_MAX : (int)left;
}
