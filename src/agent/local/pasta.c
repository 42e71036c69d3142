#include "agent/local/pasta.h"

#include "agent/local/forked.h"
#include "agent/local/net_rules.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/str.h"

#include <fcntl.h>
#include <sched.h>
#include <stdnoreturn.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#define OUTPUT_SIZE 4096
#define TUN_DEVICE "/dev/net/tun"
#define TUN_MAJOR 10
#define TUN_MINOR 200

/* What the child needs, made before the fork: only async-signal-safe calls after it. */
struct child {
    char *const *arguments;
    uid_t uid;
    bool separate;
    bool own_device;
    int go;
    int output;
};

/* Where the host keeps its tun device for root (no udev), pasta gets one of its own, in a mount namespace
 * that only it is in. */
static int make_device(const struct child *child) {
    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_SLAVE | MS_REC, NULL) < 0 ||
        mount("streamspace", "/dev/net", "tmpfs", MS_NOSUID | MS_NOEXEC, "size=64k,mode=755") < 0 ||
        mknod(TUN_DEVICE, S_IFCHR | 0600, makedev(TUN_MAJOR, TUN_MINOR)) < 0 ||
        chown(TUN_DEVICE, child->uid, child->uid) < 0)
        return -1;
    return 0;
}

static noreturn void run(const struct child *child) {
    int keep[] = {child->go, child->output};
    forked_begin(keep, ARRAY_SIZE(keep));
    char word;
    if (read(child->go, &word, 1) != 1) /* the agent is gone, or could not put us where we belong */
        _exit(126);
    if (child->own_device)
        (void)!make_device(child); /* if not, pasta says what it misses */
    if (child->separate && forked_become(child->uid) < 0)
        _exit(126);
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(child->output, 2) < 0)
        _exit(126);
    char path[] = "PATH=/usr/bin:/bin";
    char *environment[] = {path, NULL};
    execve(child->arguments[0], child->arguments, environment);
    _exit(126);
}

static void make_arguments(struct strv *list, const struct pasta_request *request) {
    static const char *const fixed[] = {
        "--quiet",  "--config-net", "--no-map-gw", "--tcp-ports", "none",          "--udp-ports",   "none",
        "--tcp-ns", "none",         "--udp-ns",    "none",        "--dns-forward", NET_DNS_FORWARD,
    };
    strv_add(list, request->program);
    for (size_t i = 0; i < ARRAY_SIZE(fixed); i++)
        strv_add(list, fixed[i]);
    if (request->pid_file) {
        strv_add(list, "--pid");
        strv_add(list, request->pid_file);
    }
    strv_add(list, "--userns");
    strv_addf(list, "/proc/%d/ns/user", (int)request->target);
    strv_add(list, "--netns");
    strv_addf(list, "/proc/%d/ns/net", (int)request->target);
}

/* A bounded file for its complaints: it may outlive us, so no pipe. */
static int open_output(struct err *err) {
    _cleanup_close_ int fd = memfd_create("pasta", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0 || ftruncate(fd, OUTPUT_SIZE) < 0 || fcntl(fd, F_ADD_SEALS, F_SEAL_GROW) < 0)
        return err_errno(err, "cannot make a file in memory");
    return steal_fd(&fd);
}

/* True when the session's user id cannot open the device as it is. */
static bool needs_device(const struct pasta_request *request) {
    struct stat status;
    return request->separate && (stat(TUN_DEVICE, &status) < 0 || (status.st_mode & 0006) != 0006);
}

int pasta_start(struct pasta *pasta, const struct pasta_request *request, struct err *err) {
    _cleanup_strv_ struct strv arguments = {0};
    make_arguments(&arguments, request);
    pasta->output = open_output(err);
    int go[2];
    if (pasta->output < 0)
        return -1;
    if (pipe2(go, O_CLOEXEC) < 0)
        return err_errno(err, "cannot make a pipe");
    _cleanup_close_ int go_read = go[0];
    _cleanup_close_ int go_write = go[1];
    struct child child = {.arguments = arguments.items,
                          .uid = request->uid,
                          .separate = request->separate,
                          .own_device = needs_device(request),
                          .go = go_read,
                          .output = pasta->output};
    pid_t pid = fork_quietly();
    if (pid == 0)
        run(&child);
    if (pid < 0)
        return err_errno(err, "cannot fork");
    pasta->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (pasta->pidfd < 0)
        return err_errno(err, "cannot open the new process");
    if (cgroup_enter(request->groups, pid, err) < 0)
        return -1; /* without the word it ends by itself */
    return write(go_write, "g", 1) == 1 ? 0 : err_errno(err, "cannot speak to the new process");
}

int pasta_wait(struct pasta *pasta, int64_t deadline_ms, struct err *err) {
    int status = -1;
    if (!process_wait(pasta->pidfd, deadline_ms, &status))
        return err_set(err, ERR_UNAVAILABLE, NULL, "setting up the network took too long");
    if (status == 0)
        return 0;
    char text[OUTPUT_SIZE + 1] = "";
    ssize_t got = pread(pasta->output, text, OUTPUT_SIZE, 0);
    text[got > 0 ? got : 0] = '\0';
    /* The last line that is not about logging is the reason. */
    _cleanup_strv_ struct strv lines = {0};
    strv_split(&lines, text, '\n');
    const char *reason = "";
    for (size_t i = 0; i < lines.count; i++)
        if (!str_starts(lines.items[i], "Failed to send"))
            reason = lines.items[i];
    return err_set(err, ERR_UNAVAILABLE, NULL, "pasta could not set up the network%s%.200s",
                   *reason ? ": " : "", reason);
}

void pasta_finish(struct pasta *pasta) {
    close_fd(pasta->pidfd);
    close_fd(pasta->output);
    *pasta = (struct pasta)PASTA_INIT;
}

/* The program runs under the name of one of its variants ("pasta", "passt.avx2" …). */
static bool is_pasta(pid_t pid) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/comm", (int)pid);
    _cleanup_free_ char *name = NULL;
    return file_read(path, 64, &name, NULL, NULL) == 0 &&
           (str_starts(name, "pasta") || str_starts(name, "passt"));
}

bool pasta_identify(const char *pid_file, struct process_id *ret) {
    _cleanup_free_ char *text = NULL;
    int64_t pid;
    if (file_read(pid_file, 64, &text, NULL, NULL) < 0)
        return false;
    unlink(pid_file);
    text[strcspn(text, "\n")] = '\0';
    return str_to_i64(text, 1, INT32_MAX, &pid) && is_pasta((pid_t)pid) && process_identify((pid_t)pid, ret);
}

const char *pasta_obstacle(const char *program) {
    if (!program)
        return "no program for outbound network: install the package passt";
    if (geteuid() != 0 && access(TUN_DEVICE, R_OK | W_OK) < 0)
        return "no outbound network: this user may not open " TUN_DEVICE;
    return NULL;
}
