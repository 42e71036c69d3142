#include "display/display.h"

#include "base/cleanup.h"
#include "base/file.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/options.h"
#include "display/config.h"
#include "display/port.h"
#include "display/session_log.h"
#include "display/supervisor.h"

#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

/* The sanitizers' leak check reads the process's own memory as a debugger does. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED
#endif
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED
#endif

/* How long the end is kept for those who want to read it. */
#define LINGER_UNHEARD_MS 5000 /* nobody has listened yet: whoever started us may be about to */
#define LINGER_HEARD_MS 1000   /* for those who listen to take it and hang up */

struct display {
    struct display_config config;
    struct loop *loop;
    struct display_state *state;
    struct display_status *status;
    struct session_log *log;
    struct supervisor *supervisor;
    struct display_port *port;
    char *dir;
    int signals;
    struct loop_fd *signal_watch;
    bool stopped; /* told to, by a signal */
    bool over;
};

static void stop_loop(void *arg) {
    loop_stop(((struct display *)arg)->loop);
}

static void on_closing(void *arg) {
    struct display *display = arg;
    if (display->port)
        display_port_end_streams(display->port);
}

static void on_over(void *arg) {
    struct display *display = arg;
    display->over = true;
    bool heard = display_status_has_listeners(display->status);
    display_status_finish(display->status);
    if (!heard && display->stopped) {
        loop_stop(display->loop);
        return;
    }
    loop_timer_add(display->loop, heard ? LINGER_HEARD_MS : LINGER_UNHEARD_MS, stop_loop, display);
    display_status_on_delivered(display->status, stop_loop, display);
}

static void on_signal(void *arg, uint32_t events) {
    struct display *display = arg;
    struct signalfd_siginfo info;
    while (read(display->signals, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo == SIGCHLD) {
            supervisor_reap(display->supervisor);
        } else if (display->over) {
            loop_stop(display->loop);
        } else {
            display->stopped = true;
            supervisor_stop(display->supervisor, "stopped");
        }
    }
}

/* Before any thread: all of them inherit the mask, and signals come through the loop alone. */
static int take_signals(struct display *display, struct err *err) {
    sigset_t set;
    sigemptyset(&set);
    static const int numbers[] = {SIGCHLD, SIGTERM, SIGINT, SIGHUP, SIGQUIT};
    for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
        sigaddset(&set, numbers[i]);
    signal(SIGPIPE, SIG_IGN);
    sigprocmask(SIG_BLOCK, &set, NULL);
    display->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (display->signals < 0)
        return err_errno(err, "cannot receive signals");
    return loop_fd_add(display->loop, display->signals, EPOLLIN, on_signal, display, &display->signal_watch,
                       err);
}

/* A directory for sockets and cookie that only our user can enter. */
static int make_dir(struct display *display, struct err *err) {
    const char *base = getenv("XDG_RUNTIME_DIR");
    /* Sockets' paths have 107 bytes at most. */
    if (str_empty(base) || base[0] != '/' || strlen(base) > 64 || access(base, W_OK) < 0)
        base = "/tmp";
    _cleanup_free_ char *dir = str_format("%s/streamspace-display-XXXXXX", base);
    if (!mkdtemp(dir))
        return err_errno(err, "cannot make a directory in %s", base);
    display->dir = steal_pointer(&dir);
    _cleanup_free_ char *runtime_dir = str_format("%s/run", display->dir);
    return dir_make(runtime_dir, 0700, err);
}

/* What concerns the process as a whole. */
static void set_up_process(void) {
    /* One heap for the three threads: a second one would cost more than it could give. */
    mallopt(M_ARENA_MAX, 1);
    if (getpid() != 1)
        prctl(PR_SET_CHILD_SUBREAPER, 1);
#ifndef SANITIZED
    /* The application runs as the same user and must not read the token in our memory. */
    prctl(PR_SET_DUMPABLE, 0);
#endif
}

