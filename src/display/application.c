#include "display/application.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "display/child.h"
#include "display/environment.h"
#include "display/procs.h"
#include "display/state.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

void application_environment(struct strv *env, const struct display_config *config, const char *dir,
                             const char *display, const char *authority) {
    environment_base(env, config->workdir);
    _cleanup_free_ char *runtime_dir = str_format("XDG_RUNTIME_DIR=%s/run", dir);
    environment_set(env, runtime_dir);
    for (size_t i = 0; i < config->env.count; i++)
        environment_set(env, config->env.items[i]);
    _cleanup_free_ char *display_name = str_format("DISPLAY=%s", display);
    _cleanup_free_ char *cookie = str_format("XAUTHORITY=%s", authority);
    environment_set(env, display_name);
    environment_set(env, cookie);
}

static const char *search_path(const struct strv *env) {
    const char *path = environment_get(env, "PATH");
    return path ? path : ENVIRONMENT_PATH_DEFAULT;
}

static int find(const struct display_config *config, const struct strv *env, char **ret, struct err *err) {
    const char *name = config->command.items[0];
    if (child_find(name, search_path(env), ret))
        return 0;
    return err_set(err, ERR_NOT_FOUND, "not_installed", "application not installed: %.128s", name);
}

int application_check(const struct display_config *config, const struct strv *env, struct err *err) {
    _cleanup_free_ char *path = NULL;
    return find(config, env, &path, err);
}

int application_start(struct application *application, const struct display_config *config,
                      const struct strv *env, int output, struct err *err) {
    _cleanup_free_ char *path = NULL;
    if (find(config, env, &path, err) < 0)
        return -1;
    struct child_spec spec = {.path = path,
                              .argv = config->command.items,
                              .env = env->items,
                              .workdir = config->workdir,
                              .output = output};
    pid_t pid;
    if (child_spawn(&pid, &spec, err) < 0)
        return err_wrap(err, "application cannot be started");
    *application = (struct application){.pid = pid, .group = pid, .started = clock_ms()};
    return 0;
}

bool application_is_gone(const struct application *application, const pid_t *without, size_t without_count) {
    if (application->pid)
        return false;
    _cleanup_procs_ struct proc_list all = {0};
    if (proc_descendants(&all, getpid(), without, without_count, NULL) < 0)
        /* Without /proc its process group is all that can be known. */
        return !application->group || (kill(-application->group, 0) < 0 && errno == ESRCH);
    for (size_t i = 0; i < all.count; i++)
        if (!proc_is_helper(&all.items[i]))
            return false;
    return true;
}

void application_ask_to_end(const struct application *application, const pid_t *without,
                            size_t without_count) {
    if (application->pid)
        kill(-application->group, SIGTERM);
    _cleanup_procs_ struct proc_list all = {0};
    if (proc_descendants(&all, getpid(), without, without_count, NULL) < 0)
        return;
    /* Those that were orphaned; the others' parents are asked, and know best how to end their own. */
    for (size_t i = 0; i < all.count; i++)
        if (all.items[i].parent == getpid() && all.items[i].pid != application->pid)
            proc_signal(&all.items[i], SIGTERM);
}

void application_end_reason(const struct application *application, char *text) {
    char how[CHILD_END_MAX];
    if (child_end_is_clean(application->end_status))
        str_copy(text, DISPLAY_REASON_MAX, "application closed");
    else
        snprintf(text, DISPLAY_REASON_MAX, "application %s", child_end_text(application->end_status, how));
}
