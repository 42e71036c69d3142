#include "agent/local/cgroup.h"

#include "agent/local/process.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"

#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>

#define CGROUP_FILE_MAX (1024 * 1024) /* bytes of a cgroup.procs that are read */
#define CPU_PERIOD_USEC 20000         /* short, so that a throttled desktop stalls for less than a blink */
#define CPU_PERIOD_LONG_USEC                                                                                 \
    100000 /* for ceilings so low that the kernel refuses their quota of a short period */
#define CPU_QUOTA_MIN_USEC 1000 /* the kernel's least quota */
#define KILL_POLL_MS 20

void cgroup_finish(struct cgroup *group) {
    for (int part = 0; part < CGROUP_PARTS; part++)
        free(group->dirs[part]);
    *group = (struct cgroup){0};
}

bool cgroup_is_empty(const struct cgroup *group) {
    for (int part = 0; part < CGROUP_PARTS; part++)
        if (group->dirs[part])
            return false;
    return true;
}

/* True when an earlier part has the same directory, so that each is handled once. */
static bool seen_before(const struct cgroup *group, int part) {
    for (int earlier = 0; earlier < part; earlier++)
        if (str_eq(group->dirs[earlier], group->dirs[part]))
            return true;
    return false;
}

#define for_each_dir(group, part)                                                                            \
    for (int part = 0; part < CGROUP_PARTS; part++)                                                          \
        if ((group)->dirs[part] && !seen_before(group, part))

static int set(const char *dir, const char *file, const char *text, struct err *err) {
    _cleanup_free_ char *path = str_format("%s/%s", dir, file);
    return file_write_text(path, text, err);
}

static int set_number(const char *dir, const char *file, int64_t number, struct err *err) {
    char text[32];
    snprintf(text, sizeof text, "%" PRId64, number);
    return set(dir, file, text, err);
}

static char *get(const char *dir, const char *file) {
    _cleanup_free_ char *path = str_format("%s/%s", dir, file);
    char *text = NULL;
    return file_read(path, CGROUP_FILE_MAX, &text, NULL, NULL) < 0 ? NULL : text;
}

static int64_t get_number(const char *dir, const char *file) {
    _cleanup_free_ char *text = get(dir, file);
    int64_t number;
    if (!text)
        return -1;
    text[strcspn(text, "\n")] = '\0';
    return str_to_i64(text, 0, INT64_MAX, &number) ? number : -1;
}

/* The number behind `key ` at a line's beginning; -1 without one. */
static int64_t get_key(const char *dir, const char *file, const char *key) {
    _cleanup_free_ char *text = get(dir, file);
    _cleanup_strv_ struct strv lines = {0};
    if (text)
        strv_split(&lines, text, '\n');
    size_t length = strlen(key);
    for (size_t i = 0; i < lines.count; i++) {
        int64_t number;
        if (str_starts(lines.items[i], key) && lines.items[i][length] == ' ' &&
            str_to_i64(lines.items[i] + length + 1, 0, INT64_MAX, &number))
            return number;
    }
    return -1;
}

void cgroup_name(struct cgroup *group, const struct cgroup *parents, const char *session_id) {
    *group = (struct cgroup){0};
    for (int part = 0; part < CGROUP_PARTS; part++) {
        group->dirs[part] = parents->dirs[part] ? str_format("%s/%s", parents->dirs[part], session_id) : NULL;
        group->v2[part] = parents->v2[part];
    }
}

static int limit_memory(const char *dir, bool v2, int64_t bytes, struct err *err) {
    if (v2) {
        if (set_number(dir, "memory.max", bytes, err) < 0)
            return -1;
        set_number(dir, "memory.swap.max", 0, NULL); /* not there on kernels without swap */
        return 0;
    }
    if (set_number(dir, "memory.limit_in_bytes", bytes, err) < 0)
        return -1;
    set_number(dir, "memory.memsw.limit_in_bytes", bytes, NULL); /* not there without swap accounting */
    return 0;
}

