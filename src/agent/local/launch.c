#include "agent/local/launch.h"

#include "agent/local/forked.h"
#include "agent/local/launch_child.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"

#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#define INFO_MAX 4096    /* bytes that bubblewrap says about itself */
#define PIPE_USUAL 65536 /* bytes that a pipe holds without being asked */
#define OUTPUT_TAIL 400  /* bytes of bubblewrap's complaint that go into an error */

static const char *const step_names[LAUNCH_STEPS] = {
    [LAUNCH_READY] = "start",
    [LAUNCH_MOUNTS] = "make mounts",
    [LAUNCH_PROGRAM] = "bind the streamspace program",
    [LAUNCH_HOME] = "bind the home directory",
    [LAUNCH_RUN] = "make the session's private directory",
    [LAUNCH_IDENTITY] = "change to the session's user id",
    [LAUNCH_NAMESPACES] = "make namespaces (are user namespaces allowed here?)",
    [LAUNCH_NETWORK] = "set network rules",
    [LAUNCH_PORT] = "listen on the session's port",
    [LAUNCH_DESCRIPTORS] = "hand over descriptors",
    [LAUNCH_EXEC] = "run bubblewrap",
};

/* A file in memory with this content, to be read from its beginning. */
static int memory_file(const void *data, size_t length, struct err *err) {
    _cleanup_close_ int fd = memfd_create("streamspace", MFD_CLOEXEC);
    if (fd < 0 || fd_write_all(fd, data, length, NULL) < 0 || lseek(fd, 0, SEEK_SET) < 0)
        return err_errno(err, "cannot make a file in memory");
    return steal_fd(&fd);
}

/* The child's ends; closed in the agent after the fork. */
struct ends {
    int control, info, config;
    int files[SANDBOX_FILES_MAX];
    int filter;
};

static void ends_close(struct ends *ends) {
    close_fd(ends->control);
    close_fd(ends->info);
    close_fd(ends->config);
    close_fd(ends->filter);
    for (int i = 0; i < SANDBOX_FILES_MAX; i++)
        close_fd(ends->files[i]);
}

static int open_ends(struct launch *launch, struct ends *ends, const struct launch_request *request,
                     struct err *err) {
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return err_errno(err, "cannot make sockets");
    launch->control = pair[0];
    ends->control = pair[1];
    if (pipe2(pair, O_CLOEXEC) < 0)
        return err_errno(err, "cannot make a pipe");
    launch->info = pair[0];
    ends->info = pair[1];
    if (pipe2(pair, O_CLOEXEC) < 0)
        return err_errno(err, "cannot make a pipe");
    ends->config = pair[0];
    launch->config = pair[1];
    ends->filter = memory_file(request->filter->program, request->filter->length, err);
    if (ends->filter < 0)
        return -1;
    for (size_t i = 0; i < request->files->count; i++) {
        const char *text = request->files->items[i].text;
        ends->files[i] = memory_file(text, strlen(text), err);
        if (ends->files[i] < 0)
            return -1;
    }
    return 0;
}

static void give_descriptors(struct launch_child *child, const struct ends *ends) {
    for (size_t i = 0; i < ARRAY_SIZE(child->given); i++)
        child->given[i] = -1;
    child->control = ends->control;
    child->given[SANDBOX_FD_INFO] = ends->info;
    child->given[SANDBOX_FD_CONFIG] = ends->config;
    child->given[SANDBOX_FD_SECCOMP] = ends->filter;
    for (int i = 0; i < SANDBOX_FILES_MAX; i++)
        child->given[SANDBOX_FD_FILES + i] = ends->files[i];
}

int launch_fork(struct launch *launch, const struct launch_request *request, struct err *err) {
    struct ends ends = {.control = -1, .info = -1, .config = -1, .filter = -1};
    for (int i = 0; i < SANDBOX_FILES_MAX; i++)
        ends.files[i] = -1;
    if (open_ends(launch, &ends, request, err) < 0) {
        ends_close(&ends);
        return -1;
    }
    gid_t group = request->separate ? request->uid : getegid();
    _cleanup_free_ char *options =
        str_format("size=%d,mode=700,uid=%u,gid=%u,nr_inodes=1k", SANDBOX_RUN_BYTES, request->uid, group);
    _cleanup_free_ char *uid_map = str_format("%u %u 1\n", request->uid, request->uid);
    _cleanup_free_ char *gid_map = str_format("%u %u 1\n", group, group);
    char path[] = "PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin";
    char *environment[] = {path, NULL};
    struct launch_child child = {.arguments = request->arguments->items,
                                 .environment = environment,
                                 .program = request->program,
                                 .home = request->home,
                                 .run_options = options,
                                 .uid_map = uid_map,
                                 .gid_map = gid_map,
                                 .uid = request->uid,
                                 .separate = request->separate,
                                 .processes_max = request->processes_max,
                                 .network_script = request->network_script->data,
                                 .network_script_length = request->network_script->length};
    give_descriptors(&child, &ends);
    launch->pid = fork_quietly();
    if (launch->pid == 0)
        launch_child_run(&child);
    ends_close(&ends);
    if (launch->pid < 0)
        return err_errno(err, "cannot fork");
    launch->pidfd = (int)syscall(SYS_pidfd_open, launch->pid, 0);
    return launch->pidfd < 0 ? err_errno(err, "cannot open the new process") : 0;
}

