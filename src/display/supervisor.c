#include "display/supervisor.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "display/application.h"
#include "display/child.h"
#include "display/environment.h"
#include "display/procs.h"
#include "display/restart.h"
#include "display/window_manager.h"
#include "display/xserver.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

enum stage { STARTING, RUNNING, STOPPING_APPLICATION, STOPPING_DISPLAY, KILLING, OVER };

struct supervisor {
    struct supervisor_options options;
    enum stage stage;
    struct session_log_source *log;
    int x_output, wm_output, app_output; /* the log's pipes */

    struct xserver *xserver;
    bool banner_seen;
    bool clients_started;

    struct window_manager *wm; /* NULL: none wanted */
    struct strv wm_env;
    int64_t wm_started;
    struct restart_policy wm_policy;
    struct loop_timer *wm_timer; /* to start it again */
    struct loop_timer *wm_limit; /* how long the application waits for it */

    struct strv app_env;
    struct application app;
    bool app_begun;     /* it was its turn */
    bool app_concluded; /* its end has been dealt with */
    struct restart_policy app_policy;
    struct loop_timer *app_timer; /* to start it again, to look for its remains, or to conclude its end */

    bool failed;
    char reason[DISPLAY_REASON_MAX];
    int64_t limit; /* of a stage that ends things */
    struct loop_timer *tick;
};

static void end(struct supervisor *supervisor, bool failed, const char *reason);
static void start_window_manager(void *arg);
static void start_application(void *arg);
static void start_clients(struct supervisor *supervisor);

/* --- what is said --- */

static void publish(struct supervisor *supervisor, enum display_phase phase, const char *stage,
                    const char *reason) {
    struct display_situation situation = {.phase = phase, .failed = supervisor->failed};
    if (phase != DISPLAY_ENDED)
        situation.pid = supervisor->app.pid;
    str_copy(situation.stage, sizeof situation.stage, stage);
    str_copy(situation.reason, sizeof situation.reason, reason);
    display_state_set(supervisor->options.state, &situation);
    _cleanup_free_ char *line = display_situation_json(&situation);
    display_status_publish(supervisor->options.status, line);
    session_log_line(supervisor->log, "%s%s%s%s%s", display_phase_name(phase), *stage ? ": " : "", stage,
                     *reason ? ": " : "", reason);
}

static void publish_running(struct supervisor *supervisor) {
    if (supervisor->stage == STARTING && supervisor->banner_seen && supervisor->app.group)
        supervisor->stage = RUNNING;
    if (supervisor->stage == RUNNING)
        publish(supervisor, DISPLAY_RUNNING, "", "");
}

/* --- display server --- */

static void on_accepting(void *arg) {
    struct supervisor *supervisor = arg;
    if (supervisor->stage != STARTING)
        return;
    if (!supervisor->clients_started)
        start_clients(supervisor);
}

static void on_ready(void *arg) {
    struct supervisor *supervisor = arg;
    supervisor->banner_seen = true;
    display_state_set_open(supervisor->options.state, true);
    publish_running(supervisor);
}

static void on_x_failed(void *arg, const char *reason) {
    end(arg, true, reason);
}

static void on_x_ended(struct supervisor *supervisor, int status) {
    char how[CHILD_END_MAX];
    xserver_ended(supervisor->xserver);
    display_state_set_open(supervisor->options.state, false);
    if (supervisor->stage < STOPPING_DISPLAY)
        session_log_line(supervisor->log, "display server %s", child_end_text(status, how));
    end(supervisor, true, supervisor->banner_seen ? "display server died" : "display server did not start");
}

/* --- window manager: the session can do without --- */

/* Ready, or not to be waited for. */
static void begin_application(void *arg) {
    struct supervisor *supervisor = arg;
    loop_timer_cancel(steal_pointer(&supervisor->wm_limit));
    if (supervisor->app_begun || supervisor->stage != STARTING)
        return;
    supervisor->app_begun = true;
    publish(supervisor, DISPLAY_STARTING, "starting application", "");
    start_application(supervisor);
}

static void on_wm_late(void *arg) {
    struct supervisor *supervisor = arg;
    supervisor->wm_limit = NULL;
    session_log_line(supervisor->log, "window manager is not ready after %d ms; going on",
                     SUPERVISOR_WM_LIMIT_MS);
    begin_application(supervisor);
}