static int limit_cpu(const char *dir, bool v2, int64_t millis, struct err *err) {
    int64_t period = CPU_PERIOD_USEC;
    if (millis * period / 1000 < CPU_QUOTA_MIN_USEC)
        period = CPU_PERIOD_LONG_USEC;
    int64_t quota = millis * period / 1000;
    if (quota < CPU_QUOTA_MIN_USEC)
        quota = CPU_QUOTA_MIN_USEC;
    if (v2) {
        char text[64];
        snprintf(text, sizeof text, "%" PRId64 " %" PRId64, quota, period);
        return set(dir, "cpu.max", text, err);
    }
    if (set_number(dir, "cpu.cfs_period_us", period, err) < 0)
        return -1;
    return set_number(dir, "cpu.cfs_quota_us", quota, err);
}

int cgroup_set_cpu(const struct cgroup *group, int64_t cpu_millis, struct err *err) {
    const char *dir = group->dirs[CGROUP_CPU];
    if (!dir || cpu_millis <= 0)
        return 0;
    return limit_cpu(dir, group->v2[CGROUP_CPU], cpu_millis, err);
}

int cgroup_make(const struct cgroup *group, const struct cgroup_limits *limits, struct err *err) {
    for_each_dir(group, part) {
        if (mkdir(group->dirs[part], 0755) < 0 && errno != EEXIST)
            return err_errno(err, "cannot make control group %s", group->dirs[part]);
    }
    const char *memory = group->dirs[CGROUP_MEMORY];
    if (memory && limits->memory_bytes > 0 &&
        limit_memory(memory, group->v2[CGROUP_MEMORY], limits->memory_bytes, err) < 0)
        return -1;
    const char *pids = group->dirs[CGROUP_PIDS];
    if (pids && limits->pids_max > 0 && set_number(pids, "pids.max", limits->pids_max, err) < 0)
        return -1;
    return cgroup_set_cpu(group, limits->cpu_millis, err);
}

static int in_use(int64_t bytes, struct err *err) {
    return err_set(err, ERR_CONFLICT, NULL, "more than %" PRId64 " MiB of memory are in use",
                   bytes / (1024 * 1024));
}

/* A lower memory.max would have the kernel kill until it fits. memory.high makes it push out what it can and
 * kills nothing. */
static int lower_memory_v2(const char *dir, int64_t bytes, struct err *err) {
    bool pushed = set_number(dir, "memory.high", bytes, NULL) == 0;
    bool fits = get_number(dir, "memory.current") <= bytes;
    int result = fits ? limit_memory(dir, true, bytes, err) : in_use(bytes, err);
    if (pushed)
        set(dir, "memory.high", "max", NULL);
    return result;
}

/* Version 1 pushes out or answers EBUSY. Its ceiling with swap is never below the one without. */
static int change_memory_v1(const char *dir, int64_t now, int64_t bytes, struct err *err) {
    if (bytes > now)
        set_number(dir, "memory.memsw.limit_in_bytes", bytes, NULL);
    struct err failure = {0};
    if (limit_memory(dir, false, bytes, &failure) == 0)
        return 0;
    if (failure.sys == EBUSY)
        return in_use(bytes, err);
    err_copy(err, &failure);
    return -1;
}

static int change_memory(const struct cgroup *group, int64_t now, int64_t bytes, struct err *err) {
    const char *dir = group->dirs[CGROUP_MEMORY];
    if (!dir || bytes <= 0 || bytes == now)
        return 0;
    if (!group->v2[CGROUP_MEMORY])
        return change_memory_v1(dir, now, bytes, err);
    return bytes < now ? lower_memory_v2(dir, bytes, err) : limit_memory(dir, true, bytes, err);
}