static int open_all(struct display *display, struct err *err) {
    if (loop_create(&display->loop, err) < 0 || take_signals(display, err) < 0 ||
        make_dir(display, err) < 0 || session_log_open(&display->log, display->config.log, err) < 0)
        return -1;
    display->state = display_state_create();
    display_status_create(&display->status, display->loop);
    struct supervisor_options options = {.config = &display->config,
                                         .loop = display->loop,
                                         .log = display->log,
                                         .state = display->state,
                                         .status = display->status,
                                         .dir = display->dir,
                                         .on_over = on_over,
                                         .on_closing = on_closing,
                                         .arg = display};
    return supervisor_create(&display->supervisor, &options, err);
}

static int run(struct display *display, struct err *err) {
    if (open_all(display, err) < 0)
        return -1;
    /* The X server takes longest: it goes first, and the port is opened while it starts. */
    supervisor_start(display->supervisor);
    struct display_port_options options = {.config = &display->config,
                                           .state = display->state,
                                           .rfb_path = supervisor_rfb_path(display->supervisor),
                                           .loop = display->loop,
                                           .status = display->status};
    int result = display_port_start(&display->port, &options, err);
    if (result < 0) {
        display->stopped = true;
        if (!display->over)
            supervisor_stop(display->supervisor, "the session's port cannot be opened");
        else
            loop_stop(display->loop);
    } else if (display_port_number(display->port)) {
        char port[8];
        snprintf(port, sizeof port, "%u", display_port_number(display->port));
        log_info("listening", "port", port);
    }
    loop_run(display->loop);
    return result;
}

static void finish(struct display *display) {
    display_port_stop(display->port);
    display_status_destroy(display->status);
    supervisor_destroy(display->supervisor);
    session_log_close(display->log);
    display_state_destroy(display->state);
    loop_fd_remove(display->signal_watch);
    close_fd(display->signals);
    loop_destroy(display->loop);
    if (display->dir)
        dir_remove(display->dir, NULL);
    free(display->dir);
    display_config_finish(&display->config);
}

static int read_config(struct display_config *config, const char *path, struct err *err) {
    _cleanup_free_ char *text = NULL;
    size_t length;
    if (file_read(path, DISPLAY_CONFIG_MAX, &text, &length, err) < 0)
        return -1;
    if (unlink(path) < 0)
        log_warn("cannot remove the configuration; it holds the session's token", "path", path, "error",
                 strerror(errno));
    int result = display_config_parse(config, text, length, err);
    explicit_bzero(text, length);
    return result < 0 ? err_wrap(err, "%s", path) : 0;
}

struct arguments {
    const char *config;
};

static const struct option_spec options[] = {
    {.name = "config",
     .type = OPTION_TEXT,
     .offset = OPTION_FIELD(struct arguments, config),
     .metavar = "FILE",
     .preset = DISPLAY_CONFIG_DEFAULT,
     .help = "The session's configuration (JSON), removed once it is read."},
};

static void print_help(void) {
    printf("usage: streamspace display [--config FILE]\n\n"
           "Runs one session: X server, window manager and application, and the session's port.\n"
           "Started by an agent as process 1 of a sandbox or container.\n\n");
    options_help(options, ARRAY_SIZE(options), stdout);
}

int display_main(int argc, char **argv) {
    struct arguments arguments = {0};
    struct err err = {0};
    bool help = false;
    if (options_parse(options, ARRAY_SIZE(options), argc, argv, &arguments, NULL, &help, &err) < 0) {
        fprintf(stderr, "streamspace display: %s\n", err.message);
        return 2;
    }
    if (help) {
        print_help();
        return 0;
    }
    log_setup(LOG_INFO, false, "display");
    set_up_process();
    struct display display = {.signals = -1};
    display.config.listen_fd = -1;
    int result = read_config(&display.config, arguments.config, &err);
    if (result == 0)
        result = run(&display, &err);
    if (result < 0)
        log_error("display cannot run", "error", err.message);
    int code = result < 0 ? 2 : supervisor_failed(display.supervisor) ? 1 : 0;
    finish(&display);
    return code;
}