static void retry_window_manager(struct supervisor *supervisor, const char *what) {
    int64_t delay = restart_next(&supervisor->wm_policy, clock_ms() - supervisor->wm_started);
    session_log_line(supervisor->log, "window manager %s%s", what, delay < 0 ? "; given up" : "");
    if (delay >= 0)
        supervisor->wm_timer =
            loop_timer_add(supervisor->options.loop, delay, start_window_manager, supervisor);
    begin_application(supervisor);
}

static void start_window_manager(void *arg) {
    struct supervisor *supervisor = arg;
    struct err err = {0};
    supervisor->wm_timer = NULL;
    supervisor->wm_started = clock_ms();
    if (window_manager_start(supervisor->wm, &supervisor->wm_env, supervisor->wm_output, &err) == 0)
        return;
    if (err_is(&err, "not_installed")) {
        session_log_line(supervisor->log, "%s; going on without", err.message);
        begin_application(supervisor);
    } else {
        retry_window_manager(supervisor, err.message);
    }
}

static void on_wm_ended(struct supervisor *supervisor, int status) {
    char how[CHILD_END_MAX];
    window_manager_ended(supervisor->wm);
    /* When X dies it dies too, and may be reaped first: the restart waits a second, and the end cancels it.
     */
    if (supervisor->stage <= RUNNING)
        retry_window_manager(supervisor, child_end_text(status, how));
}

static void start_clients(struct supervisor *supervisor) {
    supervisor->clients_started = true;
    if (!supervisor->wm) {
        begin_application(supervisor);
        return;
    }
    supervisor->wm_limit =
        loop_timer_add(supervisor->options.loop, SUPERVISOR_WM_LIMIT_MS, on_wm_late, supervisor);
    start_window_manager(supervisor);
}

/* --- application --- */

static bool app_is_gone(struct supervisor *supervisor) {
    pid_t ours[] = {xserver_pid(supervisor->xserver), window_manager_pid(supervisor->wm)};
    return application_is_gone(&supervisor->app, ours, ARRAY_SIZE(ours));
}

static void start_application(void *arg) {
    struct supervisor *supervisor = arg;
    struct err err = {0};
    supervisor->app_timer = NULL;
    supervisor->app_concluded = false;
    if (supervisor->stage > RUNNING)
        return;
    if (application_start(&supervisor->app, supervisor->options.config, &supervisor->app_env,
                          supervisor->app_output, &err) < 0) {
        end(supervisor, true, err.message);
        return;
    }
    publish_running(supervisor);
}

static void restart_application(struct supervisor *supervisor, const char *reason) {
    int64_t delay = restart_next(&supervisor->app_policy, clock_ms() - supervisor->app.started);
    if (delay < 0) {
        char text[DISPLAY_REASON_MAX];
        snprintf(text, sizeof text, "%.160s, %d times in a row within %d s of its start", reason,
                 RESTART_QUICK_MAX, RESTART_QUICK_MS / 1000);
        end(supervisor, true, text);
        return;
    }
    publish(supervisor, supervisor->stage == RUNNING ? DISPLAY_RUNNING : DISPLAY_STARTING,
            "restarting application", reason);
    supervisor->app_timer = loop_timer_add(supervisor->options.loop, delay, start_application, supervisor);
}

static void conclude(void *arg) {
    struct supervisor *supervisor = arg;
    char reason[DISPLAY_REASON_MAX];
    supervisor->app_timer = NULL;
    application_end_reason(&supervisor->app, reason);
    if (supervisor->options.config->restart)
        restart_application(supervisor, reason);
    else
        end(supervisor, !child_end_is_clean(supervisor->app.end_status), reason);
}

/* The program has ended. Has everything that it started? */
static void look_for_remains(void *arg) {
    struct supervisor *supervisor = arg;
    supervisor->app_timer = NULL;
    if (!app_is_gone(supervisor)) {
        supervisor->app_timer =
            loop_timer_add(supervisor->options.loop, SUPERVISOR_REMAINS_MS, look_for_remains, supervisor);
        return;
    }
    supervisor->app_concluded = true;
    /* One that fails may have lost its X server, whose own end is reaped a moment later. */
    int64_t delay = child_end_is_clean(supervisor->app.end_status) ? 0 : SUPERVISOR_BLAME_MS;
    if (delay)
        supervisor->app_timer = loop_timer_add(supervisor->options.loop, delay, conclude, supervisor);
    else
        conclude(supervisor);
}

static void on_app_ended(struct supervisor *supervisor, int status) {
    supervisor->app.pid = 0;
    supervisor->app.end_status = status;
    char how[CHILD_END_MAX];
    session_log_line(supervisor->log, "application %s", child_end_text(status, how));
}

