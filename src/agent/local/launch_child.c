#include "agent/local/launch_child.h"

#include "agent/local/forked.h"
#include "agent/local/net_rules.h"
#include "base/cleanup.h"

#include <fcntl.h>
#include <sched.h>
#include <stddef.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#define PORT_BACKLOG 64
#define OPEN_FILES_SOFT 1024 /* what select(2) can bear */
#define OPEN_FILES_HARD 65536

/* Tells the agent, with a descriptor along if there is one. */
static void reply(const struct launch_child *child, enum launch_step step, int error, int fd) {
    struct launch_reply text = {.step = (int)step, .error = error};
    struct iovec part = {.iov_base = &text, .iov_len = sizeof text};
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } extra = {0};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (fd >= 0) {
        message.msg_control = extra.bytes;
        message.msg_controllen = sizeof extra.bytes;
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        *header = (struct cmsghdr){
            .cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
        memcpy(CMSG_DATA(header), &fd, sizeof fd);
    }
    (void)!sendmsg(child->control, &message, MSG_NOSIGNAL);
}

static noreturn void fail(const struct launch_child *child, enum launch_step step) {
    reply(child, step, errno, -1);
    _exit(127);
}

static void write_file(const struct launch_child *child, const char *path, const char *text) {
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, text, strlen(text)) < 0)
        fail(child, LAUNCH_NAMESPACES);
    close(fd);
}

/* The session's own user namespace: it owns the network namespace, and the session sits in one below it. */
static void enter_namespaces(const struct launch_child *child, int flags) {
    if (unshare(CLONE_NEWUSER | flags) < 0)
        fail(child, LAUNCH_NAMESPACES);
    write_file(child, "/proc/self/setgroups", "deny");
    write_file(child, "/proc/self/uid_map", child->uid_map);
    write_file(child, "/proc/self/gid_map", child->gid_map);
}

static void bind_place(const struct launch_child *child, int fd, const char *place, enum launch_step step) {
    char path[64];
    static const char prefix[] = "/proc/self/fd/";
    memcpy(path, prefix, sizeof prefix);
    char *end = path + sizeof prefix - 1;
    if (fd >= 100) /* descriptors are few here, but not promised to be */
        *end++ = (char)('0' + fd / 100 % 10);
    if (fd >= 10)
        *end++ = (char)('0' + fd / 10 % 10);
    *end++ = (char)('0' + fd % 10);
    *end = '\0';
    if (mount(path, place, NULL, MS_BIND, NULL) < 0)
        fail(child, step);
    close(fd);
}

/* Makes the places that bubblewrap binds from, over /tmp of a mount namespace that is ours alone. What lies
 * in directories that the session's user id may not enter is opened before that id is taken on. */
static void make_places(const struct launch_child *child) {
    /* Slave, not private: what the host unmounts later must not be held here. */
    if (mount(NULL, "/", NULL, MS_SLAVE | MS_REC, NULL) < 0)
        fail(child, LAUNCH_MOUNTS);
    int program = open(child->program, O_PATH | O_CLOEXEC);
    if (program < 0)
        fail(child, LAUNCH_PROGRAM);
    int home = child->home ? open(child->home, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;
    if (child->home && home < 0)
        fail(child, LAUNCH_HOME);
    if (mount("streamspace", PLACE_ROOT, "tmpfs", MS_NOSUID | MS_NODEV, "size=64k,mode=755") < 0 ||
        mkdir(PLACE_RUN, 0700) < 0 || mkdir(PLACE_HOME, 0700) < 0)
        fail(child, LAUNCH_MOUNTS);
    int empty = open(PLACE_PROGRAM, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    if (empty < 0)
        fail(child, LAUNCH_MOUNTS);
    close(empty);
    if (mount("streamspace", PLACE_RUN, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, child->run_options) < 0)
        fail(child, LAUNCH_RUN);
    bind_place(child, program, PLACE_PROGRAM, LAUNCH_PROGRAM);
    if (home >= 0)
        bind_place(child, home, PLACE_HOME, LAUNCH_HOME);
}

/* From root to the session's user id, for good. */
static void change_identity(const struct launch_child *child) {
    if (forked_become(child->uid) < 0)
        fail(child, LAUNCH_IDENTITY);
    /* The change made our files in /proc root's; they are needed for the user namespace. */
    if (prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) < 0)
        fail(child, LAUNCH_IDENTITY);
}

static void set_limit(int what, rlim_t soft, rlim_t hard) {
    struct rlimit limit;
    if (getrlimit((__rlimit_resource_t)what, &limit) < 0)
        return;
    if (limit.rlim_max == RLIM_INFINITY || limit.rlim_max > hard)
        limit.rlim_max = hard;
    limit.rlim_cur = soft < limit.rlim_max ? soft : limit.rlim_max;
    setrlimit((__rlimit_resource_t)what, &limit);
}

static void set_limits(const struct launch_child *child) {
    set_limit(RLIMIT_CORE, 0, 0);
    set_limit(RLIMIT_NOFILE, OPEN_FILES_SOFT, OPEN_FILES_HARD);
    if (child->processes_max > 0)
        set_limit(RLIMIT_NPROC, (rlim_t)child->processes_max, (rlim_t)child->processes_max);
}

/* Makes the session's port, before there is anybody who could serve it: whoever connects early just waits. */
static int listen_on_port(const struct launch_child *child) {
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = PLACE_RUN "/" PORT_SOCKET};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0 ||
        chmod(address.sun_path, 0600) < 0 || listen(fd, PORT_BACKLOG) < 0)
        fail(child, LAUNCH_PORT);
    return fd;
}

