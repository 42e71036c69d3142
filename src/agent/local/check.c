/* What this machine grants, and what it lacks. */
#include "agent/local/forked.h"
#include "agent/local/local.h"
#include "agent/local/pasta.h"
#include "base/cleanup.h"
#include "base/file.h"

#include <sched.h>
#include <sys/wait.h>

/* Debian's packages of the programs that templates start. */
static const struct {
    const char *program;
    const char *package;
} packages[] = {
    {"chromium", "chromium"},
    {"code-server", "code-server"},
    {"firefox", "firefox-esr"},
    {"firefox-esr", "firefox-esr"},
    {"gimp", "gimp"},
    {"inkscape", "inkscape"},
    {"jupyter-notebook", "jupyter-notebook"},
    {"libreoffice", "libreoffice"},
    {"lxterminal", "lxterminal"},
    {"pcmanfm", "pcmanfm"},
    {"startlxde", "lxde-core"},
    {"startxfce4", "xfce4"},
    {"thunar", "thunar"},
    {"vlc", "vlc"},
    {"xfce4-session", "xfce4"},
    {"xterm", "xterm"},
};

static const char *package_of(const char *program) {
    for (size_t i = 0; i < ARRAY_SIZE(packages); i++)
        if (str_eq(packages[i].program, program))
            return packages[i].package;
    return NULL;
}

/* True when an absolute path lies in what a sandbox has of the host, and is a program there. */
static bool is_in_sandbox(const char *path) {
    static const char *const places[] = {"/usr/", "/bin/", "/sbin/", "/opt/"};
    for (size_t i = 0; i < ARRAY_SIZE(places); i++)
        if (str_starts(path, places[i]))
            return access(path, X_OK) == 0;
    return false;
}

/* Looked for where the sandbox's own PATH looks. */
static bool program_in_sandbox(const char *name) {
    static const char *const dirs[] = {"/usr/local/bin", "/usr/bin", "/usr/games"};
    if (strchr(name, '/'))
        return is_in_sandbox(name);
    for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
        _cleanup_free_ char *path = str_format("%s/%s", dirs[i], name);
        if (access(path, X_OK) == 0)
            return true;
    }
    return false;
}

bool local_can_run(struct runtime *runtime, const char *const *command, const char *network, char *reason) {
    const struct local *local = (const struct local *)runtime;
    reason[0] = '\0';
    if (!command || !command[0]) {
        str_copy(reason, SESSION_REASON_MAX, "the template has no command");
        return false;
    }
    if (!program_in_sandbox(command[0])) {
        const char *package = package_of(command[0]);
        snprintf(reason, SESSION_REASON_MAX,
                 package ? "%.120s is not installed on this machine: install the package %s"
                         : "%.120s is not installed on this machine",
                 command[0], package);
        return false;
    }
    const char *obstacle = str_eq(network, "outbound") ? pasta_obstacle(local->pasta) : NULL;
    if (obstacle)
        str_copy(reason, SESSION_REASON_MAX, obstacle);
    return !obstacle;
}

/* Tries, in a child, whether an ordinary user may make the namespaces that sandboxes consist of. */
static bool namespaces_work(void) {
    pid_t child = fork_quietly();
    if (child == 0) {
        if (geteuid() == 0 && forked_become(IDS_LAST) < 0)
            _exit(1);
        _exit(unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWPID | CLONE_NEWIPC |
                      CLONE_NEWUTS | CLONE_NEWCGROUP) < 0);
    }
    int status = -1;
    while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    return child > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

int runtime_local_check(struct strv *warnings) {
    static const struct {
        const char *program, *warning;
    } wanted[] = {
        {"Xvnc", "X applications cannot run: install the package tigervnc-standalone-server"},
        {"openbox", "X applications have no window manager: install the package openbox"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
        _cleanup_free_ char *path = NULL;
        if (!program_find(wanted[i].program, &path))
            strv_add(warnings, wanted[i].warning);
    }
    _cleanup_free_ char *pasta = NULL;
    program_find("pasta", &pasta);
    const char *obstacle = pasta_obstacle(pasta);
    if (obstacle)
        strv_addf(warnings, "%s: sessions of templates with `network: outbound` are refused", obstacle);
    if (geteuid() != 0)
        strv_add(warnings,
                 "not started as root: all sessions have this user's own id on the host, whoever they "
                 "belong to");
    _cleanup_free_ char *bwrap = NULL;
    if (!program_find("bwrap", &bwrap)) {
        strv_add(warnings, "no bwrap on this machine: install the package bubblewrap");
        return -1;
    }
    if (!namespaces_work()) {
        strv_add(warnings, "this machine does not let ordinary users make namespaces (see the sysctls "
                           "user.max_user_namespaces and kernel.unprivileged_userns_clone)");
        return -1;
    }
    return 0;
}
