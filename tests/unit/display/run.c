#include "run.h"

#include "../test.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/str.h"
#include "display/procs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>

#define LISTENER 3

static const char *program;
static struct run present; /* a copy of the one that runs; pid 0: none */

void run_set_program(const char *path) {
    program = path;
    /* What a display leaves behind becomes our child, and is seen. */
    prctl(PR_SET_CHILD_SUBREAPER, 1);
}

const char *run_program_name(void) {
    static char name[16];
    const char *slash = strrchr(program, '/');
    str_copy(name, sizeof name, slash ? slash + 1 : program);
    return name;
}

/* --- life --- */

static int make_listener(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    str_copy(address.sun_path, sizeof address.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(fd, 64), 0);
    return fd;
}

static void write_config(struct run *run, const struct run_options *options) {
    _cleanup_free_ char *text =
        str_format("{\"token\":\"" RUN_TOKEN
                   "\",\"listen\":\"%s\",\"log\":\"%s\",\"env\":{\"HOME\":\"%s\",\"TEST_A\":\"b c\"},"
                   "\"command\":%s%s}",
                   options->listen ? options->listen : "fd:3", run->log, run->dir, options->command,
                   options->more ? options->more : "");
    assert_int_equal(file_write_atomic(run->config, text, strlen(text), 0600, NULL), 0);
}

static _Noreturn void become(struct run *run, const struct run_options *options, int listener, int errors,
                             pid_t parent) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(126);
    struct strv words = {0};
    for (size_t i = 0; options->prefix && options->prefix[i]; i++)
        strv_add(&words, options->prefix[i]);
    strv_add(&words, program);
    strv_add(&words, "--config");
    strv_add(&words, run->config);
    setenv("XDG_RUNTIME_DIR", run->dir, 1);
    setenv("SECRET_OF_THE_AGENT", "must-not-be-seen", 1);
    setenv("DISPLAY", ":99999", 1);
    dup2(errors, STDERR_FILENO);
    if (listener == LISTENER)
        fcntl(listener, F_SETFD, 0);
    else if (listener >= 0)
        dup2(listener, LISTENER);
    execvp(words.items[0], words.items);
    _exit(125);
}

void run_start(struct run *run, const struct run_options *options) {
    *run = (struct run){.errors = -1};
    str_copy(run->dir, sizeof run->dir, "/var/tmp/streamspace-test-XXXXXX");
    assert_non_null(mkdtemp(run->dir));
    snprintf(run->port, sizeof run->port, "%s/port", run->dir);
    snprintf(run->config, sizeof run->config, "%s/display.json", run->dir);
    snprintf(run->log, sizeof run->log, "%s/session.log", run->dir);
    write_config(run, options);
    _cleanup_close_ int listener = options->listen ? -1 : make_listener(run->port);
    int errors[2];
    assert_int_equal(pipe2(errors, O_CLOEXEC), 0);
    run->errors = errors[0];
    pid_t self = getpid();
    run->started = clock_ms();
    run->pid = fork();
    assert_true(run->pid >= 0);
    if (run->pid == 0)
        become(run, options, listener, errors[1], self);
    close(errors[1]);
    present = *run;
}

void run_abandon(void) {
    if (!present.pid)
        return;
    /* The display's own children die with it or become ours. */
    kill(present.pid, SIGKILL);
    for (int64_t deadline = clock_ms() + RUN_LIMIT_MS; clock_ms() < deadline; poll(NULL, 0, 5)) {
        pid_t pid;
        while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
            ;
        if (pid < 0 && errno == ECHILD)
            break;
        _cleanup_procs_ struct proc_list left = {0};
        proc_descendants(&left, getpid(), NULL, 0, NULL);
        for (size_t i = 0; i < left.count; i++)
            proc_signal(&left.items[i], SIGKILL);
    }
    close(present.errors);
    dir_remove(present.dir, NULL);
    present.pid = 0;
}

static void show_errors(struct run *run) {
    char text[8192];
    fcntl(run->errors, F_SETFL, O_NONBLOCK);
    ssize_t count;
    while ((count = read(run->errors, text, sizeof text - 1)) > 0) {
        text[count] = '\0';
        print_message("%s", text);
    }
}

static void expect_clean_dir(struct run *run) {
    _cleanup_closedir_ DIR *folder = opendir(run->dir);
    assert_non_null(folder);
    struct dirent *entry;
    while ((entry = readdir(folder)))
        if (str_starts(entry->d_name, "streamspace-display-") || str_eq(entry->d_name, "display.json"))
            fail_msg("left behind: %s", entry->d_name);
}

int run_wait(struct run *run) {
    int handle = (int)syscall(SYS_pidfd_open, run->pid, 0);
    assert_true(handle >= 0);
    struct pollfd poller = {.fd = handle, .events = POLLIN};
    int ready = poll(&poller, 1, RUN_LIMIT_MS);
    close(handle);
    int status = -1;
    if (ready != 1)
        kill(run->pid, SIGKILL);
    assert_int_equal(waitpid(run->pid, &status, 0), run->pid);
    show_errors(run);
    close(run->errors);
    if (ready != 1)
        fail_msg("the display did not end");
    pid_t left = waitpid(-1, NULL, WNOHANG);
    if (left >= 0 || errno != ECHILD)
        fail_msg("the display left processes behind");
    expect_clean_dir(run);
    dir_remove(run->dir, NULL);
    present.pid = 0;
    return status;
}

