/* Where the agent's control groups may be: found by trying. */
#include "agent/local/cgroup.h"

#include "base/cleanup.h"
#include "base/file.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define PROC_FILE_MAX (4 * 1024 * 1024)

/* What is being looked for and tried. */
struct search {
    const char *agent_id;
    pid_t probe;        /* a child that does nothing and is moved about, to see whether we may */
    struct strv trials; /* the groups it was put into */
};

static int write_file(const char *dir, const char *file, const char *text) {
    _cleanup_free_ char *path = str_format("%s/%s", dir, file);
    return file_write_text(path, text, NULL);
}

static int move_process(const char *dir, pid_t pid) {
    char text[16];
    snprintf(text, sizeof text, "%d", (int)pid);
    return write_file(dir, "cgroup.procs", text);
}

static void start_probe(struct search *search) {
    search->probe = fork();
    if (search->probe != 0)
        return;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (;;)
        pause();
}

static void end_probe(struct search *search) {
    if (search->probe <= 0)
        return;
    kill(search->probe, SIGKILL);
    while (waitpid(search->probe, NULL, 0) < 0 && errno == EINTR)
        ;
    for (size_t i = 0; i < search->trials.count; i++)
        rmdir(search->trials.items[i]);
    strv_finish(&search->trials);
}

/* Makes the parent below `base` and tries to put a process into a group below it. NULL when that fails. */
static char *make_parent(struct search *search, const char *base) {
    _cleanup_free_ char *parent = str_format("%s/streamspace-%s", base, search->agent_id);
    bool made = mkdir(parent, 0755) == 0;
    if (!made && errno != EEXIST)
        return NULL;
    _cleanup_free_ char *trial = str_format("%s/.probe-%d", parent, (int)search->probe);
    bool works = mkdir(trial, 0755) == 0 && search->probe > 0 && move_process(trial, search->probe) == 0;
    if (works)
        strv_add(&search->trials, trial); /* removed when the probe is gone */
    else
        rmdir(trial);
    if (!works) {
        if (made)
            rmdir(parent);
        return NULL;
    }
    return steal_pointer(&parent);
}

/* Turns a version 2 controller on for the children of a group. */
static bool enable(const char *dir, const char *controller) {
    _cleanup_free_ char *path = str_format("%s/cgroup.subtree_control", dir);
    _cleanup_free_ char *now = NULL;
    if (file_read(path, 4096, &now, NULL, NULL) < 0)
        return false;
    now[strcspn(now, "\n")] = '\0';
    _cleanup_strv_ struct strv on = {0};
    strv_split(&on, now, ' ');
    if (strv_contains(&on, controller))
        return true;
    _cleanup_free_ char *text = str_format("+%s", controller);
    return write_file(dir, "cgroup.subtree_control", text) == 0;
}

/* A group with processes of its own cannot have controllers for its children ("no internal processes"): all
 * of them, ours among them, go one level down. The top of the whole hierarchy is under no such rule and is
 * left alone; the top that a container sees is an ordinary group. */
static void empty_base(const struct search *search, const char *base) {
    _cleanup_free_ char *type = str_format("%s/cgroup.type", base); /* the top has none (cgroups(7)) */
    if (access(type, F_OK) < 0)
        return;
    _cleanup_free_ char *leaf = str_format("%s/streamspace-agent-%s", base, search->agent_id);
    if (mkdir(leaf, 0755) < 0 && errno != EEXIST)
        return;
    _cleanup_free_ char *path = str_format("%s/cgroup.procs", base);
    _cleanup_free_ char *procs = NULL;
    if (file_read(path, PROC_FILE_MAX, &procs, NULL, NULL) < 0)
        return;
    _cleanup_strv_ struct strv pids = {0};
    strv_split(&pids, procs, '\n');
    for (size_t i = 0; i < pids.count; i++)
        write_file(leaf, "cgroup.procs", pids.items[i]);
}

/* The places to try, best first. For root the top of what is mounted, so that the groups do not depend on the
 * service that the agent was started as (a service manager cannot start it again in a group whose children
 * have controllers). For others the highest group above us that is theirs, as a service manager for users
 * gives it to them. */
static void list_bases(const struct cgroup_mount *mount, struct strv *bases) {
    if (geteuid() == 0) {
        strv_add(bases, mount->point);
        return;
    }
    _cleanup_free_ char *dir = str_dup(mount->own);
    _cleanup_strv_ struct strv upward = {0};
    while (strlen(dir) >= strlen(mount->point)) {
        _cleanup_free_ char *procs = str_format("%s/cgroup.procs", dir);
        if (access(dir, W_OK) == 0 && access(procs, W_OK) == 0)
            strv_add(&upward, dir);
        char *slash = strrchr(dir, '/');
        if (!slash || slash == dir)
            break;
        *slash = '\0';
    }
    for (size_t i = upward.count; i > 0; i--)
        strv_add(bases, upward.items[i - 1]);
}