static void set_output(const struct launch_child *child) {
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    int log = open(PLACE_RUN "/" DISPLAY_LOG, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (null < 0 || log < 0 || dup2(null, 0) < 0 || dup2(log, 1) < 0 || dup2(log, 2) < 0)
        fail(child, LAUNCH_DESCRIPTORS);
}

/* Gives the descriptors the numbers that the arguments speak of. They are moved out of the way first, for one
 * may lie where another belongs. */
static void set_descriptors(const struct launch_child *child, int port) {
    enum { COUNT = SANDBOX_FD_FILES + SANDBOX_FILES_MAX, ABOVE = 64 };
    int high[COUNT];
    for (int i = SANDBOX_FD_PORT; i < COUNT; i++) {
        int from = i == SANDBOX_FD_PORT ? port : child->given[i];
        high[i] = from < 0 ? -1 : fcntl(from, F_DUPFD_CLOEXEC, ABOVE);
        if (from >= 0 && high[i] < 0)
            fail(child, LAUNCH_DESCRIPTORS);
    }
    for (int i = SANDBOX_FD_PORT; i < COUNT; i++)
        if (high[i] >= 0 && dup2(high[i], i) < 0)
            fail(child, LAUNCH_DESCRIPTORS);
}

/* Waits for the word to go. When the agent dies there is none. */
static void wait_for_go(const struct launch_child *child) {
    char word;
    ssize_t got;
    while ((got = read(child->control, &word, 1)) < 0 && errno == EINTR)
        ;
    if (got != 1)
        _exit(127);
}

noreturn void launch_child_run(const struct launch_child *given) {
    struct launch_child copy = *given;
    const struct launch_child *child = &copy;
    int keep[ARRAY_SIZE(child->given) + 1];
    memcpy(keep, child->given, sizeof child->given);
    keep[ARRAY_SIZE(child->given)] = child->control;
    forked_begin(keep, ARRAY_SIZE(keep));
    umask(022);
    wait_for_go(child);
    if (child->separate) {
        if (unshare(CLONE_NEWNS) < 0)
            fail(child, LAUNCH_MOUNTS);
        make_places(child);
        change_identity(child);
        enter_namespaces(child, CLONE_NEWNET);
    } else {
        enter_namespaces(child, CLONE_NEWNET | CLONE_NEWNS);
        make_places(child);
    }
    errno = net_apply(child->network_script, child->network_script_length);
    if (errno != 0)
        fail(child, LAUNCH_NETWORK);
    set_limits(child);
    int port = listen_on_port(child);
    int run = open(PLACE_RUN, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (run < 0)
        fail(child, LAUNCH_RUN);
    set_output(child);
    /* The control socket moves up as well: the numbers below are taken over. */
    copy.control = fcntl(child->control, F_DUPFD_CLOEXEC, 128);
    if (copy.control < 0)
        _exit(127);
    int moved = fcntl(run, F_DUPFD_CLOEXEC, 129);
    set_descriptors(child, port);
    reply(child, LAUNCH_READY, 0, moved);
    execve(child->arguments[0], child->arguments, child->environment);
    fail(child, LAUNCH_EXEC);
}
