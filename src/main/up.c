/* `streamspace up`: server and local agent as two supervised processes. */
#include "main/main.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/id.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/options.h"
#include "control/settings/settings.h"
#include "main/flags.h"
#include "main/logfile.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define RESTART_DELAY_MAX_MS 30000
#define RESTART_CALM_MS 60000 /* a child that lived this long starts again at once */
#define READY_LIMIT_MS 30000
#define STOP_LIMIT_MS 20000
#define READY_LINE_MAX 4096

struct up;

struct child {
    struct up *up;
    const char *role;
    pid_t pid; /* 0: not running */
    int pidfd;
    struct loop_fd *watch;
    int64_t started;
    int64_t delay_ms;
    struct loop_timer *timer;
};

struct up {
    const struct role_flags *flags;
    struct loop *loop;
    char *program;
    char *data_dir;
    char *agent_id;
    char *bootstrap_key;
    char *agent_url;
    struct child server, agent;
    int ready_fd;
    struct loop_fd *ready_watch;
    struct strbuf ready_text;
    char *made_password;
    bool announced;
    bool stopping;
    bool to_files; /* logs go to files because people look at the terminal */
    struct loop_timer *limit;
    struct err err;
    int status;
};

static void start_server(void *arg);
static void start_agent(void *arg);

/* In the child, between fork and exec (the parent has one thread). */
static _Noreturn void become(struct up *up, const char *role, const struct strv *argv, int ready_fd,
                             int log_fd) {
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (ready_fd >= 0)
        fcntl(ready_fd, F_SETFD, 0);
    if (log_fd >= 0)
        dup2(log_fd, STDERR_FILENO);
    if (str_eq(role, "agent")) { /* what only the server may know */
        unsetenv("ADMIN_PASSWORD");
        unsetenv("JWT_SECRET");
        unsetenv("SECRET_KEY");
        unsetenv("AGENT_BOOTSTRAP_KEY");
    }
    execv(up->program, argv->items);
    _exit(127);
}

static void add_flag(struct strv *argv, const char *name, const char *value) {
    if (!str_empty(value))
        strv_addf(argv, "--%s=%s", name, value);
}

static int spawn(struct child *child, const struct strv *argv, int ready_fd, struct err *err);