/* --- the end --- */

static bool has_children(void) {
    siginfo_t info;
    return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 || errno != ECHILD;
}

static void signal_everything(int number) {
    if (getpid() == 1) {
        kill(-1, number);
        return;
    }
    _cleanup_procs_ struct proc_list all = {0};
    if (proc_descendants(&all, getpid(), NULL, 0, NULL) < 0)
        return;
    for (size_t i = 0; i < all.count; i++)
        proc_signal(&all.items[i], number);
}

/* The groups of our own children: for where /proc is missing and process 1 is somebody else. */
static void signal_groups(struct supervisor *supervisor, int number) {
    pid_t groups[] = {xserver_pid(supervisor->xserver), window_manager_pid(supervisor->wm),
                      supervisor->app.pid};
    for (size_t i = 0; i < ARRAY_SIZE(groups); i++)
        if (groups[i])
            kill(-groups[i], number);
}

static void be_over(struct supervisor *supervisor) {
    supervisor->stage = OVER;
    session_log_drain(supervisor->options.log);
    publish(supervisor, DISPLAY_ENDED, "", supervisor->reason);
    supervisor->options.on_over(supervisor->options.arg);
}

static void stop_display(struct supervisor *supervisor) {
    supervisor->stage = STOPPING_DISPLAY;
    supervisor->limit = clock_ms() + SUPERVISOR_DISPLAY_LIMIT_MS;
    display_state_set_open(supervisor->options.state, false);
    supervisor->options.on_closing(supervisor->options.arg);
    signal_groups(supervisor, SIGTERM);
    signal_everything(SIGTERM);
}

static void kill_everything(struct supervisor *supervisor) {
    if (supervisor->stage < STOPPING_DISPLAY)
        stop_display(supervisor);
    supervisor->stage = KILLING;
    supervisor->limit = clock_ms() + SUPERVISOR_KILL_LIMIT_MS;
}

/* Goes on with the end as far as it can. */
static void advance(struct supervisor *supervisor) {
    int64_t now = clock_ms();
    if (supervisor->stage == STOPPING_APPLICATION) {
        if (now >= supervisor->limit)
            kill_everything(supervisor);
        else if (app_is_gone(supervisor))
            stop_display(supervisor);
    }
    if (supervisor->stage == STOPPING_DISPLAY && now >= supervisor->limit)
        kill_everything(supervisor);
    if (supervisor->stage == KILLING) {
        signal_groups(supervisor, SIGKILL);
        signal_everything(SIGKILL);
    }
    bool last_stages = supervisor->stage == STOPPING_DISPLAY || supervisor->stage == KILLING;
    if (last_stages && (!has_children() || (supervisor->stage == KILLING && now >= supervisor->limit)))
        be_over(supervisor);
}

static void on_tick(void *arg) {
    struct supervisor *supervisor = arg;
    supervisor->tick = NULL;
    advance(supervisor);
    if (supervisor->stage != OVER)
        supervisor->tick = loop_timer_add(supervisor->options.loop, SUPERVISOR_TICK_MS, on_tick, supervisor);
}

static void end(struct supervisor *supervisor, bool failed, const char *reason) {
    if (supervisor->stage > RUNNING)
        return;
    enum display_phase phase = supervisor->stage == RUNNING ? DISPLAY_RUNNING : DISPLAY_STARTING;
    supervisor->failed = failed;
    str_copy(supervisor->reason, sizeof supervisor->reason, reason);
    loop_timer_cancel(steal_pointer(&supervisor->app_timer));
    loop_timer_cancel(steal_pointer(&supervisor->wm_timer));
    loop_timer_cancel(steal_pointer(&supervisor->wm_limit));
    supervisor->stage = STOPPING_APPLICATION;
    supervisor->limit = clock_ms() + SUPERVISOR_APP_LIMIT_MS;
    publish(supervisor, phase, "ending", reason);
    pid_t ours[] = {xserver_pid(supervisor->xserver), window_manager_pid(supervisor->wm)};
    application_ask_to_end(&supervisor->app, ours, ARRAY_SIZE(ours));
    on_tick(supervisor);
}

void supervisor_stop(struct supervisor *supervisor, const char *reason) {
    if (supervisor->stage <= RUNNING) {
        end(supervisor, false, reason);
    } else if (supervisor->stage != OVER) {
        kill_everything(supervisor);
        advance(supervisor);
    }
}

/* --- children --- */