void run_stop(struct run *run) {
    kill(run->pid, SIGTERM);
    int status = run_wait(run);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* --- its port --- */

static int connect_port(struct run *run) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    str_copy(address.sun_path, sizeof address.sun_path, run->port);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct timeval limit = {.tv_sec = RUN_LIMIT_MS / 1000};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static void send_text(int fd, const char *text) {
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

char *run_request(struct run *run, const char *method_and_path, const char *headers) {
    _cleanup_close_ int fd = connect_port(run);
    _cleanup_free_ char *text =
        str_format("%s HTTP/1.1\r\nHost: session\r\nConnection: close\r\n%s\r\n", method_and_path, headers);
    send_text(fd, text);
    struct strbuf answer = STRBUF_MAX(1024 * 1024);
    char bytes[4096];
    ssize_t count;
    while ((count = recv(fd, bytes, sizeof bytes, 0)) > 0)
        strbuf_append(&answer, bytes, (size_t)count);
    assert_int_equal(count, 0);
    return strbuf_steal(&answer);
}

bool run_read(int fd, void *data, size_t length) {
    char *at = data;
    while (length) {
        ssize_t count = recv(fd, at, length, 0);
        if (count <= 0)
            return false;
        at += count;
        length -= (size_t)count;
    }
    return true;
}

/* Up to and with `end`, byte by byte so that nothing behind it is taken. */
static char *read_up_to(int fd, const char *end) {
    struct strbuf text = STRBUF_MAX(64 * 1024);
    char byte;
    while (!text.length || !str_ends(text.data, end)) {
        if (!run_read(fd, &byte, 1)) {
            strbuf_finish(&text);
            return NULL;
        }
        strbuf_putc(&text, byte);
    }
    return strbuf_steal(&text);
}

int run_upgrade(struct run *run, const char *path, const char *protocol, const char *headers,
                char **ret_head) {
    int fd = connect_port(run);
    _cleanup_free_ char *text =
        str_format("GET %s HTTP/1.1\r\nHost: session\r\nConnection: Upgrade\r\nUpgrade: %s\r\n"
                   "Authorization: Bearer " RUN_TOKEN "\r\n%s\r\n",
                   path, protocol, headers);
    send_text(fd, text);
    char *head = read_up_to(fd, "\r\n\r\n");
    bool switched = head && str_starts(head, "HTTP/1.1 101 ");
    if (ret_head)
        *ret_head = head;
    else
        free(head);
    if (switched)
        return fd;
    close(fd);
    return -1;
}

/* --- its state --- */

int run_try_listen(struct run *run) {
    return run_upgrade(run, "/status", "streamspace-status", "", NULL);
}

int run_listen(struct run *run) {
    int fd = run_try_listen(run);
    assert_true(fd >= 0);
    return fd;
}

json_t *run_next_state(int status) {
    _cleanup_free_ char *line = read_up_to(status, "\n");
    if (!line)
        return NULL;
    json_t *object = json_loads(line, 0, NULL);
    if (!object)
        fail_msg("no JSON: %s", line);
    return object;
}

json_t *run_await_state(int status, const char *state) {
    json_t *object;
    while ((object = run_next_state(status))) {
        const char *now = json_string_value(json_object_get(object, "state"));
        assert_non_null(now);
        if (str_eq(now, state))
            return object;
        if (str_eq(now, "ended"))
            fail_msg("ended instead of %s: %s", state, json_string_value(json_object_get(object, "reason")));
        json_decref(object);
    }
    fail_msg("the status ended before %s", state);
    return NULL;
}

void run_expect_end(int status, bool failed, const char *reason) {
    json_t *object = run_await_state(status, "ended");
    assert_string_equal(json_string_value(json_object_get(object, "reason")), reason);
    assert_true(failed ? json_is_true(json_object_get(object, "failed"))
                       : json_is_false(json_object_get(object, "failed")));
    json_decref(object);
    assert_null(run_next_state(status));
    close(status);
}

/* --- what can be seen from outside --- */

void run_until(bool (*condition)(void *arg), void *arg, const char *what) {
    int64_t deadline = clock_ms() + RUN_LIMIT_MS;
    while (!condition(arg)) {
        if (clock_ms() > deadline)
            fail_msg("waited in vain: %s", what);
        poll(NULL, 0, 5);
    }
}

bool run_log_has(struct run *run, const char *text) {
    _cleanup_free_ char *content = NULL;
    return file_read(run->log, 4 * 1024 * 1024, &content, NULL, NULL) == 0 && strstr(content, text);
}

struct log_wait {
    struct run *run;
    const char *text;
};

static bool log_has(void *arg) {
    struct log_wait *wait = arg;
    return run_log_has(wait->run, wait->text);
}

void run_await_log(struct run *run, const char *text) {
    struct log_wait wait = {run, text};
    run_until(log_has, &wait, text);
}

pid_t run_find(struct run *run, const char *name, int limit_ms) {
    int64_t deadline = clock_ms() + limit_ms;
    do {
        _cleanup_procs_ struct proc_list all = {0};
        assert_int_equal(proc_descendants(&all, run->pid, NULL, 0, NULL), 0);
        for (size_t i = 0; i < all.count; i++)
            if (str_eq(all.items[i].name, name))
                return all.items[i].pid;
        poll(NULL, 0, 5);
    } while (clock_ms() < deadline);
    return 0;
}