static void on_child_exit(void *arg, uint32_t events) {
    struct child *child = arg;
    struct up *up = child->up;
    int status = 0;
    if (waitpid(child->pid, &status, WNOHANG) != child->pid)
        return;
    loop_fd_remove(child->watch);
    close_fd(child->pidfd);
    child->pid = 0;
    child->pidfd = -1;
    if (up->stopping) {
        if (child == &up->agent && up->server.pid)
            kill(up->server.pid, SIGTERM);
        if (!up->agent.pid && !up->server.pid)
            loop_stop(up->loop);
        return;
    }
    if (!up->announced && child == &up->server) { /* it has said why on standard error or in its log */
        err_set(&up->err, ERR_INTERNAL, NULL, "the server did not start%s%s%s", up->to_files ? "; see " : "",
                up->to_files ? up->data_dir : "", up->to_files ? "/logs/server.log" : "");
        up->status = 1;
        loop_stop(up->loop);
        return;
    }
    bool calm = clock_ms() - child->started > RESTART_CALM_MS;
    child->delay_ms = calm || !child->delay_ms ? 500 : child->delay_ms * 2;
    if (child->delay_ms > RESTART_DELAY_MAX_MS)
        child->delay_ms = RESTART_DELAY_MAX_MS;
    char text[64];
    snprintf(text, sizeof text, WIFSIGNALED(status) ? "signal %d" : "status %d",
             WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    log_error("a process ended and is started again", "process", child->role, "ended_with", text);
    child->timer =
        loop_timer_add(up->loop, child->delay_ms, child == &up->server ? start_server : start_agent, up);
}

static int spawn(struct child *child, const struct strv *argv, int ready_fd, struct err *err) {
    struct up *up = child->up;
    _cleanup_close_ int log_fd = -1;
    if (up->to_files && logfile_open(up->data_dir, child->role, &log_fd, err) < 0)
        return -1;
    pid_t pid = fork();
    if (pid < 0)
        return err_errno(err, "cannot start the %s", child->role);
    if (pid == 0)
        become(up, child->role, argv, ready_fd, log_fd);
    child->pid = pid;
    child->started = clock_ms();
    child->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (child->pidfd < 0)
        return err_errno(err, "cannot watch the %s", child->role);
    return loop_fd_add(up->loop, child->pidfd, EPOLLIN, on_child_exit, child, &child->watch, err);
}

static void give_up(struct up *up) {
    up->status = 1;
    loop_stop(up->loop);
}

static void announce(struct up *up) {
    if (up->announced)
        return;
    up->announced = true;
    const char *public_url = setting_start_text(SETTING_PUBLIC_URL),
               *url = public_url ? public_url : up->agent_url;
    printf("\n  StreamSpace is running.\n\n    Open       %s\n    User       admin\n", url);
    if (up->made_password)
        printf("    Password   %s      (made up for you, shown this once)\n", up->made_password);
    else if (setting_start_text(SETTING_ADMIN_PASSWORD))
        printf("    Password   the one in ADMIN_PASSWORD, or the one you changed it to\n");
    else
        printf(
            "    Password   as before (lost it? start with another --data-dir, or see docs/operation.md)\n");
    printf("\n    Data       %s\n", up->data_dir);
    if (up->to_files)
        printf("    Logs       %s/logs\n", up->data_dir);
    printf("    Stop       Ctrl-C\n\n");
    fflush(stdout);
}

/* A line that the server wrote: "listen http://…", "password …", "ready". */
static void on_ready_line(struct up *up, const char *line) {
    if (str_starts(line, "listen ")) {
        free(up->agent_url);
        up->agent_url = str_dup(line + strlen("listen "));
    } else if (str_starts(line, "password ")) {
        free(up->made_password);
        up->made_password = str_dup(line + strlen("password "));
    } else if (str_eq(line, "ready")) {
        loop_timer_cancel(up->limit);
        up->limit = NULL;
        if (!up->agent.pid && !up->agent.timer)
            start_agent(up);
        announce(up);
    }
}

static void on_ready_data(void *arg, uint32_t events) {
    struct up *up = arg;
    char chunk[512];
    ssize_t got = read(up->ready_fd, chunk, sizeof chunk);
    if (got <= 0) {
        loop_fd_remove(up->ready_watch);
        up->ready_watch = NULL;
        close_fd(up->ready_fd);
        up->ready_fd = -1;
        return;
    }
    strbuf_append(&up->ready_text, chunk, (size_t)got);
    const char *end;
    while ((end = strchr(strbuf_str(&up->ready_text), '\n'))) {
        _cleanup_free_ char *line =
            str_ndup(strbuf_str(&up->ready_text), (size_t)(end - strbuf_str(&up->ready_text)));
        strbuf_consume(&up->ready_text, strlen(line) + 1);
        on_ready_line(up, line);
    }
}

static void on_ready_limit(void *arg) {
    struct up *up = arg;
    up->limit = NULL;
    err_set(&up->err, ERR_UNAVAILABLE, NULL, "the server was not ready within %d s", READY_LIMIT_MS / 1000);
    give_up(up);
}

/* What `up` was told by flag, its children are; variables they inherit, and the file they read themselves. */
static void add_settings(struct up *up, struct strv *argv) {
    for (int i = 0; i < SETTINGS; i++)
        if (setting_pinned((enum setting)i) == SETTING_FROM_FLAG && i != SETTING_LISTEN &&
            i != SETTING_DATA_DIR)
            strv_addf(argv, "--%s=%s", setting_table[i].name, setting_start_text((enum setting)i));
    /* A server that is started again keeps the port that the agent and the browsers know. */
    const char *listen = setting_start_text(SETTING_LISTEN);
    const char *port = up->agent_url && str_ends(listen, ":0") ? strrchr(up->agent_url, ':') : NULL;
    if (port)
        strv_addf(argv, "--listen=%.*s%s", (int)(strlen(listen) - 2), listen, port);
    else
        add_flag(argv, "listen", listen);
    add_flag(argv, "data-dir", up->data_dir);
    add_flag(argv, "first-admin", "generate");
}

static void start_server(void *arg) {
    struct up *up = arg;
    up->server.timer = NULL;
    int pipe_fds[2];
    if (pipe2(pipe_fds, O_CLOEXEC) < 0) {
        err_errno(&up->err, "cannot make a pipe");
        give_up(up);
        return;
    }
    char number[16];
    snprintf(number, sizeof number, "%d", pipe_fds[1]);
    setenv(READY_FD_VARIABLE, number, 1);
    setenv("AGENT_BOOTSTRAP_KEY", up->bootstrap_key, 1);
    _cleanup_strv_ struct strv argv = {0};
    strv_add(&argv, "streamspace");
    strv_add(&argv, "server");
    add_settings(up, &argv);
    add_flag(&argv, "ready-agent", up->agent_id);
    int result = spawn(&up->server, &argv, pipe_fds[1], &up->err);
    close_fd(pipe_fds[1]);
    loop_fd_remove(up->ready_watch);
    close_fd(up->ready_fd);
    up->ready_fd = pipe_fds[0];
    if (result < 0 ||
        loop_fd_add(up->loop, up->ready_fd, EPOLLIN, on_ready_data, up, &up->ready_watch, &up->err) < 0) {
        give_up(up);
        return;
    }
    if (!up->announced)
        up->limit = loop_timer_add(up->loop, READY_LIMIT_MS, on_ready_limit, up);
}

static void start_agent(void *arg) {
    struct up *up = arg;
    const struct role_flags *flags = up->flags;
    up->agent.timer = NULL;
    unsetenv(READY_FD_VARIABLE);
    setenv("STREAMSPACE_API_KEY", up->bootstrap_key, 1);
    _cleanup_strv_ struct strv argv = {0};
    strv_add(&argv, "streamspace");
    strv_add(&argv, "agent");
    add_flag(&argv, "config", setting_start_text(SETTING_CONFIG));
    add_flag(&argv, "ca-file", setting_start_text(SETTING_TLS_CERT)); /* who signed itself is trusted, too */
    /* Under https by the name that the certificate is for. */
    const char *public_url = setting_start_text(SETTING_PUBLIC_URL);
    bool by_name = public_url && setting_start_text(SETTING_TLS_CERT);
    add_flag(&argv, "control-plane-url", by_name ? public_url : up->agent_url);
    add_flag(&argv, "agent-id", up->agent_id);
    add_flag(&argv, "runtime", flags->runtime);
    strv_addf(&argv, "--data-dir=%s/agent", up->data_dir);
    add_flag(&argv, "on-exit", flags->on_exit ? flags->on_exit : "stop");
    strv_addf(&argv, "--max-sessions=%lld", (long long)flags->max_sessions);
    strv_addf(&argv, "--heartbeat=%lld", (long long)flags->heartbeat);
    strv_addf(&argv, "--cpu-overcommit=%g", flags->cpu_overcommit);
    strv_addf(&argv, "--memory-overcommit=%g", flags->memory_overcommit);
    add_flag(&argv, "log-level", flags->log_level);
    add_flag(&argv, "log-format", flags->log_format);
    if (spawn(&up->agent, &argv, -1, &up->err) < 0)
        give_up(up);
}

static void on_stop_limit(void *arg) {
    struct up *up = arg;
    up->limit = NULL;
    log_warn("processes did not end in time and are killed");
    if (up->agent.pid)
        kill(up->agent.pid, SIGKILL);
    if (up->server.pid)
        kill(up->server.pid, SIGKILL);
}

/* Agent first, so that it can end its sessions and say so; then the server. */
static void on_signal(void *arg, uint32_t events) {
    struct up *up = arg;
    loop_timer_cancel(up->agent.timer);
    loop_timer_cancel(up->server.timer);
    up->agent.timer = up->server.timer = NULL;
    if (up->stopping) { /* a second Ctrl-C */
        on_stop_limit(up);
        return;
    }
    up->stopping = true;
    if (up->agent.pid)
        kill(up->agent.pid, SIGTERM);
    else if (up->server.pid)
        kill(up->server.pid, SIGTERM);
    else
        loop_stop(up->loop);
    loop_timer_cancel(up->limit);
    up->limit = loop_timer_add(up->loop, STOP_LIMIT_MS, on_stop_limit, up);
}

/* A value that is made once and kept in the data directory. */
static int kept_value(const struct up *up, const char *file, const char *fresh, char **ret, struct err *err) {
    _cleanup_free_ char *path = str_format("%s/%s", up->data_dir, file);
    if (path_exists(path)) {
        if (file_read(path, 256, ret, NULL, err) < 0)
            return -1;
        (*ret)[strcspn(*ret, "\n")] = '\0';
        return 0;
    }
    if (file_write_atomic(path, fresh, strlen(fresh), 0600, err) < 0)
        return -1;
    *ret = str_dup(fresh);
    return 0;
}

static int prepare(struct up *up, struct err *err) {
    const struct role_flags *flags = up->flags;
    char hex[KEY_HEX_SIZE], id[32];
    up->data_dir = flags->data_dir ? str_dup(flags->data_dir) : default_data_dir();
    if (own_path(&up->program, err) < 0 || dir_make(up->data_dir, 0700, err) < 0)
        return -1;
    snprintf(id, sizeof id, "local-%s", random_hex(hex, 8));
    if (flags->agent_id)
        up->agent_id = str_dup(flags->agent_id);
    else if (kept_value(up, "agent-id", id, &up->agent_id, err) < 0)
        return -1;
    if (!id_is_agent(up->agent_id))
        return err_set(err, ERR_INVALID, NULL, "'%s' is no agent id: 3-63 characters of a-z 0-9 -",
                       up->agent_id);
    const char *standing = setting_start_text(SETTING_AGENT_BOOTSTRAP_KEY);
    if (!str_empty(standing))
        up->bootstrap_key = str_dup(standing);
    else if (kept_value(up, "bootstrap-key", random_hex(hex, 64), &up->bootstrap_key, err) < 0)
        return -1;
    if (loop_create(&up->loop, err) < 0)
        return -1;
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    int fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd < 0)
        return err_errno(err, "cannot watch for signals");
    return loop_fd_add(up->loop, fd, EPOLLIN | EPOLLET, on_signal, up, NULL, err);
}