int cgroup_change(const struct cgroup *group, const struct cgroup_limits *now,
                  const struct cgroup_limits *wanted, struct err *err) {
    if (change_memory(group, now->memory_bytes, wanted->memory_bytes, err) < 0)
        return -1;
    if (cgroup_set_cpu(group, wanted->cpu_millis, err) == 0)
        return 0;
    change_memory(group, wanted->memory_bytes, now->memory_bytes, NULL);
    cgroup_set_cpu(group, now->cpu_millis, NULL);
    return -1;
}

int cgroup_enter(const struct cgroup *group, pid_t pid, struct err *err) {
    for_each_dir(group, part) {
        if (set_number(group->dirs[part], "cgroup.procs", pid, err) < 0)
            return err_wrap(err, "cannot put process into its control group");
    }
    return 0;
}

/* The first process of a group; 0 when it has none (or is gone). */
static pid_t first_process(const char *dir) {
    _cleanup_free_ char *procs = get(dir, "cgroup.procs");
    int64_t pid = 0;
    if (procs) {
        procs[strcspn(procs, "\n")] = '\0';
        str_to_i64(procs, 1, INT32_MAX, &pid);
    }
    return (pid_t)pid;
}

bool cgroup_is_populated(const struct cgroup *group) {
    for_each_dir(group, part) {
        if (first_process(group->dirs[part]) > 0)
            return true;
    }
    return false;
}

/* SIGKILL to every process that a group lists. */
static void kill_listed(const char *dir) {
    _cleanup_free_ char *procs = get(dir, "cgroup.procs");
    _cleanup_strv_ struct strv pids = {0};
    if (procs)
        strv_split(&pids, procs, '\n');
    for (size_t i = 0; i < pids.count; i++) {
        int64_t pid;
        if (str_to_i64(pids.items[i], 1, INT32_MAX, &pid))
            kill((pid_t)pid, SIGKILL);
    }
}

/* One round: all processes of all groups are told to die. Without cgroup.kill a fork bomb outruns a list, so
 * it is held still meanwhile; version 1 delivers the kill only after the thaw. */
static void kill_round(const struct cgroup *group) {
    const char *unified = group->dirs[CGROUP_UNIFIED];
    bool killed = unified && set(unified, "cgroup.kill", "1", NULL) == 0;
    const char *freezer = group->dirs[CGROUP_FREEZER];
    if (!killed && freezer)
        set(freezer, "freezer.state", "FROZEN", NULL);
    for_each_dir(group, part) {
        if (!(killed && part == CGROUP_UNIFIED))
            kill_listed(group->dirs[part]);
    }
    if (freezer)
        set(freezer, "freezer.state", "THAWED", NULL);
    if (!killed && unified)
        set(unified, "cgroup.freeze", "0", NULL);
}

int cgroup_kill(const struct cgroup *group, int64_t deadline_ms, struct err *err) {
    for (;;) {
        pid_t left = 0;
        for_each_dir(group, part) {
            if (!left)
                left = first_process(group->dirs[part]);
        }
        if (!left)
            return 0;
        struct process_id id;
        _cleanup_close_ int pidfd = process_identify(left, &id) ? process_open(&id) : -1;
        kill_round(group);
        int64_t next = clock_ms() + KILL_POLL_MS;
        process_wait(pidfd, next < deadline_ms ? next : deadline_ms, NULL);
        if (clock_ms() >= deadline_ms)
            return err_set(err, ERR_UNAVAILABLE, NULL, "process %d of the session does not end", (int)left);
    }
}

/* Removes a group and whatever groups were made below it. */
static int remove_tree(const char *dir, int depth, struct err *err) {
    if (rmdir(dir) == 0 || errno == ENOENT)
        return 0;
    int failure = errno;
    _cleanup_closedir_ DIR *list = depth < 4 ? opendir(dir) : NULL;
    struct dirent *entry;
    while (list && (entry = readdir(list))) {
        if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
            continue;
        _cleanup_free_ char *child = str_format("%s/%s", dir, entry->d_name);
        remove_tree(child, depth + 1, NULL);
    }
    if (rmdir(dir) == 0 || errno == ENOENT)
        return 0;
    errno = failure;
    return err_errno(err, "cannot remove control group %s", dir);
}

