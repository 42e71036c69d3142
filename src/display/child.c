#include "display/child.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/signals.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* --- in the child: only async-signal-safe calls, for the parent has threads --- */

static void write_pid(char *text) {
    char digits[12];
    size_t count = 0;
    for (unsigned pid = (unsigned)getpid(); pid || !count; pid /= 10)
        digits[count++] = (char)('0' + pid % 10);
    while (count)
        *text++ = digits[--count];
    *text = '\0';
}

/* Whoever started us may have left descriptors open that are not ours to pass on. */
static void close_on_exec_all(void) {
    if (close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) == 0)
        return;
    for (int fd = 3; fd < 4096; fd++) /* Linux before 5.11 */
        fcntl(fd, F_SETFD, FD_CLOEXEC);
}

static int arrange_fds(const struct child_spec *spec, int report) {
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(spec->output, STDOUT_FILENO) < 0 ||
        dup2(spec->output, STDERR_FILENO) < 0)
        return -1;
    close_on_exec_all();
    /* The sources were moved out of the way by the parent, so no target overwrites one. */
    for (size_t i = 0; i < spec->fd_count; i++)
        if (dup2(spec->fds[i].from, spec->fds[i].to) < 0)
            return -1;
    return report;
}

static _Noreturn void become(const struct child_spec *spec, int report, pid_t parent) {
    setsid();
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    bool orphaned = getppid() != parent;
    if (!orphaned && arrange_fds(spec, report) >= 0) {
        if (!spec->workdir || chdir(spec->workdir) < 0)
            (void)!chdir("/");
        umask(022);
        if (spec->pid_text)
            write_pid(spec->pid_text);
        signals_reset();
        execve(spec->path, spec->argv, spec->env);
    }
    int error = errno;
    (void)!write(report, &error, sizeof error);
    _exit(127);
}

/* --- in the parent --- */

/* Waits for the report pipe to close (the program runs) or to say why it does not. */
static int await_exec(int report, const char *path, struct err *err) {
    int64_t deadline = clock_ms() + CHILD_EXEC_LIMIT_MS;
    struct pollfd poller = {.fd = report, .events = POLLIN};
    int64_t left;
    while ((left = deadline - clock_ms()) > 0) {
        int ready = poll(&poller, 1, (int)left);
        if (ready < 0 && errno == EINTR)
            continue;
        if (ready <= 0)
            break;
        int error = 0;
        ssize_t count = read(report, &error, sizeof error);
        if (count == 0)
            return 0;
        if (count < 0 && errno == EINTR)
            continue;
        errno = count == (ssize_t)sizeof error ? error : EIO;
        err_errno(err, "cannot execute %s", path);
        if (err)
            str_copy(err->code, sizeof err->code, "exec_failed");
        return -1;
    }
    return err_set(err, ERR_UNAVAILABLE, "exec_timeout", "%s did not start within %d s", path,
                   CHILD_EXEC_LIMIT_MS / 1000);
}

static int spawn(pid_t *ret, const struct child_spec *spec, struct err *err) {
    int pipe_ends[2];
    if (pipe2(pipe_ends, O_CLOEXEC) < 0)
        return err_errno(err, "cannot make a pipe");
    _cleanup_close_ int report = pipe_ends[0];
    _cleanup_close_ int low_end = pipe_ends[1];
    /* Above every number that the child's descriptors take. */
    _cleanup_close_ int child_report = fcntl(low_end, F_DUPFD_CLOEXEC, 32);
    if (child_report < 0)
        return err_errno(err, "cannot set up a pipe");
    close_fd(steal_fd(&low_end));
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid < 0)
        return err_errno(err, "cannot start %s", spec->path);
    if (pid == 0)
        become(spec, child_report, parent);
    close_fd(steal_fd(&child_report));
    if (await_exec(report, spec->path, err) < 0) {
        kill(pid, SIGKILL);
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
            ;
        return -1;
    }
    *ret = pid;
    return 0;
}

int child_spawn(pid_t *ret, const struct child_spec *spec, struct err *err) {
    struct child_spec moved = *spec;
    int status = 0;
    for (size_t i = 0; i < moved.fd_count; i++)
        moved.fds[i].from = -1;
    moved.output = fcntl(spec->output, F_DUPFD_CLOEXEC, 32);
    for (size_t i = 0; i < moved.fd_count; i++)
        moved.fds[i].from = fcntl(spec->fds[i].from, F_DUPFD_CLOEXEC, 32);
    for (size_t i = 0; i < moved.fd_count; i++)
        if (moved.fds[i].from < 0)
            status = err_errno(err, "cannot pass a descriptor to %s", spec->path);
    if (moved.output < 0)
        status = err_errno(err, "cannot pass a descriptor to %s", spec->path);
    if (status == 0)
        status = spawn(ret, &moved, err);
    for (size_t i = 0; i < moved.fd_count; i++)
        close_fd(moved.fds[i].from);
    close_fd(moved.output);
    return status;
}

static bool is_executable(const char *path) {
    struct stat status;
    return stat(path, &status) == 0 && S_ISREG(status.st_mode) && access(path, X_OK) == 0;
}

bool child_find(const char *name, const char *search, char **ret) {
    if (strchr(name, '/')) {
        if (!is_executable(name))
            return false;
        *ret = str_dup(name);
        return true;
    }
    _cleanup_strv_ struct strv folders = {0};
    strv_split(&folders, search, ':');
    for (size_t i = 0; i < folders.count; i++) {
        _cleanup_free_ char *path = str_format("%s/%s", folders.items[i], name);
        if (is_executable(path)) {
            *ret = steal_pointer(&path);
            return true;
        }
    }
    return false;
}

const char *child_end_text(int wait_status, char *text) {
    if (WIFSIGNALED(wait_status)) {
        const char *name = sigabbrev_np(WTERMSIG(wait_status));
        if (name)
            snprintf(text, CHILD_END_MAX, "killed by signal SIG%s", name);
        else
            snprintf(text, CHILD_END_MAX, "killed by signal %d", WTERMSIG(wait_status));
    } else {
        snprintf(text, CHILD_END_MAX, "exited with code %d", WEXITSTATUS(wait_status));
    }
    return text;
}

bool child_end_is_clean(int wait_status) {
    return WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == 0;
}
