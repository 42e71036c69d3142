/* Finding the sessions of an earlier agent process: by their records, and by control groups that have none.
 */
#include "agent/local/local.h"
#include "agent/local/sandbox.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"

#include <fcntl.h>
#include <linux/nsfs.h>
#include <linux/openat2.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define STATUS_MS 500 /* for a display to answer; without it only its death is noticed */

static int open_proc(pid_t pid, const char *name, int flags) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
    return open(path, flags | O_CLOEXEC);
}

/* The session's private directory, which exists only in its own mount namespace. Its links lead nowhere else.
 */
static int open_run(const struct session *session) {
    _cleanup_close_ int root = open_proc(session->record.display.pid, "root", O_PATH | O_DIRECTORY);
    if (root < 0)
        return -1;
    struct open_how how = {.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC,
                           .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS};
    _cleanup_close_ int fd = (int)syscall(SYS_openat2, root, SANDBOX_RUN, &how, sizeof how);
    struct stat status;
    /* Still that process? Then what was opened by its pid was its. */
    if (fd < 0 || fstat(fd, &status) < 0 || status.st_uid != session->record.uid ||
        process_wait(session->display, 0, NULL))
        return -1;
    return steal_fd(&fd);
}

/* The namespaces that the network rules are set in; the rules themselves are brought up to date. */
static void adopt_network(struct session *session) {
    if (!session->record.outbound)
        return;
    session->net_namespace = open_proc(session->record.display.pid, "ns/net", O_RDONLY);
    if (session->net_namespace >= 0)
        session->user_namespace = ioctl(session->net_namespace, NS_GET_USERNS);
    struct host_addresses now = {0};
    struct err err = {0};
    if (session->user_namespace < 0)
        err_errno(&err, "cannot open its namespaces");
    else if (host_addresses_read(&now, &err) == 0)
        local_refresh_addresses(session, &now, &err);
    host_addresses_finish(&now);
    if (err.kind != ERR_NONE)
        log_error("the network rules of an adopted session may be out of date", "session",
                  session->record.session, "error", err.message);
}

static enum runtime_state take_over(struct local *local, struct session *session) {
    const struct record *record = &session->record;
    char boot[BOOT_ID_SIZE];
    boot_id(boot);
    if (!str_eq(boot, record->boot)) { /* pids of another life mean nothing */
        session->record.outer = session->record.display = session->record.network = (struct process_id){0};
        session_state_set(&local->sessions, session, SESSION_ENDED);
        return RUNTIME_GONE;
    }
    session->outer = process_open(&record->outer);
    session->display = process_open(&record->display);
    if (!record->running)
        return RUNTIME_STARTING;
    if (session->display >= 0)
        session->run_fd = open_run(session);
    if (session->run_fd < 0) {
        session_state_set(&local->sessions, session, SESSION_ENDED);
        return RUNTIME_GONE;
    }
    adopt_network(session);
    cgroup_set_cpu(&record->groups, record->limits.cpu_millis,
                   NULL); /* its start may have been interrupted */
    bool frozen = cgroup_is_frozen(&record->groups);
    session_state_set(&local->sessions, session, SESSION_RUNNING);
    int status = frozen ? -1 : local_open_status(session, clock_ms() + STATUS_MS, NULL);
    if (!frozen && status < 0)
        log_warn("an adopted session does not tell its state", "session", record->session);
    if (!frozen)
        local_watch(local, session, status, NULL, 0);
    return frozen ? RUNTIME_FROZEN : RUNTIME_RUNNING;
}

/* What is known of a session already. */
static enum runtime_state known_state(struct local *local, const struct session *session) {
    switch (session_state_get(&local->sessions, session)) {
    case SESSION_RUNNING:
        return cgroup_is_frozen(&session->record.groups) ? RUNTIME_FROZEN : RUNTIME_RUNNING;
    case SESSION_ENDED:
        return RUNTIME_GONE;
    default:
        return RUNTIME_STARTING;
    }
}

static enum runtime_state adopt_one(struct local *local, const char *session_id) {
    struct session *session = session_find(&local->sessions, session_id);
    if (session) {
        enum runtime_state state = known_state(local, session);
        session_unref(&local->sessions, session);
        return state;
    }
    struct record record = {0};
    struct err err = {0};
    bool recorded = record_read(&record, local->state_dir, session_id, &err) == 0;
    session = session_add(&local->sessions, session_id, record.home, &err);
    if (!session) {
        log_error("a session cannot be adopted", "session", session_id, "error", err.message);
        record_finish(&record);
        return RUNTIME_GONE;
    }
    if (recorded)
        session->record = record;
    str_copy(session->record.session, sizeof session->record.session, session_id);
    if (cgroup_is_empty(&session->record.groups))
        cgroup_name(&session->record.groups, &local->parents, session_id);
    enum runtime_state state = take_over(local, session);
    session_unref(&local->sessions, session);
    return state;
}

/* Sessions that have control groups of ours, but no record. */
static void list_groups(const struct local *local, struct strv *sessions) {
    for (int part = 0; part < CGROUP_PARTS; part++) {
        _cleanup_closedir_ DIR *dir = local->parents.dirs[part] ? opendir(local->parents.dirs[part]) : NULL;
        struct dirent *entry;
        while (dir && (entry = readdir(dir)))
            if (entry->d_type == DT_DIR && id_is_session(entry->d_name) &&
                !strv_contains(sessions, entry->d_name))
                strv_add(sessions, entry->d_name);
    }
}

int local_adopt(struct runtime *runtime, struct runtime_inventory_entry **ret, size_t *ret_count,
                struct err *err) {
    struct local *local = (struct local *)runtime;
    _cleanup_strv_ struct strv names = {0};
    if (record_list(local->state_dir, &names, err) < 0)
        return -1;
    list_groups(local, &names);
    struct runtime_inventory_entry *entries = mem_zalloc((names.count + 1) * sizeof *entries);
    for (size_t i = 0; i < names.count; i++) {
        str_copy(entries[i].session_id, sizeof entries[i].session_id, names.items[i]);
        entries[i].state = adopt_one(local, names.items[i]);
    }
    *ret = entries;
    *ret_count = names.count;
    return 0;
}