static void finish(struct up *up) {
    loop_destroy(up->loop);
    close_fd(up->ready_fd);
    strbuf_finish(&up->ready_text);
    free(up->program);
    free(up->data_dir);
    free(up->agent_id);
    free(up->bootstrap_key);
    free(up->agent_url);
    free(up->made_password);
}

/* Children that are still there when starting failed. */
static void reap(struct child *child) {
    if (!child->pid)
        return;
    kill(child->pid, SIGTERM);
    waitpid(child->pid, NULL, 0);
}

int up_main(int argc, char **argv) {
    struct role_flags flags = {0};
    int status;
    if (!flags_parse(ROLE_UP, argc, argv, &flags, &status))
        return status;
    struct up up = {.flags = &flags, .ready_fd = -1, .ready_text = STRBUF_MAX(READY_LINE_MAX)};
    up.server = (struct child){.up = &up, .role = "server", .pidfd = -1};
    up.agent = (struct child){.up = &up, .role = "agent", .pidfd = -1};
    up.to_files = isatty(STDERR_FILENO);
    if (prepare(&up, &up.err) < 0) {
        finish(&up);
        return role_failed("up", &up.err, 1);
    }
    start_server(&up);
    loop_run(up.loop);
    if (up.status) {
        reap(&up.agent);
        reap(&up.server);
        role_failed("up", &up.err, 1);
    }
    finish(&up);
    return up.status;
}
