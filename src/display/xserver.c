#include "display/xserver.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/id.h"
#include "display/child.h"
#include "display/environment.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define X_SOCKETS "/tmp/.X11-unix"
#define X_BACKLOG 128
#define COOKIE_BYTES 16
#define COOKIE_NAME "MIT-MAGIC-COOKIE-1"
#define RFB_BANNER_BYTES 12 /* "RFB 003.008\n", RFC 6143 section 7.1.1 */
#define RFB_RETRY_MS 5
#define DISPLAY_NUMBERS 4096
#define LISTEN_FD 3 /* where sd_listen_fds(3) looks for the first one */
#define REPORT_FD 4

struct xserver {
    struct loop *loop;
    struct xserver_callbacks callbacks;
    void *arg;
    pid_t pid;
    int number;
    char display[16];
    char *authority, *rfb_path, *socket_path, *lock_path, *home;
    int abstract_fd; /* holds the name of the abstract X socket */
    int listen_fd;   /* the X socket until Xvnc has it */
    bool handed_over;
    int report_fd; /* -displayfd */
    struct loop_fd *report_watch;
    int probe_fd; /* waits for the RFB banner */
    size_t probe_bytes;
    struct loop_fd *probe_watch;
    struct loop_timer *retry, *limit;
};

/* --- the cookie --- */

static void put_counted(struct strbuf *out, const void *data, size_t length) {
    strbuf_putc(out, (char)(length >> 8));
    strbuf_putc(out, (char)(length & 0xff));
    strbuf_append(out, data, length);
}

/* One entry for any host and display: family 65535 (FamilyWild), address and number empty, name, data
 * (Xauth(3)). */
static int write_cookie(const char *path, struct err *err) {
    unsigned char cookie[COOKIE_BYTES];
    char bytes[64];
    struct strbuf out = STRBUF_FIXED(bytes);
    random_bytes(cookie, sizeof cookie);
    strbuf_append(&out, "\xff\xff", 2);
    put_counted(&out, "", 0);
    put_counted(&out, "", 0);
    put_counted(&out, COOKIE_NAME, strlen(COOKIE_NAME));
    put_counted(&out, cookie, sizeof cookie);
    _cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_errno(err, "cannot write the X cookie %s", path);
    return fd_write_all(fd, out.data, out.length, err);
}

/* --- the X socket --- */

/* X clients try the abstract socket of a display before the file. Holding its name, without listening, sends
 * them on to the file, and keeps everybody else in this network namespace from answering (and being shown the
 * cookie) in our place. */
static int reserve_abstract(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t length = strlen(path);
    memcpy(address.sun_path + 1, path, length);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && bind(fd, (struct sockaddr *)&address,
                        (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + length)) < 0)
        close_fd(steal_fd(&fd));
    return fd;
}

/* 1 bound, 0 taken by somebody else, -1 error. */
static int try_number(struct xserver *xserver, int number, struct err *err) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char lock[32];
    snprintf(address.sun_path, sizeof address.sun_path, X_SOCKETS "/X%d", number);
    snprintf(lock, sizeof lock, "/tmp/.X%d-lock", number);
    if (path_exists(lock))
        return 0;
    _cleanup_close_ int abstract = reserve_abstract(address.sun_path);
    if (abstract < 0)
        return 0;
    _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return err_errno(err, "cannot make the X socket");
    if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0)
        return errno == EADDRINUSE ? 0 : err_errno(err, "cannot bind %s", address.sun_path);
    xserver->socket_path = str_dup(address.sun_path);
    xserver->lock_path = str_dup(lock);
    if (chmod(address.sun_path, 0777) < 0 || listen(fd, X_BACKLOG) < 0)
        return err_errno(err, "cannot listen on %s", address.sun_path);
    xserver->number = number;
    xserver->listen_fd = steal_fd(&fd);
    xserver->abstract_fd = steal_fd(&abstract);
    snprintf(xserver->display, sizeof xserver->display, ":%d", number);
    return 1;
}

static int bind_display(struct xserver *xserver, struct err *err) {
    if (mkdir(X_SOCKETS, 01777) == 0 && chmod(X_SOCKETS, 01777) < 0)
        return err_errno(err, "cannot set up %s", X_SOCKETS);
    /* Alone in a sandbox :0 is free; elsewhere others have displays too, and starting apart saves tries. */
    int first = getpid() == 1 ? 0 : 100 + getpid() % 1000;
    for (int i = 0; i < DISPLAY_NUMBERS; i++) {
        int bound = try_number(xserver, first + i, err);
        if (bound)
            return bound < 0 ? -1 : 0;
    }
    return err_set(err, ERR_LIMIT, NULL, "no X display number is free");
}