void supervisor_reap(struct supervisor *supervisor) {
    int x_status = -1, wm_status = -1, app_status = -1, status;
    pid_t pid;
    bool any = false;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0 || (pid < 0 && errno == EINTR)) {
        if (pid < 0)
            continue;
        any = true;
        if (pid == xserver_pid(supervisor->xserver))
            x_status = status;
        else if (pid == window_manager_pid(supervisor->wm))
            wm_status = status;
        else if (pid == supervisor->app.pid)
            app_status = status;
        /* else an orphan, which is thereby out of the world */
    }
    /* The X server first: its death is the cause of the others'. */
    if (app_status >= 0)
        on_app_ended(supervisor, app_status);
    if (wm_status >= 0)
        on_wm_ended(supervisor, wm_status);
    if (x_status >= 0)
        on_x_ended(supervisor, x_status);
    if (supervisor->stage > RUNNING) {
        if (any && supervisor->stage != OVER)
            advance(supervisor);
    } else if (any && supervisor->app.group && !supervisor->app.pid && !supervisor->app_concluded) {
        loop_timer_cancel(steal_pointer(&supervisor->app_timer));
        look_for_remains(supervisor);
    }
}

/* --- life --- */

static int open_outputs(struct supervisor *supervisor, struct err *err) {
    struct {
        const char *name;
        int *fd;
    } const outputs[] = {
        {"x", &supervisor->x_output}, {"wm", &supervisor->wm_output}, {"app", &supervisor->app_output}};
    for (size_t i = 0; i < ARRAY_SIZE(outputs); i++) {
        struct session_log_source *source = session_log_source(supervisor->options.log, outputs[i].name);
        *outputs[i].fd = session_log_pipe(source, supervisor->options.loop, err);
        if (*outputs[i].fd < 0)
            return -1;
    }
    return 0;
}

static void make_wm_env(struct supervisor *supervisor) {
    environment_base(&supervisor->wm_env, supervisor->options.dir);
    strv_addf(&supervisor->wm_env, "DISPLAY=%s", xserver_display(supervisor->xserver));
    strv_addf(&supervisor->wm_env, "XAUTHORITY=%s", xserver_authority(supervisor->xserver));
}

int supervisor_create(struct supervisor **ret, const struct supervisor_options *options, struct err *err) {
    static const struct xserver_callbacks callbacks = {
        .accepting = on_accepting, .ready = on_ready, .failed = on_x_failed};
    struct supervisor *supervisor = mem_zalloc(sizeof *supervisor);
    supervisor->options = *options;
    supervisor->log = session_log_source(options->log, "display");
    if (open_outputs(supervisor, err) < 0 ||
        xserver_create(&supervisor->xserver, options->loop, options->dir, &callbacks, supervisor, err) < 0 ||
        (options->config->window_manager &&
         window_manager_create(&supervisor->wm, options->loop, options->dir, begin_application, supervisor,
                               err) < 0)) {
        supervisor_destroy(supervisor);
        return -1;
    }
    make_wm_env(supervisor);
    application_environment(&supervisor->app_env, options->config, options->dir,
                            xserver_display(supervisor->xserver), xserver_authority(supervisor->xserver));
    *ret = supervisor;
    return 0;
}

void supervisor_start(struct supervisor *supervisor) {
    struct err err = {0};
    publish(supervisor, DISPLAY_STARTING, "starting display", "");
    if (application_check(supervisor->options.config, &supervisor->app_env, &err) < 0 ||
        xserver_start(supervisor->xserver, supervisor->options.config, supervisor->x_output, &err) < 0) {
        end(supervisor, true, err.message);
        return;
    }
    if (xserver_takes_clients(supervisor->xserver))
        start_clients(supervisor);
}

void supervisor_destroy(struct supervisor *supervisor) {
    if (!supervisor)
        return;
    loop_timer_cancel(supervisor->app_timer);
    loop_timer_cancel(supervisor->wm_timer);
    loop_timer_cancel(supervisor->wm_limit);
    loop_timer_cancel(supervisor->tick);
    xserver_destroy(supervisor->xserver);
    window_manager_destroy(supervisor->wm);
    strv_finish(&supervisor->wm_env);
    strv_finish(&supervisor->app_env);
    free(supervisor);
}

const char *supervisor_rfb_path(const struct supervisor *supervisor) {
    return xserver_rfb_path(supervisor->xserver);
}

bool supervisor_failed(const struct supervisor *supervisor) {
    return supervisor->failed;
}