int cgroup_remove(const struct cgroup *group, struct err *err) {
    int result = 0;
    for_each_dir(group, part) {
        if (remove_tree(group->dirs[part], 0, err) < 0)
            result = -1;
    }
    return result;
}

/* Version 2 tells by an event on cgroup.events, version 1 must be asked again. */
static bool is_frozen_v2(const char *dir) {
    return get_key(dir, "cgroup.events", "frozen") == 1;
}

static bool is_frozen_v1(const char *dir) {
    _cleanup_free_ char *state = get(dir, "freezer.state");
    return state && str_starts(state, "FROZEN");
}

bool cgroup_is_frozen(const struct cgroup *group) {
    if (group->dirs[CGROUP_UNIFIED])
        return is_frozen_v2(group->dirs[CGROUP_UNIFIED]);
    return group->dirs[CGROUP_FREEZER] && is_frozen_v1(group->dirs[CGROUP_FREEZER]);
}

int cgroup_freeze(const struct cgroup *group, bool frozen, int64_t deadline_ms, struct err *err) {
    const char *unified = group->dirs[CGROUP_UNIFIED];
    const char *dir = unified ? unified : group->dirs[CGROUP_FREEZER];
    if (!dir)
        return err_set(err, ERR_UNAVAILABLE, NULL, "no control group that can freeze on this machine");
    _cleanup_free_ char *events = str_format("%s/cgroup.events", dir);
    _cleanup_close_ int fd = unified ? open(events, O_RDONLY | O_CLOEXEC) : -1;
    const char *state = frozen ? "FROZEN" : "THAWED";
    if ((unified ? set(dir, "cgroup.freeze", frozen ? "1" : "0", err)
                 : set(dir, "freezer.state", state, err)) < 0)
        return -1;
    while (cgroup_is_frozen(group) != frozen) {
        if (clock_ms() >= deadline_ms)
            return err_set(err, ERR_UNAVAILABLE, NULL, "the session does not %s", frozen ? "freeze" : "thaw");
        struct pollfd entry = {.fd = fd, .events = POLLPRI};
        poll(&entry, 1, 5); /* with version 1 (no descriptor) this is only the pause between two looks */
        char drop[256];
        if (fd >= 0 && pread(fd, drop, sizeof drop, 0) < 0) /* arms the next event */
            return err_errno(err, "cannot read %s", events);
    }
    return 0;
}

void cgroup_usage(const struct cgroup *group, struct cgroup_usage *ret) {
    *ret = (struct cgroup_usage){-1, -1, -1, -1};
    const char *memory = group->dirs[CGROUP_MEMORY];
    bool v2 = group->v2[CGROUP_MEMORY];
    if (memory) {
        ret->memory_bytes = get_number(memory, v2 ? "memory.current" : "memory.usage_in_bytes");
        ret->oom_kills = get_key(memory, v2 ? "memory.events" : "memory.oom_control", "oom_kill");
    }
    if (group->dirs[CGROUP_PIDS])
        ret->pids_denied = get_key(group->dirs[CGROUP_PIDS], "pids.events", "max");
    if (group->dirs[CGROUP_UNIFIED])
        ret->cpu_usec = get_key(group->dirs[CGROUP_UNIFIED], "cpu.stat", "usage_usec");
    if (ret->cpu_usec < 0 && group->dirs[CGROUP_CPUACCT]) {
        int64_t nanoseconds = get_number(group->dirs[CGROUP_CPUACCT], "cpuacct.usage");
        ret->cpu_usec = nanoseconds < 0 ? -1 : nanoseconds / 1000;
    }
}