int xserver_create(struct xserver **ret, struct loop *loop, const char *dir,
                   const struct xserver_callbacks *callbacks, void *arg, struct err *err) {
    struct xserver *xserver = mem_zalloc(sizeof *xserver);
    *xserver = (struct xserver){.loop = loop,
                                .callbacks = *callbacks,
                                .arg = arg,
                                .authority = str_format("%s/Xauthority", dir),
                                .rfb_path = str_format("%s/rfb", dir),
                                .home = str_dup(dir),
                                .abstract_fd = -1,
                                .listen_fd = -1,
                                .report_fd = -1,
                                .probe_fd = -1};
    if (write_cookie(xserver->authority, err) < 0 || bind_display(xserver, err) < 0) {
        xserver_destroy(xserver);
        return -1;
    }
    *ret = xserver;
    return 0;
}

/* --- is it there? --- */

static void end_probe(struct xserver *xserver) {
    loop_fd_remove(xserver->probe_watch);
    xserver->probe_watch = NULL;
    close_fd(steal_fd(&xserver->probe_fd));
    xserver->probe_bytes = 0;
}

static void end_waiting(struct xserver *xserver) {
    end_probe(xserver);
    loop_fd_remove(xserver->report_watch);
    xserver->report_watch = NULL;
    close_fd(steal_fd(&xserver->report_fd));
    loop_timer_cancel(steal_pointer(&xserver->retry));
    loop_timer_cancel(steal_pointer(&xserver->limit));
}

static void probe(void *arg);

static void probe_again(struct xserver *xserver) {
    end_probe(xserver);
    xserver->retry = loop_timer_add(xserver->loop, RFB_RETRY_MS, probe, xserver);
}