/* Receives one reply; `*ret_fd` is its descriptor or -1. 1: the child became bubblewrap or is gone. */
static int receive(int control, struct launch_reply *ret, int *ret_fd, struct err *err) {
    struct iovec part = {.iov_base = ret, .iov_len = sizeof *ret};
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } extra = {0};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = extra.bytes, .msg_controllen = sizeof extra.bytes};
    ssize_t got = recvmsg(control, &message, MSG_CMSG_CLOEXEC);
    *ret_fd = -1;
    if (got < 0)
        return err_errno(err, "cannot hear from the new process");
    if (got == 0)
        return 1;
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    if (header && header->cmsg_type == SCM_RIGHTS)
        memcpy(ret_fd, CMSG_DATA(header), sizeof *ret_fd);
    if (got != sizeof *ret || ret->step < 0 || ret->step >= LAUNCH_STEPS)
        return err_set(err, ERR_INTERNAL, NULL, "the new process does not make sense");
    return 0;
}

static int wait_readable(int fd, int64_t deadline_ms, const char *what, struct err *err) {
    struct pollfd entry = {.fd = fd, .events = POLLIN};
    int ready;
    while ((ready = poll(&entry, 1, deadline_left(deadline_ms))) < 0 && errno == EINTR)
        ;
    if (ready < 0)
        return err_errno(err, "cannot wait");
    if (ready == 0)
        return err_set(err, ERR_UNAVAILABLE, NULL, "%s took too long", what);
    return 0;
}

int launch_prepare(struct launch *launch, int64_t deadline_ms, struct err *err) {
    if (send(launch->control, "g", 1, MSG_NOSIGNAL) != 1)
        return err_errno(err, "cannot speak to the new process");
    if (wait_readable(launch->control, deadline_ms, "preparing the sandbox", err) < 0)
        return -1;
    struct launch_reply reply = {0};
    int got = receive(launch->control, &reply, &launch->run_fd, err);
    if (got < 0)
        return -1;
    if (got == 1)
        return err_set(err, ERR_UNAVAILABLE, NULL, "the new process was killed (out of memory?)");
    if (reply.step != LAUNCH_READY) {
        errno = reply.error;
        return err_errno(err, "cannot %s", step_names[reply.step]);
    }
    return launch->run_fd < 0 ? err_set(err, ERR_INTERNAL, NULL, "no private directory came") : 0;
}

/* Why there is no sandbox: the child's last reply, or what bubblewrap complained about. */
static int explain(struct launch *launch, struct err *err) {
    struct launch_reply reply = {0};
    int fd = -1;
    struct pollfd entry = {.fd = launch->control, .events = POLLIN};
    if (poll(&entry, 1, 0) == 1 && receive(launch->control, &reply, &fd, NULL) == 0 &&
        reply.step != LAUNCH_READY) {
        close_fd(fd);
        errno = reply.error;
        return err_errno(err, "cannot %s", step_names[reply.step]);
    }
    close_fd(fd);
    char text[OUTPUT_TAIL + 1] = "";
    _cleanup_close_ int log =
        openat(launch->run_fd, DISPLAY_LOG, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    ssize_t got = log < 0 ? 0 : read(log, text, sizeof text - 1);
    text[got > 0 ? got : 0] = '\0';
    text[strcspn(text, "\n")] = '\0';
    return err_set(err, ERR_UNAVAILABLE, NULL, "bubblewrap could not make the sandbox%s%s", *text ? ": " : "",
                   text);
}

int launch_display(struct launch *launch, struct process_id *display, int64_t deadline_ms, struct err *err) {
    struct strbuf text = STRBUF_MAX(INFO_MAX);
    int pid = 0;
    /* The object ends with '}' and has none within. */
    while (!strchr(strbuf_str(&text), '}')) {
        char chunk[512];
        if (wait_readable(launch->info, deadline_ms, "bubblewrap", err) < 0) {
            strbuf_finish(&text);
            return -1;
        }
        ssize_t got = read(launch->info, chunk, sizeof chunk);
        if (got <= 0 || !strbuf_append(&text, chunk, (size_t)got)) {
            strbuf_finish(&text);
            return explain(launch, err);
        }
    }
    json_t *info = json_loadb(text.data, text.length, 0, NULL);
    strbuf_finish(&text);
    if (info)
        json_unpack(info, "{s:i}", "child-pid", &pid);
    json_decref(info);
    if (pid <= 0 || !process_identify(pid, display))
        return explain(launch, err);
    return 0;
}

int launch_release(struct launch *launch, const char *config, struct err *err) {
    size_t length = strlen(config);
    /* All of it must fit into the pipe, so that writing cannot wait. */
    if ((length > PIPE_USUAL && fcntl(launch->config, F_SETPIPE_SZ, (int)length) < 0) ||
        fcntl(launch->config, F_SETFL, O_NONBLOCK) < 0)
        return err_errno(err, "cannot make room for the display's configuration");
    sigset_t pipe_signal, before;
    sigemptyset(&pipe_signal);
    sigaddset(&pipe_signal, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe_signal, &before);
    int result = fd_write_all(launch->config, config, length, err);
    struct timespec now = {0};
    if (result < 0)
        sigtimedwait(&pipe_signal, NULL, &now); /* takes the signal away that the write may have left */
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    close_fd(launch->config);
    launch->config = -1;
    return result < 0 ? explain(launch, err) : 0;
}

void launch_finish(struct launch *launch) {
    close_fd(launch->pidfd);
    close_fd(launch->run_fd);
    close_fd(launch->control);
    close_fd(launch->info);
    close_fd(launch->config);
    *launch = (struct launch)LAUNCH_INIT;
}