static void take(struct cgroup *parents, enum cgroup_part part, const char *dir, bool v2) {
    if (parents->dirs[part])
        return;
    parents->dirs[part] = str_dup(dir);
    parents->v2[part] = v2;
}

/* Which of the version 2 controllers there are; true when one that should be there refuses. */
static bool take_controllers(struct cgroup *parents, const char *base, const char *parent, bool dry) {
    static const enum cgroup_part controlled[] = {CGROUP_MEMORY, CGROUP_PIDS, CGROUP_CPU};
    _cleanup_free_ char *path = str_format("%s/cgroup.controllers", base);
    _cleanup_free_ char *text = NULL;
    if (file_read(path, 4096, &text, NULL, NULL) < 0)
        return false;
    text[strcspn(text, "\n")] = '\0';
    _cleanup_strv_ struct strv available = {0};
    strv_split(&available, text, ' ');
    bool refused = false;
    for (size_t i = 0; i < ARRAY_SIZE(controlled); i++) {
        const char *name = cgroup_part_name(controlled[i]);
        if (!strv_contains(&available, name) || parents->dirs[controlled[i]])
            continue;
        if (enable(base, name) && enable(parent, name)) {
            if (!dry)
                take(parents, controlled[i], parent, true);
        } else {
            refused = true;
        }
    }
    return refused;
}

static void try_mount(struct search *search, const struct cgroup_mount *mount, struct cgroup *parents) {
    _cleanup_strv_ struct strv bases = {0};
    list_bases(mount, &bases);
    for (size_t i = 0; i < bases.count; i++) {
        const char *base = bases.items[i];
        _cleanup_free_ char *parent = make_parent(search, base);
        if (!parent)
            continue;
        if (mount->v2) {
            take(parents, CGROUP_UNIFIED, parent, true);
            if (take_controllers(parents, base, parent, true) && str_eq(base, mount->own))
                empty_base(search, base);
            take_controllers(parents, base, parent, false);
        }
        for (int part = 0; !mount->v2 && part < CGROUP_UNIFIED; part++)
            if (mount->parts & (1u << part))
                take(parents, (enum cgroup_part)part, parent, false);
        return;
    }
}

static void warn_missing(const struct cgroup *parents, struct strv *warnings) {
    static const struct {
        enum cgroup_part part;
        const char *text;
    } needs[] = {
        {CGROUP_MEMORY, "sessions have no memory ceiling: no memory control group that this process may use"},
        {CGROUP_PIDS,
         "the number of a session's processes is limited only by the kernel's per-user limit: no "
         "pids control group that this process may use"},
        {CGROUP_CPU, "sessions have no processor ceiling: no cpu control group that this process may use"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(needs); i++)
        if (!parents->dirs[needs[i].part])
            strv_add(warnings, needs[i].text);
    if (!parents->dirs[CGROUP_FREEZER] && !parents->dirs[CGROUP_UNIFIED])
        strv_add(warnings, "sessions cannot be frozen: no control group that this process may use");
    /* Who logged in is in a group of the system's, and cannot move processes from there to his own. */
    if (geteuid() != 0 && !parents->dirs[CGROUP_UNIFIED] && path_exists("/run/systemd/system"))
        strv_add(warnings,
                 "the service manager of this user has a control group for what it starts: start this "
                 "program by `systemd-run --user --scope`, or as a user's service");
}

void cgroup_open_parents(struct cgroup *parents, const char *agent_id, struct strv *warnings) {
    *parents = (struct cgroup){0};
    _cleanup_free_ char *mountinfo = NULL;
    _cleanup_free_ char *self = NULL;
    if (file_read("/proc/self/mountinfo", PROC_FILE_MAX, &mountinfo, NULL, NULL) < 0 ||
        file_read("/proc/self/cgroup", PROC_FILE_MAX, &self, NULL, NULL) < 0) {
        strv_add(warnings, "/proc cannot be read: control groups are not used");
        return;
    }
    struct cgroup_mounts mounts;
    cgroup_mounts_parse(&mounts, mountinfo, self);
    struct search search = {.agent_id = agent_id};
    start_probe(&search);
    /* Version 1 first: in a hybrid a controller sits in one of both, and version 2 lists only what it has. */
    for (size_t i = 0; i < mounts.count; i++)
        if (!mounts.items[i].v2)
            try_mount(&search, &mounts.items[i], parents);
    for (size_t i = 0; i < mounts.count; i++)
        if (mounts.items[i].v2)
            try_mount(&search, &mounts.items[i], parents);
    end_probe(&search);
    cgroup_mounts_finish(&mounts);
    warn_missing(parents, warnings);
}

void cgroup_close_parents(struct cgroup *parents) {
    for (int part = 0; part < CGROUP_PARTS; part++)
        if (parents->dirs[part])
            rmdir(parents->dirs[part]); /* refused while a session is in it: as it should be */
    cgroup_finish(parents);
}