static void on_probe(void *arg, uint32_t events) {
    struct xserver *xserver = arg;
    char bytes[RFB_BANNER_BYTES];
    ssize_t count = read(xserver->probe_fd, bytes, sizeof bytes - xserver->probe_bytes);
    if (count < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (count <= 0 || (xserver->probe_bytes == 0 && bytes[0] != 'R')) {
        probe_again(xserver);
        return;
    }
    xserver->probe_bytes += (size_t)count;
    if (xserver->probe_bytes < RFB_BANNER_BYTES)
        return;
    end_waiting(xserver);
    xserver->callbacks.ready(xserver->arg);
}

static void probe(void *arg) {
    struct xserver *xserver = arg;
    xserver->retry = NULL;
    if (xserver_connect_rfb(xserver->rfb_path, &xserver->probe_fd, NULL) < 0 ||
        loop_fd_add(xserver->loop, xserver->probe_fd, EPOLLIN, on_probe, xserver, &xserver->probe_watch,
                    NULL) < 0)
        probe_again(xserver);
}

static void on_report(void *arg, uint32_t events) {
    struct xserver *xserver = arg;
    char digits[16];
    ssize_t count = read(xserver->report_fd, digits, sizeof digits);
    if (count < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    /* Number and line end are written one after the other, and Xvnc gives up if it cannot write both. */
    if (count > 0 && digits[count - 1] != '\n')
        return;
    loop_fd_remove(steal_pointer(&xserver->report_watch));
    close_fd(steal_fd(&xserver->report_fd));
    if (count <= 0)
        return; /* it died: whoever reaps it says so */
    xserver->handed_over = true;
    probe(xserver);
    xserver->callbacks.accepting(xserver->arg);
}

static void on_limit(void *arg) {
    struct xserver *xserver = arg;
    xserver->limit = NULL;
    end_waiting(xserver);
    xserver->callbacks.failed(xserver->arg, "display server did not answer in time");
}

/* --- starting --- */

/* True when the program can take a listening socket by sd_listen_fds(3): it then names that function. */
static bool takes_sockets(const char *path) {
    static const char needle[] = "sd_listen_fds";
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat status;
    if (fd < 0 || fstat(fd, &status) < 0 || !S_ISREG(status.st_mode) || status.st_size <= 0)
        return false;
    size_t size = (size_t)status.st_size;
    void *bytes = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (bytes == MAP_FAILED)
        return false;
    bool found = memmem(bytes, size, needle, sizeof needle) != NULL;
    munmap(bytes, size);
    return found;
}

static void make_arguments(struct xserver *xserver, const struct display_config *config, struct strv *argv) {
    static const char *const fixed[] = {
        "-rfbport",
        "-1", /* no TCP for viewers … */
        "-nolisten",
        "tcp", /* … nor for X clients */
        "-nolisten",
        "local", /* no abstract socket: it is everybody's who shares the network namespace */
        "-SecurityTypes",
        "None",            /* the directory and the port's token are the lock */
        "-UseBlacklist=0", /* all viewers share one address: five probes would lock all out */
        "-AlwaysShared",
        "-AcceptSetDesktopSize",
        "-FrameRate",
        "240", /* Xvnc waits half a frame before it sends: docs/rooms/display.md */
        "-dpi",
        "96",
        "-depth",
        "24",
        "-s",
        "0",
        "-dpms", /* no screen saver: it would burn CPU for nobody */
        "-noreset",
        "-br",
    };
    strv_add(argv, "Xvnc");
    strv_add(argv, xserver->display);
    strv_addf(argv, "-displayfd");
    strv_addf(argv, "%d", REPORT_FD);
    strv_addf(argv, "-rfbunixpath=%s", xserver->rfb_path);
    strv_addf(argv, "-rfbunixmode=%d", 0600);
    strv_add(argv, "-auth");
    strv_add(argv, xserver->authority);
    strv_add(argv, "-geometry");
    strv_addf(argv, "%dx%d", config->width, config->height);
    strv_addf(argv, "-desktop=%s", config->name);
    for (size_t i = 0; i < ARRAY_SIZE(fixed); i++)
        strv_add(argv, fixed[i]);
    if (!config->gl) {
        /* Mesa and LLVM cost 50 MB and a third of the start. */
        strv_add(argv, "-extension");
        strv_add(argv, "GLX");
    }
}

int xserver_start(struct xserver *xserver, const struct display_config *config, int output, struct err *err) {
    _cleanup_strv_ struct strv env = {0}, argv = {0};
    environment_base(&env, xserver->home);
    _cleanup_free_ char *path = NULL;
    if (!child_find("Xvnc", environment_get(&env, "PATH"), &path))
        return err_set(err, ERR_NOT_FOUND, "not_installed", "display server not installed: Xvnc");
    bool hand_over = takes_sockets(path);
    int report[2];
    if (pipe2(report, O_CLOEXEC) < 0)
        return err_errno(err, "cannot make a pipe");
    _cleanup_close_ int report_write = report[1];
    xserver->report_fd = report[0];
    make_arguments(xserver, config, &argv);
    struct child_spec spec = {.path = path, .argv = argv.items, .output = output, .workdir = "/"};
    spec.fds[spec.fd_count++] = (struct child_fd){report_write, REPORT_FD};
    if (hand_over) {
        spec.fds[spec.fd_count++] = (struct child_fd){xserver->listen_fd, LISTEN_FD};
        strv_add(&env, "LISTEN_FDS=1");
        strv_add(&env, "LISTEN_PID=0000000000");
        spec.pid_text = env.items[env.count - 1] + strlen("LISTEN_PID=");
    } else {
        unlink(xserver->socket_path); /* it binds for itself */
    }
    spec.env = env.items;
    if (fd_set_nonblocking(xserver->report_fd, true, err) < 0 ||
        loop_fd_add(xserver->loop, xserver->report_fd, EPOLLIN, on_report, xserver, &xserver->report_watch,
                    err) < 0 ||
        child_spawn(&xserver->pid, &spec, err) < 0) {
        end_waiting(xserver);
        return -1;
    }
    xserver->handed_over = hand_over;
    /* Ours must go: with it open, clients of a dead server would wait in the queue for ever. */
    close_fd(steal_fd(&xserver->listen_fd));
    xserver->limit = loop_timer_add(xserver->loop, XSERVER_READY_LIMIT_MS, on_limit, xserver);
    return 0;
}

bool xserver_takes_clients(const struct xserver *xserver) {
    return xserver->handed_over && xserver->pid;
}

void xserver_ended(struct xserver *xserver) {
    xserver->pid = 0;
    end_waiting(xserver);
}

void xserver_destroy(struct xserver *xserver) {
    if (!xserver)
        return;
    end_waiting(xserver);
    close_fd(xserver->listen_fd);
    close_fd(xserver->abstract_fd);
    if (xserver->socket_path) {
        unlink(xserver->socket_path);
        unlink(xserver->lock_path);
    }
    unlink(xserver->rfb_path);
    unlink(xserver->authority);
    free(xserver->authority);
    free(xserver->rfb_path);
    free(xserver->socket_path);
    free(xserver->lock_path);
    free(xserver->home);
    free(xserver);
}

pid_t xserver_pid(const struct xserver *xserver) {
    return xserver->pid;
}

const char *xserver_display(const struct xserver *xserver) {
    return xserver->display;
}

const char *xserver_authority(const struct xserver *xserver) {
    return xserver->authority;
}

const char *xserver_rfb_path(const struct xserver *xserver) {
    return xserver->rfb_path;
}

int xserver_connect_rfb(const char *path, int *ret_fd, struct err *err) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (!str_copy(address.sun_path, sizeof address.sun_path, path))
        return err_set(err, ERR_INTERNAL, NULL, "RFB socket's path is too long");
    _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return err_errno(err, "cannot make a socket");
    /* Connecting a Unix socket waits only while the listener's queue is full. */
    struct timeval limit = {.tv_usec = RFB_CONNECT_LIMIT_MS * 1000};
    struct timeval none = {0};
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
        return err_set(err, ERR_UNAVAILABLE, "display_unavailable", "display does not answer: %s",
                       strerror(errno));
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &none, sizeof none);
    if (fd_set_nonblocking(fd, true, err) < 0)
        return -1;
    *ret_fd = steal_fd(&fd);
    return 0;
}
